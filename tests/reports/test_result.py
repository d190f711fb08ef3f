"""`result.json` by hand: the contract's keys, the verdict and its sentence."""

from __future__ import annotations

import pytest

from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import Split
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result, count_steps_done
from opro_cli.reports.verdict import judge
from tests.core.runs import answered, new_state, proposed, score_all


def recorded(state: RunState) -> RecordedRun:
    return RecordedRun(
        name="sums-1",
        folder="runs/sums-1",
        settings={"scorer": {"model": "openai/a"}, "optimizer": {"model": "openai/b"}},
        identity={"created": "2026-11-23T10:00:00+00:00"},
        examples={},
        state=state,
        status="finished",
    )


def run_with_test(start_right: int, best_right: int, test: int) -> RunState:
    """start and a candidate, whose first `*_right` test questions are right."""
    state = new_state(steps=1, per_step=1, train=4, test=test)
    score_all(state, "start", 1)
    state.apply(proposed(1, 0, "better"))
    score_all(state, "better", 3)
    score_all(state, "start", start_right, "test")
    score_all(state, "better", best_right, "test")
    return state


def test_the_contract_of_a_finished_run() -> None:
    result = build_result(recorded(run_with_test(2, 9, 10)), finished=True)
    assert result["status"] == "finished"
    assert result["initial"]["instruction"] == "start"
    assert (result["best"]["instruction"], result["best"]["step"]) == ("better", 1)
    assert result["best"]["scores"]["dev"] is None
    test = result["best"]["scores"]["test"]
    assert {name: test[name] for name in ("mean", "n", "correct", "unreadable")} == {
        "mean": 0.9,
        "n": 10,
        "correct": 9,
        "unreadable": 0,
    }
    assert test["interval"] == pytest.approx([0.5958, 0.9821], abs=1e-4)
    assert result["spend"] == {
        "usd": pytest.approx(28 * 0.001 + 0.01),
        "usd_without_cache": pytest.approx(28 * 0.001 + 0.01),
        "prompt_tokens": 28 * 10 + 100,
        "completion_tokens": 28 * 2 + 20,
        "reasoning_tokens": None,
        "calls": 29,
        "cached_calls": 0,
        "counted": {
            "usd": pytest.approx(28 * 0.001 + 0.01),
            "prompt_tokens": 28 * 10 + 100,
            "completion_tokens": 28 * 2 + 20,
        },
        "uncounted": {"calls": 0, "unanswered": 0, "tokens": 0, "usd": 0.0},
        "beyond_limits": {},
    }
    assert (result["steps_done"], result["seed"]) == (1, 0)
    assert result["models"] == {"scorer": "openai/a", "optimizer": "openai/b"}


def test_the_verdict_is_a_paired_test() -> None:
    result = build_result(recorded(run_with_test(2, 9, 10)), finished=True)
    # 7 gained, 0 lost: the exact p is 2 / 2**7, and half of it is the chance of just this
    assert result["paired_test"] == {
        "test": "McNemar mid-p",
        "n": 10,
        "gained": 7,
        "lost": 0,
        "p_value": 1 / 128,
    }
    assert result["verdict"] == "improved"
    assert result["difference"]["mean"] == pytest.approx(0.7)
    assert result["verdict_sentence"] == (
        "on 10 unseen test questions 20.0 % → 90.0 %, +70.0 points (95 % interval +22.8 to +89.2; "
        "7 gained, 0 lost, McNemar mid-p = 0.0078)"
    )


def test_what_is_not_told_apart_says_how_many_questions_would() -> None:
    result = build_result(recorded(run_with_test(5, 7, 10)), finished=True)
    assert result["verdict"] == "not_distinguishable"
    # 2 of 10 gained, none lost (Connor 1987): ((1.95996 √.2 + .84162 √(.2 - .04)) / .2)² = 36.8
    assert result["questions_needed"] == 37
    assert result["verdict_sentence"].endswith(
        "; some 27 more test questions would tell such a difference"
    )


@pytest.mark.parametrize(
    ("start_right", "best_right", "verdict"),
    [
        (2, 6, "not_distinguishable"),
        (2, 7, "improved"),
        (8, 2, "worse"),
        (5, 5, "not_distinguishable"),
    ],
)
def test_only_a_gain_that_is_no_chance_is_called_one(
    start_right: int, best_right: int, verdict: str
) -> None:
    # 4 gained: mid-p = .0625; 5 gained: .03125
    assert (
        build_result(recorded(run_with_test(start_right, best_right, 10)), finished=True)["verdict"]
        == verdict
    )


def test_without_a_test_split_no_gain_is_claimed() -> None:
    state = new_state(steps=0, train=4)
    score_all(state, "start", 1)
    result = build_result(recorded(state), finished=True)
    assert result["verdict"] is None
    assert "no test split" in result["verdict_sentence"]


def test_a_start_prompt_that_stays_best_is_the_headline() -> None:
    state = new_state(steps=0, train=4, test=4)
    score_all(state, "start", 1)
    score_all(state, "start", 1, "test")
    result = build_result(recorded(state), finished=True)
    assert result["verdict"] == "not_distinguishable"
    assert result["initial"] == result["best"]


def test_a_search_of_no_steps_says_so_and_which_baseline_is_better() -> None:
    state = new_state(steps=0, train=4, test=12, baselines=("Breathe.", "Hurry."))
    score_all(state, "start", 1)
    score_all(state, "start", 4, "test")
    score_all(state, "Breathe.", 11, "test")
    score_all(state, "Hurry.", 5, "test")
    result = build_result(recorded(state), finished=True)
    assert result["headline"] == "no search was asked for (search.steps: 0)"
    assert result["verdict_sentence"] == (
        "no search was asked for (search.steps: 0); the baseline 'Breathe.' does better than the "
        "start prompt: 33.3 % → 91.7 % on test (McNemar mid-p = 0.0078)"
    )


def test_a_winner_is_told_of_a_better_baseline() -> None:
    state = run_with_test(2, 9, 40)
    assert build_result(recorded(state), finished=True)["headline"] is None
    state = new_state(steps=1, per_step=1, train=4, test=40, baselines=("Breathe.",))
    score_all(state, "start", 1)
    state.apply(proposed(1, 0, "better"))
    for prompt, right in (("better", 20), ("start", 10), ("Breathe.", 30)):
        if prompt == "better":
            score_all(state, prompt, 3)
        score_all(state, prompt, right, "test")
    result = build_result(recorded(state), finished=True)
    assert result["verdict"] == "improved"
    assert "; the baseline 'Breathe.' does better than the winner: 50" in result["verdict_sentence"]


def test_a_search_that_tried_nothing_has_no_verdict() -> None:
    state = new_state(steps=1, per_step=2, train=4, dev=2, test=2)
    score_all(state, "start", 1)
    state.apply(proposed(1, 0, "start"))
    state.apply(proposed(1, 1))
    result = build_result(recorded(state), finished=True)
    assert (result["verdict"], result["headline"]) == (None, "no candidate was tried")
    assert result["verdict_sentence"] == "no candidate was tried: 1 repeated, 1 with no tags"
    assert result["proposals"]["why"] == ["1 repeated", "1 with no tags"]


def test_a_stopped_run_has_a_best_so_far_and_no_verdict() -> None:
    state = new_state(steps=2, per_step=1, train=4, dev=2, test=2)
    score_all(state, "start", 1)
    state.apply(proposed(1, 0, "better"))
    score_all(state, "better", 3)
    state.apply(proposed(2, 0, "half done"))
    state.apply(answered("half done", 0))
    result = build_result(recorded(state), finished=False)
    assert result["status"] == "stopped"
    assert result["verdict"] is None
    assert result["best"]["instruction"] == "better"
    assert result["steps_done"] == 1


def test_nothing_scored_is_nothing_claimed() -> None:
    state = new_state(train=4)
    result = build_result(recorded(state), finished=False)
    assert result["initial"] is result["best"] is None
    assert judge(state, None, None).to_json()["verdict"] is None
    assert count_steps_done(state) == 0


@pytest.mark.parametrize("split", ["dev", "test"])
def test_an_unknown_price_stays_unknown(split: Split) -> None:
    state = new_state(steps=0, train=1, **{split: 1})
    state.apply(answered("start", 0, usd=None))
    assert build_result(recorded(state), finished=False)["spend"]["usd"] is None
