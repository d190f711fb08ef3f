"""Where a run stands and how many calls it makes, against runs that were made."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.run.progress import count_calls, describe_phase, estimate_calls
from opro_cli.core.run.state import RunState
from opro_cli.loop.planner import Evaluate, Propose, plan_next
from tests.core.runs import answered, checked, new_state, proposed, reasoned


def every_other(_: str, question: int) -> float:
    return float(question % 2)


def every_one_new(step: int, sample: int) -> str:
    return f"{step} {sample}"


def walk(
    state: RunState,
    score: Callable[[str, int], float] = every_other,
    text_of: Callable[[int, int], str] = every_one_new,
) -> list[tuple[str, int, int]]:
    """(phase, done, expected) before each piece of work."""
    seen = []
    if state.search.steps:
        state.apply(checked())
    while isinstance(work := plan_next(state), Evaluate | Propose):
        seen.append((describe_phase(state), count_calls(state), estimate_calls(state)))
        if isinstance(work, Propose):
            for sample in work.samples:
                state.apply(proposed(work.step, sample, text_of(work.step, sample)))
        else:
            for q in work.questions:
                text = state.candidates[q.candidate].instruction
                if state.rounds == 2:
                    state.apply(reasoned(text, q.index, split=q.split))
                state.apply(answered(text, q.index, score(text, q.index), q.split))
    return seen


@pytest.mark.parametrize(("dev", "test"), [(0, 0), (3, 0), (0, 2), (3, 2)])
def test_the_estimate_is_never_below_what_is_made(dev: int, test: int) -> None:
    state = new_state(steps=3, per_step=2, train=4, dev=dev, test=test)
    seen = walk(state)
    assert all(expected >= count_calls(state) for _, _, expected in seen)
    # Dev and test may come cheaper: the start prompt is a finalist, or the winner.
    assert 0 <= seen[0][2] - count_calls(state) <= dev + 2 * test


def test_the_phases_follow_the_loop() -> None:
    state = new_state(steps=2, per_step=1, train=2, dev=1, test=1)
    phases = [name for name, _, _ in walk(state, lambda text, _: float(text != "start"))]
    assert phases[0] == "initial"
    assert phases[1:3] == ["step 1/2", "step 1/2"]
    assert phases[3:5] == ["step 2/2", "step 2/2"]
    assert phases[-1] in ("dev", "step 2/2")
    assert describe_phase(state) == "test"


def test_the_estimate_is_exact_where_the_start_prompt_is_the_worst() -> None:
    state = new_state(steps=2, per_step=4, train=4, dev=3, test=2)
    seen = walk(state, lambda text, _: float(text != "start"))
    # the tiny call, 8 proposals, 9 candidates on train, start and 5 finalists on dev, 2 on test
    assert seen[0][2] == count_calls(state) == 1 + 8 + 9 * 4 + 6 * 3 + 2 * 2


def later_is_better(text: str, question: int) -> float:
    return float(text != "start" and question < int(text.partition(" ")[0]))


@pytest.mark.parametrize(("rounds", "calls"), [(1, 1 + 6 + 45), (2, 1 + 6 + 2 * 45)])
def test_the_estimate_is_exact_where_the_finalists_have_no_dev_score_yet(
    rounds: int, calls: int
) -> None:
    state = new_state(
        steps=3, per_step=2, train=4, dev=3, test=1, eval_interval=3, finalists=2, rounds=rounds
    )
    seen = walk(state, later_is_better)
    # 6 proposals; 7 candidates on train; start, the 2 of step 1 and the 2 of step 3 on dev; start
    # and winner on test
    assert 7 * 4 + 5 * 3 + 2 * 1 == 45
    assert seen[0][2] == count_calls(state) == calls


def test_finalists_that_have_their_dev_score_make_it_cheaper() -> None:
    state = new_state(steps=2, per_step=2, train=4, dev=3, test=1, eval_interval=1, finalists=2)
    seen = walk(state, later_is_better)
    # No more than the 5 candidates there are can be asked on dev.
    assert seen[0][2] == count_calls(state) == 1 + 4 + 5 * 4 + 5 * 3 + 2 * 1
    few = new_state(steps=4, per_step=1, train=4, dev=3, test=1, eval_interval=3, finalists=1)
    seen = walk(few, later_is_better)
    # Steps 1 and 4 are scored on dev, and the finalist is of step 4.
    assert seen[0][2] - count_calls(few) == 3


RUNS = st.fixed_dictionaries(
    {
        "steps": st.integers(0, 4),
        "per_step": st.integers(1, 3),
        "train": st.integers(1, 3),
        "dev": st.integers(0, 2),
        "test": st.integers(0, 2),
        "eval_interval": st.none() | st.integers(1, 5),
        "finalists": st.integers(1, 4),
        "rounds": st.integers(1, 2),
        "rules": st.sampled_from(["opro", "paper"]),
    }
)
TEXTS = ("start", "other", "a", "b", "c", "d", "")


@given(run=RUNS, many=st.booleans(), data=st.data())
def test_no_run_makes_more_calls_than_estimated(
    run: dict[str, int], many: bool, data: st.DataObject
) -> None:
    rights = {text: data.draw(st.integers(0, 3)) for text in TEXTS}

    def score(text: str, question: int) -> float:
        return float(question < rights[text])

    state = new_state(*(TEXTS[:2] if many else TEXTS[:1]), **run)
    seen = walk(state, score, lambda *_: data.draw(st.sampled_from(TEXTS)))
    estimates = [expected for _, _, expected in seen]
    assert estimates == sorted(estimates, reverse=True)
    assert count_calls(state) <= estimate_calls(state) <= min(estimates, default=0)


@pytest.mark.parametrize("interval", [None, 1, 2, 3])
def test_the_phases_never_go_back(interval: int | None) -> None:
    state = new_state(steps=3, per_step=2, train=2, dev=2, test=1, eval_interval=interval)
    phases = [name for name, _, _ in walk(state, later_is_better)] + [describe_phase(state)]
    order = ["initial", "step 1/3", "step 2/3", "step 3/3", "dev", "test"]
    ranks = [order.index(name) for name in phases]
    assert ranks == sorted(ranks)
    assert {0, 1, 2, 3, 5} <= {*ranks}


def test_dev_answers_of_an_early_step_are_no_phase_of_their_own() -> None:
    state = new_state(steps=2, per_step=1, train=1, dev=2, eval_interval=1)
    state.apply(answered("start", 0))
    state.apply(proposed(1, 0, "a"))
    state.apply(answered("a", 0))
    state.apply(answered("a", 0, split="dev"))
    assert describe_phase(state).startswith("step ")
    state.apply(answered("a", 1, split="dev"))
    assert describe_phase(state) == "step 2/2"
