"""A search as long as the paper's: `python -m tests.bench.paper_scale [STEPS]`, 200 if left out.

The product works on a run of 8 new candidates a step and 261 train questions, with its own
journal, run folder and view; only the models are not asked but answer at once, 300 to 500
characters each. What is left is the tool's own time, which must not grow with the steps. Then
the finished run is opened by the commands that read it. Everything is measured in a process of
its own. More arguments are the names of the searches to measure.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from opro_cli import wiring
from opro_cli.app.resume import check_resumable
from opro_cli.app.session import work_on
from opro_cli.core.run.events import Event
from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.task.example import ChatReply, ChatRequest, Example, Split
from opro_cli.ports import ChatModel, Observer
from opro_cli.render.live import LiveView
from opro_cli.store.run_folder import read_run
from tests.bench.long_search import new_run, solution
from tests.bench.table import Row, at_most

STEPS = 200
SIZES: dict[Split, int] = {"train": 261, "dev": 50, "test": 50}
WINDOW = 20
"""The first so many steps are compared with the last so many."""
COLUMNS, LINES = 120, 40

SEARCHES: dict[str, dict[str, Any]] = {
    "no view": {},
    "live view": {},
    "live view, most_wrong_so_far": {"exemplar_choice": "most_wrong_so_far"},
    "live view, paper's rules": {"rules": "paper", "exemplar_choice": "most_wrong_so_far"},
    "live view, paper's now": {"rules": "paper", "exemplar_choice": "most_wrong_now"},
}
READ = "live view"
"""The search whose run is opened afterwards."""

NAMES = ("Anna", "Bilal", "Carla", "Deniz", "Emeka", "Farida", "Goran", "Hana")
THINGS = ("apples", "tickets", "bricks", "letters", "candles", "maps", "shells", "coins")
WORDS = (
    *("carefully", "first", "then", "every", "quantity", "in", "the", "problem", "check", "each"),
    *("name", "what", "is", "asked", "and", "write", "down", "units", "result", "before"),
    *("work", "backwards", "compare", "with", "an", "estimate", "once", "more", "slowly", "aloud"),
)
_PROPOSES = "Your task is to generate"


def question(number: int) -> Example:
    """A word problem as long as those of GSM8K; its answer is the last number in it, doubled."""
    chance = random.Random(number)
    parts = [
        f"{chance.choice(NAMES)} has {chance.randint(2, 90)} {chance.choice(THINGS)} and gives "
        f"{chance.randint(2, 9)} of them to {chance.choice(NAMES)} on day {chance.randint(2, 30)}."
        for _ in range(3)
    ]
    text = f"{' '.join(parts)} How many are twice {number}?"
    return Example(text, str(2 * number), f"train.jsonl:{number}", number)


class Instant:
    """A model that answers at once: new instructions to a meta-prompt, else an answer."""

    name = "bench/instant"

    def __init__(self) -> None:
        self._chance = random.Random(0)

    async def reply(self, request: ChatRequest) -> ChatReply:
        text = "".join(message.content for message in request.messages)
        said = self._instruction() if _PROPOSES in text else self._answer(text)
        return ChatReply(said, "stop", len(text) // 4, len(said) // 4, 2e-5)

    async def aclose(self) -> None:
        pass

    def _instruction(self) -> str:
        return f"<INS>{' '.join(self._chance.choices(WORDS, k=14)).capitalize()}.</INS>"

    def _answer(self, text: str) -> str:
        asked = re.findall(r"How many are twice (\d+)\?", text)
        right = self._chance.random() < 0.6
        answer = 2 * int(asked[-1]) + (not right) if asked else 0
        said = solution(self._chance, self._chance.randint(280, 480))
        return f"{said}.\nThe answer is {answer}."


class StepClock:
    """Notes, whenever a step begins, how much time the process has taken so far."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, float]] = []

    def begin(self, briefing: RunHeader, state: RunState, activity: Progress) -> None: ...

    def after(self, event: Event, state: RunState) -> None:
        if state.step > len(self.steps):
            self.steps.append((time.process_time(), time.perf_counter()))

    def stopping(self) -> None: ...

    def end(self) -> None: ...

    def seconds(self) -> tuple[list[float], list[float]]:
        """CPU and wall time of each step but the last, which ends with dev and test."""
        pairs = list(zip(self.steps, self.steps[1:], strict=False))
        return [b[0] - a[0] for a, b in pairs], [b[1] - a[1] for a, b in pairs]


def paper_run(folder: Path, steps: int, search: dict[str, Any]) -> Path:
    """A run of so many steps that has not begun."""
    numbers = iter(range(1, 10_000))
    examples: dict[Split, Sequence[Example]] = {
        split: [question(next(numbers)) for _ in range(size)] for split, size in SIZES.items()
    }
    return new_run(
        folder, examples, SearchSettings(steps=steps, max_instruction_chars=1000, **search)
    )


def search(run: Path, view: bool) -> dict[str, Any]:
    """Work on a run to its end; what that took."""
    models: dict[str, tuple[ChatModel, ...]]
    models = {"scorer": (Instant(),), "optimizer": (Instant(),)}
    wiring.build_models = lambda settings, supplied=None, folders=(), examples=(): models
    clock = StepClock()
    observers: list[Observer] = [clock]
    with Path(os.devnull).open("w") as nowhere:
        if view:
            console = Console(file=nowhere, force_terminal=True, width=COLUMNS, height=LINES)
            observers.append(LiveView(console))
        settings = check_resumable(run)
        outcome = work_on(run, settings, observers, preflight=False)
    cpu, wall = clock.seconds()
    return {
        "calls": outcome.result["spend"]["calls"],
        "candidates": outcome.result["candidates"],
        "cpu": cpu,
        "wall": wall,
        "total": time.process_time(),
        "peak": peak_megabytes(),
        "journal": (run / "events.jsonl").stat().st_size / 1e6,
    }


def peak_megabytes() -> float:
    """The most memory that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6  # KiB on Linux


def opened(run: Path) -> dict[str, float]:
    """Open a run as `opro resume` does before it asks anything."""
    wall, busy = time.perf_counter(), time.process_time()
    read_run(run, own=True)
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    return {"wall": wall, "cpu": busy, "peak": peak_megabytes()}


def command(*arguments: str) -> dict[str, float]:
    """A whole process of `opro`; what it took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "opro_cli", *arguments], check=True, capture_output=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": busy}


def in_a_process(*arguments: str) -> dict[str, Any]:
    """What one part of this measures, in a process of its own."""
    asked = [sys.executable, "-m", "tests.bench.paper_scale", *arguments]
    done = subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def growth(seconds: list[float]) -> tuple[float, float, float]:
    """The median of the first and of the last steps, and their ratio."""
    many = min(WINDOW, len(seconds) // 2)
    first, last = statistics.median(seconds[:many]), statistics.median(seconds[-many:])
    return first, last, last / first


def report_search(name: str, measured: dict[str, Any]) -> None:
    for kind in ("cpu", "wall"):
        first, last, ratio = growth(measured[kind])
        print(f"{name:30} {kind:5} first {first:6.3f} s  last {last:6.3f} s  ratio {ratio:5.2f}")
    per_call = measured["total"] / measured["calls"] * 1e6
    print(
        f"{name:30} {measured['calls']:,} calls, {measured['candidates']:,} candidates, "
        f"{measured['total']:.0f} s CPU ({per_call:.0f} µs a call), "
        f"peak {measured['peak']:.0f} MB, journal {measured['journal']:.0f} MB",
        flush=True,
    )


def report_readers(run: Path) -> None:
    """Each command that opens the finished run, the first time and once more."""
    measured = in_a_process("--open", str(run))
    print(f"{'read_run(own=True)':30} {told(measured)}, peak {measured['peak']:.0f} MB")
    place, runs_dir = str(run), str(run.parent)
    commands = (
        ("show", place),
        ("show", place, "--json"),
        ("diff", place, f"{place}@start"),
        ("runs", "--runs-dir", runs_dir),
        ("report", place, "-o", str(run.parent / "page.html")),
    )
    for arguments in commands:
        name = " ".join(["opro", *arguments[:1], *(a for a in arguments if a == "--json")])
        print(f"{name:30} {told(command(*arguments))}; again {told(command(*arguments))}")
    # Without its result a finished run is opened whole by `resume`, which finds nothing to do.
    (run / "result.json").unlink()
    print(f"{'opro resume':30} {told(command('resume', place, '--plain'))}", flush=True)


def rows(folder: Path, steps: int) -> Iterator[Row]:
    """A search of so many steps with the live view, and its readers, as lines of a table."""
    run = paper_run(folder / "paper", steps, SEARCHES[READ])
    measured = in_a_process("--search", str(run), "True")
    label = f"{steps} steps x 8 x 261"
    yield at_most(f"{label}: a late step over an early one", growth(measured["cpu"])[2], "x", 1.2)
    yield Row(f"{label}: CPU a call", measured["total"] / measured["calls"] * 1e6, "µs")
    yield at_most(f"{label}: peak memory", measured["peak"], "MB", 1000)
    yield Row(f"{label}: journal", measured["journal"], "MB")
    yield at_most(f"{label}: resume ready", in_a_process("--open", str(run))["wall"], "s", 5)
    for name, *arguments in (
        ("show", str(run)),
        ("diff", str(run), f"{run}@start"),
        ("runs", "--runs-dir", str(run.parent)),
    ):
        yield at_most(f"{label}: opro {name}", command(name, *arguments)["wall"], "s", 1)


def told(measured: dict[str, float]) -> str:
    return f"{measured['wall']:.2f} s ({measured['cpu']:.2f} s CPU)"


def measure(steps: int, names: Sequence[str]) -> None:
    """Run the searches of these names, or all, and open the run of one."""
    with tempfile.TemporaryDirectory() as folder:
        for name, settings in SEARCHES.items():
            if names and name not in names:
                continue
            run = paper_run(Path(folder) / name, steps, settings)
            report_search(name, in_a_process("--search", str(run), str(name != "no view")))
            if name == READ:
                report_readers(run)


def main() -> None:
    match sys.argv[1:]:
        case ["--search", run, view]:
            print(json.dumps(search(Path(run), view == "True")))
        case ["--open", run]:
            print(json.dumps(opened(Path(run))))
        case arguments:
            measure(int(arguments[0]) if arguments else STEPS, arguments[1:])


if __name__ == "__main__":
    main()
