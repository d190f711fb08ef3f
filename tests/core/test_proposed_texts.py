"""What becomes of proposed texts, by our rules and by the paper's."""

from __future__ import annotations

import pytest

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.proposals import ProposedText
from opro_cli.core.run.selection import select_trajectory
from opro_cli.core.run.state import RunState
from opro_cli.loop.planner import Evaluate, Propose, plan_next
from tests.core.runs import new_state, proposed, score_all


def told(state: RunState) -> list[tuple[int, str, str]]:
    return [(each.step, each.text, each.skipped) for each in state.proposals.texts]


def entered(state: RunState) -> list[tuple[int, str]]:
    return [(step, candidate.instruction) for step, candidate in state.history]


def propose(state: RunState, *texts: str) -> None:
    """A whole step, one text a reply."""
    step = state.step + 1
    for sample, text in enumerate(texts):
        state.apply(proposed(step, sample, text))


def test_every_text_has_its_fate() -> None:
    state = new_state(per_step=6, max_instruction_chars=10, drop_digits=True, rules="paper")
    propose(state, "Think.", "Think.", "x" * 11, "x" * 10, "Take 2.", "an <INS>")
    assert told(state) == [
        (1, "Think.", ""),
        (1, "Think.", "repeated"),
        (1, "x" * 11, "too long"),
        (1, "x" * 10, ""),
        (1, "Take 2.", "digits"),
        (1, "an <INS>", "tag"),
    ]
    assert entered(state) == [(0, "start"), (1, "Think."), (1, "x" * 10)]
    assert state.proposals.empty == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 <INS> much too long", "too long"),
        ("1 <INS>", "digits"),
        ("<INS>", "tag"),
        ("INSIST", "tag"),
        ("Insist", ""),
        ("<Start>", ""),
        ("²", "digits"),
        ("Ⅷ", ""),  # a numeral and no digit
        ("", ""),
    ],
)
def test_the_first_reason_of_the_reference_is_told(text: str, why: str) -> None:
    state = new_state(per_step=1, max_instruction_chars=10, drop_digits=True, rules="paper")
    propose(state, text)
    assert state.proposals.texts == [ProposedText(1, text, why)]


def test_by_our_rules_digits_and_tags_are_fine_unless_told() -> None:
    state = new_state(per_step=2)
    propose(state, "Take 2 steps.", "INSIST")
    assert told(state) == [(1, "Take 2 steps.", ""), (1, "INSIST", "")]
    assert state.proposals.empty == 0


def test_a_text_that_was_skipped_is_repeated_the_next_time() -> None:
    state = new_state(per_step=1, steps=3, drop_digits=True)
    propose(state, "Take 2.")
    propose(state, "Take 2.")
    assert told(state) == [(1, "Take 2.", "digits"), (2, "Take 2.", "repeated")]
    assert entered(state) == [(0, "start")]


def test_nothing_is_told_before_the_step_is_whole() -> None:
    state = new_state(per_step=2)
    state.apply(proposed(1, 1, "second"))
    assert (state.proposals.texts, state.step) == ([], 0)
    state.apply(proposed(1, 0, "first"))
    assert told(state) == [(1, "first", ""), (1, "second", "")]


def test_a_reply_of_several_texts_is_empty_only_when_all_are_skipped() -> None:
    state = new_state(per_step=2)
    state.apply(proposed(1, 0, "start", "new"))
    state.apply(proposed(1, 1, "new", "start"))
    assert [skipped for _, _, skipped in told(state)] == ["repeated", "", "repeated", "repeated"]
    assert state.proposals.empty == 1


def test_by_our_rules_an_initial_instruction_does_not_enter_again() -> None:
    state = new_state("start", per_step=1, train=2)
    score_all(state, "start", 1)
    propose(state, "start")
    assert told(state) == [(1, "start", "repeated")]
    assert entered(state) == [(0, "start")]


def test_by_the_papers_rules_it_enters_again_with_its_answers() -> None:
    state = new_state("start", "other", per_step=1, train=2, rules="paper")
    score_all(state, "start", 1)
    score_all(state, "other", 1)
    propose(state, "start")
    assert told(state) == [(1, "start", "")]
    assert entered(state) == [(0, "start"), (0, "other"), (1, "start")]
    assert [c.instruction for c in select_trajectory(state)] == ["start", "other", "start"]
    assert [c.instruction for c in state.of_step(0)] == ["start", "other"]
    assert state.of_step(1) == []
    # All its questions are answered, so the optimizer is asked next.
    work = plan_next(state)
    assert isinstance(work, Propose)
    shown = [candidate.id for candidate in select_trajectory(state)]
    assert (work.step, shown.count(make_candidate_id("start"))) == (2, 2)


def test_it_enters_again_once() -> None:
    state = new_state("start", per_step=2, steps=2, train=2, rules="paper")
    propose(state, "start", "start")
    propose(state, "start", "new")
    assert [skipped for _, _, skipped in told(state)] == ["", "repeated", "repeated", ""]
    assert entered(state) == [(0, "start"), (1, "start"), (2, "new")]


def test_the_empty_instruction_is_a_candidate_like_any_other() -> None:
    state = new_state("start", per_step=1, train=2, rules="paper")
    score_all(state, "start", 1)
    propose(state, "")
    work = plan_next(state)
    assert isinstance(work, Evaluate)
    assert {q.candidate for q in work.questions} == {make_candidate_id("")}
    score_all(state, "", 2)
    assert [c.instruction for c in select_trajectory(state)] == ["start", ""]


@pytest.mark.parametrize("text", ["x" * 501, "Solve 12.", "Seen."])
def test_what_is_not_worth_scoring_is_not_scored_meanwhile_either(text: str) -> None:
    state = new_state("start", "Seen.", per_step=2, max_instruction_chars=500, drop_digits=True)
    state.apply(proposed(1, 0, text))
    assert state.pending == {}


def test_an_initial_instruction_that_is_proposed_again_is_asked_nothing_again() -> None:
    """By the paper's rules it enters again, with the answers that it has."""
    state = new_state("start", per_step=2, rules="paper")
    score_all(state, "start", 2)
    state.apply(proposed(1, 0, "start"))
    assert state.pending == {}
    work = plan_next(state)
    assert isinstance(work, Propose)
    assert work.meanwhile == ()


def test_a_step_is_done_when_all_have_joined_and_are_done() -> None:
    state = new_state("start", per_step=2, train=2)
    score_all(state, "start", 2)
    assert (state.is_step_done(0), state.is_step_done(1)) == (True, False)
    state.apply(proposed(1, 0, "new"))
    score_all(state, "new", 1)
    assert not state.is_step_done(1)  # another may join
    state.apply(proposed(1, 1, "newer"))
    assert not state.is_step_done(1)
    score_all(state, "newer", 1)
    assert (state.is_step_done(1), state.is_step_done(2)) == (True, False)
