"""The figures of `opro plot`: places worked by hand, and texts that mean harm."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Pruned
from opro_cli.core.scale import Scale
from opro_cli.render.figures.canvas import LIGHT, MARKS, Reading, fit, measure_text, mix
from opro_cli.render.figures.draw import draw_figure
from opro_cli.render.html.curves import SQUARE, STAR
from opro_cli.reports.figures import (
    Figure,
    Forest,
    ForestRow,
    Value,
    build_calibration,
    build_curve,
    build_front,
)
from tests.core.runs import new_state, proposed
from tests.hostile.cases import CASES
from tests.render.figures import (
    SVG,
    every_figure,
    finalists_run,
    hostile_figures,
    labelled_run,
    matrix_of,
    parsed,
    paths,
    words,
)
from tests.reports.html.pages import recorded, small_run
from tests.reports.runs import answer_all

FIGURES = dict(every_figure())


def test_the_stairs_of_a_curve_stand_where_they_should() -> None:
    """Best so far 25, 75 and 100 % in three steps, between 0 and 100.

    The label "100" is 3 × 0.64 × 7 = 13.44 points wide, so that the plane begins at 5 + 4 + 13.44
    and ends at 230: a step is 69.19 points wide. The legend has two lines, from 27 on; 16 points
    below it begin the 112 points of the second axis: 63 is 100 %, 175 is 0.
    """
    svg = draw_figure(build_curve([small_run()]))
    (stairs,) = paths(svg, stroke=LIGHT.best, fill="none")
    assert stairs == "M57.03 147L126.22 147L126.22 91L195.41 91L195.41 63"
    (means,) = paths(svg, stroke=LIGHT.mean)  # of steps 1 and 2: (50 + 75) / 2 and (100 + 50) / 2
    assert means == "M57.03 147L126.22 105L195.41 91"
    # The intervals are Wilson's: 4.6 to 69.9, 30.1 to 95.4, 51.0 to 100.
    band = mix(LIGHT.best, LIGHT.paper, 0.16)
    (interval,) = paths(svg, fill=band)
    assert interval == (
        "M57.03 96.67L126.22 96.67L126.22 68.11L195.41 68.11L195.41 63"
        "L195.41 117.87L195.41 141.33L126.22 141.33L126.22 169.89L57.03 169.89Z"
    )
    marks = {
        path.get("transform")
        for path in parsed(svg).iter(f"{SVG}path")
        if path.get("d") in (SQUARE, STAR)
    }
    # Start is alone in its step; c is the left one of two: 0.15 of a step left of its middle.
    assert {"translate(57.03 147) scale(0.42)", "translate(185.03 63) scale(0.42)"} <= marks


def test_a_forest_has_one_line_of_no_gain_through_all_rows() -> None:
    """Ends of -10 and 40 with 6 % room make an axis from -13 to 43, from 127 to 228 on the sheet.

    0 is then at 127 + 13/56 of 101; rows begin at 30, and are two lines and 6 points high.
    """
    rows = (
        ForestRow("a", Value(0.1, -0.1, 0.4, 20), "20 questions"),
        ForestRow("b", Value(0.2, 0.1, 0.3, 20), "20 questions"),
    )
    svg = draw_figure(Forest("2 runs", rows))
    lines = [line.attrib for line in parsed(svg).iter(f"{SVG}line")]
    zero = [line for line in lines if line["stroke"] == LIGHT.ink]
    assert [(each["x1"], each["x2"], each["y1"], each["y2"]) for each in zero] == [
        ("150.45", "150.45", "30", "78")
    ]
    whiskers = [
        (each["x1"], each["x2"], each["y1"])
        for each in lines
        if each["stroke"] == LIGHT.other and each["y1"] == each["y2"]
    ]
    assert whiskers == [("132.41", "222.59", "42"), ("168.48", "204.55", "66")]
    assert paths(svg, transform="translate(168.48 42)") == [MARKS[0]]
    assert "points gained on 20 questions, unseen by the search" in words(svg)
    assert "+10.0 [-10.0 to +40.0]" in words(svg)


def test_rows_that_count_other_things_say_so_each() -> None:
    rows = (
        ForestRow("a", Value(0.1, -0.1, 0.4, 20), "20 questions"),
        ForestRow("b", Value(0.0, None, None, 0), "", kept=True),
        ForestRow("all", Value(0.2, 0.1, 0.3, 30), "over tasks", whole=True),
    )
    told = words(draw_figure(Forest("tasks", rows)))
    assert {"20 questions", "over tasks", "start prompt kept"} <= set(told)
    assert "points gained on test questions, unseen by the search" in told


def test_a_square_is_as_dark_as_its_share_of_the_row() -> None:
    """Of three n two were read as n, and of three y one as y, one as n, and one not at all."""
    svg = draw_figure(matrix_of(labelled_run()))
    assert words(svg)[2:] == [
        "a row for each gold answer, a column for what was read",
        *("n", "y", "(no answer)"),
        *("n", "2", "1", "·"),
        *("y", "1", "1", "1"),
        "3 of 6 train questions right (outlined); darker: more of the row",
    ]
    squares = list(parsed(svg).iter(f"{SVG}rect"))[1:]
    fills = [mix(LIGHT.other, LIGHT.paper, LIGHT.tint * share) for share in (2 / 3, 1 / 3)]
    assert [square.get("fill") for square in squares[:2]] == fills
    outlined = [number for number, square in enumerate(squares) if square.get("stroke")]
    assert outlined == [0, 4]


def test_twelve_labels_are_turned_and_stay_readable() -> None:
    root = parsed(draw_figure(FIGURES["confusion-of-twelve"]))
    assert root.get("width") == "84mm"
    long = matrix_of(labelled_run("abcdefghijkl" * 200, "abcdefghijkl" * 200))
    assert parsed(draw_figure(long)).get("width") == "174mm"  # counts of three digits need room


def test_what_came_as_promised_is_on_the_diagonal() -> None:
    """Start: 9 of 20 on train and dev, and 4 of 10 on test. c: 19 of 20, and 10 of 10.

    b was promised 8 of 10 by train, and had 0 of 10 on dev: more than chance explains.
    """
    figure = build_calibration([finalists_run()])
    places = {
        each.instruction: (each.promised.mean, each.came.mean, each.came_on, each.kept)
        for each in figure.promises
    }
    assert places == {
        "start": (0.45, 0.4, "test", True),
        "b": (0.8, 0.0, "dev", False),
        "c": (0.95, 1.0, "test", True),
    }
    svg = draw_figure(figure)
    assert "2 of 3 prompts within chance; -26.7 points on average" in words(svg)
    (diagonal,) = (
        line
        for line in parsed(svg).iter(f"{SVG}line")
        if line.get("stroke-dasharray") and line.get("y1") != line.get("y2")
    )
    assert diagonal.get("x1") == "22.44"


def test_a_loss_has_its_own_words_and_no_interval() -> None:
    run = small_run()
    run.state.scale = Scale(minimise=True, bounded=False)
    # As an evaluator gives them, scores are kept with the other sign.
    svg = draw_figure(build_curve([run]))
    assert "value on train (lower is better)" in words(svg)
    assert "best so far" in words(svg)
    assert not paths(svg, fill=mix(LIGHT.best, LIGHT.paper, 0.16))
    front = draw_figure(build_front(run))
    assert "value on train (lower is better)" in words(front)


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((-0.3, 3.2), ["1", "10", "100", "1000"]),  # from 0.5 to 1,600: none below the axis
        ((-3.0, 0.0), ["0.001", "0.01", "0.1", "1"]),
        ((-9.4, 2.5), ["1e-09", "1e-06", "0.001", "1"]),  # every third one
    ],
)
def test_an_axis_of_logarithms_begins_at_a_power_of_ten(
    ends: tuple[float, float], ticks: list[str]
) -> None:
    found = Reading(shares=False, log=True).choose_ticks(*ends)
    assert [text for _, text in found] == ticks
    assert all(ends[0] <= value == math.log10(float(text)) <= ends[1] for value, text in found)


def test_the_mean_of_a_step_leaves_out_what_is_unfinished() -> None:
    """a has 2 of 4; b was stopped early at an estimate of 1 of 4; c has one right answer so far."""
    state = new_state(steps=1, per_step=3, train=4)
    answer_all(state, "start", "train", "rwww")
    for sample, name in enumerate("abc"):
        state.apply(proposed(1, sample, name))
    answer_all(state, "a", "train", "rrww")
    answer_all(state, "b", "train", "ww")
    state.apply(Pruned(1.0, make_candidate_id("b"), 0.25, 0.1, 0.4))
    answer_all(state, "c", "train", "r")
    (curve,) = build_curve([recorded(state)]).runs
    assert curve.means == ((0, 0.25), (1, (0.5 + 0.25) / 2))
    assert [(point.instruction, point.whole, point.score.estimated) for point in curve.points] == [
        *(("start", True, False), ("a", True, False)),
        *(("b", False, True), ("c", False, False)),
    ]
    assert curve.best[-1][1].mean == 0.5  # not that of c


def test_the_winner_is_drawn_over_dots_at_its_place() -> None:
    run = small_run()
    front = build_front(run)
    point = next(each for each in front.points if each.role == "best")
    tied = replace(point, role="other", on_front=True)
    svg = draw_figure(replace(front, points=(replace(point, on_front=True), tied)))
    *_, last = [path for path in parsed(svg).iter(f"{SVG}path") if path.get("transform")]
    assert last.get("d") == STAR
    assert f"tokens of an answer on {front.cost_on}, prompt and reply" in words(svg)


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_figure_stands_alone(figure: Figure, dark: bool) -> None:
    svg = draw_figure(figure, dark=dark)
    root = parsed(svg)
    assert root.get("width") in ("84mm", "174mm")
    assert root.find(f"{SVG}title") is not None
    assert root.findtext(f"{SVG}desc")
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
        *("svg", "title", "desc", "g", "rect", "line", "path", "text")
    }
    assert not re.search(r"var\(|url\(|href|class=|style=|<script|&nbsp;", svg)
    sizes = [float(text.get("font-size") or 0) for text in root.iter(f"{SVG}text")]
    assert min(sizes) >= 7  # a unit is a point at 84 mm
    points = float(str(root.get("viewBox")).split()[2])
    assert points / float(str(root.get("width"))[:-2]) == pytest.approx(72 / 25.4, rel=0.001)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_text_breaks_out_of_a_figure(dark: bool) -> None:
    for _, figure in hostile_figures([case.text for case in CASES]):
        root = parsed(draw_figure(figure, dark=dark))
        tags = {each.tag.removeprefix(SVG) for each in root.iter()}
        assert tags <= {"svg", "title", "desc", "g", "rect", "line", "path", "text"}
        assert all(name[:2] != "on" for each in root.iter() for name in each.attrib)


def test_names_are_cut_in_the_middle_where_they_end_apart() -> None:
    name = "quickstart-20261130-060629-1998ed98"
    assert measure_text("100", 7) == pytest.approx(13.44)
    assert fit(name, 200, 7.5) == name
    cut = fit(name, 80, 7.5, middle=True)
    assert cut.startswith("quick")
    assert cut.endswith("ed98")
    assert measure_text(cut, 7.5) <= 80
    assert fit("x" * 10**6, 50, 7.5).endswith("…")
    assert fit("\u202eevil", 200, 7.5) == "\\u202eevil"


def test_many_sizes_of_loss_are_drawn_by_their_logarithm() -> None:
    """From 1 to 10^4: 10^2 is half way."""
    points = build_curve([small_run()]).runs[0].points
    run = build_curve([small_run()]).runs[0]
    values = [Value(value, None, None, 4) for value in (1e4, 1e2, 1.0)]
    of_steps = zip((points[0], points[1], points[3]), values, strict=True)
    three = [replace(point, score=value) for point, value in of_steps]
    best = tuple((step, value) for step, value in enumerate(values))
    means = tuple((step, value.mean) for step, value in enumerate(values))
    figure = replace(
        build_curve([small_run()]),
        runs=(replace(run, points=tuple(three), best=best, means=means),),
        scale=Scale(minimise=True, bounded=False),
    )
    svg = draw_figure(figure)
    (means_path,) = paths(svg, stroke=LIGHT.mean)
    top, middle, bottom = (float(pair.split()[1]) for pair in means_path[1:].split("L"))
    assert middle == pytest.approx((top + bottom) / 2)
    assert {"1", "100", "10,000"} <= set(words(svg))
