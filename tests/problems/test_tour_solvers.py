"""The solvers against all permutations, against each other, and on cases worked by hand."""

from __future__ import annotations

import builtins
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.problems import tour_solvers as solvers
from opro_cli.problems.tour_solvers import Point
from opro_cli.strategies.tour import canonize, length

SQUARE: list[Point] = [(0, 0), (3, 4), (3, 0), (0, 4)]
GRID = st.integers(-4, 4)
POINTS = st.lists(st.tuples(GRID, GRID), min_size=3, max_size=7)
ORDERS = st.integers(3, 12).flatmap(lambda nodes: st.permutations(range(nodes)))


def measure(points: list[Point], tour: list[int]) -> float:
    assert sorted(tour) == list(range(len(points)))
    assert tour[0] == 0
    return length([x for x, _ in points], [y for _, y in points], tour, 9)


def draw_points(rng: Random, nodes: int, size: int = 100) -> list[Point]:
    return [(rng.randint(-size, size), rng.randint(-size, size)) for _ in range(nodes)]


def shortest(points: list[Point]) -> float:
    orders = permutations(range(1, len(points)))
    return min(measure(points, [0, *order]) for order in orders)


def test_the_square_by_hand() -> None:
    assert solvers.nearest_neighbor(SQUARE) == [0, 2, 1, 3]
    assert canonize(solvers.farthest_insertion(SQUARE)) == [0, 2, 1, 3]
    assert canonize(solvers.solve_exactly(SQUARE)) == [0, 2, 1, 3]
    assert measure(SQUARE, [0, 2, 1, 3]) == 14


def test_nearest_neighbor_takes_the_lowest_number_on_ties() -> None:
    assert solvers.nearest_neighbor([(0, 0), (1, 0), (-1, 0), (0, 1)]) == [0, 1, 3, 2]
    assert solvers.nearest_neighbor([(0, 0), (0, 0), (0, 0)]) == [0, 1, 2]


def insert_farthest(points: list[Point]) -> list[int]:
    """The reference's farthest insertion as its README says it: every place, every whole sum."""
    x, y = [a for a, _ in points], [b for _, b in points]
    tour, left = [0], list(range(1, len(points)))
    while left:
        best = {
            node: min(
                (length(x, y, [*tour[:at], node, *tour[at:]]), at) for at in range(1, len(tour) + 1)
            )
            for node in left
        }
        node = max(left, key=lambda each: (best[each][0], -each))
        tour.insert(best[node][1], node)
        left.remove(node)
    return tour


@given(st.lists(st.tuples(GRID, GRID), min_size=1, max_size=12))
def test_farthest_insertion_on_a_small_grid_full_of_ties(points: list[Point]) -> None:
    assert solvers.farthest_insertion(points) == insert_farthest(points)


@given(st.lists(st.tuples(*[st.floats(-30, 30)] * 2), min_size=1, max_size=9))
def test_farthest_insertion_anywhere(points: list[Point]) -> None:
    assert solvers.farthest_insertion(points) == insert_farthest(points)


@given(st.lists(st.integers(-30, 30), min_size=3, max_size=9))
def test_farthest_insertion_where_sums_are_whole_but_for_rounding(tenths: list[int]) -> None:
    points: list[Point] = [(tenth / 10, 0.0) for tenth in tenths]
    assert solvers.farthest_insertion(points) == insert_farthest(points)


@settings(deadline=None)
@given(POINTS)
def test_the_exact_solution_is_the_shortest_of_all(points: list[Point]) -> None:
    assert measure(points, solvers.solve_exactly(points)) == pytest.approx(shortest(points))


@given(POINTS)
def test_a_descended_tour_is_shortened_by_no_move(points: list[Point]) -> None:
    distances = solvers.measure_all(points)
    start = list(range(len(points)))
    tour = solvers.two_opt(start, distances)
    assert measure(points, tour) <= measure(points, start)
    assert not list(solvers.list_shortening(tour, distances))
    for first in range(1, len(points)):
        for last in range(first + 1, len(points)):
            moved = list(tour)
            solvers.reverse_part(moved, first, last)
            assert measure(points, moved) >= measure(points, tour) - 1e-6


def test_two_crossing_edges_are_one_move() -> None:
    distances = solvers.measure_all(SQUARE)
    assert list(solvers.list_shortening([0, 1, 2, 3], distances)) == [(1, 2), (2, 3)]
    assert solvers.two_opt([0, 1, 2, 3], distances) == [0, 2, 1, 3]


@given(ORDERS, st.integers())
def test_parts_change_places(order: list[int], seed: int) -> None:
    crossed = solvers.cross_bridges(order, Random(seed))
    assert sorted(crossed) == sorted(order)
    assert crossed[0] == order[0]
    assert (crossed != order) == (len(order) > 3)


@given(ORDERS)
def test_equal_tours_have_one_form(order: list[int]) -> None:
    form = canonize(order)
    assert form[0] == 0
    assert form[1] < form[-1]
    assert canonize(form) == form
    for turned in (order[1:] + order[:1], order[::-1]):
        assert canonize(turned) == form


def test_highs_agrees_with_dynamic_programming() -> None:
    pytest.importorskip("scipy")
    rng = Random(3)
    for _ in range(60):
        points = draw_points(rng, rng.randint(3, 12), rng.choice([2, 10, 1000]))
        tour = solvers.solve_with_highs(points)
        assert tour is not None
        assert tour == canonize(tour)
        best = measure(points, solvers.solve_exactly(points))
        assert measure(points, tour) == pytest.approx(best, rel=1e-6)


def test_highs_proves_its_optimum() -> None:
    """Of an instance whose relaxation is fractional; a gap of 5 % would let 904 pass."""
    pytest.importorskip("scipy")
    points = draw_points(Random(1), 20)
    tour = solvers.solve_with_highs(points)
    assert tour is not None
    assert measure(points, tour) == pytest.approx(870.598247122)


def test_highs_solves_a_lattice_of_fifty_points() -> None:
    pytest.importorskip("scipy")
    points: list[Point] = [(a, b) for a in range(10) for b in range(5)]
    tour = solvers.solve_with_highs(points)
    assert tour is not None
    assert measure(points, tour) == 50


def test_highs_gives_up_in_time() -> None:
    pytest.importorskip("scipy")
    assert solvers.solve_with_highs(draw_points(Random(1), 30), seconds=0.0) is None


def test_there_is_no_optimum_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *args: Any, **more: Any) -> Any:
        if name.startswith("scipy"):
            raise ImportError(name)
        return load(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert solvers.solve_with_highs(SQUARE) is None
