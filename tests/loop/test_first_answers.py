"""After twenty answers: are they readable, and are they answers to what is asked?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from opro_cli.calls.checks import HELLO
from opro_cli.core.run.events import Answered, Event, SessionEnded, SessionStarted
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import ChatRequest, Example
from opro_cli.errors import DoubtfulAnswers
from opro_cli.loop.first_answers import FIRST_ANSWERS, FirstAnswers
from opro_cli.loop.runner import Runner
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import MemoryJournal, new_runner, say


def answer(question: int, read: str | None, score: float | None = 0.0, text: str = "?") -> Answered:
    score = None if read is None else score
    plain = ("stop", 1, 1, 0.0, 0.1)
    return Answered(0.0, "c", "train", question, text, read, score, *plain)


def judge(kind: str, golds: Sequence[str], read: Sequence[str | None], right: int = 0) -> str:
    """Judge answers to the first questions, the first `right` of them right."""
    rows = [Example(f"{n}?", gold, f"t:{n}") for n, gold in enumerate(golds)]
    task = TaskSettings(DataSettings("t", "q", "a"), kind)
    first = FirstAnswers(task, {"train": rows, "dev": [], "test": []})
    for question, text in enumerate(read):
        first.add(answer(question, text, float(question < right)))
    return first.judge()


TOWNS = [f"town {n}" for n in range(30)]


@pytest.mark.parametrize(
    ("kind", "golds", "read", "finding"),
    [
        ("exact", TOWNS, [None] * 18 + ["town 1"] * 2, "unreadable"),
        ("exact", TOWNS, [None] * 17 + ["town 1"] * 3, "all wrong"),
        ("exact", TOWNS, ["The quality"] * 20, "no gold"),
        ("exact", TOWNS, ["The quality"] * 19 + ["TOWN 29."], "all wrong"),
        ("contains", TOWNS, ["It may be town 7"] * 20, "all wrong"),
        ("contains", TOWNS, ["It may be downtown"] * 20, "no gold"),
        ("number", [str(n) for n in range(30)], ["99"] * 20, "all wrong"),  # numbers, as asked
        ("number", ["1", "2", "3"] * 10, ["99"] * 20, "no gold"),  # no grade from 1 to 3
        ("boolean", ["yes", "no"] * 15, ["no"] * 20, "all wrong"),
        ("choice", ["Paris"] * 30, ["(B)"] * 20, "all wrong"),  # golds may be texts of options
        ("python:mine:grade", TOWNS, ["x"] * 20, ""),  # what is read is for display only
        ("python:mine:grade", TOWNS, [None] * 20, "unreadable"),
    ],
)
def test_what_twenty_answers_tell(
    kind: str, golds: list[str], read: list[str | None], finding: str
) -> None:
    assert judge(kind, golds, read) == finding


def test_one_right_answer_is_enough() -> None:
    assert judge("exact", TOWNS, ["The quality"] * 20, right=1) == ""


def test_the_message_shows_three_replies_on_a_line_each() -> None:
    rows = [Example("Where?\nSay so.", "town 1", "t:1")] * 20
    first = FirstAnswers(
        TaskSettings(DataSettings("t", "q", "a"), "exact"), {"train": rows, "dev": [], "test": []}
    )
    for question in range(20):
        first.add(
            answer(question, None if question else "there", text=f"\u2028{question}\nnot" * 99)
        )
    message = first.make_error("m", "unreadable").message
    title, *lines = message.splitlines()
    assert title == "m: 19 of its first 20 answers could not be read as exact"
    assert len(lines) == 9
    assert lines[:2] == ["  question  Where? Say so.", "  expected  town 1"]
    assert lines[2].startswith("  said      1 not 1 not")
    assert len(lines[2]) == 12 + 300
    assert lines[2].endswith("…")


def test_the_message_begins_with_what_was_cut() -> None:
    """Gemini spends all of its tokens on thoughts: github.com/bespokelabsai/curator/issues/261."""
    rows = [Example("Where?", "town 1", "t:1")] * 20
    task = TaskSettings(DataSettings("t", "q", "a"), "exact")
    first = FirstAnswers(task, {"train": rows, "dev": [], "test": []}, max_tokens=256)
    for question in range(20):
        said = answer(question, None, text="" if question < 18 else "there")
        first.add(replace(said, finish_reason="length"))
    _, empty, cut, *lines = first.make_error("m", "unreadable").message.splitlines()
    limit = "cut at scorer.max_tokens (256)"
    assert empty == (
        f"  18 of 20 replies of the scorer were empty: {limit}, reasoning included; raise it"
    )
    assert cut.startswith("  2 of 20 replies of the scorer could not be read because they were cut")
    assert len(lines) == 9


class Mumbling(ScriptedModel):
    """Proposes as `say` does, and answers so many questions readably, then no more."""

    def __init__(self, readable: int = 2) -> None:
        super().__init__(self.answer)
        self.readable, self.asked = readable, 0
        self.stop_at: tuple[int, Callable[[], None]] | None = None

    def answer(self, request: ChatRequest) -> Any:
        if request.messages == HELLO or "Your task is" in request.messages[-1].content:
            return say(request)
        self.asked += 1
        if self.stop_at and self.asked == self.stop_at[0]:
            self.stop_at[1]()
        return say(request) if self.asked <= self.readable else "I have no idea."


def session(model: Mumbling, **options: Any) -> tuple[Runner, MemoryJournal]:
    """A session of a run of 6 train questions, which has its first answers in its first step."""
    journal = MemoryJournal()
    answers = [event for event in options.get("past", ()) if isinstance(event, Answered)]
    first = answers[:FIRST_ANSWERS]
    runner = new_runner(journal, scorer=model, preflight=True, first_answers=first, **options)
    return runner, journal


def count_answers(events: list[Event]) -> int:
    return sum(isinstance(event, Answered) for event in events)


async def stop() -> tuple[list[Event], DoubtfulAnswers]:
    """A run that stopped after its first answers, with why."""
    runner, journal = session(Mumbling(), concurrency=1)
    with pytest.raises(DoubtfulAnswers) as caught:
        await runner.run()
    return journal.events, caught.value


async def test_a_run_without_readable_answers_stops_after_twenty() -> None:
    events, error = await stop()
    assert error.exit_code == 1
    title, *lines = error.message.splitlines()
    assert title == "scripted: 18 of its first 20 answers could not be read as number"
    assert len(lines) == 9
    assert lines[2] == "  said      I have no idea."
    assert "`--keep-going`" in str(error.hint)
    assert count_answers(events) == FIRST_ANSWERS
    assert isinstance(events[-1], SessionEnded)
    assert (events[-1].reason, events[-1].detail) == ("failed", title)


async def test_calls_in_flight_are_waited_for_and_kept() -> None:
    runner, journal = session(Mumbling(), concurrency=8)
    with pytest.raises(DoubtfulAnswers):
        await runner.run()
    assert FIRST_ANSWERS <= count_answers(journal.events) < FIRST_ANSWERS + 8
    assert count_answers(journal.events) == runner.state.spend["scorer"].calls


async def test_three_readable_answers_are_enough() -> None:
    runner, _ = session(Mumbling(readable=3), concurrency=1)
    assert await runner.run() == "finished"


async def test_a_resume_stops_again_before_anything_is_asked() -> None:
    past, _ = await stop()
    model = Mumbling(readable=1000)
    runner, journal = session(model, past=past)
    with pytest.raises(DoubtfulAnswers, match="18 of its first 20"):
        await runner.run()
    assert model.requests == []
    assert count_answers(journal.events) == 0


async def test_who_keeps_going_is_not_stopped_again() -> None:
    past, _ = await stop()
    model = Mumbling(readable=0)
    going, journal = session(model, past=past, keep_going=True, concurrency=1)
    model.stop_at = (4, going.stop)
    assert await going.run() == "interrupted"
    assert any(isinstance(e, SessionStarted) and e.keep_going for e in journal.events)
    later, _ = session(Mumbling(readable=0), past=[*past, *journal.events])
    assert await later.run() == "finished"


async def test_keep_going_asks_nothing_of_the_first_three_either() -> None:
    runner, _ = session(Mumbling(readable=0), keep_going=True)
    assert await runner.run() == "finished"


async def test_a_run_begun_without_checks_is_not_stopped_later() -> None:
    journal = MemoryJournal()
    begun = new_runner(journal, scorer=Mumbling(readable=0), concurrency=1)
    journal.on_append = lambda count: begun.stop() if count > 70 else None
    assert await begun.run() == "interrupted"
    assert count_answers(journal.events) > FIRST_ANSWERS
    later, _ = session(Mumbling(readable=0), past=journal.events)
    assert await later.run() == "finished"


async def test_a_run_of_an_older_format_is_not_stopped() -> None:
    began = SessionStarted(0.0, 1, "0.1.0", 5)
    runner, _ = session(Mumbling(), past=[began], concurrency=1)
    assert await runner.run() == "finished"


async def test_without_a_search_nothing_is_stopped() -> None:
    runner, _ = session(Mumbling(), concurrency=1, steps=0, initial_instructions=tuple("abcd"))
    assert await runner.run() == "finished"


async def test_wrong_numbers_are_a_note() -> None:
    class Wrong(Mumbling):
        def answer(self, request: ChatRequest) -> Any:
            reply = super().answer(request)
            return "The answer is 7." if reply.startswith("The answer") else reply

    runner, _ = session(Wrong(readable=1000))
    assert await runner.run() == "finished"
    assert runner.activity.note.startswith("none of the first 20 answers is right, though they")


@pytest.mark.parametrize(
    ("text", "reason", "remedy"),
    [
        ("<think> First", "length", "no thought had an end: let the model think less, or raise"),
        ("Let us see", "length", "raise scorer.max_tokens (64) and start a new run; "),
        ("I do not know", "stop", "is task.answer right"),
    ],
)
def test_replies_that_were_all_cut_are_said_to_be(text: str, reason: str, remedy: str) -> None:
    task = TaskSettings(DataSettings("t", "q", "a"), "number")
    rows = [Example(f"{n}?", str(n), f"t:{n}") for n in range(20)]
    first = FirstAnswers(task, {"train": rows, "dev": [], "test": []}, max_tokens=64)
    for question in range(20):
        first.add(replace(answer(question, None, text=text), finish_reason=reason))
    error = first.make_error("m", "unreadable")
    cut = "could not be read because they were cut at scorer.max_tokens (64); raise it"
    told = f"  20 of 20 replies of the scorer {cut}" in error.message.splitlines()
    assert told == (reason == "length")
    assert str(error.hint).startswith(remedy)
    assert str(error.hint).endswith("`--keep-going` goes on all the same")
