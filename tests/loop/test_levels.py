"""A run draws the level of its verdict once, before its first test question, and keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from opro_cli.core.run import events
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import Answered, Event, SessionStarted
from opro_cli.core.run.uses import DrawnUse
from opro_cli.core.task.content import digest_rows, digest_set
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import MemoryJournal, examples, new_runner, outcome
from tests.loop.test_unbeaten_start import START, only_the_start_prompt_works


@dataclass
class FakeLedger:
    """A TestLedger that gives what it is told to, and remembers who asked."""

    level: float = 0.01
    note: str = ""
    asked: list[tuple[str, str, int]] = field(default_factory=list)

    def draw(self, start: Candidate, winner: Candidate, rows: Sequence[str]) -> DrawnUse:
        self.asked.append((start.id, winner.id, len(rows)))
        return DrawnUse(3, self.level, {}, "mine", note=self.note)

    def close(self, use: str, outcome: str, answers: str, *, repeats: bool) -> str:
        return ""


def place_of(past: list[Event]) -> int:
    (place,) = [n for n, event in enumerate(past) if isinstance(event, events.TestUsed)]
    return place


async def finished_events(ledger: FakeLedger) -> list[Event]:
    runner = new_runner(journal := MemoryJournal(), ledger=ledger)
    assert await runner.run() == "finished"
    return journal.events


async def test_it_is_recorded_before_the_first_test_answer() -> None:
    past = await finished_events(ledger := FakeLedger())
    at = place_of(past)
    event = past[at]
    assert isinstance(event, events.TestUsed)
    assert ledger.asked == [(event.start, event.winner, 7)]
    rows = digest_rows(examples()["test"])
    assert (event.use, event.set, event.rows) == ("mine", digest_set(rows), 7)
    assert (event.number, event.level) == (3, 0.01)
    on_test = [n for n, e in enumerate(past) if isinstance(e, Answered) and e.split == "test"]
    assert min(on_test) > at
    dev = [n for n, e in enumerate(past) if isinstance(e, Answered) and e.split == "dev"]
    assert max(dev) < at


async def test_a_resume_says_what_the_run_said_and_asks_the_ledger_no_more() -> None:
    past = await finished_events(FakeLedger())
    for cut in (place_of(past) + 1, place_of(past) + 4, len(past) - 1):
        ledger = FakeLedger(level=0.02)
        runner = new_runner(MemoryJournal(), past=past[:cut], ledger=ledger)
        assert await runner.run() == "finished"
        assert ledger.asked == []
        assert outcome(runner)["test_use"]["threshold"] == 0.02  # 2 × 0.01, two-sided
        assert outcome(runner)["test_use"]["number"] == 3


async def test_a_resume_before_it_draws_it() -> None:
    past = await finished_events(FakeLedger())
    ledger = FakeLedger()
    runner = new_runner(journal := MemoryJournal(), past=past[: place_of(past)], ledger=ledger)
    assert await runner.run() == "finished"
    assert len(ledger.asked) == 1
    assert sum(isinstance(event, events.TestUsed) for event in journal.events) == 1


async def test_a_run_from_before_there_was_a_ledger_has_none() -> None:
    past = await finished_events(FakeLedger())
    before = [
        replace(e, format_version=7) if isinstance(e, SessionStarted) else e
        for e in past[: place_of(past)]
    ]
    ledger = FakeLedger()
    runner = new_runner(MemoryJournal(), past=before, ledger=ledger)
    assert await runner.run() == "finished"
    assert ledger.asked == []
    assert outcome(runner)["test_use"] is None


@pytest.mark.parametrize("steps", [0, 3])
async def test_a_run_that_compares_nothing_draws_nothing(steps: int) -> None:
    ledger, scorer = FakeLedger(), ScriptedModel(only_the_start_prompt_works)
    runner = new_runner(
        journal := MemoryJournal(),
        scorer=scorer,
        ledger=ledger,
        steps=steps,
        test_unbeaten_start=True,
        initial_instructions=(START,),
    )
    assert await runner.run() == "finished"
    assert any(isinstance(e, Answered) and e.split == "test" for e in journal.events)
    assert ledger.asked == []
    assert outcome(runner)["test_use"] is None


async def test_why_the_ledger_failed_is_shown_and_kept() -> None:
    runner = new_runner(MemoryJournal(), ledger=FakeLedger(note="the disk refuses"))
    assert await runner.run() == "finished"
    assert runner.activity.note == "the disk refuses"
    assert outcome(runner)["test_use"]["note"] == "the disk refuses"
