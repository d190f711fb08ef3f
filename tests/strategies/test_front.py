"""The per-question front, worked by hand: who leads where, and who is drawn as a parent."""

from __future__ import annotations

from collections import Counter

import pytest

from opro_cli.core.draws import create_rng
from opro_cli.strategies.front import Front, count_stagnant, find_best
from tests.strategies.views import new_view


def leads(**sheets: tuple[float | None, ...]) -> dict[str, float]:
    return {each.instruction: share for each, share in Front.find(new_view(sheets)).leads}


def test_a_question_is_shared_among_those_who_lead_on_it() -> None:
    assert leads(a=(1, 0, 1, 0), b=(0, 1, 1, 0), c=(0, 0, 1, 0)) == {"a": 1.0, "b": 1.0, "c": 0.0}
    # Both right where the third is wrong: half a question each.
    assert leads(a=(1, 0), b=(1, 0), c=(0, 0)) == {"a": 0.5, "b": 0.5, "c": 0.0}


def test_partial_scores_lead_and_unreadable_ones_count_as_nothing() -> None:
    assert leads(a=(0.4, None), b=(0.6, 0.1)) == {"a": 0.0, "b": 2.0}
    assert leads(a=(None,), b=(0,)) == {"a": 0.0, "b": 0.0}  # all alike: nobody leads


def test_where_all_are_alike_anybody_is_drawn() -> None:
    view = new_view({"a": (1, 1), "b": (1, 1)})
    drawn = {Front.find(view).draw(create_rng(seed, "x")).instruction for seed in range(40)}  # type: ignore[union-attr]
    assert drawn == {"a", "b"}


def test_parents_are_drawn_in_proportion() -> None:
    # a leads on three questions, b on one, c on none.
    view = new_view({"a": (1, 1, 1, 0), "b": (0, 0, 0, 1), "c": (0, 0, 0, 0)})
    rng = create_rng(1, "x")
    drawn = Counter(Front.find(view).draw(rng).instruction for _ in range(4000))  # type: ignore[union-attr]
    assert drawn["a"] / 4000 == pytest.approx(0.75, abs=0.03)
    assert drawn["c"] == 0
    often = Counter(Front.find(view).draw(rng, 0.3).instruction for _ in range(4000))  # type: ignore[union-attr]
    assert often["c"] / 4000 == pytest.approx(0.1, abs=0.02)


def test_nobody_else_is_nobody() -> None:
    view = new_view({"a": (1, 0)})
    (only,) = view.candidates()
    assert Front.find(view).draw(create_rng(1, "x"), without=(only.id,)) is None


def test_the_best_is_the_shortest_and_earliest_of_equals() -> None:
    view = new_view({"longer": (1, 0), "b": (1, 0), "c": (0, 0)})
    assert find_best(view).instruction == "b"
    assert find_best(new_view({"ab": (1, 0), "ac": (0, 1)})).instruction == "ab"


def test_steps_without_gain_are_counted_from_the_best_one() -> None:
    assert count_stagnant(new_view({"a": (0, 0)})) == 0
    assert count_stagnant(new_view({"a": (1, 0), "b": (1, 0)})) == 1  # ties are no gain
    assert count_stagnant(new_view({"a": (1, 0), "b": (1, 1)})) == 0
