"""Instructions as optimizers write them: ordinary ones, and ones that quote their exemplars.

ordinary.txt: one a line, written without a look at the rows of any dataset. leaking.jsonl:
what a case quotes, the rows that it quotes from (excerpts of public files) and the instruction.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from opro_cli.core.leaks.leaks import LeakIndex
from opro_cli.core.task.example import Example

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class LeakingCase:
    """One instruction that quotes a training question.

    style: how it does. questions: which ones it quotes, any of which may be named.
    """

    task: str
    style: str
    instruction: str
    questions: tuple[int, ...]


def ordinary_instructions() -> Sequence[str]:
    """Five hundred and more that quote nothing."""
    return (FOLDER / "ordinary.txt").read_text(encoding="utf-8").splitlines()


def rows_of(task: str) -> Sequence[Example]:
    """The training questions that the cases of a task quote from."""
    return _examples()[task]


def leaking_cases() -> Sequence[LeakingCase]:
    """All labelled quotes."""
    lines = (FOLDER / "leaking.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    return [LeakingCase(**{**case, "questions": tuple(case["questions"])}) for case in cases]


def tasks() -> Sequence[str]:
    """The tasks that have rows."""
    return list(_examples())


def found(case: LeakingCase, among: Sequence[Example] = ()) -> bool:
    """Is the case told as a quote of the right question, with others `among` those of its task?

    Another question that has the quoted words as well is right too.
    """
    rows, index = _index(case.task, tuple(among))
    return any(
        leak.question in case.questions or leak.quote in rows[leak.question].input
        for leak in index.find(case.instruction)
    )


@cache
def _index(task: str, among: tuple[Example, ...]) -> tuple[Sequence[Example], LeakIndex]:
    rows = [*rows_of(task), *among]
    return rows, LeakIndex(rows)


@cache
def _examples() -> dict[str, list[Example]]:
    examples: dict[str, list[Example]] = {}
    for line in (FOLDER / "rows.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        of_task = examples.setdefault(row["task"], [])
        of_task.append(Example(row["input"], row["target"], "rows.jsonl", len(of_task)))
    return examples
