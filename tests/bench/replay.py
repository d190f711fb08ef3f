"""How fast a run opens: `python -m tests.bench.replay [EVENTS]`, 400,000 when left out.

Writes the journal of a long search (8 candidates a step on 250 questions, replies of 300 to
500 characters, one in five of them not ASCII) as the product writes it, then opens that run as
`opro resume` does, in a process of its own, and prints the time and the most memory that it took.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Answered, Event, Proposed, SessionStarted
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.task.example import Example, Split
from opro_cli.store.journal import FileJournal
from opro_cli.store.run_folder import read_run
from tests.bench.long_search import new_run, solution

EVENTS = 400_000
QUESTIONS = 250
PER_STEP = 8
START = "Let's solve the problem."


def events(count: int) -> Iterator[Event]:
    """So many events of a search, in the order in which it makes them."""
    chance = random.Random(0)
    at = 1_795_000_000.0
    yield SessionStarted(at, 4711, "0.1.0")
    written, step, instructions = 1, 0, [START]
    while True:
        for instruction in instructions:
            name = make_candidate_id(instruction)
            for question in range(QUESTIONS):
                if written == count:
                    return
                at += 0.01
                written += 1
                yield _answered(chance, round(at, 6), name, question)
        step += 1
        instructions = [f"Idea {step}.{sample}: think." for sample in range(PER_STEP)]
        for sample, instruction in enumerate(instructions):
            if written == count:
                return
            at += 1.0
            written += 1
            text = f"<INS>{instruction}</INS>"
            yield Proposed(at, step, sample, text, (instruction,), "stop", 900, 40, 0.0021, 1.9)


def _answered(chance: random.Random, at: float, candidate: str, question: int) -> Answered:
    length = chance.randint(300, 500)
    text = solution(chance, length)
    right = chance.random() < 0.6
    return Answered(
        at=at,
        candidate=candidate,
        split="train",
        question=question,
        text=text,
        answer=str(chance.randint(1, 2000)),
        score=float(right),
        finish_reason="stop",
        prompt_tokens=chance.randint(60, 200),
        completion_tokens=length // 4,
        usd=round(chance.random() * 1e-4, 8),
        seconds=round(chance.random() * 3, 4),
    )


def write_run(folder: Path, count: int) -> Path:
    """A run with a journal of so many events."""
    rows = [Example(f"What is {n} plus {n}?", str(2 * n), f"t:{n}", n) for n in range(QUESTIONS)]
    examples: dict[Split, list[Example]] = {"train": rows, "dev": rows[:50], "test": rows[:50]}
    steps = count // (QUESTIONS * PER_STEP) + 1
    run = new_run(folder, examples, SearchSettings(initial_instructions=(START,), steps=steps))
    journal = FileJournal(run / "events.jsonl")
    for event in events(count):
        journal.append(event)
    journal.close()
    return run


def measure(run: Path) -> None:
    """Open a run and print what that took."""
    megabytes = (run / "events.jsonl").stat().st_size / 1e6
    wall, busy = time.perf_counter(), time.process_time()
    state = read_run(run).state
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    answers = sum(len(c.answers["train"].by_question) for c in state.candidates.values())
    calls = sum(spend.calls for spend in state.spend.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    print(f"{calls:,} calls, {answers:,} answers, {megabytes:.0f} MB of journal")
    print(
        f"{wall:.2f} s ({busy:.2f} s of a core), {calls / wall:,.0f} events/s, peak {peak:.0f} MiB"
    )


def main() -> None:
    match sys.argv[1:]:
        case ["--measure", run]:
            measure(Path(run))
        case arguments:
            count = int(arguments[0]) if arguments else EVENTS
            with tempfile.TemporaryDirectory() as folder:
                run = str(write_run(Path(folder), count))
                # In a process of its own, so that the memory is that of the replay alone.
                measured = [sys.executable, "-m", "tests.bench.replay", "--measure", run]
                subprocess.run(measured, check=True)


if __name__ == "__main__":
    main()
