"""The problem `tour`: its options, its judgements, readings of replies, files of coordinates."""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.settings.schema import Problem, read_section
from opro_cli.core.task.problem import OPTIMUM, Instance
from opro_cli.errors import DataError
from opro_cli.problems.tour import MOST, Tour, TourOptions, read_coordinates
from opro_cli.strategies.tour import canonize, write_tour

TOUR = Tour()
SQUARE: Instance = {"x": [0, 3, 3, 0, 1], "y": [0, 0, 4, 4, 2], "decimals": 0, "start": []}
ORDERS = st.integers(3, 12).flatmap(lambda nodes: st.permutations(range(nodes)))


def read_plain(**plain: Any) -> tuple[Any, list[str]]:
    faults: list[Problem] = []
    try:
        return read_section(TourOptions, plain, ("task",), faults), [f.message for f in faults]
    except ValueError as error:
        return None, [str(error)]


def instance_of(nodes: int) -> Instance:
    return TOUR.draw(TourOptions(nodes=nodes))


# Options and instances.


def test_options_are_read_as_a_config_has_them() -> None:
    options, faults = read_plain(nodes=5, seed=7, decimals=1, excluded_start="dp")
    assert (options, faults) == (TourOptions(5, 7, 1, None, "dp"), [])


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({"nodes": 2}, "nodes: expected a whole number from 3 to 1000, found 2"),
        ({"nodes": MOST + 1}, "nodes: expected a whole number from 3 to 1000, found 1001"),
        ({"seed": -1}, "seed: expected a whole number from 0 to 4294967295, found -1"),
        ({"decimals": 16}, "decimals: expected a whole number from 0 to 15, found 16"),
        ({"excluded_start": "nearest"}, "one of farthest_insertion, nearest_neighbor, dp"),
    ],
)
def test_options_out_of_range_are_refused(plain: dict[str, Any], message: str) -> None:
    _, (fault,) = read_plain(**plain)
    assert message in fault


def test_the_reference_s_instance() -> None:
    instance = TOUR.draw(TourOptions(nodes=4, seed=1, excluded_start="nearest_neighbor"))
    assert (instance["x"], instance["y"]) == ([-16, 44, -99, -39], [-70, -81, -62, -30])
    assert TOUR.start(instance) == ("0,3,1,2", "0,1,2,3", "0,1,2,3", "0,2,3,1", "0,1,2,3")
    assert [TOUR.value(tour, instance) for tour in TOUR.start(instance)[:2]] == [371, 319]
    assert json.loads(json.dumps(instance)) == instance


def test_too_many_points_for_dp_are_refused() -> None:
    with pytest.raises(ValueError, match="another one than dp for more than 15 points, found 16"):
        TOUR.draw(TourOptions(nodes=16, excluded_start="dp"))


def test_the_problem_in_words() -> None:
    text = TOUR.describe(SQUARE)
    assert "5 points with their coordinates (x, y):\n(0): (0, 0), (1): (3, 0), (2): (3, 4)" in text
    assert "cut to a whole number" in text
    assert "rounded to 2 decimals" in TOUR.describe({**SQUARE, "decimals": 2})


def test_references() -> None:
    instance = instance_of(10)
    found = {each.name: each for each in TOUR.references(instance)}
    assert list(found) == [OPTIMUM, "nearest neighbor", "farthest insertion"]
    for each in found.values():
        assert TOUR.check(each.solution, instance) == ""
        assert TOUR.value(each.solution, instance) == each.value >= found[OPTIMUM].value
    assert found[OPTIMUM].value < found["nearest neighbor"].value
    assert OPTIMUM not in {each.name for each in TOUR.references(instance_of(51))}


def test_the_optimum_of_twenty_points_needs_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = instance_of(20)
    monkeypatch.setattr("opro_cli.problems.tour_solvers.solve_with_highs", lambda _: None)
    assert OPTIMUM not in {each.name for each in TOUR.references(instance)}
    monkeypatch.undo()
    pytest.importorskip("scipy")
    optimum, nearest, farthest = TOUR.references(instance)
    assert (optimum.name, optimum.value) == (OPTIMUM, 776)
    assert optimum.value <= min(nearest.value, farthest.value)


# Solutions.


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("0,1,2,3,4", ""),
        ("0,4,3,2,1", ""),
        ("0,1,1,3,4", "visits 1 twice, misses 2"),
        ("0,1,1,1,4,4", "visits 1 and 4 more than once, misses 2 and 3"),
        ("0,1,2", "misses 3 and 4"),
        ("0", "misses 1, 2, 3 and 4"),
        ("1,2,3,4,0", "does not start at 0"),
        ("0,1,2,3,4,0", "visits 0 twice"),
        ("0,1,2,3,5", "names point 5 of 0 to 4"),
        ("0,-1,2,3,4", "names point -1 of 0 to 4"),
        ("0," + "9" * 5000, "names point 999999999999… of 0 to 4"),
        ("", "expected numbers with commas between them, found ''"),
        ("0,b", "expected numbers with commas between them, found 'b'"),
        ("0,1,,2,3,4", "expected numbers with commas between them, found ''"),
        ("0 1 2 3 4", "expected numbers with commas between them, found '0 1 2 3 4'"),
    ],
)
def test_why_a_text_is_no_tour(text: str, fault: str) -> None:
    assert TOUR.check(text, SQUARE) == fault


def test_a_long_list_of_missing_points_is_cut() -> None:
    assert TOUR.check("0", instance_of(50)) == "misses 1, 2, 3, 4 and 45 others"


def test_the_length_by_hand() -> None:
    assert TOUR.value("0,1,2,3,4", SQUARE) == 14  # 3 + 4 + 3 + 2.236… + 2.236…
    assert TOUR.value("0,1,2,3,4", {**SQUARE, "decimals": 2}) == 14.47
    assert TOUR.value("0,1,2,-2,-1", SQUARE) == 14  # as the paper's reading lets it pass


@given(st.integers(3, 9), st.integers())
def test_improving_ends_in_a_local_optimum_and_goes_on_from_it(nodes: int, seed: int) -> None:
    instance, rng = {**instance_of(nodes), "decimals": 9}, Random(seed)
    tour = TOUR.draw_solution(instance, rng)
    assert TOUR.check(tour, instance) == ""
    best = TOUR.value(tour, instance)
    for _ in range(60):
        tour = TOUR.improve(tour, instance, rng)
        assert TOUR.check(tour, instance) == ""
        assert TOUR.read(tour, instance) == tour
        best = min(best, TOUR.value(tour, instance))
    assert best == TOUR.references(instance)[0].value


def test_a_move_makes_a_tour_shorter() -> None:
    instance = {**instance_of(30), "decimals": 9}
    rng = Random(5)
    tour = TOUR.draw_solution(instance, rng)
    for _ in range(15):
        better = TOUR.improve(tour, instance, rng)
        assert TOUR.value(better, instance) < TOUR.value(tour, instance)
        tour = better


def test_blind_draws_are_spread_over_all_tours() -> None:
    rng = Random(1)
    drawn = [TOUR.draw_solution(SQUARE, rng) for _ in range(1200)]
    assert len(set(drawn)) == 12
    assert min(drawn.count(tour) for tour in set(drawn)) > 60


# Reading replies: of five points, the tour 0,3,1,4,2 and its form 0,2,4,1,3.

COPIED = "The points are (0): (3, 1), (1): (4, 2), (2): (0, 3), (3): (1, 4), (4): (2, 0)."
READINGS = [
    "<trace>0,3,1,4,2</trace>",
    "<solution>0,2,4,1,3</solution>",
    "<SOLUTION> 0, 3, 1, 4, 2 </Solution>",
    "<trace>[0,3,1,4,2]</trace>",
    "<trace>0 3 1 4 2</trace>",
    "<trace>0 -> 3 -> 1 -> 4 -> 2 -> 0</trace>",
    "<trace>0→3→1→4→2</trace>",
    "<trace>0-3-1-4-2-0</trace>",
    "<trace>0,3,1,4,2.</trace>",
    "<trace>0,3,1,4,2,0</trace>",
    "<trace>1,4,2,0,3</trace>",
    "<trace>4,1,3,0,2,4</trace>",
    "<trace>(0), (3), (1), (4), (2)</trace>",
    "<trace>(0): (3, 1), (3): (1, 4), (1): (4, 2), (4): (2, 0), (2): (0, 3)</trace>",
    "<trace>0 (3, 1) -> 3 (1, 4) -> 1 (4, 2) -> 4 (2, 0) -> 2 (0, 3)</trace>",
    "<trace>Trace: 0,3,1,4,2\nlength: 310</trace>",
    "<trace>0,3,1\n4,2</trace>",
    "<trace>**0**, **3**, **1**, **4**, **2**</trace>",
    "<trace>0.0, 3.0, 1.0, 4.0, 2.0</trace>",
    "<trace>０，３，１，４，２</trace>",
    "<trace>0,1,2,3,4</trace> is long. Better: <trace>0,3,1,4,2</trace>",
    "<trace>0,3,1,4,2</trace> It starts with '<trace>' and ends with </trace>.",
    "It should start with '<trace>' and end with </trace>: <trace>0,3,1,4,2</trace>",
    "<solution>0,3,1,4,2</solution> is written as <solution>0,2,1,…</solution>",
    "<think><trace>0,1,2,3,4</trace>?</think>\n<trace>0,3,1,4,2</trace>",
    "<think><trace>0,1,2,3,4</trace>?</think>\nThe tour is [0, 3, 1, 4, 2].",
    "<think>Is it <trace>0,3,1,4,2</trace>?</think>",
    "<think>Is it <trace>0,3,1,4,2</trace>? I run out of tok",
    "[0, 3, 1, 4, 2]",
    "0,3,1,4,2",
    "The best tour is 0 -> 3 -> 1 -> 4 -> 2 -> 0, I think.",
    "First 0,1,2,3,4 with 400.\nThen 0,3,1,4,2 with 300.\nThat is 100 less.",
    COPIED + "\nTour: 0,3,1,4,2",
    "Tour: 0,3,1,4,2\n" + COPIED,
    "0,3,1,4,2\n514",
    '{"tour": [0, 3, 1, 4, 2], "length": 310}',
    "[\n  0,\n  3,\n  1,\n  4,\n  2\n]",
    "<trace>0,3,1,4,2",
    "0,3,1,4,2</trace>",
    r"$0 \to 3 \to 1 \to 4 \to 2$",
    "0, then 3, then 1, then 4, then 2",
]


@pytest.mark.parametrize("reply", READINGS)
def test_what_models_write_is_read(reply: str) -> None:
    assert TOUR.read(reply, SQUARE) == "0,2,4,1,3"


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ("", ""),
        ("I cannot do this.", ""),
        (COPIED, ""),
        ("(0): (1, 2), (1): (2, 0), (2): (0, 1)", ""),
        ("<trace></trace>", ""),
        ("<trace>none</trace>", ""),
        ("<trace>0,2,1,…</trace>", ""),
        ("The tour 0,1,2,3 misses one.", ""),
        ("0\n3\n1\n4\n2", ""),
        ("0.5, 3, 1, 4, 2", ""),
        ("<trace>0,1,1,2</trace>", "0,1,1,2"),
        ("<trace>0,1,1,2,0</trace>", "0,1,1,2"),
        ("<trace>0,-6,3</trace>", "0,-6,3"),
        ("<trace>1,2,3,4,5</trace>", "1,2,3,4,5"),
        ("<trace>0,3,1,4,2</trace> no: <trace>0,3</trace>", "0,3"),
        (f"<trace>0,{'7' * 5000}</trace>", f"0,{'7' * 5000}"),
    ],
)
def test_what_is_no_tour(reply: str, read: str) -> None:
    assert TOUR.read(reply, SQUARE) == read


@given(ORDERS, st.sampled_from([",", ", ", " ", " -> ", "→", "-", " ; "]), st.booleans())
def test_every_tour_is_read_in_one_form(order: list[int], between: str, closed: bool) -> None:
    instance = instance_of(len(order))
    text = between.join(map(str, order + order[:1] * closed))
    form = write_tour(canonize(order))
    for reply in (f"<trace>{text}</trace>", f"It is [{text}].", f"Tour: {text}\nDone."):
        assert TOUR.read(reply, instance) == form
    assert TOUR.check(form, instance) == ""


PIECES = ["<trace>", "</trace>", "<solution>", "</think>", "0,1,2", "(0): (1, -2.5)", "…", " ->"]
REPLIES = st.lists(st.sampled_from([*PIECES, "3", ",", "-", "\n", "٣", "\ud800", "²"]) | st.text())


@given(REPLIES.map("".join))
def test_reading_never_fails(reply: str) -> None:
    solution = TOUR.read(reply, SQUARE)
    if solution and not TOUR.check(solution, SQUARE):
        assert TOUR.read(solution, SQUARE) == solution


@pytest.mark.parametrize(
    "piece",
    ["<trace>", "<trace>0", "(", "( ", "(0", "(0,", " ", "< ", "9", "0,", "0 ", "-", "</think>0"],
)
def test_long_replies_are_read_at_once(piece: str) -> None:
    """Ten times the length takes some ten times as long, by the processor's own clock."""

    def measure(length: int) -> float:
        begin = time.process_time()
        TOUR.read(piece * (length // len(piece)), SQUARE)
        TOUR.read("<trace>" + piece * (length // len(piece)) + "</trace>", SQUARE)
        return time.process_time() - begin

    assert measure(400_000) < 40 * measure(40_000) + 0.5


# Files of coordinates.

BERLIN = """NAME: berlin3
TYPE: TSP
DIMENSION: 3
EDGE_WEIGHT_TYPE : EUC_2D
NODE_COORD_SECTION
1 565.0 575.0
2 25.0 185
3 3.45e+02 750.0
EOF
"""


@pytest.mark.parametrize(
    ("name", "text", "points"),
    [
        ("a.csv", "x,y\n1,2\n3.5,-40\n1,2\n", [(1, 2), (3.5, -40), (1, 2)]),
        ("a.csv", "1, 2\r\n\r\n3, 4\r\n5, 60", [(1, 2), (3, 4), (5, 60)]),
        ("a.tsv", "east\tnorth\n1\t2\n3\t4\n5\t60\n", [(1, 2), (3, 4), (5, 60)]),
        ("a.txt", "\ufeff  1 2\n3   4\n5;60\n", [(1, 2), (3, 4), (5, 60)]),
        ("a.json", "[[1, 2], [3, 4.0], [5e1, 6]]", [(1, 2), (3, 4.0), (50.0, 6)]),
        ("a.tsp", BERLIN, [(565.0, 575.0), (25.0, 185), (345.0, 750.0)]),
        ("a.txt", BERLIN.replace("EOF", "-1"), [(565.0, 575.0), (25.0, 185), (345.0, 750.0)]),
    ],
)
def test_coordinates_are_read(
    tmp_path: Path, name: str, text: str, points: list[tuple[float, float]]
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert repr(read_coordinates(str(path), 0)) == repr(points)
    instance = TOUR.draw(TourOptions(coordinates=str(path), nodes=7))
    assert list(zip(instance["x"], instance["y"], strict=True)) == points
    assert len(instance["start"]) == 5


MANY = "\n".join(f"{n},{n}" for n in range(MOST + 1))
BAD_FILES: list[tuple[str, bytes, str]] = [
    ("a.csv", b"", "a.csv: expected 3 to 1000 points, found 0"),
    ("a.csv", b"1,2\n3,4\n", "a.csv: expected 3 to 1000 points, found 2"),
    ("a.csv", MANY.encode(), "a.csv: expected 3 to 1000 points, found 1001"),
    ("a.csv", b"x,y\n1,2\n3\n", "a.csv:3: expected two numbers, x and y, found '3'"),
    ("a.csv", b"1,2\n3,4,5\n", "a.csv:2: expected two numbers, x and y, found '3,4,5'"),
    ("a.csv", b"1,2\n3,nan\n", "a.csv:2: expected two numbers, x and y, found '3,nan'"),
    ("a.csv", b"1,2\n3,-inf\n", "a.csv:2: expected two numbers"),
    ("a.csv", b"nan,nan\n3,4\n", "a.csv:1: expected two numbers"),
    ("a.csv", b"1,2\n3,1_0\n", "a.csv:2: expected two numbers"),
    ("a.csv", b"1,2\n3,1e400\n", "a.csv:2: expected coordinates up to 1,000,000,000, found"),
    ("a.csv", b"1,2\n3," + b"9" * 5000, "a.csv:2: expected coordinates up to 1,000,000,000"),
    ("a.csv", b"0,0\n0,1\n1,1\n", "a.csv: all points lie within 1 of each other, so that"),
    ("a.csv", b"1,2\n\xff\xfe,4\n", "a.csv:2: expected a text in UTF-8, found byte 0xff"),
    ("a.csv", bytes(range(128)) * 5, "a.csv:2: expected two numbers, x and y, found '"),
    ("a.csv", b"1,2\n" * 300_000, "a.csv: expected at most 1,000,000 bytes of coordinates"),
    ("a.json", b"[[1, 2], [3]]", "a.json: pair 2: expected two numbers, x and y, found '[3]'"),
    ("a.json", b"[[1, 2], 3]", "a.json: pair 2: expected two numbers"),
    ("a.json", b"[[1, 2], [true, null]]", "a.json: pair 2: expected two numbers"),
    ("a.json", b"[[1, 2], [NaN, 1]]", "a.json: pair 2: expected two numbers"),
    ("a.json", b'{"x": [1]}', "a.json: expected a JSON list of pairs [[x, y], …], found an obj"),
    ("a.json", b"[[1, 2]", "a.json: expected a JSON list of pairs: Expecting"),
    ("a.json", b"[" * 100_000, "a.json: expected a JSON list of pairs: "),
    ("a.tsp", BERLIN.replace("EUC_2D", "GEO").encode(), "EUC_2D and points in a NODE_COORD_SE"),
    ("a.tsp", BERLIN.replace("EUC_2D", "GEO").encode(), "found EDGE_WEIGHT_TYPE GEO"),
    ("a.tsp", b"NAME: a\n", "found EDGE_WEIGHT_TYPE none"),
    ("a.tsp", b"EDGE_WEIGHT_TYPE: EUC_2D\n", "found no NODE_COORD_SECTION"),
    ("a.tsp", BERLIN.replace("3\n", "4\n").encode(), "expected 4 points, as its DIMENSION says, f"),
    ("a.tsp", BERLIN.replace("2 25.0", "25.0").encode(), "a.tsp:7: expected two numbers, x and"),
]


@pytest.mark.parametrize(("name", "data", "message"), BAD_FILES)
def test_bad_files_are_refused(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError) as raised:
        TOUR.draw(TourOptions(coordinates=str(path)))
    assert message in raised.value.message
    assert str(path) in raised.value.message
    assert len(raised.value.message) < 300 + len(str(path))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.csv", "nowhere.csv: cannot be read: No such file or directory"),
        ("/", "/: expected a file of coordinates, found a folder"),
        ("/dev/zero", "/dev/zero: expected a file of coordinates, found a device"),
        ("a\0b", "cannot be read: "),
    ],
)
def test_what_is_no_file_is_refused(path: str, message: str) -> None:
    with pytest.raises(DataError) as raised:
        read_coordinates(path, 0)
    assert message in raised.value.message


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    try:
        points, message = read_coordinates(str(path), 0), ""
    except DataError as error:
        points, message = [], error.message
    assert len(points) >= 3 or str(path) in message
