"""What a result says of costs: the front, a preferred prompt, a pruned one."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.run.selection import decide
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import ObjectivesSettings
from opro_cli.core.task.example import Split
from opro_cli.reports.cheaper import judge_costs
from opro_cli.reports.result import build_result
from opro_cli.reports.used_rows import JudgedUse
from opro_cli.reports.verdict import Verdict, judge
from tests.core.runs import answered, new_state, proposed
from tests.reports.test_result import recorded

TOKENS = ObjectivesSettings("tokens_per_1000")


def answer_all(
    state: RunState, text: str, split: Split, wrong: int = 0, prompt: int | None = 100, **more: Any
) -> None:
    """Answer a split, the first questions wrongly."""
    for question in range(state.sizes[split]):
        score = float(question >= wrong)
        state.apply(answered(text, question, score, split, prompt=prompt, **more))


def pruned(wrong: int = 0, test: int = 400, short: int | None = 60, **search: Any) -> RunState:
    """A run that dropped one sentence of two, and asked both prompts the test questions."""
    state = new_state(
        "Count. Go on.",
        steps=1,
        per_step=1,
        train=50,
        dev=50,
        test=test,
        strategy="prune",
        racing=False,
        **search,
    )
    prompts = {"Count. Go on.": 100, "Count.": short}
    answer_all(state, "Count. Go on.", "train")
    state.apply(proposed(1, 0, "Count."))
    answer_all(state, "Count.", "train", prompt=short)
    for text, tokens in prompts.items():
        answer_all(state, text, "dev", prompt=tokens)
    for text, tokens in prompts.items():
        answer_all(state, text, "test", wrong if text == "Count." else 0, prompt=tokens)
    return state


def result_of(state: RunState) -> dict[str, Any]:
    return build_result(recorded(state), finished=True)


def test_a_pruned_prompt_is_proven_by_hand() -> None:
    result = result_of(pruned())
    assert result["best"]["instruction"] == "Count."
    # 13 characters, of which 7 go, with 40 tokens: all of them are about 74.
    assert result["pruned"] == {
        "dropped": 40,
        "of": 74,
        "unit": "tokens",
        "share": 40 / 74,
        "cost": "tokens_per_1000",
        "before": 102_000,
        "after": 62_000,
    }
    test = result["not_worse"]
    assert (test["margin"], test["difference"], test["n"], test["proven"]) == (2.0, 0.0, 400, True)
    assert test["p_value"] == pytest.approx(0.0021, abs=1e-4)  # z = sqrt(400 * .02 / .98) = 2.857
    assert result["verdict_sentence"] == (
        "pruned: 40 of 74 tokens (-54 %), not worse by 2 points (p = 0.0021) on 400 unseen "
        "questions; 102.0k → 62.0k tokens per 1,000 answers (-39 %)"
    )
    assert (result["headline"], result["verdict"]) == ("pruned", "not_distinguishable")


def test_what_is_not_proven_says_so_and_how_many_questions_would() -> None:
    result = result_of(pruned(wrong=2, test=100))
    assert result["headline"] == "not proven"
    assert not result["not_worse"]["proven"]
    assert result["not_worse"]["difference"] == -0.02
    assert result["verdict_sentence"].startswith(
        "not proven: 40 of 74 tokens (-54 %) dropped, and a loss of 2 points is not refuted (p = "
    )
    # z(.95) + z(.8) = 2.486; 2.486² * .0196 / .01² = 1,212 where one of 100 is lost.
    assert (
        "; some 1,112 more test questions would; "
        in (result_of(pruned(wrong=1, test=100))["verdict_sentence"])
    )


def test_a_pruned_prompt_is_not_chosen_by_resamples() -> None:
    state = pruned()
    for split in ("train", "dev"):  # the shorter one is better, too
        for question in range(20):
            answers = next(iter(state.candidates.values())).answers[split]
            answers.by_question[question] = answers.by_question[question]._replace(score=0.0)
            answers.correct -= 1
    assert decide(state).share == pytest.approx(1.0)  # type: ignore[union-attr]
    assert "choice" not in result_of(state)


def test_a_worse_prompt_is_called_that() -> None:
    result = result_of(pruned(wrong=30))
    assert (result["verdict"], result["headline"]) == ("worse", "not proven")
    assert "30 lost" in result["verdict_sentence"]


def judge_used(state: RunState, threshold: float) -> tuple[Verdict, dict[str, Any]]:
    """The verdict where only p-values below the threshold count, and what it says of costs."""
    start, best = state.candidates.values()
    use = JudgedUse(5, state.sizes["test"], "s", threshold)
    return judge_costs(judge(state, start, best, use), state, (start, best))


@pytest.mark.parametrize("threshold", [0.05, 1e-4])
def test_what_is_refuted_does_not_depend_on_how_often_the_rows_were_used(threshold: float) -> None:
    # 8 of 400 lost, none gained: mid-p = 1/256.
    verdict, keys = judge_used(pruned(wrong=8, margin=5.0), threshold)
    assert (verdict.outcome, verdict.headline) == ("worse", "pruned")
    assert keys["not_worse"]["p_value"] < 0.01
    assert keys["not_worse"]["proven"]
    assert "not refuted" not in verdict.sentence
    assert ", not worse by 5 points (p = " in verdict.sentence
    assert ", though certainly a little worse (-2.0 points, p = 0.0039)" in verdict.sentence


def test_a_gain_is_never_called_a_loss() -> None:
    state = pruned(test=400)
    for question in range(11):  # of the start prompt alone
        start = state.candidates[next(iter(state.candidates))].answers["test"]
        start.by_question[question] = start.by_question[question]._replace(score=0.0)
        start.correct -= 1
    verdict, keys = judge_used(state, 1e-4)
    assert verdict.comparison is not None
    assert verdict.comparison.p_value == pytest.approx(0.00049, abs=1e-5)
    assert (verdict.outcome, keys["not_worse"]["proven"]) == ("not_distinguishable", True)
    assert "a little worse" not in verdict.sentence


def test_where_nothing_is_claimed_the_reason_stands_in_place_of_a_test() -> None:
    state = pruned()
    start, best = state.candidates.values()
    known = judge(state, start, best)
    doubtful = Verdict(None, "the scorer itself changed meanwhile", known.comparison)
    verdict, keys = judge_costs(doubtful, state, (start, best))
    assert keys["not_worse"]["p_value"] < 0.05
    assert not keys["not_worse"]["proven"]
    assert verdict.sentence.startswith(
        "not proven: 40 of 74 tokens (-54 %) dropped; the scorer itself changed meanwhile; "
    )


def test_without_token_counts_characters_are_counted_and_nothing_is_0() -> None:
    result = result_of(pruned(short=None))
    assert result["pruned"]["unit"] == "characters"
    assert (result["pruned"]["dropped"], result["pruned"]["of"]) == (7, 13)
    assert result["pruned"]["after"] is None
    assert result["verdict_sentence"].endswith("the number of tokens of some answers is unknown")
    assert result["objectives"]["unknown"] == 1
    assert [each["candidate"]["step"] for each in result["front"]] == [0]
    assert result["best"].get("costs", {}).get("test", {}).get("tokens_per_1000") is None


def test_a_prompt_of_which_nothing_was_dropped() -> None:
    state = new_state(
        "Count. Go on.", steps=1, per_step=1, train=50, dev=50, test=9, strategy="prune"
    )
    answer_all(state, "Count. Go on.", "train")
    state.apply(proposed(1, 0, "Count."))
    answer_all(state, "Count.", "train", wrong=9)
    answer_all(state, "Count. Go on.", "dev")
    result = result_of(state)
    assert result["headline"] == "nothing was dropped"
    assert result["not_worse"] is None
    assert result["pruned"]["dropped"] == 0


def compared(**search: Any) -> RunState:
    state = new_state("start", steps=1, per_step=2, train=100, dev=100, test=400, **search)
    answer_all(state, "start", "train", wrong=40)
    state.apply(proposed(1, 0, "good"))
    state.apply(proposed(1, 1, "a cheap one"))
    for text, tokens in (("good", 300), ("a cheap one", 90)):
        answer_all(state, text, "train", prompt=tokens)
        answer_all(state, text, "dev", prompt=tokens)
    answer_all(state, "start", "dev", wrong=40)
    for text, tokens in (("start", 100), ("good", 300), ("a cheap one", 90)):
        answer_all(state, text, "test", wrong=5, prompt=tokens)
    return state


def test_a_run_that_ignores_costs_has_no_front() -> None:
    result = result_of(compared())
    assert not {"front", "objectives", "not_worse", "preferred"} & result.keys()
    # What its answers took is there all the same.
    assert result["best"]["costs"]["test"] == {
        "answers": 400,
        "metered": 400,
        "prompt_tokens": 120_000,
        "completion_tokens": 800,
        "tokens_per_1000": 302_000,
        "usd_per_1000": pytest.approx(1.0),
    }


def test_the_front_has_what_nothing_dominates() -> None:
    result = result_of(compared(objectives=TOKENS))
    assert result["best"]["instruction"] == "good"
    front = [(each["candidate"]["instruction"], each["cost"]) for each in result["front"]]
    assert front == [("a cheap one", 92_000)]  # as good as the best, and cheaper than the start
    assert result["objectives"] == {
        "cost": "tokens_per_1000",
        "split": "train+dev",
        "prefer": "best",
        "margin": 2.0,
        "unknown": 0,
    }


def test_a_preferred_prompt_is_explained() -> None:
    result = result_of(compared(prefer="cheapest_not_worse"))
    assert result["best"]["instruction"] == "a cheap one"
    assert result["preferred"] == {
        "instead_of": "good",
        "cost": "tokens_per_1000",
        "before": 302_000,
        "after": 92_000,
        "margin": 2.0,
        "difference": 0.0,
        "p_value": pytest.approx(0.0217, abs=1e-4),  # z = sqrt(200 * .02 / .98) = 2.02
        "n": 200,
        "proven": True,
    }
    sentence = result["verdict_sentence"]
    assert "chosen for its cost, not worse by 2 points than the best by score (p = 0.022)" in (
        sentence
    )
    assert "; not worse by 2 points than the start prompt (p = " in sentence
    assert sentence.endswith("102.0k → 92.0k tokens per 1,000 answers (-10 %)")
