"""Cells of the probe on small pretrained models: `python -m tests.bench.headroom --real`.

The scorer is SmolLM2-135M-Instruct or Gemma 3 270M (the base model) behind llama.cpp's own server,
on the label sets of `configs/data`; proposals are drawn from a pool of instructions in an order
that the seed decides (tests/bench/search). Answers at temperature 0 are kept in `.bench`, for the
cells of a task ask much the same. `make bench-search-real` gets what it needs.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import random
import threading
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from opro_cli import wiring
from opro_cli.core.run.progress import Role
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import ChatReply, ChatRequest, Example, Split
from opro_cli.ports import ChatModel
from tests.bench.search.real import REAL, ROOT, build_real_model, read_pool
from tests.bench.search.server import Replies, Reply, Scorers
from tests.bench.search.tasks import Task
from tests.bench.search.writers import Writer

TWISTS = ("as it is", "good start", "golds in random order")
SPLIT = {"train": 30, "dev": 40, "test": 130}
STEPS = 5
Result = TypeVar("Result")
Models = Mapping[Role, Sequence[ChatModel]]
Examples = dict[Split, Sequence[Example]]


class _Background:
    """A loop in a thread of its own: servers outlive the loops of single searches."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def start(self, work: Coroutine[Any, Any, Result]) -> concurrent.futures.Future[Result]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


class _Scorer:
    """A model behind the kept answers; its tokens are not counted."""

    def __init__(self, name: str, scorers: Scorers, background: _Background) -> None:
        self.name, self._scorers, self._background = name, scorers, background

    async def reply(self, request: ChatRequest) -> ChatReply:
        asked = self._background.start(self._scorers.reply(self.name, request))
        reply = await asyncio.wrap_future(asked)
        return _fill_in(reply)

    async def aclose(self) -> None:
        pass


class _Optimizer:
    """Draws instructions from a pool."""

    name = "pool"

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def reply(self, request: ChatRequest) -> ChatReply:
        (text,) = self._writer.write(request.messages[-1].content)
        return _fill_in(Reply(text))

    async def aclose(self) -> None:
        pass


def _fill_in(reply: Reply) -> ChatReply:
    return ChatReply(reply.text, "length" if reply.cut else "stop", 0, 0, 0.0)


@dataclass(frozen=True)
class RealCell:
    """One search on a pretrained model.

    Attributes:
        name: Task and twist.
        build_models: Returns models of its own for the probe or the search.
    """

    name: str
    seed: int
    settings: Settings
    examples: Examples
    build_models: Callable[[], Models]


def draw_cells(seeds: int, known: Collection[tuple[str, int]]) -> Iterator[RealCell]:
    """Yield the cells that are not known yet, all those of a seed before the next."""
    background = _Background()

    async def open_scorers() -> Scorers:  # its file belongs to the thread that opens it
        return Scorers(Replies(ROOT / ".bench" / "real-replies.sqlite"), build_real_model)

    scorers = background.start(open_scorers()).result()

    def build_models(task: Task, seed: int) -> Models:
        writer = Writer(read_pool(task.pool), f"{task.name} {seed}", reads=False)
        scorer = _Scorer(task.model, scorers, background)
        return {"scorer": (scorer,), "optimizer": (_Optimizer(writer),)}

    try:
        for seed, task, twist in product(range(seeds), REAL.values(), TWISTS):
            name = f"{task.name}, {twist}"
            if (name, seed) not in known:
                given = _load(task, twist, seed)
                yield RealCell(name, seed, *given, partial(build_models, task, seed))
    finally:
        background.start(scorers.aclose()).result()


def _load(task: Task, twist: str, seed: int) -> tuple[Settings, Examples]:
    start = task.start
    if twist == "good start":
        pool = sorted(read_pool(task.pool), key=lambda entry: -entry.tier)
        start = pool[seed].text
    plain = {
        "name": "cell",
        "task": {
            "data": {
                "train": str(ROOT / "configs" / "data" / f"{task.pool}.jsonl"),
                "input": "text",
                "target": "label",
                "split": {**SPLIT, "seed": seed},
            },
            "answer": "label",
            "instruction_position": task.position,
            "qa_markers": task.qa_markers,
        },
        "scorer": {
            "model": "openai/scorer",
            "temperature": 0,
            "max_tokens": task.max_tokens,
            "concurrency": 8,
            **({"stop": list(task.stop)} if task.stop else {}),
        },
        "optimizer": {"model": "openai/writer", "temperature": 1},
        "search": {
            "initial_instructions": [start],
            "steps": STEPS,
            "candidates_per_step": 4,
            "seed": seed,
            "baselines": [],
            "noise_check": False,
        },
    }
    with TemporaryDirectory() as folder:
        config = Path(folder) / "cell.yaml"
        config.write_text(json.dumps(plain), "utf-8")
        settings = wiring.fill_in_new(wiring.read_config(config))
    examples: Examples = dict(wiring.load_data(settings).examples)
    if twist == "golds in random order":
        for split, rows in examples.items():
            golds = [row.target for row in rows]
            random.Random(f"{split} {seed}").shuffle(golds)
            examples[split] = [replace(row, target=g) for row, g in zip(rows, golds, strict=True)]
    return settings, examples
