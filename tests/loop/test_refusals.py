"""Questions that the scorer can never answer, and runs in which it answers none."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.run.events import (
    Answered,
    Checked,
    Event,
    FirstReply,
    Proposed,
    Refused,
    SessionEnded,
    Uncounted,
)
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import ModelError, RunError
from opro_cli.reports.spend import serialize_spend
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


TOO_LARGE = ModelError("sent more than 82,000 bytes", transient=False, unanswerable=True)
TOO_LARGE.maybe_billed = True


def is_meta_prompt(request: ChatRequest) -> bool:
    return "Your task is to generate" in request.messages[-1].content


@pytest.mark.parametrize("refusal", [FILTERED, TOO_LARGE], ids=["filtered", "far too long"])
@pytest.mark.parametrize("concurrency", [1, 4])
async def test_a_meta_prompt_that_is_refused_proposes_nothing_and_the_search_goes_on(
    refusal: ModelError, concurrency: int
) -> None:
    """As it was found: the run ended, and so did each resume, at the same meta-prompt."""
    asked_for: list[int] = []

    def answer(request: ChatRequest) -> Any:
        if is_meta_prompt(request):
            asked_for.append(request.choices)
            return refusal if 1 < len(asked_for) < 6 else say(request)
        return say(request)

    journal = MemoryJournal()
    model = ScriptedModel(answer)
    runner = new_runner(journal, scorer=model, concurrency=concurrency)
    assert await runner.run() == "finished"
    result = outcome(runner)
    refused = [e for e in journal.events if isinstance(e, Proposed) and not e.text]
    assert result["proposals"]["reasons"]["refused"] == len(refused) > 0
    assert {(e.via, e.usd, e.finish_reason) for e in refused} == {("local", 0.0, "content_filter")}
    assert "goes on without that proposal" in runner.activity.note
    lost = [e for e in journal.events if isinstance(e, Uncounted)]
    assert len(lost) == (4 if refusal is TOO_LARGE else 0)


async def test_several_proposals_in_one_call_that_is_refused_are_all_refused() -> None:
    model = ScriptedModel(lambda r: FILTERED if is_meta_prompt(r) else say(r))
    runner = new_runner(MemoryJournal(), scorer=model, candidates_per_step=8, steps=2)
    assert await runner.run() == "fruitless"
    assert outcome(runner)["proposals"]["reasons"] == {"refused": 16}
    assert [r.choices for r in model.requests if is_meta_prompt(r)] == [8, *[1] * 8]


async def test_an_optimizer_that_refuses_everything_ends_the_search_as_one_without_proposals() -> (
    None
):
    model = ScriptedModel(lambda r: FILTERED if is_meta_prompt(r) else say(r))
    journal = MemoryJournal()
    options: dict[str, Any] = {"steps": 30, "preflight": True}
    runner = new_runner(journal, scorer=model, **options)
    assert await runner.run() == "fruitless"
    assert runner.state.proposals.replies == 21
    ending = journal.events[-1]
    assert isinstance(ending, SessionEnded)
    assert ending.detail == "no candidate was tried: 21 refused by the provider"
    resumed = new_runner(MemoryJournal(), scorer=model, past=journal.events, **options)
    assert await resumed.run() == "fruitless"


def cannot(status: int = 400, about: Any = "") -> ModelError:
    return ModelError("cannot tokenize input", transient=False, status=status, about=about)


def refusing_meta_prompts(first: int, after: int = 10**6) -> ScriptedModel:
    """Refuses meta-prompts from the `first` on, before `after`, counted from 1."""
    asked_for: list[ChatRequest] = []

    def answer(request: ChatRequest) -> Any:
        if is_meta_prompt(request):
            asked_for.append(request)
            return cannot() if first <= len(asked_for) < after else say(request)
        return say(request)

    return ScriptedModel(answer)


async def test_a_meta_prompt_that_is_refused_in_unknown_words_is_given_up_as_a_question_is() -> (
    None
):
    """It may show the very question that the scorer refuses."""
    journal = MemoryJournal()
    runner = new_runner(journal, scorer=refusing_meta_prompts(4, after=6), concurrency=1)
    assert await runner.run() == "finished"
    assert outcome(runner)["proposals"]["reasons"]["refused"] == 2
    checked = [event.role for event in journal.events if isinstance(event, Checked)]
    assert checked == ["optimizer"] * 2


async def test_many_meta_prompts_in_a_row_in_unknown_words_stop_the_run() -> None:
    journal = MemoryJournal()
    runner = new_runner(journal, scorer=refusing_meta_prompts(4), concurrency=1, steps=30)
    with pytest.raises(ModelError, match="cannot tokenize input"):
        await runner.run()
    refused = [e for e in journal.events if isinstance(e, Proposed) and not e.text]
    assert len(refused) == 20


async def test_the_first_meta_prompt_of_all_tells_nothing_of_others() -> None:
    with pytest.raises(ModelError, match="cannot tokenize input"):
        await new_runner(MemoryJournal(), scorer=refusing_meta_prompts(1), concurrency=1).run()


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


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("number", [2, 18])
async def test_a_question_that_is_refused_in_unknown_words_is_given_up_when_others_are_answered(
    status: int, number: int
) -> None:
    """As it was found: the run ended, and no resume came past that question."""
    journal = MemoryJournal()
    runner = new_runner(
        journal, scorer=refusing(number, by=cannot(status)), concurrency=1, steps=0, preflight=True
    )
    assert await runner.run() == "finished"
    split, index = ("train", 1) if number == 2 else ("test", 6)
    assert refusals(journal.events) == [(split, index, "cannot tokenize input")]
    checked = [event.role for event in journal.events if isinstance(event, Checked)]
    assert sorted(checked) == ["scorer"]


async def test_a_resume_may_begin_with_such_a_question() -> None:
    past, model = MemoryJournal(), refusing()
    past.on_append = lambda count: runner.stop() if count == 9 else None
    runner = new_runner(past, scorer=model, concurrency=1, steps=0)
    assert await runner.run() == "interrupted"
    left = {n for n in range(1, 19) if not any(asked(r, n) for r in model.requests)}
    journal = MemoryJournal()
    picky = refusing(min(left), by=cannot())
    resumed = new_runner(journal, scorer=picky, past=past.events, concurrency=1, steps=0)
    assert await resumed.run() == "finished"
    assert len(refusals(journal.events)) == 1


@pytest.mark.parametrize("error", [cannot(401), cannot(404), cannot(400, "prompt")])
async def test_a_refusal_that_is_about_all_questions_still_stops_the_run(error: ModelError) -> None:
    journal = MemoryJournal()
    with pytest.raises(ModelError, match="cannot tokenize input"):
        await new_runner(journal, scorer=refusing(3, by=error), concurrency=1).run()
    assert refusals(journal.events) == []


async def test_the_first_question_of_all_tells_nothing_of_others() -> None:
    with pytest.raises(ModelError, match="cannot tokenize input"):
        await new_runner(MemoryJournal(), scorer=refusing(1, by=cannot()), concurrency=1).run()


async def test_a_server_that_refuses_the_tiny_call_too_stops_the_run() -> None:
    model = ScriptedModel(say)
    model._say = lambda request: cannot() if len(model.requests) > 10 else say(request)
    journal = MemoryJournal()
    with pytest.raises(ModelError, match="cannot tokenize input"):
        await new_runner(journal, scorer=model, concurrency=1).run()
    assert refusals(journal.events) == []
    assert len(model.requests) == 12


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_many_refusals_in_a_row_in_unknown_words_stop_the_run(concurrency: int) -> None:
    model = ScriptedModel(say)

    def answer(request: ChatRequest) -> Any:
        is_question = "Q: " in request.messages[-1].content and not is_meta_prompt(request)
        return cannot() if is_question and len(model.requests) > 20 else say(request)

    model._say = answer
    journal = MemoryJournal()
    runner = new_runner(journal, scorer=model, concurrency=concurrency, steps=30)
    with pytest.raises(RunError, match="refused 20 questions in a row: cannot tokenize input"):
        await runner.run()
    assert 20 <= len(refusals(journal.events)) < 20 + concurrency


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
