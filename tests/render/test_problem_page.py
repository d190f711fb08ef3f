"""A problem on a page: places worked out by hand, and texts and values of any kind."""

from __future__ import annotations

import math
import random
import re
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given

from opro_cli.core.task.problem import OPTIMUM, RecordedProblem, Reference
from opro_cli.render.html.assets import read_asset
from opro_cli.render.html.page import build_page
from opro_cli.render.html.problem import build_problem_section
from opro_cli.reports.problem import Found
from tests.render.test_problem import DIAGONAL, FOUND, PROBLEMS, SQUARE
from tests.reports.html.browser import CHROMIUM, Browser, browser

POINTS = RecordedProblem(
    "regression",
    {"x": [1, 2, 3, 4], "y": [3, 5, 7, 10], "w": 2, "b": 1},
    (
        Reference(OPTIMUM, "w=2, b=1", 1.0),
        Reference("true pair", "w=2, b=1", 1.0),
        Reference("least squares", "w=2.3, b=0.5", 0.3),
    ),
)
LINES = [
    Found(0, "w=10, b=5", 2200.0),
    Found(0, "w=12, b=14", 5000.0),
    Found(1, "w=5, b=2", 200.0),
    Found(2, "w=1e9, b=0", 3e19),
    Found(2, "nothing", 500.0),
    Found(3, "w=2, b=1", 1.0),
]
TOURS = [Found(0, "0,2,1,3", 48.28), Found(1, "0,2,-1,1", 50.0), Found(2, "0,1,2,3", 40.0)]


def parse(section: str) -> ElementTree.Element:
    return ElementTree.fromstring(section)


def paths(tree: ElementTree.Element, kind: str) -> list[str]:
    """The paths of charts, in order; those of legends are left out."""
    layers = tree.findall(".//svg[@class='layer']")
    return [
        path.attrib["d"] for layer in layers for path in layer.findall(f".//path[@class='{kind}']")
    ]


def captions(tree: ElementTree.Element) -> list[str]:
    return ["".join(each.itertext()) for each in tree.findall(".//figcaption")]


def test_a_square_is_drawn_with_its_sides() -> None:
    tree = parse(build_problem_section(SQUARE, TOURS))
    # The window is the square and 6 % more at each side: from -0.6 to 10.6.
    low, high = "53.6", "946.4"
    left, right = f"M{low} {high}L{low} {low}", f"M{high} {low}L{high} {high}"
    sides = f"{left}M{low} {high}L{high} {high}M{low} {low}L{high} {low}{right}"
    assert paths(tree, "optimal") == [sides]
    assert paths(tree, "bestline")[0] == sides
    assert not paths(tree, "strange")
    assert captions(tree)[0] == (
        "Best so far: length 40, at the optimum, found in step 2. Its order: 0,1,2,3"
    )


def test_edges_that_are_not_in_the_optimum_are_told_apart() -> None:
    tree = parse(build_problem_section(SQUARE, TOURS[:1]))
    diagonals = "M53.6 946.4L946.4 53.6M53.6 53.6L946.4 946.4"
    assert paths(tree, "strange") == [diagonals]
    assert captions(tree)[0].startswith(
        "Best so far: length 48.28, 20.7 % above the optimum, at the start. "
        "2 of its 4 edges are not in the optimum."
    )


def test_small_maps_show_which_edges_are_new() -> None:
    tree = parse(build_problem_section(SQUARE, TOURS))
    panels = tree.findall(".//div[@class='panels']/figure")
    assert captions(tree)[-2:] == ["start: 48.28", "step 2: 40, 2 new edges"]
    assert [len(paths(panel, "bestline")) for panel in panels] == [0, 1]
    assert paths(panels[1], "bestline")[0].count("M") == 2
    assert paths(panels[1], "gone")[0].count("M") == 2


def test_there_are_six_small_maps_at_most() -> None:
    found = [Found(step, "0,1,2,3", 100.0 - step) for step in range(40)]
    tree = parse(build_problem_section(SQUARE, found))
    assert [each.split(":")[0] for each in captions(tree)[-6:]] == [
        *("start", "step 8", "step 16", "step 23", "step 31", "step 39")
    ]


def test_a_tour_that_misses_cities_says_so() -> None:
    text = captions(parse(build_problem_section(SQUARE, [Found(1, "0,1,1", 20.0)])))[0]
    assert "50.0 % below the optimum" in text
    assert "It leaves out 2 cities." in text


def test_the_best_lines_are_drawn_through_the_points() -> None:
    tree = parse(build_problem_section(DIAGONAL, [Found(1, "w=1, b=0", 0.0)]))
    assert paths(tree, "spots")[0] == "M53.6 946.4h.1M500 500h.1M946.4 53.6h.1"
    assert paths(tree, "bestline")[0] == "M0 1000L1000 0"
    assert paths(tree, "mean") == ["M0 1000L1000 0"]


def test_a_ring_of_the_surface_joins_pairs_with_the_same_loss() -> None:
    section = build_problem_section(POINTS, LINES)
    tree = parse(section)
    chart = tree.findall(".//figure")[1]
    rings = chart.findall(".//ellipse")
    assert len(rings) == 8
    # Two ticks of each axis say where w and b are.
    ticks = [
        (text.attrib, float(text.text or ""))
        for text in chart.findall(".//svg/text")
        if re.fullmatch(r"-?[\d.]+", text.text or "")
    ]
    across = [(float(a["x"][:-1]) * 10, value) for a, value in ticks if a["class"] == "below"]
    down = [(float(a["y"][:-1]) * 10, value) for a, value in ticks if a["class"] == "left"]

    def read(axis: list[tuple[float, float]], at: float) -> float:
        (start, low), (end, high) = axis[0], axis[-1]
        return low + (at - start) / (end - start) * (high - low)

    def measure(w: float, b: float) -> float:
        xs, ys = POINTS.instance["x"], POINTS.instance["y"]
        return float(sum((y - w * x - b) ** 2 for x, y in zip(xs, ys, strict=True))) - 0.3

    excesses = []
    for ring in rings:
        x, y, turn = map(float, re.findall(r"-?[\d.]+(?:e[+-]\d+)?", ring.attrib["transform"]))
        turn = math.radians(turn)
        rx, ry = float(ring.attrib["rx"]), float(ring.attrib["ry"])
        tips = [(x + rx * math.cos(turn), y + rx * math.sin(turn))]
        tips.append((x - ry * math.sin(turn), y + ry * math.cos(turn)))
        excesses.append([measure(read(across, u), read(down, v)) for u, v in tips])
    for short, long in excesses[:5]:
        assert short == pytest.approx(long, rel=0.05)
    for (outer, _), (inner, _) in pairwise(excesses[:5]):
        assert outer / inner == pytest.approx(4, rel=0.05)


def test_the_path_starts_at_the_best_of_the_start() -> None:
    found = [Found(0, "w=12, b=14", 5000.0), Found(0, "w=10, b=5", 2200.0), *LINES[2:]]
    tree = parse(build_problem_section(POINTS, found))
    surface = tree.findall(".//figure")[1]
    (path,) = paths(surface, "halo")
    assert path.count("L") == 2
    square = surface.find(".//svg[@role='img']/g[@class='start']/svg")
    assert square is not None
    start = [float(square.attrib[name][:-1]) * 10 for name in "xy"]
    assert [float(at) for at in path[1:].split("L")[0].split()] == pytest.approx(start, abs=0.1)


def test_outliers_are_counted_and_not_drawn() -> None:
    tree = parse(build_problem_section(POINTS, LINES))
    assert "1 solution outside the picture." in captions(tree)[1]
    assert sum(path.count("M") for path in paths(tree, "spots")[1:]) == 4


def test_the_curve_goes_down_in_stairs() -> None:
    tree = parse(build_problem_section(SQUARE, TOURS))
    stairs = re.fullmatch(r"M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)H1000", paths(tree, "bestline")[1])
    assert stairs
    start, first, turn, last = map(float, stairs.groups())
    assert 0 < start < turn < 1000
    assert 0 < first < last < 1000


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1.0, 50.0, 5000.0], ["1", "10", "100", "1000"]),
        ([0.0, 50.0, 5000.0, 5.0], ["0", "1", "10", "100", "1000"]),
        ([-1.0, 5.0, 9.0], ["0", "5"]),
        ([10.0, 15.0, 20.0], ["10", "15", "20"]),
        ([7.0, 7.0], ["6.5", "7", "7.5"]),
    ],
)
def test_the_axis_of_values_is_logarithmic_over_two_decades(
    values: list[float], labels: list[str]
) -> None:
    own = RecordedProblem("own", {})
    tree = parse(build_problem_section(own, [Found(0, "", value) for value in values]))
    drawn = [t.text for t in tree.findall(".//svg/text[@class='left']") if t.text != "value"]
    assert drawn == labels
    assert ("logarithmic" in captions(tree)[0]) == (labels[1] in ("1", "10"))


@pytest.mark.parametrize("minimise", [True, False])
def test_names_of_known_solutions_do_not_overlap(minimise: bool) -> None:
    values = {"a": 100, "b": 101, "c": 102, "d": 103, "e": 140, "f": 100}
    known = tuple(Reference(name, "", value) for name, value in values.items())
    found = [Found(0, "", 10.0), Found(1, "", 200.0)]
    section = build_problem_section(RecordedProblem("own", {}, known), found, minimise)
    texts = parse(section).findall(".//svg/text[@class='name left']")
    places = {text.text: float(text.attrib["y"]) for text in texts}
    in_order = ["e 140", "d 103", "c 102", "b 101", "a, f 100"]
    assert sorted(places, key=lambda name: places[name]) == in_order
    assert all(low - high >= 14 for high, low in pairwise(sorted(places.values())))


def test_of_a_problem_of_ones_own_there_is_only_the_curve() -> None:
    tree = parse(build_problem_section(RecordedProblem("own", {}), TOURS, key="r7"))
    assert len(tree.findall(".//figure")) == 1
    assert tree.attrib["id"] == "r7-problem"


def test_without_a_value_there_is_a_note() -> None:
    text = "".join(parse(build_problem_section(SQUARE, [Found(0, "0,1", math.nan)])).itertext())
    assert text.endswith("No solution has a value yet.")


@pytest.mark.parametrize("problem", [POINTS, SQUARE, RecordedProblem("own", {})])
def test_no_text_breaks_out(problem: RecordedProblem) -> None:
    bad = '"><script>alert(1)</script>\x1b\u202e'
    references = (Reference(bad, bad, 0.5), *problem.references)
    hostile = RecordedProblem(problem.name, problem.instance, references)
    section = build_problem_section(hostile, [Found(0, bad, -1.0), *TOURS], key="r1")
    assert "<script" not in section
    assert not set("\x1b\u202e") & set(section)
    parse(section)


@pytest.mark.parametrize("problem", [POINTS, SQUARE])
def test_a_long_search_stays_small(problem: RecordedProblem) -> None:
    draw = random.Random(7)
    found = []
    for n in range(8000):
        pair = f"w={draw.gauss(2, 20):.3f}, b={draw.gauss(1, 20):.3f}"
        tour = ",".join(map(str, draw.sample(range(4), 4)))
        found.append(Found(n // 8, pair if problem is POINTS else tour, draw.gauss(1e6 - n, 1e5)))
    section = build_problem_section(problem, found)
    assert len(section) < 120_000
    charts = re.findall("<svg.*?</figure>", section)
    assert max(map(len, charts)) < 60_000


@given(PROBLEMS, FOUND)
def test_whatever_was_found_is_drawn(problem: RecordedProblem, found: list[Found]) -> None:
    for minimise in (True, False):
        tree = parse(build_problem_section(problem, found, minimise))
        for drawn in tree.iter():
            for name in ("d", "x", "y", "x1", "y1", "rx", "ry", "transform"):
                assert not re.search("nan|inf", drawn.attrib.get(name, ""))


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "profile") as tab:
        yield tab
        assert not tab.said


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["wide", "narrow"])
async def test_the_drawings_fit_and_can_be_read(
    tab: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    page = tmp_path / "page.html"
    parts = [
        build_problem_section(POINTS, LINES, key="r1"),
        build_problem_section(SQUARE, TOURS, key="r2"),
    ]
    page.write_text(build_page("drawings", parts, style=read_asset("report.css")), "utf-8")
    await tab.open(page, *size)
    root = "document.documentElement"
    assert await tab.evaluate(f"{root}.scrollWidth === {root}.clientWidth")
    heights = (
        "[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height)"
    )
    assert await tab.evaluate(f"Math.min(...{heights})") >= 11
    outside = (
        "[...document.querySelectorAll('svg text')].filter(t => {"
        "const inner = t.getBoundingClientRect(), box = t.closest('section')"
        ".getBoundingClientRect(); return inner.left < box.left || inner.right > box.right;"
        "}).map(t => t.textContent).join()"
    )
    assert await tab.evaluate(outside) == ""
