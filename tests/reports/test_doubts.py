"""When a difference on test is there and nothing is claimed all the same."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.run.candidates import CACHED, Candidate, Outcome
from opro_cli.core.run.events import SessionStarted
from opro_cli.core.run.state import RunState
from opro_cli.reports.paired import compare_candidates
from opro_cli.reports.verdict import judge, measure_noise
from tests.core.runs import new_state

Scores = list[float | None]


def answers(*scores: float | None, session: int = 1) -> list[Outcome]:
    """None: the scorer refused, and the score leaves it out."""
    return [
        Outcome("a", score, False, session)
        if score is not None
        else Outcome(None, None, True, session)
        for score in scores
    ]


def candidate(outcomes: list[Outcome], name: str = "c") -> Candidate:
    made = Candidate(name, name, 0)
    made.answers["test"].by_question.update(enumerate(outcomes))
    return made


def state_of(again: list[Outcome] | None = None, format_version: int = 5) -> RunState:
    """A run of one start prompt "c", which was asked again with these outcomes."""
    state = new_state("c", test=20, noise_check=again is not None)
    state.apply(SessionStarted(0.0, 1, "1", format_version))
    start = next(iter(state.candidates.values()))
    if again is not None:
        repeated = state.second_time(start)
        repeated.answers["test"].by_question.update(enumerate(again))
        state.again[repeated.id] = repeated
    return state


def judged(
    before: list[Outcome],
    after: list[Outcome],
    again: list[Outcome] | None = None,
    format_version: int = 5,
) -> dict[str, Any]:
    state = state_of(again, format_version)
    start = next(iter(state.candidates.values()))
    start.answers["test"].by_question.update(enumerate(before))
    return judge(state, start, candidate(after)).to_json()


WRONG, RIGHT = answers(*[0.0] * 20), answers(*[1.0] * 20)
HALF = answers(*[0.0, 1.0] * 10)


def test_a_plain_gain_is_claimed() -> None:
    result = judged(HALF, RIGHT, again=HALF)
    assert result["verdict"] == "improved"
    assert "50.0 % → 100.0 %" in result["verdict_sentence"]


# The start prompt goes from 10 of 20 to 18: as much as the winner gains, McNemar mid-p .004.
BETTER = answers(*[0.0, 1.0] * 2, *[1.0] * 16)


@pytest.mark.parametrize("format_version", [4, 5])
def test_a_scorer_that_got_better_by_as_much_takes_the_gain_away(format_version: int) -> None:
    result = judged(HALF, BETTER, again=BETTER, format_version=format_version)
    assert result["verdict"] is None
    assert "the scorer itself changed meanwhile" in result["verdict_sentence"]
    assert "went from 50.0 % to 90.0 % (McNemar mid-p = 0.0039)" in result["verdict_sentence"]
    assert result["paired_test"]["gained"] == 8  # the figures stay


def test_a_drift_that_is_smaller_than_the_gain_takes_nothing_away_from_prompts_side_by_side() -> (
    None
):
    assert judged(HALF, RIGHT, again=BETTER)["verdict"] == "improved"
    # One after the other, what the drift may have been (up to 60 points) has the say.
    assert judged(HALF, RIGHT, again=BETTER, format_version=4)["verdict"] is None


def test_a_drift_the_other_way_makes_no_gain() -> None:
    worse = answers(*[0.0] * 20)
    assert judged(HALF, RIGHT, again=worse)["verdict"] == "improved"
    assert judged(HALF, WRONG, again=worse)["verdict"] is None


def test_noise_tells_its_p_value() -> None:
    state = state_of(BETTER)
    start = next(iter(state.candidates.values()))
    start.answers["test"].by_question.update(enumerate(HALF))
    noise = measure_noise(state, start)
    assert noise is not None
    assert noise["changed"] == 8
    assert noise["p_value"] == pytest.approx(2 / 2**8 - 1 / 2**8)


# 20 questions: under the new prompt the scorer refuses the 8 that the start prompt had right.
REFUSED: Scores = [None] * 8 + [1.0] * 12


def test_refused_questions_cannot_make_a_gain() -> None:
    before = answers(*[1.0] * 8, *[0.0] * 7, *[1.0] * 5)
    result = judged(before, answers(*REFUSED))
    # On the 12 that both have: 7 gained, none lost, mid-p .0078; with the 8 lost: 7 to 8.
    assert result["paired_test"] == {
        "test": "McNemar mid-p",
        "n": 12,
        "gained": 7,
        "lost": 0,
        "p_value": pytest.approx(2**-7),
    }
    assert result["verdict"] == "not_distinguishable"
    sentence = result["verdict_sentence"]
    assert sentence.startswith("on 12 unseen test questions 41.7 % → 100.0 %, +58.3 points")
    assert "refused by the scorer, 8 under the new prompt alone" in sentence
    assert sentence.endswith("left out take the difference away (McNemar mid-p = 1)")


def test_refused_questions_cannot_make_a_loss() -> None:
    after = answers(*[1.0] * 8, *[0.0] * 7, *[1.0] * 5)
    result = judged(answers(*REFUSED), after)
    assert result["verdict"] == "not_distinguishable"
    assert "8 under the start prompt alone" in result["verdict_sentence"]


def test_a_gain_that_stands_against_the_refused_ones_is_claimed() -> None:
    before, after = answers(*[0.0] * 18, 1.0, None), answers(*[1.0] * 18, None, 1.0)
    result = judged(before, after)
    assert result["verdict"] == "improved"
    assert "on 18 unseen test questions 0.0 % → 100.0 %" in result["verdict_sentence"]
    assert (
        "1 under the start prompt alone and 1 under the new prompt alone"
        in (result["verdict_sentence"])
    )


def test_questions_refused_under_both_count_for_nobody() -> None:
    found = compare_candidates(
        candidate(answers(0.0, None, 0.0, 1.0)), candidate(answers(1.0, None, 1.0, 1.0))
    )
    assert found is not None
    assert (found.n, found.only_first, found.only_second) == (3, 0, 0)
    assert found.guarded_p == found.p_value
    assert found.before == pytest.approx(1 / 3)
    assert found.after == 1.0


def asked_at(*times: float, score: float = 1.0) -> list[Outcome]:
    return [Outcome("a", score, False, 1, sent) for sent in times]


def together(first: list[Outcome], second: list[Outcome]) -> bool:
    found = compare_candidates(candidate(first), candidate(second))
    assert found is not None
    return found.together


MINUTES = [60.0 * turn for turn in range(50)]


def test_prompts_side_by_side_are_asked_together_whatever_the_order_within_a_question() -> None:
    late = [sent + 40 for sent in MINUTES]
    assert together(asked_at(*MINUTES), asked_at(*late))
    assert together(asked_at(*late), asked_at(*MINUTES))


@pytest.mark.parametrize("straddling", [4, 20, 50])
def test_questions_that_were_asked_much_later_of_one_prompt_part_the_two(straddling: int) -> None:
    resent = [*MINUTES[:-straddling], *(10_000.0 + sent for sent in MINUTES[-straddling:])]
    for first, second in ((MINUTES, resent), (resent, MINUTES)):
        found = compare_candidates(candidate(asked_at(*first)), candidate(asked_at(*second)))
        assert found is not None
        assert (found.ahead, found.together) == (straddling, False)


@pytest.mark.parametrize(("gained", "verdict"), [(9, "improved"), (8, None)])
def test_what_a_change_between_them_can_have_moved_is_no_gain(
    gained: int, verdict: str | None
) -> None:
    """Four questions were asked late of the winner: of 9 gained 5 are sure (p .031), of 8 four."""
    times = [*MINUTES[:46], *(10_000.0 + sent for sent in MINUTES[46:])]
    before = [Outcome("a", 0.0, False, 1, sent) for sent in MINUTES]
    after = [
        Outcome("a", float(index >= 50 - gained), False, 1, sent)
        for index, sent in enumerate(times)
    ]
    state = new_state("c", test=50)
    state.apply(SessionStarted(0.0, 1, "1", 5))
    start = next(iter(state.candidates.values()))
    start.answers["test"].by_question.update(enumerate(before))
    result = judge(state, start, candidate(after)).to_json()
    assert result["verdict"] == verdict
    if verdict is None:
        assert "was asked 4 questions later than the other" in result["verdict_sentence"]


def test_a_second_is_no_time() -> None:
    assert together(asked_at(*[0.0] * 50), asked_at(*[0.9] * 50))
    assert not together(asked_at(*[0.0] * 50), asked_at(*[1.1] * 50))


def test_an_answer_from_the_cache_is_of_no_time() -> None:
    cached = answers(*[1.0] * 20, session=CACHED)
    assert not together(cached, answers(*[1.0] * 20))
    assert not together(cached, cached)


def test_a_gain_of_a_prompt_that_was_asked_later_is_not_claimed() -> None:
    """Its calls timed out, say, and were sent again after the server had changed."""
    before = [Outcome("a", 0.0, False, 1, sent) for sent in MINUTES[:20]]
    later = [Outcome("a", 1.0, False, 1, sent + 10_000) for sent in MINUTES[:20]]
    result = judged(before, later)
    assert result["verdict"] is None
    assert "was asked 20 questions later than the other" in result["verdict_sentence"]


@pytest.mark.parametrize("session", [2, CACHED])
def test_a_run_of_an_older_format_claims_nothing_over_two_sessions(session: int) -> None:
    later = answers(*[1.0] * 20, session=session)
    assert judged(HALF, later, format_version=4)["verdict"] is None
    assert judged(HALF, RIGHT, format_version=4)["verdict"] == "improved"
