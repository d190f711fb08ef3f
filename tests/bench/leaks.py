"""How often the leak lint is wrong: `python -m tests.bench.leaks FOLDER`.

FOLDER holds public files as their authors distribute them (gsm8k, multiarith, aqua, mmlu, bbh).
For each task and number of training questions: the share of the ordinary instructions in
tests/core/leaks that are told as leaks (the worst and the mean of five draws of the questions),
and the share of quotes that are found (a third of the words of a training question in a row,
behind "For example:"). Then the labelled quotes, and the time that it takes. More arguments are
parts of the names of the tasks to measure.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from opro_cli.core.leaks.leaks import LeakIndex
from opro_cli.core.settings.schema import Problem, read_section
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.example import Example
from opro_cli.datasets.loading import load_examples
from opro_cli.datasets.presets import expand_preset
from opro_cli.metrics import create_metric
from tests.core.leaks.cases import found, leaking_cases, ordinary_instructions, rows_of

SIZES = (5, 20, 50, 200)
DRAWS = 5


def tasks(folder: Path) -> Iterator[tuple[str, str]]:
    """Presets, and the file of each."""
    yield "gsm8k", str(folder / "gsm8k/train.jsonl")
    yield "multiarith", str(folder / "multiarith/MultiArith.json")
    yield "aqua", str(folder / "aqua/AQuA.json")
    for path in sorted(folder.glob("mmlu/*_test.csv")):
        yield f"mmlu/{path.stem.removesuffix('_test')}", str(path)
    for path in sorted(folder.glob("bbh/*.jsonl")):
        yield f"bbh/{path.stem}", str(path)


def examples_of(preset: str, place: str) -> Sequence[Example]:
    """Every usable row of a file."""
    plain = expand_preset(preset)
    split = {"train": 1.0, "dev": 0, "test": 0}
    plain["data"] |= {"train": place, "test": None, "split": split}
    problems: list[Problem] = []
    task = read_section(TaskSettings, plain, (), problems)
    assert task is not None, problems
    return load_examples(task, create_metric(task.answer)).examples["train"]


def third(example: Example, chance: random.Random) -> str:
    """A third of the words of a question, at least eight."""
    words = example.input.split()
    length = max(8, len(words) // 3)
    start = chance.randint(0, max(0, len(words) - length))
    return "For example: " + " ".join(words[start : start + length])


def measure(preset: str, place: str) -> None:
    """Print one line of the table."""
    ordinary = ordinary_instructions()
    rows = examples_of(preset, place)
    line = f"{preset:50}"
    for size in SIZES:
        shares, quotes = [], []
        for draw in range(DRAWS):
            chance = random.Random(draw)
            train = chance.sample(rows, min(size, len(rows)))
            index = LeakIndex(train)
            shares.append(sum(bool(index.find(text)) for text in ordinary) / len(ordinary))
            quotes += [bool(index.find(third(example, chance))) for example in train[:50]]
        mean = sum(shares) / DRAWS
        line += f"  {max(shares):6.2%} {mean:6.2%} {sum(quotes) / len(quotes):4.0%}"
    print(line)


def others_of(task: str, place: str, size: int) -> tuple[Example, ...]:
    """More questions of a task, to make so many with those that the labelled cases quote."""
    known = {example.input for example in rows_of(task)}
    others = [each for each in examples_of(task, place) if each.input not in known]
    return tuple(others[: max(0, size - len(known))])


def main() -> None:
    folder = Path(sys.argv[1])
    sizes = "".join(f"  {f'{size} (worst, mean, found)':>18}" for size in SIZES)
    print(f"{'':50}{sizes}")
    for preset, place in tasks(folder):
        if len(sys.argv) < 3 or any(name in preset for name in sys.argv[2:]):
            measure(preset, place)
    places = dict(tasks(folder))
    cases = leaking_cases()
    for size in SIZES[1:]:
        others = {task: others_of(task, places[task], size) for task in {c.task for c in cases}}
        count = sum(found(case, others[case.task]) for case in cases)
        print(f"labelled quotes found among {size} questions: {count} of {len(cases)}")
    rows = examples_of("gsm8k", str(folder / "gsm8k/train.jsonl"))[:500]
    ordinary = ordinary_instructions()
    begin = time.perf_counter()
    index = LeakIndex(rows)
    built = time.perf_counter() - begin
    for number in range(1600):
        index.find(ordinary[number % len(ordinary)])
    total = time.perf_counter() - begin
    print(f"1,600 instructions on 500 questions: {total:.2f} s, of them {built:.2f} s to begin")


if __name__ == "__main__":
    main()
