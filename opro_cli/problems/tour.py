"""The travelling salesman in the plane: draw points, or read them from a file, and judge tours.

Points, starting tours and lengths are those of google-deepmind/opro, optimize_tsp.py, for the same
seed. How the replies of models are read is our own; the reference's reading is that of the strategy
paper-tour.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from opro_cli.core.draws import LegacyStream, Random
from opro_cli.core.task.problem import OPTIMUM, Instance, Reference
from opro_cli.errors import DataError, reason_of
from opro_cli.files import NotAFileError, open_to_read
from opro_cli.ports import Problem
from opro_cli.problems import tour_solvers as solvers
from opro_cli.problems.tour_solvers import Point
from opro_cli.strategies.tour import (
    canonize,
    find_tour,
    length,
    read_numbers,
    round_length,
    shorten,
    write_tour,
)

FEWEST, MOST = 3, 1000
"""The points of an instance: of two there is one tour alone."""
MOST_EXACT, MOST_HIGHS = 15, 50
"""The points up to which an optimum takes seconds, without HiGHS and with it."""
FARTHEST = 1e9
"""The largest coordinate of a file, either way: no length of a tour overflows."""
LARGEST_FILE = 1_000_000
"""Bytes."""

Oracle = Literal["farthest_insertion", "nearest_neighbor", "dp"]
ORACLES: Mapping[str, Callable[[Sequence[Point]], list[int]]] = {
    "farthest_insertion": solvers.farthest_insertion,
    "nearest_neighbor": solvers.nearest_neighbor,
    "dp": solvers.solve_exactly,
}


@dataclass(frozen=True)
class TourOptions:
    """The keys of `task` for this problem.

    Attributes:
        nodes: Points that are drawn; of no effect with `coordinates`.
        seed: Of the points and the starting tours, as numpy takes it.
        decimals: Of drawn coordinates and of lengths; at 0 both are cut to whole numbers.
        coordinates: A file with the points: "x,y" a line, JSON [[x, y], …] or TSPLIB; None to
            draw them. Its coordinates stay as they are.
        excluded_start: The tour that no search starts from; the reference's --starting_algorithm.
        starts: Starting tours that are drawn, equal ones among them.
    """

    nodes: int = 10
    seed: int = 0
    decimals: int = 0
    coordinates: str | None = None
    excluded_start: Oracle = "farthest_insertion"
    starts: int = 5

    def __post_init__(self) -> None:
        bounds = {
            "nodes": (FEWEST, MOST),
            "seed": (0, 2**32 - 1),
            "decimals": (0, 15),
            "starts": (1, 100),
        }
        for key, (low, high) in bounds.items():
            if not low <= getattr(self, key) <= high:
                raise ValueError(
                    f"{key}: expected a whole number from {low} to {high}, "
                    f"found {getattr(self, key)}"
                )


class Tour(Problem):
    """The shortest closed tour through points in the plane; its texts are "0,3,1,2"."""

    name = "tour"
    Options = TourOptions
    minimise = True

    def draw(self, options: TourOptions) -> Instance:
        """Return points and starting tours.

        Raises:
            ValueError: `excluded_start` is dp, for more points than it can solve.
            DataError: The file of coordinates cannot be read; says where, and what was expected.
        """
        stream = LegacyStream(options.seed)
        if options.coordinates is None:
            points = draw_points(stream, options.nodes, options.decimals)
        else:
            points = read_coordinates(options.coordinates, options.decimals)
        if options.excluded_start == "dp" and len(points) > MOST_EXACT:
            raise ValueError(
                f"excluded_start: expected another one than dp for more than {MOST_EXACT} points, "
                f"found {len(points)} points"
            )
        excluded = ORACLES[options.excluded_start](points)
        return {
            "x": [x for x, _ in points],
            "y": [y for _, y in points],
            "seed": options.seed,
            "decimals": options.decimals,
            "start": draw_start(stream, excluded, options.starts),
        }

    def describe(self, instance: Instance) -> str:
        """Return the points, and what a tour is."""
        decimals = instance["decimals"]
        points = ", ".join(f"({node}): ({x}, {y})" for node, (x, y) in enumerate(_points(instance)))
        form = f"rounded to {decimals} decimals" if decimals else "cut to a whole number"
        return (
            f"Below are {len(instance['x'])} points with their coordinates (x, y):\n{points}\n\n"
            "Find the shortest tour. A tour begins at point 0, visits every point exactly once and "
            "returns to point 0. Its value is its length: the sum of the straight distances from "
            f"point to point, the way back included, {form}.\n\n"
            "A solution is the numbers of the points in the order of the visits, with 0 first and "
            "not again at the end, separated by commas: 0,2,1,…"
        )

    def start(self, instance: Instance) -> Sequence[str]:
        """Return the starting tours, which may repeat."""
        return tuple(instance["start"])

    def value(self, solution: str, instance: Instance) -> float:
        """Return the length in the unit of the coordinates, as the reference computes it."""
        numbers = read_numbers(solution)
        return length(instance["x"], instance["y"], numbers, instance["decimals"])

    def check(self, solution: str, instance: Instance) -> str:
        """Return why a text is no tour, "visits 3 twice, misses 4 and 7"; "" for a tour."""
        nodes = len(instance["x"])
        parts = [part.strip() for part in solution.split(",")]
        unread = next((part for part in parts if not _WHOLE.fullmatch(part)), None)
        if unread is not None:
            return f"expected numbers with commas between them, found {unread!r:.40}"
        strange = next((each for each in parts if not _is_index(each, nodes)), None)
        if strange is not None:
            return f"names point {shorten(strange)} of 0 to {nodes - 1}"
        tour = [int(part) for part in parts]
        visits = Counter(tour)
        often = "twice" if max(visits.values()) == 2 else "more than once"
        faults = {
            f"visits {{}} {often}": [node for node in visits if visits[node] > 1],
            "misses {}": [node for node in range(nodes) if node not in visits],
            "does not start at 0": [tour[0]] if tour[0] else [],
        }
        return ", ".join(fault.format(_enumerate(who)) for fault, who in faults.items() if who)

    def read(self, reply: str, instance: Instance) -> str:
        """Return the tour in a reply, from 0 on, its second number lower than its last.

        A tag with numbers that are no tour gives them as they are, for `check` to judge.
        """
        return find_tour(reply, len(instance["x"]))

    def references(self, instance: Instance) -> Sequence[Reference]:
        """Return the optimum, where it can be found, and two heuristics."""
        points = _points(instance)
        tours = {"nearest neighbor": solvers.nearest_neighbor(points)}
        tours["farthest insertion"] = solvers.farthest_insertion(points)
        optimum = find_optimum(points)
        if optimum is not None:
            tours = {OPTIMUM: optimum, **tours}
        texts = {name: write_tour(canonize(tour)) for name, tour in tours.items()}
        return [Reference(name, text, self.value(text, instance)) for name, text in texts.items()]

    def draw_solution(self, instance: Instance, rng: Random) -> str:
        """Return a tour, each as likely as any other."""
        others = list(range(1, len(instance["x"])))
        rng.shuffle(others)
        return write_tour(canonize([0, *others]))

    def improve(self, solution: str, instance: Instance, rng: Random) -> str:
        """Return a tour that one move of 2-opt made shorter, drawn from all that do.

        Where none does, it is the tour with two parts exchanged, and made shorter from there until
        again no move does: iterated local search.
        """
        tour = read_numbers(solution)
        distances = solvers.measure_all(_points(instance))
        moves = list(solvers.list_shortening(tour, distances))
        if moves:
            solvers.reverse_part(tour, *rng.choice(moves))
        else:
            tour = solvers.two_opt(solvers.cross_bridges(tour, rng), distances)
        return write_tour(canonize(tour))


def draw_points(stream: LegacyStream, nodes: int, decimals: int) -> list[Point]:
    """Return points of the square from -100 to 100, cut toward zero at 0 decimals."""
    x, y = (stream.uniform(-100.0, 100.0, nodes) for _ in range(2))
    return [
        (round_length(a, decimals), round_length(b, decimals)) for a, b in zip(x, y, strict=True)
    ]


def draw_start(stream: LegacyStream, excluded: Sequence[int], count: int) -> list[str]:
    """Return tours drawn blindly, which may repeat; never `excluded`, but its reverse is fine."""
    start: list[str] = []
    while len(start) < count:
        tour = stream.choice(range(len(excluded)), len(excluded))
        if tour[0] == 0 and tour != list(excluded):
            start.append(write_tour(tour))
    return start


def find_optimum(points: Sequence[Point]) -> list[int] | None:
    """Return the shortest tour; None for too many points, or without HiGHS."""
    if len(points) <= MOST_EXACT:
        return solvers.solve_exactly(points)
    return solvers.solve_with_highs(points) if len(points) <= MOST_HIGHS else None


def _points(instance: Instance) -> list[Point]:
    return list(zip(instance["x"], instance["y"], strict=True))


_WHOLE = re.compile(r"[-+]?\d+")


def _is_index(number: str, nodes: int) -> bool:
    return len(number) < 19 and 0 <= int(number) < nodes


def _enumerate(nodes: Sequence[int], most: int = 5) -> str:
    """Return "1, 4 and 7"; of more than `most` the first ones and the number of the others."""
    names = list(map(str, nodes))
    if len(names) > most:
        names[most - 1 :] = [f"{len(names) - most + 1} others"]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def read_coordinates(source: str, decimals: int) -> list[Point]:
    """Return the points in a file: lines of x and y, a JSON list of pairs, or TSPLIB.

    Args:
        source: Its path.
        decimals: Of the lengths that must tell tours apart.

    Raises:
        DataError: Says where, what was expected and what was found.
    """
    text = _read_text(source)
    if source.lower().endswith(".tsp") or "NODE_COORD_SECTION" in text:
        points = _read_tsplib(text, source)
    elif text.lstrip()[:1] in ("[", "{"):
        points = _read_json(text, source)
    else:
        points = _read_lines(text, source)
    if not FEWEST <= len(points) <= MOST:
        raise DataError(f"{source}: expected {FEWEST} to {MOST} points, found {len(points)}")
    width = max(max(axis) - min(axis) for axis in zip(*points, strict=True))
    if 0 < width * 10**decimals < 10:
        raise DataError(
            f"{source}: all points lie within {width:g} of each other, so that lengths of "
            f"{decimals} decimals hardly tell tours apart",
            "give `decimals` a higher value, or the coordinates a smaller unit",
        )
    return points


def _read_text(source: str) -> str:
    try:
        with open_to_read(Path(source)) as file:
            data = file.read(LARGEST_FILE + 1)
    except NotAFileError as error:
        raise DataError(f"{source}: expected a file of coordinates, found {error.kind}") from None
    except IsADirectoryError:
        raise DataError(f"{source}: expected a file of coordinates, found a folder") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise DataError(f"{source}: cannot be read: {reason_of(error)}") from None
    if len(data) > LARGEST_FILE:
        raise DataError(f"{source}: expected at most {LARGEST_FILE:,} bytes of coordinates")
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{error.object[error.start]:02x}"
        raise DataError(
            f"{source}:{number}: expected a text in UTF-8, found {found}", "save it as UTF-8"
        ) from None


_DECIMAL = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)


def _read_pair(cells: Sequence[str], where: str, found: str) -> Point:
    """Return a point.

    Raises:
        DataError: There are not two numbers, or one lies too far out.
    """
    if len(cells) != 2 or not all(map(_DECIMAL.fullmatch, cells)):
        raise DataError(f"{where}: expected two numbers, x and y, found {found!r:.60}")
    if any(abs(float(cell)) > FARTHEST for cell in cells):
        limit = f"{FARTHEST:,.0f}"
        raise DataError(f"{where}: expected coordinates up to {limit}, found {found!r:.60}")
    x, y = (float(cell) if re.search("[.eE]", cell) else int(cell) for cell in cells)
    return x, y


def _read_lines(text: str, source: str) -> list[Point]:
    """Return the points of lines "x,y", after a header if there is one."""
    lines = [(n, line.strip()) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    rows = [(re.split(r"[,;\s]\s*", line), f"{source}:{n}", line) for n, line in lines]
    if rows and not any(map(_is_number, rows[0][0])):
        del rows[0]
    return [_read_pair(*row) for row in rows]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_json(text: str, source: str) -> list[Point]:
    try:
        # As written, so that numbers of any size reach the check of their range.
        pairs: Any = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{source}: expected a JSON list of pairs: {error}") from None
    if not isinstance(pairs, list):
        raise DataError(f"{source}: expected a JSON list of pairs [[x, y], …], found an object")
    rows = [pair if isinstance(pair, list) else [pair] for pair in pairs]
    return [
        _read_pair(list(map(str, row)), f"{source}: pair {n}", f"[{', '.join(map(str, row))}]")
        for n, row in enumerate(rows, 1)
    ]


def _read_tsplib(text: str, source: str) -> list[Point]:
    """Return the points of a TSPLIB file in the plane; its own rounding of edges is left out."""
    lines = list(enumerate(map(str.strip, text.split("\n")), 1))
    head = [number for number, line in lines if line.startswith("NODE_COORD_SECTION")]
    end = head[0] if head else len(lines)
    keys = {}
    for _, line in lines[:end]:
        key, _, value = line.partition(":")
        keys[key.strip()] = value.strip()
    kind = keys.get("EDGE_WEIGHT_TYPE", "none")
    if kind != "EUC_2D" or not head:
        what = f"EDGE_WEIGHT_TYPE {kind}" if kind != "EUC_2D" else "no NODE_COORD_SECTION"
        raise DataError(
            f"{source}: expected TSPLIB with EDGE_WEIGHT_TYPE EUC_2D and points in a "
            f"NODE_COORD_SECTION, found {what:.60}"
        )
    points = []
    for number, line in lines[end:]:
        if line[:1].isalpha() or line == "-1":  # EOF, or another section
            break
        if line:
            points.append(_read_pair(line.split()[1:], f"{source}:{number}", line))
    if keys.get("DIMENSION", str(len(points))) != str(len(points)):
        raise DataError(
            f"{source}: expected {keys['DIMENSION']:.20} points, as its DIMENSION says, "
            f"found {len(points)}"
        )
    return points
