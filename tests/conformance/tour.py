"""Vectors of the paper's travelling salesman put through the product, and where it differs.

A driver gives what the vector's `output` holds, and everything is compared exactly. The vectors are
in the folder `section3` of `tests.conformance.vectors.folder()`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import pytest

from opro_cli.core.draws import LegacyStream
from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Answered
from opro_cli.core.run.state import RunState
from opro_cli.core.run.view import End, SearchView
from opro_cli.core.scale import Scale
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.task.problem import Instance, RecordedProblem, encode_problem
from opro_cli.core.task.prompt import PromptFormat, Solution, encode_form
from opro_cli.problems.tour import (
    MOST_EXACT,
    ORACLES,
    Oracle,
    Tour,
    TourOptions,
    draw_points,
    draw_start,
)
from opro_cli.strategies.tour import PaperTour, extract_numbers, length, meta_prompt, write_tour
from tests.conformance.regression import Row, agrees

T = TypeVar("T")
SCALE = Scale(minimise=True, bounded=False)


def view_of(instance: Instance, tours: Sequence[str] = (), history: int | None = 10) -> SearchView:
    """A run that has scored these tours, and nothing else yet."""
    form = encode_form(Solution(""))
    search = SearchSettings(initial_instructions=tuple(tours), steps=5, history=history)
    state = RunState(search, {"train": 1, "dev": 0, "test": 0}, scale=SCALE, form=form)
    for tour in tours:
        value = Tour().value(tour, instance)
        identity = make_candidate_id(tour, form)
        state.apply(
            Answered(0.0, identity, "train", 0, "", str(value), value, "stop", 0, 0, 0.0, 0.0)
        )
    example = encode_problem(RecordedProblem("tour", instance))
    return SearchView(state, (example,), PromptFormat("Q_begin", False))


class CountingStream(LegacyStream):
    """Counts the permutations."""

    count = 0

    def choice(self, items: Sequence[T], size: int) -> list[T]:
        self.count += 1
        return super().choice(items, size)


# Drivers, one for each file.


def prompt(case: Row) -> str:
    kind = int if case["coordinate_type"] == "int" else float
    size = int if case["length_type"] == "int" else float
    x, y = (list(map(kind, case[axis])) for axis in "xy")
    history = [(text, size(value)) for text, value in case["history"]]
    return meta_prompt(x, y, history, case["max_num_pairs"])


def parse(case: Row) -> Row:
    seed, nodes, reply = case["numpy_seed"], case["num_points"], case["reply"]
    instance = Tour().draw(TourOptions(nodes=nodes, seed=seed))
    assert (instance["x"], instance["y"]) == (case["x"], case["y"])
    strategy, stored = PaperTour(), None
    for solution in strategy.read(reply):
        if not strategy.reject(solution, view_of(instance)):
            stored = [solution.text, Tour().value(solution.text, instance)]
    return {
        "extracted": extract_numbers(reply),
        "accepted": stored is not None,
        "stored": stored,
    }


def measure(case: Row) -> int | float:
    kind = int if case["coordinate_type"] == "int" else float
    x, y = (list(map(kind, case[axis])) for axis in "xy")
    return length(x, y, case["trace"], case["num_decimals"])


def start(case: Row) -> Row:
    stream, decimals = CountingStream(case["numpy_seed"]), case["num_decimals"]
    nodes, count = case["num_points"], case["num_starting_points"]
    points = draw_points(stream, nodes, decimals)
    name = case["algorithm"] if case["algorithm"] in ORACLES else "dp"
    oracle = ORACLES[name](points)
    drawn = draw_start(stream, oracle, count)
    x, y = map(list, zip(*points, strict=True))
    instance: Instance = {"x": x, "y": y, "decimals": decimals, "start": drawn}
    if count == 5:
        options = TourOptions(nodes, case["numpy_seed"], decimals, None, cast(Oracle, name))
        instance = Tour().draw(options)
        assert (instance["x"], instance["y"], Tour().start(instance)) == (x, y, tuple(drawn))
    proposals = PaperTour().propose(view_of(instance, tuple(dict.fromkeys(drawn))), 1)
    assert not isinstance(proposals, End)
    (ask,) = proposals
    return {
        "x": x,
        "y": y,
        "oracle_trace": write_tour(oracle),
        "oracle_length": length(x, y, oracle, decimals),
        "start": drawn,
        "start_lengths": [Tour().value(tour, instance) for tour in drawn],
        "permutations_drawn": stream.count,
        "first_meta_prompt": ask.messages[0].content,
    }


def solve(case: Row) -> Row:
    kind = int if case["coordinate_type"] == "int" else float
    x, y = (list(map(kind, case[axis])) for axis in "xy")
    oracle = ORACLES.get(case["algorithm"], ORACLES["dp"])
    tour = oracle(list(zip(x, y, strict=True)))
    value = length(x, y, tour, case["num_decimals"])
    return {"trace": tour, "length": value, "length_of_trace": value}


DRIVERS: dict[str, Callable[[Row], Any]] = {
    "tsp_meta_prompt": prompt,
    "tsp_parse": parse,
    "tsp_length": measure,
    "tsp_start": start,
    "tsp_oracle": solve,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A situation in which the reference raises, never ends or gives something of no use.

    ours, check: what is done here instead, in words and asserted on a vector.
    """

    vectors: str
    situation: str
    occurs: Callable[[Row], bool]
    ours: str
    check: Callable[[Row], None]


def raises_the_same(row: Row) -> None:
    with pytest.raises((IndexError, TypeError, OverflowError)) as raised:
        measure(row["input"])
    assert raised.type.__name__ == row["raises"]


def nothing_is_read(row: Row) -> None:
    assert row["output"]["stored"] is None
    assert parse({**row["input"], "reply": ""})["stored"] is None


def points_of(row: Row) -> int:
    return int(row["input"].get("num_points", len(row["input"].get("x", ()))))


def fewer_are_refused(row: Row) -> None:
    with pytest.raises(ValueError, match="nodes: expected a whole number from 3 to 1000, found"):
        TourOptions(nodes=points_of(row))


def needs_for_ever(row: Row) -> bool:
    exact = row["input"]["algorithm"] not in ("nearest_neighbor", "farthest_insertion")
    return "endless" in row and exact and points_of(row) > MOST_EXACT


def dp_is_refused(row: Row) -> None:
    with pytest.raises(ValueError, match="expected another one than dp for more than 15 points"):
        Tour().draw(TourOptions(nodes=points_of(row), excluded_start="dp"))


def one_point_has_no_length(row: Row) -> None:
    assert row["output"] == {"trace": [0], "length": -1, "length_of_trace": 0}
    assert solve(row["input"]) == {**row["output"], "length": 0}


FEW = "fewer than 3 points, of which there are no two tours, are refused before the run"
DIFFERENCES = (
    Difference(
        "tsp_length",
        "the closing edge fails, or an infinite length is cut",
        lambda row: "raises" in row,
        "the same: no tour that is read gets there, and no point lies so far out",
        raises_the_same,
    ),
    Difference(
        "tsp_parse",
        "a reply without content",
        lambda row: row["input"]["reply"] is None,
        "the adapters make an empty text of it (wire tests), which holds no tour",
        nothing_is_read,
    ),
    Difference(
        "tsp_start", "too few points", lambda row: points_of(row) < 3, FEW, fewer_are_refused
    ),
    Difference(
        "tsp_oracle",
        "no points",
        lambda row: "raises" in row and not points_of(row),
        FEW,
        fewer_are_refused,
    ),
    Difference(
        "tsp_start",
        "the exact solution of too many points",
        needs_for_ever,
        "it is refused before the run",
        dp_is_refused,
    ),
    Difference(
        "tsp_oracle",
        "the exact solution of one point",
        lambda row: points_of(row) == 1 and row["output"]["length"] == -1,
        "its length is 0",
        one_point_has_no_length,
    ),
)


def conforms(name: str, row: Row) -> None:
    """Assert that the product does what the reference did, or what DIFFERENCES says of it."""
    known = [each for each in DIFFERENCES if each.vectors == name and each.occurs(row)]
    if known:
        known[0].check(row)
        return
    assert "raises" not in row, f"unknown failure of the reference in {name}: {row['raises']}"
    assert "endless" not in row, f"unknown endless case in {name}: {row.get('reason')}"
    allowed = row["output_one_of"] if "output_one_of" in row else list_outputs(row["output"])
    ours = DRIVERS[name](row["input"])
    assert any(agrees(ours, theirs) for theirs in allowed), f"{ours}\n{allowed}"


def list_outputs(output: Any) -> list[Any]:
    """The outputs that are right, with one spelling of what the reference has two for."""
    if not isinstance(output, dict):
        return [output]
    if "first_meta_prompt_one_of" in output:
        texts = output["first_meta_prompt_one_of"]
        rest = {key: each for key, each in output.items() if key != "first_meta_prompt_one_of"}
        return [{**rest, "first_meta_prompt": text} for text in texts]
    if output.get("extracted") == "":  # no tags: as with tags and nothing between them
        return [{**output, "extracted": []}]
    return [output]
