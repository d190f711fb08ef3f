"""Search policies that the seam must carry: failures, parents, no optimizer, layouts."""

from __future__ import annotations

import pytest

from opro_cli.core.run.events import Answered, Event, Proposed, StepPlanned
from opro_cli.core.task.example import Split
from opro_cli.loop.runner import Runner
from opro_cli.ports import Strategy
from tests.loop.runs import MemoryJournal, calls, new_runner, outcome
from tests.seams.toys import Enumerate, Reflect, TwoLayouts


def events(runner: Runner) -> list[Event]:
    assert isinstance(runner.journal, MemoryJournal)
    return runner.journal.events


async def run(policy: Strategy, past: list[Event] | None = None) -> Runner:
    """A session with a policy, behind the events of earlier ones."""
    runner = new_runner(MemoryJournal(), policy=policy, past=past, steps=3)
    runner.replies = replies(past or [])
    assert await runner.run() == "finished"
    return runner


def replies(past: list[Event]) -> dict[tuple[str, Split, int], str]:
    answered = [e for e in past if isinstance(e, Answered) and e.split == "train"]
    return {(e.candidate, e.split, e.question): e.text for e in answered}


@pytest.mark.parametrize("policy", [Reflect(), Enumerate(), TwoLayouts()], ids=lambda p: p.name)
async def test_a_run_that_is_cut_anywhere_ends_the_same(policy: Strategy) -> None:
    whole = await run(policy)
    past = events(whole)
    for cut in range(1, len(past), 7):
        resumed = await run(policy, past[:cut])
        assert outcome(resumed) == outcome(whole), cut


async def test_reflection_sees_failing_replies_and_names_its_parents() -> None:
    runner = await run(Reflect())
    told = {e.text for e in events(runner) if isinstance(e, Answered) and e.score == 0.0}
    asked = [r.messages[0].content for r in calls(runner).requests if r.temperature]
    shown = [line.partition(" -> ")[2] for text in asked for line in text.splitlines()[1:]]
    assert shown
    assert set(shown) <= told
    proposed = [e for e in events(runner) if isinstance(e, Proposed)]
    assert all(len(e.parents) == 1 for e in proposed)
    young = [c for c in runner.state.candidates.values() if c.step]
    assert all(c.parents[0] in runner.state.candidates for c in young)


async def test_a_policy_without_an_optimizer_asks_none_and_may_plan_any_number() -> None:
    runner = await run(Enumerate())
    assert not [r for r in calls(runner).requests if r.temperature]
    assert [(e.step, e.samples) for e in events(runner) if isinstance(e, StepPlanned)] == [
        (1, 2),
        (2, 0),
        (3, 2),
    ]
    rejected = [p.text for p in runner.state.proposals.texts if p.skipped == "ends in b"]
    assert rejected
    assert not {c.instruction for c in runner.state.candidates.values()} & set(rejected)
    assert runner.state.spend["optimizer"].calls == 0


async def test_one_instruction_in_two_layouts_is_two_candidates() -> None:
    runner = await run(TwoLayouts())
    start, *others = runner.state.candidates.values()
    assert [c.instruction for c in others] == [start.instruction] * 2
    assert len({c.id for c in runner.state.candidates.values()}) == 3
    chats = {tuple(m.role for m in r.messages) for r in calls(runner).requests}
    assert ("system", "user") in chats
    assert any(
        start.instruction in r.messages[-1].content.splitlines()[-3]
        for r in calls(runner).requests
        if len(r.messages) == 1 and "\n\nA:" in r.messages[-1].content
    )
