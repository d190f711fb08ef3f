"""A problem in a terminal: what is read, where it is drawn, and that no text can stop it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from opro_cli.core.task.problem import OPTIMUM, RecordedProblem, Reference
from opro_cli.render import problem as drawing
from opro_cli.render.problem import Point, Window, draw_problem
from opro_cli.reports.problem import Found

SQUARE = RecordedProblem(
    "tour",
    {"x": [0, 0, 10, 10], "y": [0, 10, 10, 0]},
    (Reference(OPTIMUM, "0,1,2,3", 40.0), Reference("nearest neighbor", "0,1,2,3", 40.0)),
)
DIAGONAL = RecordedProblem(
    "regression",
    {"x": [0, 1, 2], "y": [0, 1, 2], "w": 1, "b": 0},
    (Reference(OPTIMUM, "w=1, b=0", 0.0),),
)


def plain(lines: Sequence[Text]) -> list[str]:
    return [line.plain for line in lines]


def test_a_tour_of_a_square_has_its_four_sides() -> None:
    tour = drawing.read_tour("0,1,2,3", 4)
    assert drawing.find_edges(tour) == {(0, 1), (1, 2), (2, 3), (0, 3)}


@pytest.mark.parametrize(
    ("text", "tour"),
    [
        (" 0, 3 ,1,2", [0, 3, 1, 2]),
        ("0,-1,1", [0, 3, 1]),
        ("0,4,-5,2", [0, 2]),
        ("0,1,1,0", [0, 1, 1, 0]),
        ("", []),
        ("0,,1", []),
        ("0;1", []),
        ("0,one", []),
        ("٣", []),
        ("9" * 5000, []),
    ],
)
def test_a_tour_is_read_as_far_as_it_is_on_the_map(text: str, tour: list[int]) -> None:
    assert drawing.read_tour(text, 4) == tour


@pytest.mark.parametrize(
    ("tour", "edges"),
    [([], set()), ([2], set()), ([0, 1], {(0, 1)}), ([0, 0, 1, 0], {(0, 1)})],
)
def test_an_edge_joins_two_cities_once(tour: list[int], edges: set[tuple[int, int]]) -> None:
    assert drawing.find_edges(tour) == edges


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("w=15, b=14", (15, 14)),
        ("w=-0, b=1e+30", (0, 1e30)),
        (" W = .5 ,b=-2.", (0.5, -2)),
        ("w=1e999, b=0", None),
        (f"w={'1' * 5000}, b=0", None),
        ("w=nan, b=0", None),
        ("w=1, b=", None),
        ("w=1, b=2, c=3", None),
    ],
)
def test_a_line_is_read_where_it_can_be_drawn(text: str, line: tuple[float, float] | None) -> None:
    assert drawing.read_line(text) == line


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ((1, 0), ((0, 0), (1, 1))),
        ((-2, 1), ((0, 1), (0.5, 0))),
        ((0, 0.5), ((0, 0.5), (1, 0.5))),
        ((0, 2), None),
        ((1, 5), None),
        ((1, -5), None),
        ((2**100, 0), ((0, 0), (2**-100, 1))),
    ],
)
def test_a_line_is_cut_at_the_window(
    line: tuple[float, float], ends: tuple[tuple[float, float], tuple[float, float]] | None
) -> None:
    assert Window(0, 1, 0, 1).cross(Point(*line)) == ends


def test_a_window_keeps_its_middle_when_it_is_fitted() -> None:
    assert Window(0, 2, 0, 1).fit(1, 1) == (0, 2, -0.5, 1.5)
    assert Window(0, 2, 0, 1).place(Point(0.5, 0.25)) == (0.25, 0.75)


def test_the_range_holds_what_matters() -> None:
    low, high = drawing.choose_range(36, [10, 20, 36], [15, 30, 35, 36, 37, 1e9, -1e30])
    assert -100 < low < 10
    assert 37 < high < 150


@pytest.mark.parametrize("only", [0.0, 5.0, -1e300, 1e-310])
def test_the_range_of_one_value_has_an_extent(only: float) -> None:
    low, high = drawing.choose_range(only, [], [only, only])
    assert low < only < high
    assert math.isfinite(high - low)


def test_improvements_are_better_than_all_before() -> None:
    found = [Found(0, "", value) for value in (5.0, 5.0, math.nan, 7.0, 3.0, -math.inf, 4.0)]
    assert [each.value for each in drawing.find_improvements(found)] == [5.0, 3.0]
    upwards = drawing.find_improvements(found, minimise=False)
    assert [each.value for each in upwards] == [5.0, 7.0]


@pytest.mark.parametrize(
    ("value", "optimum", "gap"),
    [
        (104.5, 100, "4.5 % above the optimum"),
        (88, 100, "12.0 % below the optimum"),
        (100.002, 100, "0.002 % above the optimum"),
        (100 + 1e-10, 100, "at the optimum"),
        (3, 0, "3 above the optimum"),
        (5000, 2, "2500 times the optimum"),
        (-90, -100, "10.0 % above the optimum"),
        (1e300, 1e-300, "1e+300 above the optimum"),
        (5, math.nan, ""),
    ],
)
def test_the_gap_is_told_in_words(value: float, optimum: float, gap: str) -> None:
    problem = RecordedProblem("tour", {}, (Reference(OPTIMUM, "", optimum),))
    assert drawing.describe_gap(value, problem) == gap


def test_edges_are_told_apart_from_those_of_the_optimum() -> None:
    crossed = drawing.find_edges([0, 2, 1, 3])
    assert drawing.count_strange_edges(SQUARE, crossed) == 2
    assert drawing.count_strange_edges(RecordedProblem("tour", SQUARE.instance), crossed) is None


def test_a_square_is_drawn_in_ascii() -> None:
    lines = draw_problem(SQUARE, [Found(0, "0,1,2,3", 40.0)], 24, 6, encoding="ascii")
    assert plain(lines) == [
        "o........o",
        ".        .",
        ".        .",
        ".        .",
        "o........o",
        "best 40 · at optimum",
    ]


def test_the_drawing_names_what_others_have_found() -> None:
    found = [Found(0, "0,2,1,3", 48.28), Found(3, "0,1,2,3", 40.0)]
    assert draw_problem(SQUARE, found, 80, 10)[-1].plain == (
        "best 40 · at optimum · nearest neighbor 40 · step 3"
    )
    assert draw_problem(SQUARE, found[:1], 50, 10)[-1].plain == (
        "best 48.28 · 20.7 % above optimum"
    )


def test_edges_that_the_optimum_lacks_have_a_colour_of_their_own() -> None:
    lines = draw_problem(SQUARE, [Found(0, "0,2,1,3", 48.28)], 80, 10)
    assert {span.style for line in lines for span in line.spans} == {"bold", "green", "yellow"}


def test_a_line_is_drawn_in_braille() -> None:
    *lines, below = draw_problem(DIAGONAL, [Found(2, "w=1, b=0", 0.0)], 30, 5)
    assert below.plain == "best 0 · at optimum · step 2"
    drawn = plain(lines)
    assert [len(line) for line in drawn] == sorted((len(line) for line in drawn), reverse=True)
    # The first point is 3 of 60 dots from the left and in the lowest row, below the line.
    assert drawn[-1].startswith("⣀⢤⠤")
    assert all("\u2801" <= sign <= "\u28ff" or sign == " " for line in drawn for sign in line)


def test_points_are_drawn_without_a_line() -> None:
    *lines, _ = draw_problem(DIAGONAL, [Found(0, "no line", 9.0)], 24, 6, encoding="ascii")
    assert plain(lines) == [f"{'o':>23}", "", f"{'o':>13}", "", " o"]


@pytest.mark.parametrize(("width", "height"), [(0, 0), (23, 20), (80, 4), (-5, -5)])
def test_nothing_is_drawn_without_room(width: int, height: int) -> None:
    assert draw_problem(SQUARE, [Found(0, "0,1,2,3", 40.0)], width, height) == []


def test_nothing_is_drawn_before_there_is_a_solution() -> None:
    assert draw_problem(SQUARE, [], 80, 24) == []
    assert draw_problem(SQUARE, [Found(0, "0,1,2,3", math.inf)], 80, 24) == []


def test_of_a_problem_of_ones_own_there_is_the_value() -> None:
    own = RecordedProblem("knapsack\x1b[31m", {"x": "?"}, (Reference("greedy\x1b[0m", "", 7.0),))
    lines = draw_problem(own, [Found(1, "\x1b[2J", 8.0)], 80, 24, minimise=False)
    assert plain(lines) == ["best 8 · greedy\\x1b[0m 7 · step 1"]


NUMBERS = st.floats() | st.integers(-(10**400), 10**400)
COORDINATES = st.lists(st.floats() | st.integers(-50, 50), max_size=6)
TEXTS = (
    st.text(max_size=20)
    | st.lists(st.integers(-9, 9), max_size=8).map(lambda tour: ",".join(map(str, tour)))
    | st.tuples(st.floats(), st.floats()).map(lambda pair: f"w={pair[0]}, b={pair[1]:g}")
)
FOUND = st.lists(
    st.builds(Found, st.integers(0, 2000), TEXTS, st.floats() | st.sampled_from([0.0, 1e300])),
    max_size=9,
)
PROBLEMS = st.builds(
    RecordedProblem,
    st.sampled_from(["regression", "tour", "own"]),
    st.fixed_dictionaries(
        {},
        optional={
            "x": COORDINATES | st.lists(st.integers(-5, 5), min_size=4, max_size=4),
            "y": COORDINATES | st.lists(st.integers(-5, 5), min_size=4, max_size=4),
            "w": NUMBERS | st.none(),
            "b": NUMBERS | st.text(max_size=3),
        },
    ),
    st.lists(
        st.builds(Reference, st.just(OPTIMUM) | st.text(max_size=9), TEXTS, st.floats()), max_size=3
    ).map(tuple),
)


@given(
    PROBLEMS,
    FOUND,
    st.integers(0, 130),
    st.integers(0, 30),
    st.booleans(),
    st.sampled_from(["utf-8", "ascii", "cp437", "unheard-of"]),
)
def test_whatever_was_found_is_drawn_inside_the_room(
    problem: RecordedProblem,
    found: list[Found],
    width: int,
    height: int,
    minimise: bool,
    encoding: str,
) -> None:
    lines = draw_problem(problem, found, width, height, minimise=minimise, encoding=encoding)
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)
    if encoding == "ascii":
        assert all(line.isascii() for line in plain(lines[:-1]))
