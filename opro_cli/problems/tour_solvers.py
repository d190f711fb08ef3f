"""Solvers of the travelling-salesman problem in the plane: two heuristics, two exact ones, 2-opt.

The first three follow google-deepmind/opro, optimize_tsp.py, number for number. Points have whole
or decimal coordinates of any unit; a tour is a list of their numbers that starts at 0.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any

from opro_cli.core.draws import Random
from opro_cli.strategies.tour import canonize, measure_edge

Point = tuple[float, float]
Tour = list[int]
Distances = list[list[float]]

SHORTER = 1e-9
"""The share of the edges it takes out by which a move must shorten a tour: more than rounding."""


def measure_all(points: Sequence[Point]) -> Distances:
    """Return the distances between all points, to the last bit of the reference's."""
    return [[measure_edge(ax - bx, ay - by) for bx, by in points] for ax, ay in points]


def nearest_neighbor(points: Sequence[Point]) -> Tour:
    """Return the tour that goes from 0 to the nearest point left, the lowest number on ties."""
    distances = measure_all(points)
    tour, left = [0], list(range(1, len(points)))
    while left:
        tour.append(min(left, key=distances[tour[-1]].__getitem__))
        left.remove(tour[-1])
    return tour


def farthest_insertion(points: Sequence[Point]) -> Tour:
    """Return the tour of the reference's farthest insertion, which is not the textbook's.

    From [0] on, the point is inserted whose best place gives the longest tour, where lengths are
    cut to whole units: the lowest number on ties, its first place on ties.
    """
    insertion = _Insertion(measure_all(points))
    while insertion.cheapest:
        insertion.insert_next()
    return insertion.tour


class _Insertion:
    """A tour that grows, and the cheapest place for each point that is left.

    Lengths are cut, so the sum of a whole tour in its order only matters close to a whole number;
    elsewhere the length so far and the change tell the same, in a small part of the time.
    """

    def __init__(self, distances: Distances) -> None:
        self.distances = distances
        self.tour = [0]
        self.length = 0.0
        self.doubt = 1e-9 * (1.0 + sum(map(max, distances)))
        # What a point adds in its cheapest place, and the edge that it replaces there.
        self.cheapest = {
            node: (2.0 * distances[0][node], (0, 0)) for node in range(1, len(distances))
        }

    def insert_next(self) -> None:
        """Insert the next point."""
        cuts = {node: self._cut_best(node) for node in self.cheapest}
        longest = max(cuts.values())
        node = next(node for node, cut in cuts.items() if cut == longest)
        place = next(
            place
            for place in range(1, len(self.tour) + 1)
            if self._cut(node, place, self._add(node, place)) == longest
        )
        del self.cheapest[node]
        self.tour.insert(place, node)
        self.length = self._sum(self.tour)
        self._update(place)

    def _cut_best(self, node: int) -> int:
        """Return the shortest whole length that a tour with this point too can have."""
        added, _ = self.cheapest[node]
        if not self._is_doubtful(added):
            return int(self.length + added)
        places = range(1, len(self.tour) + 1)
        return min(
            self._cut(node, place, change)
            for place in places
            if (change := self._add(node, place)) <= added + 2 * self.doubt
        )

    def _cut(self, node: int, place: int, added: float) -> int:
        if not self._is_doubtful(added):
            return int(self.length + added)
        return int(self._sum([*self.tour[:place], node, *self.tour[place:]]))

    def _is_doubtful(self, added: float) -> bool:
        total = self.length + added
        return abs(total - round(total)) < self.doubt

    def _add(self, node: int, place: int) -> float:
        """Return the length that is added by a point between two neighbours of the tour."""
        before, after = self.tour[place - 1], self.tour[place % len(self.tour)]
        row = self.distances[node]
        return row[before] + row[after] - self.distances[before][after]

    def _sum(self, tour: Tour) -> float:
        total = 0.0  # `sum` compensates for rounding, from Python 3.12 on
        for here, there in pairwise([*tour, tour[0]]):
            total += self.distances[here][there]
        return total

    def _update(self, place: int) -> None:
        """Bring the cheapest places up to date after an insertion."""
        tour, distances = self.tour, self.distances
        before, node, after = tour[place - 1], tour[place], tour[(place + 1) % len(tour)]
        for left, known in self.cheapest.items():
            row = distances[left]
            gone = known[1] == (before, after)
            edges = pairwise([*tour, tour[0]]) if gone else ((before, node), (node, after))
            places = [
                (row[here] + row[there] - distances[here][there], (here, there))
                for here, there in edges
            ]
            self.cheapest[left] = min(places if gone else [known, *places])


def solve_exactly(points: Sequence[Point]) -> Tour:
    """Return the shortest tour by dynamic programming over sets (Bellman, Held and Karp).

    n**2 * 2**n: about a second for 15 points. Of tours that are equal to the last bit it returns
    the one that the reference does.
    """
    distances, nodes = measure_all(points), len(points)
    if nodes == 1:
        return [0]
    # By last point and set of points: the length, and the point before the last one.
    layers: list[dict[tuple[int, int], tuple[float, int]]] = [{(0, 1): (0.0, 0)}]
    for _ in range(nodes - 2):
        layers.append(_extend(layers[-1], distances))
    best, last, visited = float("inf"), 0, 1
    for (node, seen), (total, _) in layers[-1].items():
        left = (2**nodes - 1 - seen).bit_length() - 1
        closed = total + distances[node][left] + distances[left][0]
        if closed < best:
            best, last, visited = closed, node, seen
    tour = [(2**nodes - 1 - visited).bit_length() - 1, last]
    for layer in layers[:0:-1]:
        tour.append(layer[tour[-1], visited][1])
        visited ^= 1 << tour[-2]
    return tour[::-1]


def _extend(
    layer: dict[tuple[int, int], tuple[float, int]], distances: Distances
) -> dict[tuple[int, int], tuple[float, int]]:
    """Return the shortest paths of one point more, in the order of their discovery."""
    longer: dict[tuple[int, int], tuple[float, int]] = {}
    for (last, visited), (total, _) in layer.items():
        for node, edge in enumerate(distances[last]):
            if visited >> node & 1:
                continue
            key = (node, visited | 1 << node)
            known = longer.get(key)
            if known is None or total + edge < known[0]:
                longer[key] = (total + edge, last)
    return longer


def list_shortening(tour: Sequence[int], distances: Distances) -> Iterator[tuple[int, int]]:
    """Yield the moves of 2-opt that shorten a tour: the first and last place of a part to reverse.

    The tour may be changed between two of them.
    """
    nodes = len(tour)
    for first in range(1, nodes - 1):
        for last in range(first + 1, nodes):
            before, after = tour[first - 1], tour[(last + 1) % nodes]
            row, other = distances[tour[first]], distances[tour[last]]
            old = row[before] + other[after]
            if old - other[before] - row[after] > SHORTER * old:
                yield first, last


def reverse_part(tour: Tour, first: int, last: int) -> None:
    """Reverse the part of a tour between two places, both included."""
    tour[first : last + 1] = tour[first : last + 1][::-1]


def two_opt(tour: Sequence[int], distances: Distances) -> Tour:
    """Return a tour that no move of 2-opt shortens, reached by first shortening moves."""
    descended = list(tour)
    while True:
        moves = 0
        for first, last in list_shortening(descended, distances):
            reverse_part(descended, first, last)
            moves += 1
        if not moves:
            return descended


def cross_bridges(tour: Sequence[int], rng: Random) -> Tour:
    """Return a tour with two neighbouring parts exchanged, which no move of 2-opt can do."""
    if len(tour) < 4:
        return list(tour)
    first, middle, last = sorted(rng.sample(range(1, len(tour)), 3))
    return [*tour[:first], *tour[middle:last], *tour[first:middle], *tour[last:]]


def solve_with_highs(points: Sequence[Point], seconds: float = 60.0) -> Tour | None:
    """Return the shortest tour by integer programming, for up to about 50 points.

    Every point has two edges; a solution of several tours gets the constraints that it breaks
    (each of its sets of points must be left by two edges), until there is one tour alone.

    Args:
        points: At least 3.
        seconds: The time after which it gives up.

    Returns:
        The tour, proven to be the shortest within the tolerance of HiGHS, 1e-6 of its length; None
        without scipy, or where the time was too short.
    """
    try:
        import scipy.optimize  # noqa: F401 - an extra
    except ImportError:
        return None
    program = _Program(measure_all(points), time.monotonic() + seconds)
    program.connect(whole=False)  # solved sooner, and most of the constraints show in it already
    edges = program.connect(whole=True)
    return None if edges is None else canonize(_walk(edges))


class _Program:
    """The integer program: a variable for each edge, 1 where the tour takes it."""

    def __init__(self, distances: Distances, deadline: float) -> None:
        self.nodes = len(distances)
        self.edges = list(combinations(range(self.nodes), 2))
        longest = max(map(max, distances)) or 1.0
        # HiGHS takes solutions within 1e-6 for equal, whatever the unit.
        self.costs = [1e3 * distances[a][b] / longest for a, b in self.edges]
        self.deadline = deadline
        self.rows = [self._leave({node}) for node in range(self.nodes)]
        self.upper = [2.0] * self.nodes

    def _leave(self, part: set[int]) -> list[float]:
        """Return the row that counts the edges out of a set of points."""
        return [float((a in part) != (b in part)) for a, b in self.edges]

    def connect(self, *, whole: bool) -> list[tuple[int, int]] | None:
        """Return the edges of the best solution that connects all points; as `solve` otherwise."""
        while (edges := self.solve(whole=whole)) is not None:
            parts = _find_parts(edges, self.nodes)
            if len(parts) == 1:
                break
            self.separate(parts)
        return edges

    def separate(self, parts: Sequence[set[int]]) -> None:
        """Require that at least two edges leave each of these sets."""
        for part in parts:
            self.rows.append(self._leave(part))
            self.upper.append(float("inf"))

    def solve(self, *, whole: bool) -> list[tuple[int, int]] | None:
        """Return the edges of the best solution, of its relaxation unless `whole`; None for none.

        An edge of the relaxation counts where it has any share.
        """
        import numpy as np
        from scipy.optimize import LinearConstraint, milp

        left = self.deadline - time.monotonic()
        if left <= 0:
            return None
        rows = np.array(self.rows)
        found: Any = milp(
            self.costs,
            integrality=np.full(len(self.costs), int(whole)),
            bounds=(0, 1),
            constraints=LinearConstraint(rows, np.full(len(rows), 2.0), np.array(self.upper)),
            options={"mip_rel_gap": 0.0, "time_limit": left},
        )
        if found.status != 0:
            return None
        least = 0.5 if whole else 1e-6
        return [edge for edge, share in zip(self.edges, found.x, strict=True) if share > least]


def _find_parts(edges: Sequence[tuple[int, int]], nodes: int) -> list[set[int]]:
    """Return the sets of points that edges connect."""
    parts = [{node} for node in range(nodes)]
    for edge in edges:
        one, other = (next(part for part in parts if node in part) for node in edge)
        if one is not other:
            one |= other
            parts = [part for part in parts if part is not other]
    return parts


def _walk(edges: Sequence[tuple[int, int]]) -> Tour:
    """Return the tour that these edges make."""
    neighbours: dict[int, list[int]] = {}
    for here, there in edges:
        neighbours.setdefault(here, []).append(there)
        neighbours.setdefault(there, []).append(here)
    tour = [0, neighbours[0][0]]
    while len(tour) < len(neighbours):
        one, other = neighbours[tour[-1]]
        tour.append(other if one == tour[-2] else one)
    return tour
