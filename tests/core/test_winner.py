"""The choice of the winner: by train and dev together, and only where it is a reliable one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.deciding import Decision, get_basis, measure_mean, measure_score
from opro_cli.core.run.events import Refused, SessionStarted
from opro_cli.core.run.selection import decide, find_baseline, find_winner, sort_best_first
from opro_cli.core.run.state import RunState
from opro_cli.core.stats.intervals import wilson_interval
from opro_cli.core.stats.resamples import measure_win_share
from opro_cli.core.task.example import Split
from opro_cli.core.task.prompt import Demo, Prompt, encode_form
from tests.bench.winners import OURS, TODAY, compare
from tests.core.runs import answered, new_state, proposed


def answer(state: RunState, who: str, scores: Sequence[float | None], split: Split) -> None:
    for question, score in enumerate(scores):
        state.apply(answered(who, question, score, split))


def right(count: int, of: int) -> list[float | None]:
    return [*[1.0] * count, *[0.0] * (of - count)]


def searched(
    train: dict[str, list[float | None]],
    dev: dict[str, list[float | None]] | None = None,
    *,
    format_version: int = 8,
    **options: object,
) -> RunState:
    """A search of one step, over: the start prompt and others, with their answers."""
    sizes = {"train": len(train["start"]), "dev": len(dev["start"]) if dev else 0}
    state = new_state("start", steps=1, per_step=len(train) - 1, test=3, **sizes, **options)  # type: ignore[arg-type]
    state.apply(SessionStarted(0.0, 1, "0.1.0", format_version))
    answer(state, "start", train["start"], "train")
    for sample, who in enumerate([each for each in train if each != "start"]):
        state.apply(proposed(1, sample, who))
    for who, scores in train.items():
        if who != "start":
            answer(state, who, scores, "train")
    for who, scores in (dev or {}).items():
        answer(state, who, scores, "dev")
    return state


def decided(state: RunState) -> Decision:
    decision = decide(state)
    assert decision is not None
    assert find_winner(state) is decision.winner
    assert find_baseline(state) is decision.start
    return decision


def test_one_dev_question_does_not_beat_forty_five_points_of_train() -> None:
    train = {"start": right(0, 20), "lucky": right(2, 20), "able": right(11, 20)}
    dev = {"start": right(0, 2), "lucky": right(2, 2), "able": right(1, 2)}
    decision = decided(searched(train, dev))
    assert (decision.winner.instruction, decision.basis) == ("able", "train+dev")
    assert measure_mean(decision.winner, "train+dev") == 12 / 22
    before = decided(searched(train, dev, format_version=7))
    assert (before.winner.instruction, before.basis, before.share) == ("lucky", "dev", None)


def test_the_start_prompt_stays_where_the_best_beats_it_in_too_few_resamples() -> None:
    train = {"start": right(5, 10), "other": right(6, 10)}
    decision = decided(searched(train, {"start": right(5, 10), "other": right(5, 10)}))
    # One question of twenty was gained: it is missing in (19/20) ** 20 of all resamples.
    assert decision.share == pytest.approx(1 - 0.95**20)
    assert (decision.first.instruction, decision.winner.instruction) == ("other", "start")
    two = decided(searched(train, {"start": right(5, 10), "other": right(6, 10)}))
    assert two.share == pytest.approx(1 - 0.9**20)
    assert two.winner.instruction == "other"


def test_without_dev_train_alone_needs_the_same_share() -> None:
    one = decided(searched({"start": right(5, 10), "other": right(6, 10)}))
    assert (one.basis, one.winner.instruction) == ("train", "start")
    assert one.share == pytest.approx(1 - 0.9**10)
    two = decided(searched({"start": right(5, 10), "other": right(7, 10)}))
    assert two.share == pytest.approx(1 - 0.8**10)
    assert two.winner.instruction == "other"
    old = decided(searched({"start": right(5, 10), "other": right(6, 10)}, format_version=7))
    assert (old.share, old.winner.instruction) == (None, "other")


def test_a_search_that_is_not_over_shows_the_best_so_far_whatever_chance_may_do() -> None:
    state = new_state("start", steps=2, per_step=1, train=10, dev=10)
    answer(state, "start", right(5, 10), "train")
    state.apply(proposed(1, 0, "other"))
    answer(state, "other", right(6, 10), "train")
    decision = decided(state)
    assert (decision.basis, decision.share, decision.winner.instruction) == ("train", None, "other")


def test_test_answers_have_no_say() -> None:
    train = {"start": right(5, 10), "other": right(6, 10)}
    state = searched(train, {"start": right(5, 10), "other": right(5, 10)})
    before = decided(state)
    answer(state, "other", right(3, 3), "test")
    answer(state, "start", right(0, 3), "test")
    assert decided(state) == before


def test_refused_questions_are_paired_out() -> None:
    state = new_state("start", steps=1, per_step=1, train=10)
    state.exclude_refused = True
    answer(state, "start", right(5, 9), "train")
    state.apply(Refused(0.0, make_candidate_id("start"), "train", 9, "no"))
    state.apply(proposed(1, 0, "other"))
    answer(state, "other", right(6, 10), "train")
    assert decided(state).share == pytest.approx(1 - (8 / 9) ** 9)


def test_the_order_of_arrival_does_not_show() -> None:
    grades = [0.2, 0.4, 0.9, 0.0, 1.0, 0.7, 0.3, 0.1]
    others = [0.3, 0.4, 0.8, 0.6, 1.0, 0.9, 0.2, 0.4]
    shares = set()
    for order in (range(8), reversed(range(8))):
        state = new_state("start", steps=1, per_step=1, train=8)
        answer(state, "start", grades, "train")
        state.apply(proposed(1, 0, "other"))
        for question in order:
            state.apply(answered("other", question, others[question]))
        shares.add(decided(state).share)
    assert len(shares) == 1


def test_the_winner_stands_before_all_others() -> None:
    train = {"start": right(5, 10), "other": right(6, 10), "bad": right(1, 10)}
    names = [c.instruction for c in sort_best_first(searched(train))]
    assert names == ["start", "other", "bad"]


def test_the_papers_rules_choose_by_dev_alone() -> None:
    state = searched(
        {"start": right(0, 2), "other": right(2, 2)}, {"start": right(2, 2), "other": right(1, 2)}
    )
    assert get_basis(state) == "train+dev"
    state.search = replace(state.search, rules="paper")
    assert get_basis(state) == "dev"
    assert decided(state).winner.instruction == "start"


def test_the_score_on_both_splits_adds_up() -> None:
    state = searched(
        {"start": right(1, 4), "other": [1.0, 0.5, None, 0.0]},
        {"start": right(1, 2), "other": [1.0, None]},
    )
    (other,) = state.of_step(1)
    score = measure_score(other, "train+dev")
    assert score is not None
    assert (score.mean, score.n, score.correct, score.unreadable) == (2.5 / 6, 6, 2, 2)
    assert measure_score(other, "dev") == other.score("dev")


@settings(deadline=None)
@given(
    st.integers(1, 60).flatmap(
        lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(0, n))
    )
)
def test_the_exact_share_is_that_of_every_resample(counts: tuple[int, int, int]) -> None:
    n, gained, lost = counts[0], min(counts[1:]), max(counts[1:]) - min(counts[1:])
    differences = [1.0] * gained + [-1.0] * lost + [0.0] * (n - gained - lost)
    # The distribution of the sum, one draw after the other.
    one = np.array([lost, n - gained - lost, gained]) / n
    whole = np.array([1.0])
    for _ in range(n):
        whole = np.convolve(whole, one)
    assert measure_win_share(differences) == pytest.approx(whole[n + 1 :].sum(), abs=1e-9)


def test_graded_scores_are_resampled_as_many_times_as_said() -> None:
    differences = [0.5] * 12 + [-0.5] * 9 + [0.0] * 30
    exact = measure_win_share([2 * each for each in differences])
    assert measure_win_share(differences) == pytest.approx(exact, abs=0.04)
    assert measure_win_share(differences, 1) == measure_win_share(differences[::-1], 1)
    assert measure_win_share(differences, 1) != measure_win_share(differences, 2)
    assert measure_win_share([-0.5, 0.0]) == 0.0
    assert measure_win_share([]) == 0.0


def test_the_manuals_table_says_why_train_counts() -> None:
    few = compare(7, "a few, +5", (40, 100, 20), 500)
    assert few[OURS].worth > few[TODAY].worth
    worse = compare(7, "start is best", (40, 50, 100), 500)
    assert worse[OURS].worse < worse[TODAY].worse
    assert worse[OURS].worth >= worse[TODAY].worth


def test_groups_are_resampled_as_wholes_and_count_once() -> None:
    # Ten questions of five pairs: five independent sums, of which three are gained.
    state = new_state("start", steps=1, per_step=1, train=10)
    state.groups["train"] = tuple(question // 2 for question in range(10))
    state.apply(proposed(1, 0, "other"))
    answer(state, "start", right(5, 10), "train")
    answer(state, "other", right(9, 10), "train")
    alone = new_state("start", steps=1, per_step=1, train=10)
    alone.apply(proposed(1, 0, "other"))
    answer(alone, "start", right(5, 10), "train")
    answer(alone, "other", right(9, 10), "train")
    together, apart = decide(state), decide(alone)
    assert together is not None
    assert apart is not None
    assert together.share is not None
    assert apart.share is not None
    assert together.share < apart.share == pytest.approx(1 - 0.6**10)
    assert together.share == pytest.approx(1 - 0.4**5, abs=0.01)


def test_the_interval_on_both_splits_counts_groups() -> None:
    state = new_state(train=10, dev=2)
    state.groups["train"] = tuple(question // 5 for question in range(10))
    answer(state, "start", right(5, 10), "train")
    answer(state, "start", right(1, 2), "dev")
    (start,) = state.candidates.values()
    score = measure_score(start, "train+dev")
    assert score is not None
    # Groups of 5, 5, 1 and 1: a design effect of (25 + 25 + 1 + 1) / 12.
    assert score.interval == wilson_interval(0.5, 12 / (52 / 12))


def test_a_start_prompt_with_a_form_is_asked_again_with_it() -> None:
    form = encode_form(Prompt("start", (Demo(0, "gold"),)))
    state = new_state("start", initial_forms=(form,))
    (start,) = state.candidates.values()
    assert state.second_time(start).content == start.content
