"""What `search.strategy: evolve` finds without an optimizer, on the tasks of the embedded scorer.

    python -m tests.bench.evolve [SEED ...]

Each search starts from three prompts of two or three sentences, written before any was scored (but
for two of navigate's), and recombines their sentences for six steps of four. The figures are of the
test rows: the winner against the best of the three, chosen by train and dev. A run takes some 20
seconds on one core.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

import opro_cli

DATA = Path(__file__).parents[2] / "configs" / "data"
SEEDS = range(101, 107)
"""Seeds that nothing was chosen on."""


class Task(NamedTuple):
    """A task of the embedded scorer, with the prompts to start from."""

    rows: str
    answer: str
    max_tokens: int
    start: tuple[str, str, str]


TASKS = {
    "navigate": Task(
        "bbh_navigate.jsonl",
        "boolean",
        200,
        (
            "Let's solve the problem. Keep track of the position after every move. Say Yes or No.",
            "Think step by step. Write where you are facing after each turn.",
            "Be careful. Move on a grid from (0, 0).",
        ),
    ),
    "boolean": Task(
        "bbh_boolean_expressions.jsonl",
        "boolean",
        200,
        (
            "Let's solve the problem. Resolve the parentheses first. Say True or False.",
            "Think step by step. Write what is left after each step.",
            "Be careful. Apply not before and, and before or.",
        ),
    ),
    "counting": Task(
        "bbh_object_counting.jsonl",
        "number",
        200,
        (
            "Let's solve the problem. Count the things of the group. Give a number.",
            "Think step by step. Write the running total after each item.",
            "Be careful. Leave out what is of another group.",
        ),
    ),
    "dyck": Task(
        "bbh_dyck_languages.jsonl",
        "exact",
        400,
        (
            "Let's solve the problem. Match each bracket with its partner. Write what is missing.",
            "Think step by step. Write the open brackets after each symbol.",
            "Be careful. Close the last opened bracket first.",
        ),
    ),
}


def search(name: str, seed: int, folder: Path) -> tuple[float, float, int]:
    """Run one search; return the test scores of start prompt and winner, and the calls."""
    task = TASKS[name]
    split = {"train": 40, "dev": 30, "test": 55, "seed": seed}
    rows = {"train": str(DATA / task.rows), "input": "input", "target": "target", "split": split}
    model = "embedded/tiny-mistral"
    run = opro_cli.optimize(
        task={"data": rows, "answer": task.answer},
        scorer={
            "model": model,
            "temperature": 0,
            "max_tokens": task.max_tokens,
            "concurrency": 64,
        },
        search={
            "strategy": "evolve",
            "start": list(task.start),
            "steps": 6,
            "candidates_per_step": 4,
            "seed": seed,
            "baselines": [],
            "noise_check": False,
            "test_unbeaten_start": True,
        },
        runs_dir=folder,
    )
    result = run.result
    start, best = (result[each]["scores"]["test"]["mean"] for each in ("initial", "best"))
    return 100 * start, 100 * best, result["spend"]["calls"]


def main(seeds: list[int]) -> None:
    """Print a line for each task."""
    gains: list[float] = []
    print("task       start   best   gain by seed, in points of 55 test rows   calls")
    with tempfile.TemporaryDirectory() as scratch:
        for name in TASKS:
            found = [search(name, seed, Path(scratch)) for seed in seeds]
            own = [best - start for start, best, _ in found]
            gains += own
            means = [fmean(column) for column in zip(*found, strict=True)]
            shown = "  ".join(f"{gain:+.1f}" for gain in own)
            print(
                f"{name:9} {means[0]:6.1f} {means[1]:6.1f}   {shown}   {means[2]:.0f}", flush=True
            )
    error = stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
    print(
        f"mean gain {fmean(gains):+.1f} points, standard error {error:.1f}, {len(gains)} searches"
    )


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or list(SEEDS))
