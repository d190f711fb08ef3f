"""History cut and exemplar choice."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest

from opro_cli.core.run.events import SessionStarted
from opro_cli.core.run.exemplars import choose_exemplars
from opro_cli.core.run.selection import select_trajectory
from opro_cli.core.run.state import RunState
from opro_cli.core.run.view import SearchView
from opro_cli.core.task.example import Example
from opro_cli.core.task.prompt import PromptFormat
from tests.core.runs import answered, new_state, score_all, wrong_on


def with_search(state: RunState, **changes: object) -> RunState:
    state.search = dataclasses.replace(state.search, **changes)  # type: ignore[arg-type]
    return state


def shown(state: RunState) -> list[str]:
    return [candidate.instruction for candidate in select_trajectory(state)]


def test_the_trajectory_ascends_and_keeps_the_order_of_ties() -> None:
    state = new_state("a", "b", "c", "d", train=4)
    for who, right in (("a", 2), ("b", 1), ("c", 2), ("d", 0)):
        score_all(state, who, right)
    assert shown(state) == ["d", "b", "a", "c"]


def test_the_history_cut_keeps_the_best() -> None:
    state = with_search(new_state("a", "b", "c", train=4), history=2)
    for who, right in (("a", 3), ("b", 1), ("c", 2)):
        score_all(state, who, right)
    assert shown(state) == ["c", "a"]


def test_the_threshold_is_inclusive() -> None:
    state = with_search(new_state("a", "b", train=4), score_threshold=0.5)
    score_all(state, "a", 2)
    score_all(state, "b", 1)
    assert shown(state) == ["a"]


def test_a_candidate_with_open_questions_is_not_shown() -> None:
    state = new_state("a", train=4)
    state.apply(answered("a", 0))
    assert shown(state) == []


@pytest.mark.parametrize("choice", ["random", "constant", "most_wrong_so_far", "most_wrong_now"])
def test_exemplars_are_distinct_ascending_and_repeatable(choice: str) -> None:
    state = with_search(new_state("a", train=9), exemplars=4, exemplar_choice=choice)
    score_all(state, "a", 5)
    chosen = choose_exemplars(state, select_trajectory(state))
    assert len(set(chosen)) == 4
    assert list(chosen) == sorted(chosen)
    assert chosen == choose_exemplars(state, select_trajectory(state))


def test_random_exemplars_change_by_step_and_constant_ones_do_not() -> None:
    state = with_search(new_state("a", train=50), exemplars=5)
    drawn = set()
    for step in range(6):
        state.step = step
        drawn.add(choose_exemplars(state, ()))
    assert len(drawn) > 3
    fixed = with_search(state, exemplar_choice="constant")
    first = choose_exemplars(fixed, ())
    fixed.step = 0
    assert choose_exemplars(fixed, ()) == first


def test_random_exemplars_are_dealt_out_over_the_labels() -> None:
    labels = ["no"] * 17 + ["yes", "yes", "maybe"]
    state = with_search(new_state("a", train=20), exemplars=5)
    for step in range(6):
        state.step = step
        chosen = choose_exemplars(state, (), labels=labels)
        # Each label once, "no" and "yes" again, and "maybe" has no more.
        assert Counter(labels[index] for index in chosen) == {"no": 2, "yes": 2, "maybe": 1}
        assert list(chosen) == sorted(chosen)
    fewer = with_search(state, exemplars=2)
    first, second = choose_exemplars(fewer, (), labels=labels)
    assert labels[first] != labels[second]


def test_the_papers_rules_know_no_labels() -> None:
    state = with_search(new_state("a", train=20), exemplars=5, rules="paper")
    labels = ["no"] * 17 + ["yes", "yes", "maybe"]
    assert choose_exemplars(state, (), labels=labels) == choose_exemplars(state, ())


@pytest.mark.parametrize(("format_version", "balances"), [(8, False), (9, True)])
@pytest.mark.parametrize("choice", ["constant", "most_wrong_so_far", "most_wrong_now"])
def test_other_choices_are_dealt_out_over_the_labels(
    format_version: int, balances: bool, choice: str
) -> None:
    state = with_search(new_state("a", train=8), exemplars=2, exemplar_choice=choice)
    state.apply(SessionStarted(0.0, 1, "0.1.0", format_version))
    score_all(state, "a", 0)  # all are wrong, and most of them are "no"
    labels = ["no"] * 7 + ["yes"]
    chosen = choose_exemplars(state, state.of_step(0), labels=labels)
    others = choose_exemplars(state, state.of_step(0))
    assert (chosen == others) != balances or 7 in others
    assert (7 in chosen) == (balances or 7 in others)


def test_the_most_often_wrong_of_each_label_come_first() -> None:
    state = with_search(
        new_state("a", "b", train=5), exemplars=2, exemplar_choice="most_wrong_so_far"
    )
    wrong_on(state, "a", 0, 1, 3)
    wrong_on(state, "b", 0, 1)
    labels = ["no", "no", "no", "yes", "yes"]
    chosen = choose_exemplars(state, (), labels=labels)
    assert 3 in chosen  # the only "yes" that was wrong
    assert len({0, 1} & {*chosen}) == 1


@pytest.mark.parametrize(("format_version", "knows"), [(5, False), (6, True)])
def test_a_run_keeps_the_meta_prompts_that_it_began_with(format_version: int, knows: bool) -> None:
    state = with_search(new_state("a", train=4), exemplars=2)
    state.apply(SessionStarted(0.0, 1, "0.1.0", format_version))
    for question, score in enumerate((1.0, None, 1.0, 1.0)):
        state.apply(answered("a", question, score))
    train = [Example(f"{n}?", "x", "t") for n in range(4)]
    form = PromptFormat("Q_begin", True)
    view, blind = (
        SearchView(state, train, form, labels=labels) for labels in (("n", "n", "n", "y"), ())
    )
    (entry,) = view.entries()
    assert entry.unreadable == (0.25 if knows else 0.0)
    shows = [train[3] in each.exemplars() for each in (view, blind)]
    assert shows == [knows, False]


def test_most_wrong_counts_everyone_or_only_those_shown() -> None:
    state = with_search(new_state("bad", "good", train=4), exemplars=1)
    for question, (bad, good) in enumerate([(0, 1), (1, 0), (0, 0), (1, 1)]):
        state.apply(answered("bad", question, float(bad)))
        state.apply(answered("good", question, float(good)))
    everyone = with_search(state, exemplar_choice="most_wrong_so_far")
    assert choose_exemplars(everyone, ()) == (2,)
    now = with_search(state, exemplar_choice="most_wrong_now", exemplars=2)
    only_good = [c for c in state.candidates.values() if c.instruction == "good"]
    assert choose_exemplars(now, only_good) == (1, 2)


def test_more_exemplars_than_questions_shows_them_all() -> None:
    state = with_search(new_state("a", train=2), exemplars=5)
    assert choose_exemplars(state, ()) == (0, 1)
