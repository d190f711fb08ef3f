"""The reference's four ways to choose exemplars, cases by hand with numpy as the other side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from opro_cli.core.run.exemplars import choose_exemplars, choose_paper_exemplars, count_wrong
from opro_cli.core.run.selection import select_trajectory
from opro_cli.core.run.state import RunState
from tests.core.runs import answered, new_state, proposed, wrong_on

ROWS = (5, 6, 7, 8, 9)


def search_of(choice: str, *initial: str, exemplars: int = 2, **search: Any) -> RunState:
    """A search on rows 5 to 9 by the paper's rules, one proposal a step."""
    return new_state(
        *initial,
        rows=ROWS,
        train=len(ROWS),
        steps=9,
        per_step=1,
        rules="paper",
        exemplars=exemplars,
        exemplar_choice=choice,
        **search,
    )


def chosen(state: RunState) -> list[int]:
    """Rows, not indices."""
    return [state.train_rows[index] for index in choose_paper_exemplars(state)]


def numpys(stream: np.random.RandomState, rows: tuple[int, ...], count: int) -> list[int]:
    drawn: list[int] = np.sort(stream.choice(rows, count, replace=False)).tolist()
    return drawn


def go_on(state: RunState, text: str, *wrong: int) -> None:
    """One more step, with a proposal that has these rows wrong."""
    state.apply(proposed(state.step + 1, 0, text))
    wrong_on(state, text, *wrong)


def test_random_draws_anew_each_step_and_by_the_step_alone() -> None:
    state = search_of("random", exemplars=3, seed=77)
    wrong_on(state, "start")
    for step in range(5):
        assert chosen(state) == numpys(np.random.RandomState(step), ROWS, 3)
        go_on(state, f"text {step}")


def test_constant_draws_the_same_at_every_step() -> None:
    state = search_of("constant", seed=77)
    wrong_on(state, "start")
    first = numpys(np.random.RandomState(0), ROWS, 2)
    assert chosen(state) == first
    go_on(state, "more", 5)
    assert chosen(state) == first


def test_the_rows_are_told_as_indices_of_the_train_split() -> None:
    state = search_of("constant", exemplars=5)
    assert choose_paper_exemplars(state) == (0, 1, 2, 3, 4)
    assert choose_exemplars(state, ()) == (0, 1, 2, 3, 4)


def test_more_exemplars_than_rows_shows_them_all() -> None:
    assert chosen(search_of("random", exemplars=9)) == list(ROWS)


def test_no_exemplars_are_none() -> None:
    for choice in ("random", "constant", "most_wrong_so_far", "most_wrong_now"):
        assert choose_paper_exemplars(search_of(choice, exemplars=0)) == ()


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        ((5, 8), [8, 5]),  # a set of integers lies by their last three bits: 8 is 0b1000
        ((2, 3), [2, 3]),
        ((5149, 5152, 5154), [5152, 5154, 5149]),
        ((7, 6, 5), [5, 6, 7]),
    ],
)
def test_rows_found_wrong_together_have_the_order_of_a_set(
    rows: tuple[int, ...], order: list[int]
) -> None:
    state = new_state("start", rows=rows, train=len(rows))
    wrong_on(state, "start", *rows)
    assert list(count_wrong(state, state.candidates.values())) == order


def test_an_unreadable_answer_is_wrong_and_a_partial_score_is_not() -> None:
    state = new_state("start", rows=(5, 6, 7, 8), train=4)
    for question, score in enumerate([None, 0.5, 0.0]):
        state.apply(answered("start", question, score))
    assert count_wrong(state, state.candidates.values()) == {5: 1, 7: 1}


@pytest.mark.parametrize("choice", ["most_wrong_so_far", "most_wrong_now"])
def test_fewer_wrong_than_wanted_stand_unsorted_and_most_wrong_first(choice: str) -> None:
    tied = search_of(choice, exemplars=3)
    wrong_on(tied, "start", 5, 8)
    assert chosen(tied) == [8, 5]
    state = search_of(choice, "one", "two", "three", exemplars=4)
    for instruction, wrong in [("one", (5, 8)), ("two", (8, 9)), ("three", (9, 8))]:
        wrong_on(state, instruction, *wrong)
    assert chosen(state) == [8, 9, 5]


@pytest.mark.parametrize("choice", ["most_wrong_so_far", "most_wrong_now"])
def test_nothing_wrong_shows_nothing(choice: str) -> None:
    state = search_of(choice)
    wrong_on(state, "start")
    assert chosen(state) == []


def test_so_far_draws_from_all_that_were_ever_wrong() -> None:
    state = search_of("most_wrong_so_far", score_threshold=0.9)
    wrong_on(state, "start", 5, 8, 9)  # 8 and 9 fall on slots 0 and 1 of a set, 5 on slot 5
    assert chosen(state) == numpys(np.random.RandomState(0), (8, 9, 5), 2)
    go_on(state, "worse", 6, 9)
    # Counts 9: 2, then 8, 5 and 6 once each, in the order in which they were found.
    assert chosen(state) == numpys(np.random.RandomState(1), (9, 8, 5, 6), 2)


def test_an_instruction_that_entered_again_counts_again() -> None:
    state = search_of("most_wrong_so_far", exemplars=5)
    wrong_on(state, "start", 6)
    go_on(state, "other", 5)
    assert chosen(state) == [6, 5]
    again = search_of("most_wrong_so_far", "start", "other", exemplars=5)
    wrong_on(again, "start", 6)
    wrong_on(again, "other", 5)
    again.apply(proposed(1, 0, "other"))
    assert chosen(again) == [5, 6]


def test_now_draws_among_those_that_most_of_the_shown_have_wrong() -> None:
    state = search_of("most_wrong_now", "one", "two", seed=3)
    wrong_on(state, "one", 5, 6, 8)
    wrong_on(state, "two", 6, 8, 9)
    assert chosen(state) == [6, 8]
    more = search_of("most_wrong_now", "one", "two", seed=3)
    wrong_on(more, "one", 5, 6, 8)
    wrong_on(more, "two", 5, 6, 8)
    assert chosen(more) == numpys(np.random.RandomState(3), (8, 5, 6), 2)


def test_now_goes_on_drawing_from_one_stream() -> None:
    state = search_of("most_wrong_now", seed=4)
    wrong_on(state, "start", 5, 6, 8)
    stream = np.random.RandomState(4)
    assert chosen(state) == numpys(stream, (8, 5, 6), 2)
    go_on(state, "more", 5, 6, 8)
    second = numpys(stream, (8, 5, 6), 2)
    assert chosen(state) == second != numpys(np.random.RandomState(4), (8, 5, 6), 2)
    assert chosen(state) == second  # asked twice, drawn once: nothing is kept between calls
    go_on(state, "less", 9)
    assert chosen(state) == numpys(stream, (8, 5, 6), 2)


def test_a_step_with_too_few_wrong_draws_nothing_from_the_stream() -> None:
    state = search_of("most_wrong_now", seed=4)
    wrong_on(state, "start", 6)
    assert chosen(state) == [6]
    go_on(state, "more", 5, 8)
    # Shown from the worst on, so 8 and 5 are counted before 6.
    assert chosen(state) == numpys(np.random.RandomState(4), (8, 5, 6), 2)


def test_now_looks_at_those_shown_only_but_for_the_first_step() -> None:
    state = search_of("most_wrong_now", score_threshold=0.5, exemplars=3)
    wrong_on(state, "start", 5, 6, 7)  # 2 of 5 right
    assert select_trajectory(state) == []
    assert chosen(state) == [5, 6, 7]
    go_on(state, "better", 9)
    assert chosen(state) == [9]
    cut = search_of("most_wrong_now", "bad", "good", history=1)
    wrong_on(cut, "bad", 5, 6, 7)
    wrong_on(cut, "good", 9)
    assert chosen(cut) == [9]
