"""Questions that the scorer can never answer, and runs in which it answers none."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.run.events import Answered, Checked, Event, FirstReply, Refused
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import ModelError, RunError
from opro_cli.reports.result import serialize_spend
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import MemoryJournal, new_runner, outcome, say

FILTERED = ModelError("400: filtered", transient=False, unanswerable=True, status=400)
KEPT_BACK = ChatReply("", "content_filter", 7, 0, 0.001)


def asked(request: ChatRequest, number: int) -> bool:
    return f"What is {number} plus" in request.messages[-1].content


def refusing(*numbers: int, by: ModelError | ChatReply = FILTERED) -> ScriptedModel:
    """A scorer that refuses some questions (train has 1 to 6, dev 7 to 11, test 12 to 18)."""

    def answer(request: ChatRequest) -> Any:
        refused = "Your task" not in request.messages[-1].content and any(
            asked(request, number) for number in numbers
        )
        return by if refused else say(request)

    return ScriptedModel(answer)


def refusals(events: list[Event]) -> list[tuple[str, int, str]]:
    return [(e.split, e.question, e.reason) for e in events if isinstance(e, Refused)]


@pytest.mark.parametrize("by", [FILTERED, KEPT_BACK], ids=["as an error", "as an empty answer"])
@pytest.mark.parametrize("exclude", [False, True])
async def test_one_question_that_is_refused_counts_as_wrong_or_is_left_out(
    by: ModelError | ChatReply, exclude: bool
) -> None:
    task = {"unanswerable": "exclude" if exclude else "wrong"}
    model = refusing(2, by=by)
    runner = new_runner(MemoryJournal(), scorer=model, task=task)
    assert await runner.run() == "finished"
    result = outcome(runner)
    train = result["initial"]["scores"]["train"]
    assert (train["n"], train["refused"], train["unreadable"]) == (5 if exclude else 6, 1, 0)
    assert train["mean"] == pytest.approx(train["correct"] / train["n"])
    assert result["initial"]["scores"]["test"]["refused"] == 0
    assert result["unanswerable"] == task["unanswerable"]
    texts = [request.messages[-1].content for request in model.requests if asked(request, 2)]
    of_start = [text for text in texts if "Let's solve the problem." in text and "Q:" in text]
    assert len(of_start) == 1


async def test_an_answer_that_was_filtered_away_is_paid_for() -> None:
    journal = MemoryJournal()
    runner = new_runner(journal, scorer=refusing(2, by=KEPT_BACK), steps=0)
    await runner.run()
    assert serialize_spend(runner.state)["usd"] == pytest.approx(0.001)
    assert refusals(journal.events) == []
    whole = new_runner(MemoryJournal(), scorer=refusing(), steps=0)
    await whole.run()
    assert serialize_spend(runner.state)["calls"] == serialize_spend(whole.state)["calls"]


async def test_a_first_round_that_was_filtered_away_has_no_second() -> None:
    journal = MemoryJournal()
    model = refusing(2, by=KEPT_BACK)
    await new_runner(journal, scorer=model, steps=0, task={"second_round": True}).run()
    of_question = [e for e in journal.events if getattr(e, "question", None) == 1]
    train = [e for e in of_question if isinstance(e, Answered | FirstReply) and e.split == "train"]
    assert [type(event) for event in train] == [Answered]


async def test_a_filtered_proposal_is_no_proposal() -> None:
    def answer(request: ChatRequest) -> Any:
        return KEPT_BACK if "Your task" in request.messages[-1].content else say(request)

    runner = new_runner(MemoryJournal(), scorer=ScriptedModel(answer))
    assert await runner.run() == "fruitless"
    assert outcome(runner)["proposals"]["reasons"] == {"refused": 9}


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_a_question_that_fails_on_and_on_is_given_up_when_the_server_is_alive(
    concurrency: int,
) -> None:
    def answer(request: ChatRequest) -> Any:
        if asked(request, 18) and "Your task" not in request.messages[-1].content:
            return ModelError("500: crash", transient=True, status=500)
        return say(request)

    journal, model = MemoryJournal(), ScriptedModel(answer)
    runner = new_runner(journal, scorer=model, concurrency=concurrency, steps=0, attempts=3)
    assert await runner.run() == "finished"
    assert refusals(journal.events) == [("test", 6, "500: crash (tried 3 times)")]
    assert sum(asked(request, 18) for request in model.requests) == 3
    assert [event.role for event in journal.events if isinstance(event, Checked)] == ["scorer"]


@pytest.mark.parametrize("status", [None, 500, 429])
async def test_a_server_that_answers_nothing_any_more_stops_the_run(status: int | None) -> None:
    model = ScriptedModel(say)

    def answer(request: ChatRequest) -> Any:
        down = ModelError("down", transient=True, status=status)
        return down if len(model.requests) > 30 else say(request)

    model._say = answer
    journal = MemoryJournal()
    with pytest.raises(ModelError, match=r"down \(tried 3 times\)"):
        await new_runner(journal, scorer=model, attempts=3).run()
    assert refusals(journal.events) == []
    # Each of the four calls under way three times, and the tiny call of each at most.
    assert len(model.requests) <= 30 + 4 * 3 + 4
    model._say = say
    resumed = new_runner(MemoryJournal(), scorer=model, past=journal.events)
    assert await resumed.run() == "finished"
    whole = new_runner(MemoryJournal())
    await whole.run()
    assert outcome(resumed) == outcome(whole)


async def test_a_resume_does_not_ask_what_was_refused() -> None:
    journal = MemoryJournal()
    await new_runner(journal, scorer=refusing(2), steps=0).run()
    model = refusing()
    resumed = new_runner(MemoryJournal(), scorer=model, steps=0, past=journal.events)
    assert await resumed.run() == "finished"
    assert model.requests == []


async def test_a_run_in_which_every_question_is_refused_stops() -> None:
    everything = range(1, 19)
    journal = MemoryJournal()
    model = refusing(*everything)
    runner = new_runner(journal, scorer=model, steps=0, initial_instructions=tuple("abcdefgh"))
    with pytest.raises(RunError, match="refused 20 questions and answered none: 400: filtered"):
        await runner.run()
    # Those that were under way when the 20th was refused are written down as well.
    assert 20 <= len(refusals(journal.events)) == len(model.requests) < 24


async def test_the_check_holds_refusals_back_until_something_is_answered() -> None:
    journal = MemoryJournal()
    everything = refusing(*range(1, 19))
    runner = new_runner(journal, scorer=everything, preflight=True)
    with pytest.raises(RunError, match="refused the first 3 questions: 400: filtered") as caught:
        await runner.run()
    assert "--no-preflight" in str(caught.value.hint)
    assert refusals(journal.events) == []
    mended = refusing(1, 2)
    resumed = new_runner(journal, scorer=mended, preflight=True, past=journal.events)
    assert await resumed.run() == "finished"
    assert refusals(journal.events)[:2] == [("train", n, "400: filtered") for n in (0, 1)]
