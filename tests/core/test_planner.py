"""The loop, read off the planner: what is asked, in which order, and by whom."""

from __future__ import annotations

from opro_cli.core.run.exemplars import choose_exemplars
from opro_cli.core.run.selection import find_baseline, find_winner, select_trajectory
from opro_cli.core.run.state import RunState
from opro_cli.loop.planner import Evaluate, Finish, Propose, plan_next
from tests.core.runs import answered, new_state, proposed, score_all


def asked(state: RunState) -> set[tuple[str, str, int]]:
    """Who is asked what next: (instruction, split, question)."""
    work = plan_next(state)
    assert isinstance(work, Evaluate)
    return {(state.candidates[q.candidate].instruction, q.split, q.index) for q in work.questions}


def test_the_initial_instructions_are_scored_first() -> None:
    state = new_state("one", "two", train=2)
    state.apply(answered("one", 1))
    assert asked(state) == {("one", "train", 0), ("two", "train", 0), ("two", "train", 1)}


def test_then_the_optimizer_is_asked_for_the_missing_samples() -> None:
    state = new_state("low", "high", per_step=3, train=4)
    score_all(state, "low", 1)
    score_all(state, "high", 3)
    state.apply(proposed(1, 1, "b"))
    work = plan_next(state)
    assert isinstance(work, Propose)
    assert (work.step, work.samples) == (1, (0, 2))
    shown = select_trajectory(state)
    assert [candidate.instruction for candidate in shown] == ["low", "high"]
    assert len(choose_exemplars(state, shown)) == 2


def test_a_step_without_new_instructions_goes_on_to_the_next() -> None:
    state = new_state(per_step=1, steps=3)
    score_all(state, "start", 2)
    state.apply(proposed(1, 0))
    work = plan_next(state)
    assert isinstance(work, Propose)
    assert work.step == 2


def searched() -> RunState:
    """One step done: start 2/4, a 3/4, b 1/4 on train; dev and test open."""
    state = new_state(steps=1, per_step=2, train=4, dev=3, test=2)
    score_all(state, "start", 2)
    state.apply(proposed(1, 0, "a"))
    state.apply(proposed(1, 1, "b"))
    score_all(state, "a", 3)
    score_all(state, "b", 1)
    return state


def test_finalists_are_scored_on_dev_which_chooses_together_with_train() -> None:
    state = searched()
    assert asked(state) == {(who, "dev", q) for who in ("start", "a", "b") for q in range(3)}
    score_all(state, "start", 0, "dev")
    score_all(state, "a", 0, "dev")
    score_all(state, "b", 3, "dev")
    best = find_winner(state)
    assert best is not None
    assert best.instruction == "b"


def test_only_the_winner_and_the_start_see_the_test_split() -> None:
    state = searched()
    for who, right in (("start", 1), ("a", 2), ("b", 0)):
        score_all(state, who, right, "dev")
    assert asked(state) == {(who, "test", q) for who in ("start", "a") for q in range(2)}
    score_all(state, "start", 1, "test")
    score_all(state, "a", 1, "test")
    assert plan_next(state) == Finish()


def test_with_many_candidates_only_the_best_on_train_reach_dev() -> None:
    state = new_state(steps=1, per_step=8, train=8, dev=1)
    score_all(state, "start", 0)
    for sample in range(8):
        state.apply(proposed(1, sample, f"c{sample}"))
    for sample in range(8):
        score_all(state, f"c{sample}", sample)
    assert {who for who, _, _ in asked(state)} == {"start", "c3", "c4", "c5", "c6", "c7"}


def test_no_steps_scores_the_initial_instructions_alone() -> None:
    state = new_state(steps=0, train=2, dev=1, test=1)
    score_all(state, "start", 1)
    score_all(state, "start", 1, "dev")
    score_all(state, "start", 1, "test")
    assert plan_next(state) == Finish()
    assert find_winner(state) is find_baseline(state)


def test_ties_go_to_the_earlier_then_the_shorter_prompt() -> None:
    state = new_state("start", steps=1, per_step=2, train=2)
    score_all(state, "start", 1)
    state.apply(proposed(1, 0, "a longer one"))
    state.apply(proposed(1, 1, "short"))
    score_all(state, "a longer one", 2)
    score_all(state, "short", 2)
    best = find_winner(state)
    assert best is not None
    assert best.instruction == "short"
    again = new_state("start", steps=1, per_step=1, train=2)
    score_all(again, "start", 2)
    again.apply(proposed(1, 0, "x"))
    score_all(again, "x", 2)
    assert find_winner(again) is find_baseline(again)


def test_without_dev_the_train_score_chooses() -> None:
    state = new_state(steps=1, per_step=1, train=4, test=1)
    score_all(state, "start", 1)
    state.apply(proposed(1, 0, "better"))
    score_all(state, "better", 4)
    assert asked(state) == {("start", "test", 0), ("better", "test", 0)}


def dev_questions(state: RunState, *propose: str) -> list[str]:
    """Score what is open on train, propose these; who is asked on dev before the next step."""
    for sample, text in enumerate(propose):
        state.apply(proposed(state.step + 1, sample, text))
    seen: list[str] = []
    while isinstance(work := plan_next(state), Evaluate) and state.step < state.search.steps:
        for q in work.questions:
            instruction = state.candidates[q.candidate].instruction
            state.apply(answered(instruction, q.index, 1.0, q.split))
            if q.split == "dev" and instruction not in seen:
                seen.append(instruction)
    return seen


def test_every_so_many_steps_the_proposals_are_scored_on_dev_at_once() -> None:
    state = new_state(steps=6, per_step=2, train=2, dev=2, eval_interval=2)
    assert dev_questions(state) == []
    assert dev_questions(state, "a", "b") == ["a", "b"]
    assert dev_questions(state, "c", "d") == []
    # c was new at a step without dev; proposed again at one with dev, it is asked there.
    assert dev_questions(state, "c", "e") == ["c", "e"]
    assert dev_questions(state, "f", "a") == []
    # What has its dev answers is not asked again.
    assert dev_questions(state, "a", "start") == ["start"]
    work = plan_next(state)
    assert isinstance(work, Propose)
    assert work.step == 6


def test_only_finalists_win_though_others_have_dev_scores() -> None:
    state = new_state(steps=2, per_step=1, train=2, dev=2, eval_interval=1, finalists=1)
    score_all(state, "start", 1)
    state.apply(proposed(1, 0, "good on dev alone"))
    score_all(state, "good on dev alone", 0)
    score_all(state, "good on dev alone", 2, "dev")
    state.apply(proposed(2, 0, "good on train"))
    score_all(state, "good on train", 2)
    score_all(state, "good on train", 1, "dev")
    score_all(state, "start", 0, "dev")
    best = find_winner(state)
    assert best is not None
    assert best.instruction == "good on train"


def test_train_comes_before_dev_and_dev_before_the_next_proposal() -> None:
    state = new_state(steps=2, per_step=1, train=2, dev=2, eval_interval=1)
    score_all(state, "start", 1)
    state.apply(proposed(1, 0, "a"))
    assert asked(state) == {("a", "train", 0), ("a", "train", 1)}
    score_all(state, "a", 1)
    state.apply(answered("a", 1, split="dev"))
    assert asked(state) == {("a", "dev", 0)}
    state.apply(answered("a", 0, split="dev"))
    work = plan_next(state)
    assert isinstance(work, Propose)
    assert work.step == 2


def test_a_text_that_is_no_candidate_is_not_scored_on_dev() -> None:
    state = new_state(steps=2, per_step=2, train=1, dev=1, eval_interval=1, max_instruction_chars=5)
    assert dev_questions(state) == []
    assert dev_questions(state, "much too long", "short") == ["short"]


def test_an_interval_without_dev_rows_asks_nothing() -> None:
    state = new_state(steps=3, per_step=1, train=1, dev=0, eval_interval=1)
    assert dev_questions(state) == []
    assert dev_questions(state, "a") == []
    assert isinstance(plan_next(state), Propose)


def test_dev_scores_of_the_search_are_not_asked_again_at_the_end() -> None:
    state = new_state(steps=1, per_step=2, train=2, dev=2, eval_interval=1, finalists=1)
    score_all(state, "start", 0)
    state.apply(proposed(1, 0, "a"))
    state.apply(proposed(1, 1, "b"))
    score_all(state, "a", 2)
    score_all(state, "b", 1)
    score_all(state, "a", 0, "dev")
    score_all(state, "b", 2, "dev")
    assert asked(state) == {("start", "dev", 0), ("start", "dev", 1)}
