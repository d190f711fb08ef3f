"""The controls, held against theory: a search that reads no values, and one that does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import permutations
from statistics import fmean, stdev
from typing import Any

import pytest

from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.core.task.problem import decode_problem
from opro_cli.errors import UsageError
from opro_cli.models.control import ControlModel
from opro_cli.ports import Problem
from opro_cli.problems.regression import Regression
from opro_cli.problems.tour import Tour
from opro_cli.reports.problem import describe_problem, list_found
from opro_cli.testing.session import new_problem_session, run_session
from tests.seams.toys import Knapsack

DRAWS = 24
"""Proposals of a run: six steps of four."""


def search(problem: Problem, parameters: Mapping[str, Any], optimizer: str, **more: Any) -> Any:
    session = new_problem_session(problem, parameters, optimizer=optimizer, **more)
    run_session(session)
    recorded = decode_problem(session.examples["train"])
    return session, recorded


def all_lengths(instance: Mapping[str, Any]) -> list[float]:
    """The length of every tour from 0, in both directions, ascending."""
    nodes = len(instance["x"])
    tours = permutations(range(1, nodes))
    text = (",".join(map(str, (0, *tour))) for tour in tours)
    return sorted(Tour().value(tour, instance) for tour in text)


def expect_best(lengths: list[float], draws: int) -> float:
    """The mean of the shortest of so many independent draws: its distribution, summed exactly."""
    total = len(lengths)
    return sum(
        length * (((total - rank) / total) ** draws - ((total - rank - 1) / total) ** draws)
        for rank, length in enumerate(lengths)
    )


def test_random_tours_are_as_long_as_theory_says() -> None:
    """The best of 24 blind draws at n = 8 over 60 runs: within four standard errors."""
    parameters = {"nodes": 8, "seed": 3, "starts": 1}
    session, recorded = search(Tour(), parameters, "control/random", steps=0)
    lengths = all_lengths(recorded.instance)
    mean_edge = fmean(
        math.dist(a, b)
        for a, b in permutations(
            list(zip(recorded.instance["x"], recorded.instance["y"], strict=True)), 2
        )
    )
    # By linearity the mean tour has n mean edges; lengths are cut to whole numbers, by 1/2 each.
    assert fmean(lengths) == pytest.approx(8 * mean_edge - 0.5, abs=0.05)
    bests = []
    for seed in range(60):
        session, _ = search(
            Tour(), parameters, "control/random", steps=6, seed=seed, candidates_per_step=4
        )
        drawn = [each.value for each in list_found(session.state) if each.step]
        if session.state.search_ended:  # the optimum: later draws could not be better
            drawn = [lengths[0]]
        bests.append(min(drawn))
    expected = expect_best(lengths, DRAWS)
    assert abs(fmean(bests) - expected) < 4 * stdev(bests) / math.sqrt(len(bests))


def test_another_instance_gets_other_draws() -> None:
    firsts = []
    for seed in range(3):
        session, _ = search(Regression(), {"seed": seed}, "control/random", steps=2)
        firsts.append([each.solution for each in list_found(session.state) if each.step])
    assert len({tuple(each) for each in firsts}) == 3


@pytest.mark.parametrize(
    ("problem", "parameters"),
    [(Tour(), {"nodes": 10, "seed": 1}), (Regression(), {"w": 36, "b": -1, "seed": 2})],
    ids=["tour", "regression"],
)
def test_a_local_search_finds_the_optimum(problem: Problem, parameters: dict[str, Any]) -> None:
    session, recorded = search(problem, parameters, "control/local-search", steps=40)
    assert session.state.search_ended == "the optimum was found"
    told = describe_problem(recorded, session.state)
    assert told["found"]["step"] >= 1
    assert told["gap"] == 0


def test_repeating_the_best_finds_nothing_new() -> None:
    session, _ = search(Tour(), {"nodes": 10, "seed": 1}, "control/repeat-best", steps=3)
    assert all(each.step == 0 for each in list_found(session.state))
    best = min(list_found(session.state), key=lambda each: each.value)
    skipped = [text for text in session.state.proposals.texts if text.skipped == "repeated"]
    # A tour the other way round is the same one, so the start may be written in another direction.
    assert {Tour().value(text.text, session.state and _instance(session)) for text in skipped} <= {
        best.value
    }


def _instance(session: Any) -> Mapping[str, Any]:
    return decode_problem(session.examples["train"]).instance


async def test_the_same_seed_draws_the_same() -> None:
    instance = {"x": [0, 1, 2, 3, 9], "y": [0, 5, 1, 7, 2], "decimals": 0}
    model = ControlModel("control/random", Tour(), instance)
    texts = []
    for seed in (1, 1, 2, None, None):
        request = ChatRequest((Message("user", "<solution> "),), 1.0, 9, seed, choices=8)
        reply = await model.reply(request)
        assert reply.more == ()
        texts.append(reply.text)
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1
    assert (await model.reply(ChatRequest((Message("user", "?"),), 1.0, 9))).usd == 0


@pytest.mark.parametrize(
    ("control", "method"),
    [("control/random", "draw_solution"), ("control/local-search", "improve")],
)
def test_a_problem_without_the_method_is_refused(control: str, method: str) -> None:
    with pytest.raises(UsageError, match=f"{control} needs a method {method}"):
        ControlModel(control, Knapsack(), {})
    assert ControlModel("control/repeat-best", Knapsack(), {}).name == "control/repeat-best"
