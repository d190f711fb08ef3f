"""What the embedded models give: `python -m tests.bench.embedded`, some seconds.

125 real questions of navigate under each of four instructions, 64 at a time, in a process of its
own; the second round counts. Beside it a task that wants to run every 5 ms tells how long the
event loop is held up. Memory is the process and its workers, what they share counted for each.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.table import Row, at_least, at_most, printed

ROOT = Path(__file__).parents[2]
QUESTIONS = ROOT / "configs" / "data" / "bbh_navigate.jsonl"
INSTRUCTIONS = (
    "Let's solve the problem.",
    "Write every intermediate result.",
    "Track the position after each move.",
    "Track the position after each move. Write every intermediate result.",
)
AT_A_TIME = 64
TICK = 0.005


def rows() -> Iterator[Row]:
    """The table's lines."""
    command = [sys.executable, "-m", "tests.bench.embedded", "--measure"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(told.stdout)
    yield at_least("embedded: answers a second", found["answers"], "", 225)
    yield Row("embedded: answers a second of a core", found["a_core"], "")
    yield Row("embedded: tokens a second", found["tokens"], "")
    yield at_most("embedded: event loop held up", found["held"], "ms", 50)
    yield Row("embedded: first answer, from nothing", found["first"], "s")
    yield at_most("embedded: load the weights", found["load"], "s", 0.3)
    yield at_most("embedded: peak memory", found["peak"], "MB", 150)


async def measured() -> dict[str, float]:
    """Answers and tokens a second, ms, s and MB."""
    from opro_cli.core.task.example import ChatRequest, Message
    from opro_cli.models.embedded import EmbeddedModel

    began = time.perf_counter()
    model = EmbeddedModel("embedded/tiny-mistral")
    await model.reply(ChatRequest((Message("user", "Q: True is\n\nA:"),), 0.0, 20, 0))
    first = time.perf_counter() - began
    texts = [json.loads(line)["input"] for line in QUESTIONS.read_text("utf-8").splitlines()]
    prompts = [f"Q: {told}\n{text}\n\nA:" for told in INSTRUCTIONS for text in texts]
    requests = [ChatRequest((Message("user", text),), 0.0, 200, 0) for text in prompts]
    gaps: list[float] = []
    places = asyncio.Semaphore(AT_A_TIME)

    async def tick() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK)
            gaps.append(time.perf_counter() - began - TICK)

    async def ask(request: ChatRequest) -> int:
        async with places:
            return (await model.reply(request)).completion_tokens or 0

    ticking = asyncio.create_task(tick())
    for _ in range(2):
        began = time.perf_counter()
        tokens = await asyncio.gather(*map(ask, requests))
        seconds = time.perf_counter() - began
    ticking.cancel()
    workers = len(model._workers._workers)
    await model.aclose()
    own, others = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    from opro_cli.embedded.mistral import load_checkpoint  # numpy is the workers' memory

    began = time.perf_counter()
    load_checkpoint()
    load = time.perf_counter() - began
    busy = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    return {
        "answers": len(tokens) / seconds,
        "a_core": 2 * len(tokens) / busy,  # both rounds, and starting
        "tokens": sum(tokens) / seconds,
        "held": 1000 * max(gaps),
        "first": first,
        "load": load,
        "peak": (own.ru_maxrss + workers * others.ru_maxrss) / 1000,
    }


def main() -> None:
    if sys.argv[1:] == ["--measure"]:
        print(json.dumps(asyncio.run(measured())))
    else:
        printed(rows())


if __name__ == "__main__":
    main()
