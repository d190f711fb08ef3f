"""What answers cost, the front, and the choice of a cheaper prompt, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from opro_cli.core.run import cheapest
from opro_cli.core.run.candidates import Answers, Candidate
from opro_cli.core.run.cheapest import Point, find_front, list_accepted, measure_cost
from opro_cli.core.run.events import Refused
from opro_cli.core.run.pairs import list_pairs
from opro_cli.core.run.selection import decide, find_leader, find_winner, select_finalists
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import ObjectivesSettings
from opro_cli.core.stats import paired
from opro_cli.core.task.example import Split
from tests.bench.cheapest import CHEAPER, MARGIN, simulate
from tests.core.runs import answered, new_state, proposed, reasoned


def costs_of(state: RunState, instruction: str = "start", split: Split = "train") -> Answers:
    return next(c for c in state.candidates.values() if c.instruction == instruction).answers[split]


def test_a_mean_is_that_of_prompts_and_replies() -> None:
    state = new_state(train=2)
    state.apply(answered("start", 0, prompt=10, completion=2, usd=0.001))
    state.apply(answered("start", 1, prompt=30, completion=4, usd=0.002))
    answers = costs_of(state)
    assert answers.costs.tokens == (20.0, 3.0)
    assert measure_cost(answers, "tokens_per_1000") == 23_000
    assert measure_cost(answers, "usd_per_1000") == pytest.approx(1.5)


@pytest.mark.parametrize(
    "unknown",
    [
        {"prompt_tokens": None},
        {"completion_tokens": None},
        {"via": "cache", "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0},
        {"via": "local", "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0},
    ],
)
def test_one_unknown_answer_makes_the_mean_unknown_and_never_smaller(
    unknown: dict[str, Any],
) -> None:
    state = new_state(train=2)
    state.apply(answered("start", 0))
    assert measure_cost(costs_of(state), "tokens_per_1000") == 12_000
    state.apply(changed(answered("start", 1), **unknown))
    answers = costs_of(state)
    assert (answers.costs.answers, answers.costs.metered) == (2, 1)
    assert measure_cost(answers, "tokens_per_1000") is None


def test_an_answer_from_the_cache_has_what_it_took_when_it_was_asked() -> None:
    state = new_state(train=2, rounds=2)
    known = {"via": "cache", "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
    for question in range(2):
        state.apply(changed(reasoned("start", question), **known, took=(20, 4, 0.001)))
        state.apply(changed(answered("start", question), **known, took=(30, 6, None)))
    answers = costs_of(state)
    assert measure_cost(answers, "tokens_per_1000") == 60_000
    assert measure_cost(answers, "usd_per_1000") is None
    assert state.spend["scorer"].known_tokens == (0, 0)
    assert state.spend["scorer"].usd == 0


def test_an_unknown_price_leaves_the_tokens_known() -> None:
    state = new_state(train=1)
    state.apply(answered("start", 0, usd=None))
    assert measure_cost(costs_of(state), "usd_per_1000") is None
    assert measure_cost(costs_of(state), "tokens_per_1000") == 12_000


def test_nothing_asked_costs_nothing_that_is_known() -> None:
    assert measure_cost(Answers(), "tokens_per_1000") is None
    assert measure_cost(Answers(), "usd_per_1000") is None


def test_both_rounds_count_and_a_recorded_reply_counts_once() -> None:
    state = new_state(train=2, rounds=2)
    state.apply(reasoned("start", 0))  # 30 and 5, a cent
    state.apply(answered("start", 0, prompt=40, completion=3, usd=0.02))
    state.apply(reasoned("start", 1))
    state.apply(changed(reasoned("start", 1), round=2))
    recalled = {"finish_reason": "recalled", "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
    state.apply(changed(answered("start", 1), **recalled))
    costs = costs_of(state).costs
    assert (costs.prompt, costs.completion) == (30 + 40 + 60, 5 + 3 + 10)
    assert costs.usd == pytest.approx((0.03 + 0.02) / 2)
    assert not costs.open


def test_a_judge_is_no_part_of_what_an_answer_costs() -> None:
    state = new_state(train=1)
    state.apply(changed(reasoned("start", 0), key="ask"))
    state.apply(changed(reasoned("start", 0), key="judge", role="judge"))
    local = {"via": "local", "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
    state.apply(changed(answered("start", 0), **local))
    assert costs_of(state).costs.tokens == (30.0, 5.0)


def test_a_question_that_is_asked_twice_has_two_answers() -> None:
    state = new_state(train=1)
    state.repeats = 2
    state.apply(changed(reasoned("start", 0), key="repeat 1"))
    state.apply(changed(reasoned("start", 0), key="repeat 2", prompt_tokens=50))
    local = {"via": "local", "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
    state.apply(changed(answered("start", 0), **local))
    assert costs_of(state).costs.tokens == (40.0, 5.0)
    assert costs_of(state).costs.answers == 2


def test_a_refused_question_is_no_answer_with_a_cost() -> None:
    state = new_state(train=2)
    state.apply(answered("start", 0))
    state.apply(reasoned("start", 1))
    state.apply(Refused(0.0, answered("start", 1).candidate, "train", 1, "filtered"))
    costs = costs_of(state).costs
    assert costs.tokens == (10.0, 2.0)
    assert not costs.open


def point(name: str, mean: float, cost: float) -> Point:
    return Point(Candidate(name, name, 0), mean, cost)


def names(points: list[Point]) -> str:
    return "".join(each.candidate.id for each in points)


def test_the_front_by_hand() -> None:
    points = [
        point("a", 0.90, 300),
        point("b", 0.80, 100),
        point("c", 0.80, 120),  # b is as good for less
        point("d", 0.70, 100),  # b is better for as much
        point("e", 0.95, 500),
        point("f", 0.90, 400),  # a
        point("g", 0.10, 50),
    ]
    assert names(find_front(points)) == "gbae"
    assert names(find_front(reversed(points))) == "gbae"


def test_equals_stand_together_on_the_front() -> None:
    points = [point("a", 0.9, 100), point("b", 0.9, 100), point("c", 0.8, 100)]
    assert names(find_front(points)) == "ab"
    assert find_front([]) == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_nothing_on_the_front_is_dominated_and_all_else_is(pairs: list[tuple[int, int]]) -> None:
    points = [point(str(n), mean / 5, cost) for n, (mean, cost) in enumerate(pairs)]
    front = {each.candidate.id for each in find_front(points)}

    def dominated(one: Point) -> bool:
        return any(
            other.mean >= one.mean
            and other.cost <= one.cost
            and (other.mean, other.cost) != (one.mean, one.cost)
            for other in points
        )

    assert front == {each.candidate.id for each in points if not dominated(each)}


def searched(**search: Any) -> RunState:
    """A search that is over, with two prompts that are as good, one of them for a third."""
    state = new_state(
        "start", steps=1, per_step=2, train=100, dev=100, baselines=(), noise_check=False, **search
    )
    answer_all(state, "start", 120, 300)
    state.apply(proposed(1, 0, "good"))
    state.apply(proposed(1, 1, "a cheap one"))
    answer_all(state, "good", 200, 300)
    answer_all(state, "a cheap one", 200, 100)
    return state


def answer_all(
    state: RunState, text: str, right: int, prompt: int, wrong: tuple[int, ...] = ()
) -> None:
    """Answer all of train and dev, the first `right` of both rightly, but those `wrong`."""
    splits: tuple[Split, ...] = ("train", "dev")
    for number in range(200):
        score = float(number < right and number not in wrong)
        split, question = splits[number // 100], number % 100
        state.apply(answered(text, question, score, split, prompt=prompt))


def winner(state: RunState) -> str:
    found = find_winner(state)
    assert found is not None
    return found.instruction


CHEAPEST: dict[str, Any] = {"prefer": "cheapest_not_worse"}


def test_the_best_wins_unless_told_otherwise() -> None:
    assert winner(searched()) == "good"  # the shorter of equals
    costs = ObjectivesSettings("tokens_per_1000")
    assert winner(searched(objectives=costs)) == "good"


def test_the_cheapest_that_is_not_worse_wins_where_it_is_preferred() -> None:
    # Equal on 200 questions: a loss of 2 points is refuted, z = sqrt(200 * .02 / .98) = 2.02.
    assert winner(searched(**CHEAPEST)) == "a cheap one"
    # One of half a point is not: z = 1.0.
    assert winner(searched(margin=0.5, **CHEAPEST)) == "good"


def test_a_cheaper_one_that_is_worse_does_not_win() -> None:
    state = new_state("start", steps=1, per_step=2, train=100, dev=100, **CHEAPEST)
    answer_all(state, "start", 120, 10)
    state.apply(proposed(1, 0, "good"))
    state.apply(proposed(1, 1, "a cheap one"))
    answer_all(state, "good", 200, 300)
    answer_all(state, "a cheap one", 200, 100, wrong=(3, 150))
    assert winner(state) == "good"  # one point less, and no proof that it is not two


def test_unknown_costs_are_not_small_ones() -> None:
    state = searched(**CHEAPEST)
    state.candidates[next(reversed(state.candidates))].answers["dev"].costs.metered -= 1
    assert winner(state) == "good"
    state = searched(objectives=ObjectivesSettings("usd_per_1000"), **CHEAPEST)
    assert winner(state) == "good"  # both cost a tenth of a cent


def test_nothing_is_preferred_before_dev_is_done() -> None:
    state = searched(**CHEAPEST)
    finalists = select_finalists(state)
    del finalists[-1].answers["dev"].by_question[99]
    assert winner(state) == "start"  # all three have everything right on train


def pruning(*trials: tuple[str, tuple[int, ...]], train: int = 50) -> RunState:
    """A run that prunes: each trial with the train questions that it has wrong."""
    state = new_state(
        "A. B. C.", steps=9, per_step=1, train=train, dev=train, strategy="prune", racing=False
    )
    for question in range(train):
        state.apply(answered("A. B. C.", question, float(question > 1)))
    for step, (text, wrong) in enumerate(trials, 1):
        state.apply(proposed(step, 0, text))
        for question in range(train):
            state.apply(answered(text, question, float(question not in wrong)))
    return state


def texts(candidates: list[Candidate]) -> list[str]:
    return [each.instruction for each in candidates]


def test_a_trial_is_accepted_where_it_loses_nothing_against_the_best_before() -> None:
    state = pruning(
        ("A. B.", (0, 1)),  # as good as the start prompt
        ("A. C.", (0, 1, 2, 3)),  # two questions less: 4 points
        ("B.", ()),  # gains two
        ("A.", (0, 1)),  # as good as the start prompt, and two less than the best by now
    )
    assert texts(list_accepted(state)) == ["A. B. C.", "A. B.", "B."]
    assert texts(select_finalists(state)) == ["A. B. C.", "B.", "A. B."]


def test_the_shortest_that_dev_finds_no_loss_in_is_chosen() -> None:
    state = pruning(("A. B.", (0, 1)), ("A.", (0, 1)))
    state.search = replace(state.search, steps=2)
    for text, wrong in (("A. B. C.", ()), ("A. B.", ()), ("A.", (4, 5, 6))):
        for question in range(50):
            state.apply(answered(text, question, float(question not in wrong), "dev"))
    assert winner(state) == "A. B."
    test = cheapest.refute_loss_of(
        select_finalists(state)[1], select_finalists(state)[0], ("train", "dev"), 0.02
    )
    assert test is not None
    assert (test.n, test.difference) == (100, -0.03)  # "A.", which is passed over


def test_the_leader_of_pruned_prompts_is_the_best_by_score_however_unsure() -> None:
    state = pruning(("A. B.", (0,)), train=150)  # one question of 300 is gained
    state.search = replace(state.search, steps=1)
    for text in ("A. B. C.", "A. B."):
        for question in range(150):
            state.apply(answered(text, question, 1.0, "dev"))
    decision = decide(state)
    assert decision is not None
    assert decision.is_unsure
    leader = find_leader(state)
    assert leader is decision.first
    assert leader is not decision.winner
    assert find_winner(state) is leader  # it is the shortest, too


def test_a_frame_computes_no_test_of_trials_again(monkeypatch: pytest.MonkeyPatch) -> None:
    state = pruning(train=40)
    rng = np.random.default_rng(0)
    for step in range(1, 7):
        state.apply(proposed(step, 0, f"A. {step}."))
        for question, score in enumerate(rng.uniform(size=40)):
            state.apply(answered(f"A. {step}.", question, float(score)))
    accepted = texts(list_accepted(state))
    assert len(accepted) < 7

    def compute(values: object) -> float:
        raise AssertionError("it was computed before")

    monkeypatch.setattr(paired, "compute_chance_below_zero", compute)
    assert texts(list_accepted(state)) == accepted


def test_pairs_are_of_what_both_answered_with_their_groups() -> None:
    state = new_state("start", steps=1, per_step=1, train=6, dev=2)
    state.exclude_refused = True
    state.groups["train"] = (0, 0, 1, 1, 2, 2)
    state.apply(proposed(1, 0, "other"))
    for question, score in enumerate((1.0, None, 0.5, 0.0, 1.0)):
        state.apply(answered("start", question, score))
    state.apply(Refused(0.0, answered("other", 0).candidate, "train", 0, "filtered"))
    for question in (1, 2, 3, 5):
        state.apply(answered("other", question, 1.0))
    for text, score in (("start", 0.0), ("other", 1.0)):
        state.apply(answered(text, 1, score, "dev"))
    start, other = state.candidates.values()
    pairs = list(list_pairs(start, other, ("train", "dev")))
    assert pairs == [
        (0.0, 1.0, ("train", 0)),
        (0.5, 1.0, ("train", 1)),
        (0.0, 1.0, ("train", 1)),
        (0.0, 1.0, ("dev", 1)),
    ]
    assert [pair.difference for pair in pairs] == [1.0, 0.5, 1.0, 1.0]
    assert [pair.is_graded for pair in pairs] == [False, True, False, False]


def test_a_shorter_prompt_with_longer_replies_saves_nothing() -> None:
    state = pruning(("A.", (0, 1)), train=150)
    state.search = replace(state.search, steps=1)
    for text, completion in (("A. B. C.", 2), ("A.", 9)):
        for question in range(150):
            state.apply(answered(text, question, 1.0, "dev", completion=completion))
    assert winner(state) == "A. B. C."


def test_no_cheaper_prompt_is_crowned_in_error_more_often_than_allowed() -> None:
    # A small version of `python -m tests.bench.cheapest`, of 300 searches.
    found = [simulate(np.random.default_rng(seed), MARGIN, 100, 300) for seed in range(300)]
    led = [(leader, winner) for leader, winner in found if leader == CHEAPER]
    assert len(led) > 100
    assert sum(leader != winner for leader, winner in led) / len(led) <= 0.05
    equal = [simulate(np.random.default_rng(seed), 0.0, 200, 1000) for seed in range(60)]
    assert sum(leader != winner for leader, winner in equal) > 10
