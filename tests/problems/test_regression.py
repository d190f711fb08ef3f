"""The regression problem, by hand and against brute force."""

from __future__ import annotations

import itertools
import math
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opro_cli.core.draws import create_rng
from opro_cli.core.settings import schema
from opro_cli.core.task.problem import OPTIMUM, Instance
from opro_cli.problems.regression import Regression, RegressionParameters, find_pair
from opro_cli.strategies.regression import (
    Pair,
    PaperRegression,
    format_pair,
    parse_pair,
    read_pair,
    round_half_even,
)

PROBLEM = Regression()
LINE: Instance = {"x": [1.0, 2.0, 3.0], "y": [3.0, 5.0, 7.0], "w": 2.0, "b": 1.0, "decimals": 0}
"""y = 2 x + 1, without noise."""

PAPER = PROBLEM.draw(RegressionParameters())
TENTHS = {**PAPER, "decimals": 1}
DOUBLES = st.floats(allow_nan=False)


def bits(pair: Pair) -> bytes:
    return struct.pack("dd", *pair)


def references(instance: Instance) -> dict[str, tuple[str, float]]:
    return {each.name: (each.solution, each.value) for each in PROBLEM.references(instance)}


# Pairs as texts.


@pytest.mark.parametrize(
    ("pair", "text"),
    [
        (Pair(15.0, 14.0), "w=15, b=14"),
        (Pair(-0.5, 1e-07), "w=-0.5, b=1e-07"),
        (Pair(-0.0, 0.0), "w=-0, b=0"),
        (Pair(1e16, 1e15), "w=1e+16, b=1000000000000000"),
    ],
)
def test_a_pair_has_one_form(pair: Pair, text: str) -> None:
    assert format_pair(pair) == text
    assert bits(parse_pair(text)) == bits(pair)


@given(DOUBLES, DOUBLES)
@example(-0.0, 5e-324)
def test_a_pair_comes_back_from_its_text(w: float, b: float) -> None:
    assert bits(parse_pair(format_pair(Pair(w, b)))) == bits(Pair(w, b))


@pytest.mark.parametrize(
    "text",
    ["", "15, 14", "w=15", "w=15,b=14", "w=15.0, b=14", "w=1_5, b=14", "w=15, b=14 ", "w=, b="],
)
def test_another_form_is_no_pair(text: str) -> None:
    with pytest.raises(ValueError, match="a pair such as w=12"):
        parse_pair(text)
    assert PROBLEM.check(text, LINE) == "expected a pair such as w=12, b=-0.5"


@pytest.mark.parametrize(
    ("number", "decimals", "rounded"),
    [
        (14.5, 0, 14.0),
        (15.5, 0, 16.0),
        (-0.2, 0, -0.0),
        (2.675, 2, 2.68),  # Python's round gives 2.67
        (15.0, -1, 20.0),
        (1e306, 5, math.inf),
        (1e22, 1, 1e22),
        (4503599627370497.0, 0, 4503599627370497.0),
    ],
)
def test_numbers_are_rounded_as_numpy_does(number: float, decimals: int, rounded: float) -> None:
    ours = round_half_even(number, decimals)
    assert (ours, math.copysign(1, ours)) == (rounded, math.copysign(1, rounded))


# Values.


def test_value_is_the_sum_of_squared_residuals() -> None:
    assert PROBLEM.value("w=2, b=1", LINE) == 0.0
    assert PROBLEM.value("w=3, b=1", LINE) == pytest.approx(1 + 4 + 9)
    assert PROBLEM.value("w=2, b=2", LINE) == 2.9999999999999996  # the root of 3, squared


@pytest.mark.parametrize(
    ("solution", "reason"),
    [
        ("w=2, b=1", ""),
        ("w=nan, b=1", "not finite"),
        ("w=2, b=-inf", "not finite"),
        ("w=1e+153, b=1e+153", ""),
        ("w=1e+154, b=1", "its loss is too large for a number"),
        ("w=1e+200, b=1", "its loss is too large for a number"),
    ],
)
def test_solutions_without_a_loss_are_refused(solution: str, reason: str) -> None:
    assert PROBLEM.check(solution, LINE) == reason


# Instances.


def test_the_drawn_points_do_not_depend_on_the_grid() -> None:
    fine = PROBLEM.draw(RegressionParameters(decimals=2))
    assert (fine["x"], fine["y"]) == (PAPER["x"], PAPER["y"])
    assert PAPER["x"] == [float(x) for x in range(1, 51)]
    assert PAPER["y"][0] == 1.0 * 15 + 14 + 1.6243453636632417  # numpy: seed(1), randn()
    assert [type(PAPER[key]) for key in ("w", "b")] == [float, float]


def test_without_noise_the_points_lie_on_the_line() -> None:
    instance = PROBLEM.draw(RegressionParameters(w=2, b=1, points=3, noise=0))
    assert instance["y"] == LINE["y"]


def test_the_search_starts_from_the_references_pairs() -> None:
    start = ["w=10, b=13", "w=15, b=10", "w=16, b=14", "w=17, b=18", "w=18, b=15"]
    assert PROBLEM.start(PAPER) == start
    assert PROBLEM.start({**PAPER, "w": 2.0, "b": 30.0}) == start
    assert PROBLEM.start(TENTHS)[0] == "w=10.2, b=12.8"
    assert len(PROBLEM.start({**PAPER, "seed": 2, "decimals": -1})) == 2


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"points": 1}, "points: expected 2 to 10,000, found 1"),
        ({"decimals": 16}, "decimals: expected 0 to 15, found 16"),
        ({"decimals": -1}, "decimals: expected 0 to 15, found -1"),
        ({"noise": -1}, r"noise: expected 0 to 1e\+09, found -1"),
        ({"seed": -1}, "seed: expected at least 0, found -1"),
        ({"w": 1e101}, r"w: expected a number between -1e\+09 and 1e\+09, found 1e\+101"),
        ({"b": math.nan}, "b: expected a number between"),
        ({"noise": math.inf}, "noise: expected 0 to"),
    ],
)
def test_parameters_out_of_range_are_refused(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RegressionParameters(**raw)


def test_parameters_are_read_from_a_config() -> None:
    faults: list[schema.Problem] = []
    read = schema.read_section(RegressionParameters, {"w": 36, "b": -1}, (), faults)
    assert read == RegressionParameters(36, -1)
    assert schema.read_section(RegressionParameters, {"points": 2.5, "u": 1}, (), faults) is None
    assert [fault.dotted for fault in faults] == ["u", "points"]


@pytest.mark.parametrize(
    ("decimals", "numbers"),
    [(0, "whole numbers"), (1, "one decimal place"), (3, "with 3 decimal places")],
)
def test_the_description_tells_the_form_and_not_the_answer(decimals: int, numbers: str) -> None:
    instance = PROBLEM.draw(RegressionParameters(w=36.5, b=-17.5, decimals=decimals))
    text = PROBLEM.describe(instance)
    assert numbers in text
    assert "w=…, b=…" in text
    assert not any(shown in text for shown in ("36", "17", "50", str(instance["y"][0])))


# Reading.

READ_AS_15_14 = [
    "[15, 14]", "[15,14]", "(15, 14).", "[[15, 14]]", "[15; 14]", r"\[15, 14\]",
    r"\left(15,\ 14\right)", r"\boxed{[15, 14]}", r"\boxed{15, 14}", r"$w = 15$, $b = 14$",
    "**[15, 14]**", "[**15**, **14**]", "<b>15</b>, <b>14</b>", '["15", "14"]', "[‘15’, ‘14’]",
    "`[15, 14]`", "```\n[15, 14]\n```", "[15,\n14]", "[\n    15.0,\n    14.0\n]", "［15，14］",
    "[15, 14]\u200b\x00", "[w=15, b=14]", "[b=14, w=15]", "[W=15, B=14]", "[w: 15, b: 14]",
    "[w=15, 14]", '{"w": 15, "b": 14}', '{"b": 14, "w": 15}', "w = 15, b = 14",
    "b = 14 and w = 15", "w = [15], b = [14]", "w: 15\nb: 14", "- **w** = 15\n- **b** = 14",
    "* w = 15\n* b = 14", "The slope w is 15 and the intercept b is 14.", "w* = 15, b* = 14",
    "w_new ≈ 15, b_new ≈ 14", "(w, b) = (15, 14)", "w, b = 15, 14", "Answer: 15, 14", "15, 14",
    "[15, 14] is a pair [w, b].", "[15, 14] (value [46])", "w=15, b=14\nvalue:\n47",
    "[12, 11] is worse than [15, 14]", "w=12, b=11 is worse than (15, 14)",
    "[12, 11], so w=15, b=14.", "[15, 14] [1e400, 3]", "[15.4, 13.6]",
    "<solution>15, 14</solution>",
    "<solution>w=12, b=11</solution> No: <solution>[15, 14]</solution> beats [12, 11]",
    "<solution>w=15, b=14</solution> is lower than w=12, b=11.",
    "<solution>none</solution> [15, 14]", "<think>[12, 11]</think>[15, 14]",
    "<think>[12, 11]<solution>w=1, b=2</solution></think>w=15, b=14",
    "[15, 14] <think>[12, 11]</think>", "<think>[15, 14]</think>",
    "<think>[15, 14]</think>That is the pair.",
]  # fmt: skip


@pytest.mark.parametrize("reply", READ_AS_15_14)
def test_a_pair_is_read_however_it_is_written(reply: str) -> None:
    assert PROBLEM.read(reply, PAPER) == "w=15, b=14"


NO_PAIR = [
    "", "I cannot help with that.", "[w, b]", "[15]", "[15, 14, 47]", "(1, 15, 14)", "[15/1, 14]",
    "[2**3, 14]", "[20 - 5, 14]", "w = 14 + 1, b = 14", "w = 15, b = 13 + 1", "w=1,500, b=14",
    "w=15, b=1,400", "[1,500, 14]", "[x=15, y=14]", "[b=14, 15]", "[nan, 14]", "[15%, 14]",
    "[15x, 14]", "w=15, w=14", "w=15, b=14x", "w=15, b=14%",
    "between 15 and 14",
    "[15 14]",  # 15 and 14, or a formula that lost its sign
]  # fmt: skip


@pytest.mark.parametrize("reply", NO_PAIR)
def test_what_is_no_pair_is_not_guessed(reply: str) -> None:
    assert PROBLEM.read(reply, PAPER) == ""


@pytest.mark.parametrize(
    ("reply", "solution"),
    [
        ("[−3, +7.2]", "w=-3, b=7"),
        ("[-0.2, −0]", "w=0, b=0"),
        ("[1,500]", "w=1, b=500"),
        ("[1e3, .6]", "w=1000, b=1"),
        ("[10–20, 5] [2.5, 3.5]", "w=2, b=4"),
        ("[99999999999999999999, 1]", "w=1e+20, b=1"),
        ("[٣, 4]", "w=3, b=4"),
    ],
)
def test_numbers_as_they_are_read(reply: str, solution: str) -> None:
    assert PROBLEM.read(reply, PAPER) == solution


def test_pairs_are_rounded_to_the_grid() -> None:
    assert PROBLEM.read("[15.06, 13.94]", TENTHS) == "w=15.1, b=13.9"
    assert PROBLEM.read("[-0.04, 1e22]", TENTHS) == "w=0, b=1e+22"
    assert PROBLEM.read("[1e308, 1]", {**PAPER, "decimals": 15}) == "w=1e+308, b=1"


PIECES = st.sampled_from(
    [*"[](){},;=:*-−+.wb15\n \\`'\"$_", "w=", "b=", "[15, 14]", "and ", "**", "e9", "1e400", "is",
     "<solution>", "</solution>", "<think>", "</think>", "\r", "\x00", "\ud800", "٣", "，", "nan"]
)  # fmt: skip


@given(st.text() | st.lists(PIECES, max_size=40).map("".join), st.integers(0, 15))
@settings(max_examples=500)
def test_any_reply_gives_a_canonical_pair_or_none(reply: str, decimals: int) -> None:
    instance = {**PAPER, "decimals": decimals}
    solution = PROBLEM.read(reply, instance)
    if solution:
        pair = parse_pair(solution)
        assert all(map(math.isfinite, pair))
        assert "=-0," not in f"{solution},"
        assert PROBLEM.read(f"[{solution}]", instance) == solution
    for read in PaperRegression(decimals).read(reply):
        assert format_pair(parse_pair(read.text)) == read.text


@given(DOUBLES.filter(math.isfinite), DOUBLES.filter(math.isfinite), st.integers(0, 15))
def test_what_is_read_is_read_again(w: float, b: float, decimals: int) -> None:
    instance = {**PAPER, "decimals": decimals}
    solution = PROBLEM.read(format_pair(Pair(w, b)), instance)
    assert solution
    for written in (solution, f"[{solution}]", f"<solution>{solution}</solution>"):
        assert PROBLEM.read(written, instance) == solution


@pytest.mark.parametrize("read", [find_pair, read_pair])
@pytest.mark.parametrize(
    "part",
    ["[", "[1", "[ ", "w=", "w=1,", "w=1 and ", "1", "*", "* ", "\\", "\n", " ", "w=1 b=", "aa ",
     "<think>", "<solution>", "</think>", "=", ",", "[=", "w_", "w=1, aa "],
)  # fmt: skip
def test_reading_takes_linear_time(read: Callable[[str], object], part: str) -> None:
    started = time.process_time()
    for text in (part * 80_000, f"[{part * 80_000}, 2]", f"w=1{part * 80_000}b"):
        read(text)
    assert time.process_time() - started < 4.0  # some tenths; quadratic time is more than this


# Known solutions.


def test_references_of_the_paper() -> None:
    known = references(PAPER)
    assert (
        known["true pair"] == known[OPTIMUM] == ("w=15, b=14", PROBLEM.value("w=15, b=14", PAPER))
    )
    assert known["true pair"][1] == pytest.approx(47.037719254806696, rel=1e-12)
    assert known["least squares"][1] < known[OPTIMUM][1]


def test_a_line_without_noise_is_found_exactly() -> None:
    expected = ("w=2, b=1", 0.0)
    assert set(references({**LINE, "decimals": 3}).values()) == {expected}


def test_true_numbers_between_the_grid_are_no_optimum_of_it() -> None:
    instance = PROBLEM.draw(RegressionParameters(w=2.5, b=1, points=2, noise=0))
    known = references(instance)
    assert known["true pair"] == ("w=2.5, b=1", 0.0)
    # y is 3.5 and 6: 4 and 6 of w=2, b=2 are as far as 3 and 6 of w=3, b=0, which is larger.
    assert known[OPTIMUM] == ("w=2, b=2", 0.25)


def lowest_in_box(instance: Instance, around: Pair, reach: int) -> float:
    scale = 10 ** instance["decimals"]
    w, b = (round(number * scale) for number in around)
    units = range(-reach, reach + 1)
    return min(
        PROBLEM.value(format_pair(Pair((w + dw) / scale, (b + db) / scale)), instance)
        for dw, db in itertools.product(units, units)
    )


@given(
    st.floats(-20, 20),
    st.floats(-20, 20),
    st.integers(2, 6),
    st.floats(0, 5),
    st.integers(0, 99),
    st.integers(0, 3),
)
@settings(max_examples=150, deadline=None)
def test_no_pair_of_a_box_is_better_than_the_optimum(
    w: float, b: float, points: int, noise: float, seed: int, decimals: int
) -> None:
    instance = PROBLEM.draw(RegressionParameters(w, b, points, noise, seed, decimals))
    known = references(instance)
    around = parse_pair(known["least squares"][0])
    best = lowest_in_box(instance, around, 9)
    assert known[OPTIMUM][1] <= best + 1e-9 * max(1e-6, best)
    assert round(10**decimals * parse_pair(known[OPTIMUM][0]).w, 6).is_integer()


# Controls.


@pytest.mark.parametrize("decimals", [0, 2, 15])
def test_blind_draws_lie_on_the_grid_and_spread(decimals: int) -> None:
    instance = {**PAPER, "decimals": decimals}
    rng = create_rng(0, "draws")
    texts = [PROBLEM.draw_solution(instance, rng) for _ in range(3000)]
    pairs = [parse_pair(text) for text in texts]
    assert all(PROBLEM.read(text, instance) == text for text in texts)
    for column in zip(*pairs, strict=True):
        assert -10 <= min(column) < -9
        assert 49 < max(column) <= 50
        assert 19 < sum(column) / len(column) < 21
    assert sum(w > b for w, b in pairs) == pytest.approx(1500, abs=150)


@pytest.mark.parametrize("decimals", [0, 1, 3])
@pytest.mark.parametrize("points", [2, 3, 50])
@pytest.mark.parametrize("start", ["w=-10, b=50", "w=50, b=-10", "w=0.5, b=0.25", "w=99, b=9"])
def test_improving_reaches_the_optimum(start: str, points: int, decimals: int) -> None:
    for seed in range(3):
        instance = PROBLEM.draw(RegressionParameters(2, 30, points, 3, seed, decimals))
        optimum = references(instance)[OPTIMUM][1]
        rng = create_rng(seed, "improve")
        solution, value = start, PROBLEM.value(start, instance)
        while value > optimum:
            solution = PROBLEM.improve(solution, instance, rng)
            assert PROBLEM.value(solution, instance) < value
            value = PROBLEM.value(solution, instance)
        assert value == optimum


def test_at_the_optimum_a_neighbour_is_drawn() -> None:
    rng = create_rng(0, "improve")
    drawn = {PROBLEM.improve("w=2, b=1", {**LINE, "decimals": 1}, rng) for _ in range(50)}
    assert drawn == {"w=2.1, b=1", "w=1.9, b=1", "w=2, b=1.1", "w=2, b=0.9"}
