"""A sweep on a terminal and in Markdown: the sentence first, and no text does what it says."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from opro_cli.render.matrices import (
    format_sweep,
    format_sweep_diff,
    print_sweep,
    print_sweep_diff,
)
from opro_cli.reports.sweeps.report import build_sweep_report, diff_sweeps
from tests.hostile.cases import Hostile, named, together
from tests.hostile.conftest import obeyed_in
from tests.render.test_markdown import TEXTS, structure
from tests.reports.html.test_hostile import harmless
from tests.reports.html.test_sweep_page import report
from tests.reports.sweeps.cells import cell, run_of


def console(width: int = 100) -> Console:
    return Console(file=io.StringIO(), markup=False, emoji=False, highlight=False, width=width)


def printed(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


@pytest.mark.parametrize("group", together(TEXTS, 6), ids=named)
def test_texts_of_others_are_harmless(group: Sequence[Hostile]) -> None:
    known = report([case.text for case in group])
    plain = report([harmless(case, number) for number, case in enumerate(group)])
    to = console()
    print_sweep(known, to)
    print_sweep_diff(diff_sweeps(known, plain), to)
    for line in printed(to).split("\n"):
        assert not obeyed_in(line), line
    assert structure(format_sweep(known)) == structure(format_sweep(plain))
    page = format_sweep_diff(diff_sweeps(known, known))
    assert structure(page) == structure(format_sweep_diff(diff_sweeps(plain, plain)))


def test_the_mean_gain_comes_first_and_every_square_is_there_on_any_width() -> None:
    told = [
        cell(f"{task}{model}", run_of(task), task=f"{task}.yaml", model=f"m/{model}")
        for task in ("sums", "words", "more")
        for model in ("one", "two", "three", "four")
    ]
    known = build_sweep_report("grid", told)
    for width in (60, 100, 300):
        to = console(width)
        print_sweep(known, to)
        lines = printed(to).splitlines()
        assert lines[0].startswith("OPRO helps by +50.0 points on average")
        matrix = printed(to).split("\nmean gain of each task\n")[0]
        assert matrix.count("100.0 % [51.0–100.0]") == 12
