"""Which past instructions the meta-prompt shows, cases by hand."""

from __future__ import annotations

import math

from opro_cli.core.run.deciding import measure_mean
from opro_cli.core.run.selection import select_trajectory, sort_best_last
from opro_cli.core.run.state import RunState
from tests.core.runs import answered, new_state, proposed, score_all


def texts(state: RunState, history: int | None, threshold: float = 0.0) -> list[str]:
    return [c.instruction for c in sort_best_last(state.candidates.values(), history, threshold)]


def scored(**right: int) -> RunState:
    """Candidates with so many of 4 questions right."""
    state = new_state(*right)
    for instruction, count in right.items():
        score_all(state, instruction, count)
    return state


def test_ties_stand_as_they_entered() -> None:
    assert texts(scored(a=2, b=1, c=2, d=1), None) == ["b", "d", "a", "c"]


def test_the_cut_takes_the_earlier_of_a_tie_away() -> None:
    assert texts(scored(a=2, b=2, c=2, d=0), 2) == ["b", "c"]
    assert texts(scored(a=2, b=2), 5) == ["a", "b"]


def test_no_history_shows_all() -> None:
    state = scored(a=4, b=0, c=1)
    assert texts(state, None) == ["b", "c", "a"]
    assert texts(state, 1) == ["a"]


def test_cut_and_threshold_both_take_the_worst_away() -> None:
    state = scored(a=4, b=3, c=1, d=0)
    assert texts(state, 3, 0.5) == ["b", "a"]
    assert texts(state, 1, 0.5) == ["a"]
    assert texts(state, None, 0.25) == ["c", "b", "a"]
    assert texts(scored(b=3, c=1), 5, 1.0) == []


def test_before_the_first_answer_a_mean_is_below_every_score() -> None:
    state = new_state("a")
    (candidate,) = state.candidates.values()
    assert measure_mean(candidate, "train") == -math.inf
    assert texts(state, None, 0.0) == []


def test_an_unreadable_answer_counts_as_wrong() -> None:
    state = new_state("a", train=2)
    state.apply(answered("a", 0, None))
    state.apply(answered("a", 1, 1.0))
    assert [measure_mean(c, "train") for c in select_trajectory(state)] == [0.5]


def test_those_of_a_step_join_once_they_are_scored() -> None:
    state = new_state("start", per_step=2, train=2)
    score_all(state, "start", 1)
    state.apply(proposed(1, 0, "late"))
    state.apply(proposed(1, 1, "soon"))
    score_all(state, "soon", 1)
    assert [c.instruction for c in select_trajectory(state)] == ["start", "soon"]
    score_all(state, "late", 1)
    # In the order of the samples, not of their answers.
    assert [c.instruction for c in select_trajectory(state)] == ["start", "late", "soon"]
