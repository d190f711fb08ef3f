"""Where a run stands and how many calls it makes, against runs that were made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from opro_cli.core.planner import Evaluate, Propose, next_work
from opro_cli.core.session import calls_done, expected_calls, phase
from opro_cli.core.state import RunState
from tests.core.runs import answered, new_state, proposed


def every_other(_: str, question: int) -> float:
    return float(question % 2)


def walk(
    state: RunState, score: Callable[[str, int], float] = every_other
) -> list[tuple[str, int, int]]:
    """(phase, done, expected) before each piece of work, every proposal being new."""
    seen = []
    while isinstance(work := next_work(state), Evaluate | Propose):
        seen.append((phase(state), calls_done(state), expected_calls(state)))
        if isinstance(work, Propose):
            for sample in work.samples:
                state.apply(proposed(work.step, sample, f"{work.step} {sample}"))
        else:
            for q in work.questions:
                text = state.candidates[q.candidate].instruction
                state.apply(answered(text, q.index, score(text, q.index), q.split))
    return seen


@pytest.mark.parametrize(("dev", "test"), [(0, 0), (3, 0), (0, 2), (3, 2)])
def test_the_estimate_is_never_below_what_is_made(dev: int, test: int) -> None:
    state = new_state(steps=3, per_step=2, train=4, dev=dev, test=test)
    seen = walk(state)
    assert all(expected >= calls_done(state) for _, _, expected in seen)
    # Dev and test may come cheaper, where the start prompt is a finalist or the winner itself.
    assert 0 <= seen[0][2] - calls_done(state) <= dev + test


def test_the_phases_follow_the_loop() -> None:
    state = new_state(steps=2, per_step=1, train=2, dev=1, test=1)
    phases = [name for name, _, _ in walk(state)]
    assert phases[0] == "initial"
    assert phases[1:3] == ["step 1/2", "step 1/2"]
    assert phases[3:5] == ["step 2/2", "step 2/2"]
    assert phases[-1] in ("dev", "step 2/2")
    assert phase(state) == "test"


def test_the_estimate_is_exact_where_the_start_prompt_is_the_worst() -> None:
    state = new_state(steps=2, per_step=4, train=4, dev=3, test=2)
    seen = walk(state, lambda text, _: float(text != "start"))
    # 8 proposals, 9 candidates on train, start and 5 finalists on dev, start and winner on test
    assert seen[0][2] == calls_done(state) == 8 + 9 * 4 + 6 * 3 + 2 * 2
