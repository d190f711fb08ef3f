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


def test_of_one_task_the_matrix_has_no_mean() -> None:
    for tasks, rows in ((("sums", "words"), 1), (("sums",), 0)):
        told = [cell(f"{t}{m}", run_of(t), task=t, model=m) for t in tasks for m in ("a", "b")]
        to = console(100)
        print_sweep(build_sweep_report("grid", told), to)
        matrix = printed(to).split("test scores")[1].split("\nmean gain of each task\n")[0]
        assert matrix.count("\nmean gain ") == rows


def on_terminal(width: int) -> Console:
    return Console(
        file=io.StringIO(),
        markup=False,
        emoji=False,
        highlight=False,
        width=width,
        force_terminal=True,
        color_system=None,
    )


LONG = "a-scorer-with-a-name-of-some-thirty-cells"


def test_a_winner_is_a_block_where_a_table_would_break_words() -> None:
    told = [
        cell(f"{task}-{LONG}", run_of(task), task=f"{task}.yaml", model=f"m/{LONG}")
        for task in ("sums", "words")
    ]
    known = build_sweep_report("grid", told)
    narrow, wide = on_terminal(80), on_terminal(300)
    print_sweep(known, narrow)
    print_sweep(known, wide)
    lines = printed(narrow).splitlines()
    at = lines.index("winners")
    assert lines[at + 1 : at + 4] == [
        "sums",
        "  scorer      openai/a",
        f"  cell        sums-{LONG}",
    ]
    assert "winners" in printed(wide).splitlines()
    assert any(
        LONG in line and "gain" not in line and "sums" in line and "★" in line
        for line in printed(wide).splitlines()
    )


def test_a_terminal_gets_a_line_of_method_and_all_of_it_when_asked() -> None:
    known = build_sweep_report("grid", [cell("a", run_of("sums"), task="sums.yaml", model="m/a")])
    brief, whole = on_terminal(100), on_terminal(100)
    print_sweep(known, brief)
    print_sweep(known, whole, explain=True)
    assert "Ties go to the earlier cell" not in printed(brief)
    assert "Chosen by what the runs themselves choose by" in printed(brief)
    assert "opro diff grid --explain says how the figures are computed" in printed(brief)
    assert "Ties go to the earlier cell" in " ".join(printed(whole).split())
    assert "--explain" not in printed(whole)
