"""How often the lint is wrong on real rows (tests.bench.leaks measures it on whole files)."""

from __future__ import annotations

import pytest

from opro_cli.core.leaks.leaks import LeakIndex
from tests.core.leaks.cases import (
    found,
    leaking_cases,
    ordinary_instructions,
    rows_of,
    tasks,
)


def test_there_are_enough_cases() -> None:
    assert len(set(ordinary_instructions())) == len(ordinary_instructions()) >= 500
    assert len({case.instruction for case in leaking_cases()}) == len(leaking_cases()) >= 60
    assert len({case.task for case in leaking_cases()}) >= 8


@pytest.mark.parametrize("task", tasks())
@pytest.mark.parametrize("size", [5, 20])
def test_ordinary_instructions_are_let_through(task: str, size: int) -> None:
    index = LeakIndex(rows_of(task)[:size])
    ordinary = ordinary_instructions()
    wrong = [text for text in ordinary if index.find(text)]
    assert len(wrong) <= 0.01 * len(ordinary), "\n".join(wrong)


def test_quotes_are_found() -> None:
    missed = [case for case in leaking_cases() if not found(case)]
    told = "\n".join(f"{case.task}, {case.style}: {case.instruction}" for case in missed)
    assert len(missed) <= 0.05 * len(leaking_cases()), told


def test_what_the_paper_found_is_told() -> None:
    (paper,) = (case for case in leaking_cases() if case.style == "the paper's")
    leaks = LeakIndex(rows_of(paper.task)).find(paper.instruction)
    assert {leak.question for leak in leaks} == set(paper.questions)
