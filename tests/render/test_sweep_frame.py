"""The picture of a sweep, drawn without a terminal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.core.sweep import CellRow, SweepTable
from opro_cli.render.sweep import render_sweep, shorten_name

WIDTHS = (60, 80, 120, 200)


def spend(calls: int) -> dict[str, Any]:
    return {"calls": calls, "prompt_tokens": 60 * calls, "completion_tokens": 0, "usd": 0.01}


def result(calls: int, start: float, best: float) -> dict[str, Any]:
    def scored(mean: float) -> dict[str, Any]:
        return {"scores": {"test": {"mean": mean, "n": 4}}}

    told = {"status": "finished", "spend": spend(calls)}
    return {**told, "initial": scored(start), "best": scored(best)}


def going(calls: int, best: tuple[str, float] | None = ("train", 0.825)) -> dict[str, Any]:
    return {"phase": "step 3/8", "expected": 1649, "best": best, "spend": spend(calls)}


def big(
    cells: int = 345, running: int = 4, failed: int = 2, finished: int = 25, name: str = "task"
) -> SweepTable:
    """A sweep in the middle: some run, some failed, some are finished, the others wait."""
    names = [f"{name}-{n:03}_scorer-with-a-name_seed{n % 3}" for n in range(cells)]
    table = SweepTable("paper", {each: CellRow(each) for each in names})
    over = iter(names)
    for _ in range(finished):
        table.update(next(over), {"ended": "finished", "result": result(1409, 0.511, 0.933)})
    for _ in range(failed):
        table.update(
            next(over), {"error": "openai/gpt-4o-mini: 401 Unauthorized: no such key " * 5}
        )
    for _ in range(running):
        cell = next(over)
        table.update(cell, going(0))
        table.update(cell, going(523))
    return table


def lines_of(
    table: SweepTable,
    width: int = 80,
    height: int = 23,
    elapsed: float = 125.0,
    *,
    over: bool = False,
) -> list[str]:
    lines = render_sweep(table, elapsed, width, height, over=over).plain.split("\n")
    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines), lines
    return lines


def section(lines: list[str], title: str) -> list[str]:
    """The rows under a title."""
    begin = next(n for n, line in enumerate(lines) if line.split()[:1] == [title])
    rows = lines[begin + 1 :]
    end = next((n for n, line in enumerate(rows) if not line or line.startswith("…")), len(rows))
    return rows[:end]


def test_how_all_of_it_stands_comes_first() -> None:
    assert lines_of(big())[:4] == [
        "sweep paper" + " " * 62 + " 2m 05s",
        "25 of 345 cells finished · 2 failed · 4 running · 314 waiting",
        # Those that told expect (25 · 1409 + 4 · 1649) / 29 calls each.
        "calls 37,317 of about 497,526 · 298.5/s · about 25m 41s left",
        "cost $0.290 · tokens 2.24M",
    ]


def test_who_failed_is_told_before_who_waits() -> None:
    assert lines_of(big(), 60)[1] == "25 of 345 cells finished · 2 failed · 4 running"
    assert lines_of(big(), 30)[1] == "25 of 345 cells finished"


def test_a_budget_is_what_the_spending_is_out_of() -> None:
    table = big()
    table.budget = BudgetSettings(usd=5.0, calls=400_000, tokens=3_000_000)
    assert lines_of(table, 120)[3] == (
        "cost $0.290 of $5.00 · tokens 2.24M of 3.00M · at most 400,000 calls"
    )


def test_who_runs_who_failed_and_who_ended_last_are_shown() -> None:
    lines = lines_of(big())
    assert [line[:8] for line in section(lines, "running")] == [
        f"task-{n:03}" for n in range(27, 31)
    ]
    assert [line[:8] for line in section(lines, "failed")] == ["task-026", "task-025"]
    finished = section(lines, "finished")
    assert [line[:8] for line in finished] == [f"task-{n:03}" for n in range(24, 18, -1)]
    assert lines[-1] == "… 314 waiting, 19 finished"
    assert len(lines) == 23


@pytest.mark.parametrize("width", WIDTHS)
def test_no_number_is_cut_at_any_width(width: int) -> None:
    lines = lines_of(big(), width)
    for row in section(lines, "running"):
        words = row.split()
        assert words[1:3] == ["step", "3/8"]
        assert words[-5:] == ["523/1,649", "82.5", "%", "on", "train"]
        assert ("━" in row) == (width >= 80)
    for row in section(lines, "finished"):
        assert row.split()[1:] == ["1,409", "51.1", "%", "93.3", "%", "+42.2"]
    for row in section(lines, "failed"):
        assert "openai/gpt-4o-mini: 401" in row
        assert row.endswith("…") or width == 200
    titles = next(line for line in lines if line.startswith("running"))
    assert titles.split() == ["running", "at", "calls", "best", "so", "far"]


@pytest.mark.parametrize("width", WIDTHS)
def test_names_are_shortened_in_the_middle_only_where_they_must(width: int) -> None:
    names = [row.split()[0] for row in section(lines_of(big(), width), "running")]
    whole = [f"task-{n:03}_scorer-with-a-name_seed{n % 3}" for n in range(27, 31)]
    if width >= 120:
        assert names == whole
    for name, full in zip(names, whole, strict=True):
        assert name.startswith("task-0")
        assert name[-5:] == full[-5:]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("height", [1, 4, 6, 8, 10, 14, 24, 60])
@pytest.mark.parametrize("running", [0, 1, 40])
def test_every_size_of_a_terminal_is_kept_to(width: int, height: int, running: int) -> None:
    lines = lines_of(big(running=running), width, height)
    assert lines[0].startswith("sweep paper")
    if height >= 10 and running:
        assert section(lines, "running")
    if height >= 14:
        assert section(lines, "failed")


def test_hundreds_of_running_cells_leave_room_for_the_others() -> None:
    lines = lines_of(big(running=200))
    assert len(section(lines, "failed")) == 2
    assert len(section(lines, "finished")) == 2
    rows = len(section(lines, "running"))
    assert lines[-1] == f"… 118 waiting, {200 - rows} running, 23 finished"


def test_a_small_sweep_is_shown_whole() -> None:
    lines = lines_of(big(cells=7, running=2, failed=1, finished=4))
    assert not [line for line in lines if line.startswith("…")]
    assert len(section(lines, "finished")) == 4


def test_a_cell_without_a_score_shows_none() -> None:
    table = SweepTable("grid", {"a": CellRow("a"), "b": CellRow("b")})
    table.update("a", going(0, None))
    told = {"status": "finished", "spend": spend(9), "initial": None, "best": None}
    table.update("b", {"ended": "finished", "result": told})
    lines = lines_of(table)
    assert section(lines, "running")[0].endswith("0/1,649  –")
    assert section(lines, "finished")[0].split() == ["b", "9", "–", "–", "–"]


def test_before_anything_is_told() -> None:
    table = SweepTable("grid", {"a": CellRow("a"), "b": CellRow("b")})
    assert [line for line in lines_of(table, elapsed=0) if line] == [
        "sweep grid" + " " * 68 + "0s",
        "0 of 2 cells finished · 2 waiting",
        "calls 0",
        "cost $0.00 · tokens 0",
        "… 2 waiting",
    ]


def test_stopping_is_said_in_words() -> None:
    table = big()
    table.stopping = True
    lines = lines_of(table)
    assert "stopping: waiting for calls of 4 cells (Ctrl-C again to stop at once)" in lines
    assert "left" not in lines[2]


def test_a_stopped_cell_says_by_what() -> None:
    table = SweepTable("grid", {"a": CellRow("a")})
    told = {**result(50, 0.5, 0.5), "status": "stopped"}
    table.update("a", {"ended": "budget", "stopped_by": "budget.usd", "result": told})
    assert section(lines_of(table), "stopped") == ["a         stopped by budget.usd after 50 calls"]


def test_in_the_end_only_what_no_table_says_is_left() -> None:
    lines = lines_of(big(running=0), over=True)
    assert len(lines) == 4
    assert lines[2] == "calls 35,225 · 281.8/s"


def test_no_text_is_obeyed() -> None:
    table = SweepTable("\x1b[2Jevil", {"a": CellRow("a"), "b": CellRow("b")})
    table.update("a", {"error": "\x1b[31m[bold]漢\u202e\rno\nsecond line"})
    table.update("b", going(3))
    lines = lines_of(table)
    assert lines[0].startswith("sweep \\x1b[2Jevil")
    assert section(lines, "failed") == ["a         \\x1b[31m[bold]漢\\u202e\\x0dno"]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)), st.integers(2, 90))
def test_a_shortened_name_fits_and_keeps_both_ends(name: str, width: int) -> None:
    told = shorten_name(name, width)
    assert len(told) <= width
    if len(name) <= width:
        assert told == name
    else:
        head, tail = told.split("…", 1) if name.count("…") == 0 else (told, "")
        assert name.startswith(head)
        assert name.endswith(tail)
        assert len(told) == width


def test_a_cell_at_work_elsewhere_is_shown_as_that() -> None:
    table = SweepTable("grid", {each: CellRow(each) for each in ("seed0", "seed1")})
    table.update("seed0", {"ended": "elsewhere"})
    lines = lines_of(table)
    assert "0 of 2 cells finished · 1 at work elsewhere · 1 waiting" in lines[1]
    assert "seed0     another process is at work on it" in lines
