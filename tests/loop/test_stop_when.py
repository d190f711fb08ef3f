"""`search.stop_when`: a search ends where nothing is gained any more, and a resume agrees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from opro_cli.calls.checks import HELLO
from opro_cli.core.run.events import Event, StepPlanned
from opro_cli.core.run.selection import find_stop
from opro_cli.core.settings.search import StopSettings
from opro_cli.core.task.example import ChatRequest
from opro_cli.testing.session import ScriptedModel
from tests.core.runs import new_state, proposed, score_all
from tests.loop.runs import MemoryJournal, digest, new_runner, outcome


def say(request: ChatRequest) -> str:
    """Only "Gain" is any better, and it comes in the third step."""
    text = request.messages[-1].content
    if text == HELLO[0].content:
        return "Ready."
    if "Your task is to generate" in text:
        steps = text.count("\ntext:\n") // 3
        words = "Gain" if steps == 2 else "Try"
        return f"<INS>{words} {digest(request.seed, 1) % 10_000} now.</INS>"
    number = int(text.split("What is ")[1].split(" ")[0])
    right = "Gain" in text or number % 2
    return f"The answer is {2 * number if right else 0}."


def new_run(most: int | None, past: Sequence[Event] = ()) -> Any:
    return new_runner(
        MemoryJournal(),
        past=list(past),
        scorer=ScriptedModel(say),
        steps=9,
        history=None,
        stop_when=StopSettings(most),
    )


@pytest.mark.parametrize(("most", "steps"), [(2, 2), (3, 6), (4, 7), (None, 9)])
async def test_a_search_ends_where_nothing_is_gained(most: int | None, steps: int) -> None:
    run = new_run(most)
    assert await run.run() == "finished"
    assert run.state.step == steps
    ends = [e for e in run.journal.events if isinstance(e, StepPlanned) and e.ended]
    if most is None:
        assert not ends
    else:
        assert [e.ended for e in ends] == [
            f"no better prompt in the last {most} steps (search.stop_when.no_gain_steps)"
        ]
        assert run.state.search_ended == ends[0].ended


async def test_a_run_cut_anywhere_ends_at_the_same_step() -> None:
    whole = new_run(3)
    await whole.run()
    events = whole.journal.events
    for cut in range(1, len(events), 9):
        rest = new_run(3, events[:cut])
        assert await rest.run() == "finished"
        assert outcome(rest) == outcome(whole), cut


def test_steps_are_counted_from_the_best_prompt_and_ties_are_no_gain() -> None:
    state = new_state("a", per_step=1, steps=9, stop_when=StopSettings(2))
    assert find_stop(state) == ""
    score_all(state, "a", 2)
    for step, (text, right) in enumerate([("b", 2), ("c", 3), ("d", 3)], 1):
        assert find_stop(state) == ""
        state.apply(proposed(step, 0, text))
        score_all(state, text, right)
    assert find_stop(state) == ""  # c is one step old
    state.apply(proposed(4, 0, "e"))
    score_all(state, "e", 1)
    assert "no better prompt in the last 2 steps" in find_stop(state)
