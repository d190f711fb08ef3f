"""Cells of a sweep made by hand: a start prompt, one candidate, a letter a question."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opro_cli.core.sweep import Cell
from opro_cli.reports.recorded import RecordedRun, Status
from opro_cli.reports.sweeps.measured import SweptCell
from tests.core.runs import new_state, proposed
from tests.reports.runs import RIGHT, WRONG, answer_all, recorded

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def run_of(
    task: str = "sums",
    before: str = "wwrr",
    after: str = "rrrr",
    *,
    dev: str = "wr",
    questions: str = LETTERS,
    train: str = "?",
    scorer: str = "openai/a",
    best: str = "better",
    status: Status = "finished",
) -> RecordedRun:
    """A run whose start prompt and only candidate gave these answers on test.

    dev: of the start prompt and of the candidate, one question; "" for no dev split.
    """
    asked = {"train": train, "dev": "!" if dev else "", "test": questions[: len(before)]}
    sizes: dict[str, int] = {split: len(letters) for split, letters in asked.items()}
    state = new_state("start", steps=1, per_step=1, **sizes)
    answer_all(state, "start", "train", WRONG * len(train))
    state.apply(proposed(1, 0, best))
    answer_all(state, best, "train", RIGHT * len(train))
    if dev:
        answer_all(state, "start", "dev", dev[0])
        answer_all(state, best, "dev", dev[1])
    answer_all(state, "start", "test", before)
    answer_all(state, best, "test", after)
    run = recorded("r", state, asked, model=scorer)  # type: ignore[arg-type]
    settings = {**run.settings, "task": {"data": {"train": f"{task}.jsonl"}, "answer": "number"}}
    return replace(run, settings=settings, status=status)


def cell(name: str, run: RecordedRun | None = None, **values: Any) -> SweptCell:
    """values: with __ for the dots of a key; `seed` for search.seed."""
    spelt = {"seed": "search.seed", "model": "scorer.model"}
    named = {spelt.get(key, key.replace("__", ".")): value for key, value in values.items()}
    return SweptCell(Cell(name, named), run)
