"""Losses of any size as numbers, in every picture of a run; shares stay in percent."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from opro_cli.core.run.state import RunState
from opro_cli.core.scale import Scale
from opro_cli.core.sweep import CellRow, SweepTable
from opro_cli.render.frame import draw_sparkline, render_run
from opro_cli.render.html.curves import HEIGHT, choose_axis
from opro_cli.render.html.page import render_report
from opro_cli.render.sweep import render_sweep
from opro_cli.reports import formats
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from tests.core.runs import answered, proposed
from tests.render.runs_by_hand import briefing_of, idle, new_run
from tests.reports.html.pages import page_of
from tests.reports.runs import diff, recorded

LOSS = Scale(minimise=True, bounded=False)
REWARD = Scale(bounded=False)


def losses(scale: Scale, start: float, better: float, *, test: int = 1) -> RunState:
    """A run of one step whose second instruction has the second value on every question."""
    state = new_run(train=2, test=test, steps=1, per_step=1, initial=("start",))
    state.scale = scale
    for instruction, value in (("start", start), ("better", better)):
        if instruction == "better":
            state.apply(proposed(1, 0, "better"))
        for question in range(2):
            state.apply(answered(instruction, question, value))
    for instruction, value in (("start", start), ("better", better)):
        for question in range(test):
            state.apply(answered(instruction, question, value, "test"))
    return state


def run_of(scale: Scale, start: float, better: float) -> RecordedRun:
    return recorded("lossy", losses(scale, start, better), {"train": "ab", "test": "c"})


def test_values_of_any_size_have_four_digits() -> None:
    said = {
        0.0: "0",
        0.03125: "0.03125",
        12.4: "12.4",
        -12.4: "-12.4",
        12345.6: "12,346",
        1.2e306: "1.2e+306",
        1.23456e-9: "1.235e-09",
    }
    assert formats.format_number(-0.0) == "0"
    assert {value: formats.format_number(value) for value in said} == said


@pytest.mark.parametrize(
    ("scale", "kept", "mean", "change"),
    [
        (LOSS, -12.4, "12.4", "-87.6"),
        (LOSS, -1.2e306, "1.2e+306", "+1.2e+306"),
        (LOSS, -0.25, "0.25", "-99.75"),
        (REWARD, 12.4, "12.4", "+112.4"),
        (REWARD, 0.25, "0.25", "+100.2"),
        (Scale(minimise=True), -0.25, "0.25", "-99.75"),
        (Scale(), 0.25, "25.0 %", "+10025.0"),
    ],
)
def test_a_score_is_written_on_its_scale(scale: Scale, kept: float, mean: str, change: str) -> None:
    assert formats.format_mean(kept, scale) == mean
    assert formats.format_mean(kept, scale, estimated=True) == f"~{mean}"
    assert formats.format_change(-100.0, kept, scale) == change


@pytest.mark.parametrize("width", [40, 60, 80, 99])
@pytest.mark.parametrize(
    ("start", "better", "said"),
    [(100.0, 12.4, ("100", "12.4")), (1.2e306, 12.4, ("1.2e+306", "12.4"))],
)
def test_the_live_view_shows_losses_as_numbers(
    start: float, better: float, said: tuple[str, str], width: int
) -> None:
    state = losses(LOSS, start, better)
    frame = render_run(briefing_of(state), state, idle(), 0.0, width, 23).plain
    lines = frame.split("\n")
    assert all(cell_len(line) <= width for line in lines)
    assert "%" not in "".join(lines[:1] + lines[2:])  # but for the bar of all calls
    assert "[" not in frame
    best = next(line for line in lines if line.startswith("best so far "))
    assert best.split()[3] == said[0]
    if width > 40:
        assert best.split()[-1] == said[1]
    rows = [line for line in lines if line.rstrip().endswith(("start", "better")) and "/" in line]
    assert {row.split()[0] for row in rows[:2]} == set(said)
    assert rows[0].index("/") == rows[1].index("/")


def test_sparklines_and_curves_reach_from_the_smallest_number_to_the_largest() -> None:
    most = 1.7e308
    assert draw_sparkline([-most, 0.0, most], -most, most, 3) == "▁▅█"
    axis = choose_axis([-most, most], REWARD)
    assert [axis.down(score) for score in axis.ticks] == [300.0, 225.0, 150.0, 75.0, 0.0]
    alone = choose_axis([-12.4], LOSS)
    assert (alone.name_tick(alone.low), alone.name_tick(alone.high)) == ("12.4", "0")
    assert alone.down(-12.4) == HEIGHT


@pytest.mark.parametrize(("start", "better"), [(100.0, 12.4), (1.2e306, 0.25), (1.7e308, 1.6e308)])
def test_the_page_shows_losses_as_numbers(start: float, better: float) -> None:
    run = run_of(LOSS, start, better)
    page = page_of(run)
    before, after = formats.format_number(start), formats.format_number(better)
    figures = page.one("div", class_="figures").text
    assert before in figures
    assert after in figures
    assert "points" not in figures
    curve = page.one("section", id="r1-curve")
    label = curve.one("svg", class_="curve").attributes["aria-label"]
    assert f"the lowest is {after}" in str(label)
    ticks = [mark.text for mark in curve.all("text", class_="left")]
    assert (ticks[0], ticks[-1]) == (before, after)
    cells = page.one("section", id="r1-candidates").all("td", class_="train")
    assert [cell.text for cell in cells] == [f"{after} n=2", f"{before} n=2"]
    assert not page.one("section", id="r1-scores").all("svg")
    text = render_report([run, run]).partition("<body>")[2].partition("<script>")[0]
    for words in (" %", "nan", "inf", "points on"):
        assert words not in text, words


def test_no_paired_test_is_made_of_losses() -> None:
    for scale in (LOSS, REWARD, Scale(minimise=True)):
        run = run_of(scale, 0.5, 0.25)
        result = build_result(run, finished=True)
        assert result["verdict"] is None
        assert "so no gain is claimed" in result["verdict_sentence"]
        assert result["scale"] == {"minimise": scale.minimise, "bounded": scale.bounded}
        assert diff(run, run).by_split == ()
    assert "scale" not in build_result(run_of(Scale(), 0.5, 0.75), finished=True)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_live_view_of_a_sweep_shows_losses_in_line(width: int) -> None:
    table = SweepTable("grid", {name: CellRow(name) for name in "abc"})
    scale, spend = {"minimise": True, "bounded": False}, {"calls": 7, "usd": 0.0}
    tokens = {"prompt_tokens": 0, "completion_tokens": 0}
    running = {"phase": "dev", "expected": 9, "best": ("dev", -1.2e306), "scale": scale}
    table.update("a", {**running, "spend": {**spend, **tokens}})
    for name, (start, best) in {"b": (-1.2e306, -12.4), "c": (-3.0, -0.25)}.items():
        result = {"spend": {**spend, **tokens}, "scale": scale, "status": "finished"}
        result |= {
            which: {"scores": {"test": {"mean": mean}}}
            for which, mean in (("initial", start), ("best", best))
        }
        table.update(name, {"ended": "finished", "result": result})
    frame = render_sweep(table, 5.0, width, 23).plain
    lines = frame.split("\n")
    assert "%" not in frame
    assert all(cell_len(line) <= width for line in lines)
    assert next(line for line in lines if line.startswith("a ")).endswith("1.2e+306 on dev")
    b, c = (next(line for line in lines if line.startswith(f"{name} ")) for name in "bc")
    assert b.split()[1:] == ["7", "1.2e+306", "12.4", "-1.2e+306"]
    assert c.split()[1:] == ["7", "3", "0.25", "-2.75"]
    assert b.index("12.4") + len("12.4") == c.index("0.25") + len("0.25")
