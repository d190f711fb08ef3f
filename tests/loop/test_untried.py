"""Searches that try nothing: what they count, what they spend, and how they go on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from opro_cli.core.run.events import Event, Proposed, SessionEnded, SessionStarted
from opro_cli.core.task.example import SPLITS, ChatReply, ChatRequest, Split
from opro_cli.errors import ModelError
from opro_cli.loop.doubts import FIRST_REPLIES
from opro_cli.loop.runner import Runner
from opro_cli.testing.session import ScriptedModel
from tests.core.runs import answered
from tests.loop.runs import MemoryJournal, new_runner, outcome, say


def is_meta_prompt(request: ChatRequest) -> bool:
    return "Your task is to generate" in request.messages[-1].content


def proposing(*replies: str | ChatReply) -> ScriptedModel:
    """A scorer that answers, and an optimizer that says these in turn."""
    made = iter(range(10**6))

    def answer(request: ChatRequest) -> Any:
        return replies[next(made) % len(replies)] if is_meta_prompt(request) else say(request)

    return ScriptedModel(answer)


def run_to(ending: str, model: ScriptedModel, **options: Any) -> Runner:
    runner = new_runner(MemoryJournal(), concurrency=1, scorer=model, **options)
    assert asyncio.run(runner.run()) == ending
    return runner


def events_of(runner: Runner) -> list[Event]:
    assert isinstance(runner.journal, MemoryJournal)
    return runner.journal.events


def count_questions(runner: Runner, split: Split) -> int:
    state = runner.state
    everyone = [*state.candidates.values(), *state.baselines.values(), *state.again.values()]
    return sum(len(each.answers[split].by_question) for each in everyone)


CUT = ChatReply("", "length", 5, 512, None)
OPEN = ChatReply("<INS>Think about", "length", 5, 512, None)


def test_every_reason_is_counted_apart() -> None:
    model = proposing(
        CUT,
        OPEN,
        "",  # asked again, at most twice here
        "Think harder.",
        "I'm sorry, but I can't help with that.",
        "Es tut mir leid, das geht nicht.",
        ChatReply("", "content_filter", 5, 0, None),
        "<INS>Let's solve the problem.</INS>",
        f"<INS>{'long ' * 200}</INS>",
    )
    runner = run_to("fruitless", model, steps=1, candidates_per_step=8)
    assert runner.state.proposals.fruitless_by == {
        "cut": 2,
        "declined": 2,
        "no tags": 1,
        "refused": 1,
        "repeated": 1,
        "too long": 1,
    }
    told = outcome(runner)
    assert told["headline"] == "no candidate was tried"
    assert told["nothing_tried"] is True
    assert told["proposals"]["said"] == "Think harder."
    assert (told["proposals"]["replies"], told["proposals"]["nothing_new"]) == (8, 8)


def test_neither_dev_nor_test_is_spent_on_a_search_that_tried_nothing() -> None:
    runner = run_to("fruitless", proposing(CUT))
    assert [count_questions(runner, split) for split in SPLITS] == [6, 0, 0]
    *_, last = events_of(runner)
    assert isinstance(last, SessionEnded)
    assert last.detail == "no candidate was tried: 9 cut at optimizer.max_tokens (512)"


def test_one_candidate_is_enough_for_dev() -> None:
    runner = run_to("finished", proposing("no", "no", "<INS>Add them up.</INS>"))
    assert count_questions(runner, "dev") == 10


def test_a_resume_of_it_asks_nothing_and_says_the_same() -> None:
    first = run_to("fruitless", proposing(CUT))
    again = proposing("<INS>Add them up.</INS>")
    runner = run_to("fruitless", again, past=events_of(first))
    assert again.requests == []
    assert events_of(runner)[-1].detail == events_of(first)[-1].detail  # type: ignore[union-attr]


def test_a_resume_with_more_steps_goes_on() -> None:
    past = events_of(run_to("fruitless", proposing(CUT)))
    runner = run_to("finished", proposing("<INS>Add them up.</INS>"), past=past, steps=4)
    assert [c.instruction for c in runner.state.of_step(4)] == ["Add them up."]
    assert runner.state.proposals.fruitless_by == {"cut": 9, "repeated": 2}


def test_twenty_replies_without_a_proposal_stop_the_search_before_its_next_step() -> None:
    options = {"steps": 30, "candidates_per_step": 3, "preflight": True}
    runner = run_to("fruitless", proposing("no"), **options)
    assert runner.state.proposals.replies == 21 >= FIRST_REPLIES
    resumed = run_to("fruitless", proposing("no"), past=events_of(runner), **options)
    assert resumed.state.step == 14  # as many again
    kept = run_to("fruitless", proposing("no"), steps=12, preflight=True, keep_going=True)
    assert kept.state.step == 12


def test_repeated_texts_are_no_reason_to_stop_early() -> None:
    model = proposing("<INS>Let's solve the problem.</INS>")
    assert run_to("fruitless", model, steps=12, preflight=True).state.step == 12


def test_a_run_that_has_found_one_goes_on_whatever_comes_then() -> None:
    replies = ["<INS>Add them up.</INS>", *["no"] * 60]
    assert run_to("finished", proposing(*replies), steps=12, preflight=True).state.step == 12


def test_the_papers_rules_know_no_such_end() -> None:
    runner = run_to("finished", proposing("<INS>9</INS>"), rules="paper", drop_digits=True)
    assert count_questions(runner, "dev") == 5


def test_an_older_run_goes_on_as_it_began() -> None:
    past = events_of(run_to("fruitless", proposing("no")))[:-1]
    started = past[0]
    assert isinstance(started, SessionStarted)
    old = [SessionStarted(started.at, 1, "0.1.0", 5), *past[1:]]
    assert count_questions(run_to("finished", proposing("no"), past=old), "dev") == 5


def test_one_that_has_begun_with_dev_goes_on_with_it() -> None:
    past = events_of(run_to("fruitless", proposing("no")))[:-1]
    begun = answered("Let's solve the problem.", 0, split="dev")
    resumed = run_to("finished", proposing("no"), past=[*past, begun])
    assert count_questions(resumed, "dev") == 5


def test_a_recorded_reply_is_not_read_again() -> None:
    """An older opro took the first pair of tags; what it took stays the candidate."""
    runner = run_to("finished", proposing("It begins with <INS> and ends with </INS>.\n"), steps=0)
    past = events_of(runner)[:7]
    text = "It begins with <INS> and ends with </INS>: <INS>Add them up.</INS>"
    old = Proposed(past[-1].at, 1, 0, text, ("and ends with",), "stop", 1, 1, None, 0.1)
    resumed = run_to("finished", proposing(text), past=[*past, old], steps=1, candidates_per_step=2)
    assert [c.instruction for c in resumed.state.of_step(1)] == ["and ends with", "Add them up."]


WINDOW = 1_500


def small_window(request: ChatRequest) -> Any:
    """An optimizer that refuses requests of more characters than these."""
    length = len(request.messages[-1].content)
    if is_meta_prompt(request) and length > WINDOW:
        raise ModelError(
            f"m answered 400: {length} is more than the context length of {WINDOW}",
            transient=False,
            unanswerable=True,
            too_long=True,
            status=400,
        )
    return say(request)


def long_questions(runner: Runner, length: int) -> None:
    for split, rows in runner.examples.items():
        for row in rows:
            object.__setattr__(row, "input", f"{row.input} {'blah ' * (length // 5)}")
        assert split


@pytest.mark.parametrize(
    ("length", "shown"),
    [(0, ""), (300, "1 of 3 exemplars (search.exemplars)"), (2_000, "0 of 1 exemplars")],
)
@pytest.mark.parametrize("concurrency", [1, 4])
async def test_a_meta_prompt_that_is_too_long_loses_exemplars(
    concurrency: int, length: int, shown: str
) -> None:
    model = ScriptedModel(small_window)
    runner = new_runner(MemoryJournal(), concurrency=concurrency, scorer=model, exemplars=3)
    long_questions(runner, length)
    assert await runner.run() == "finished"
    assert runner.state.step == 3
    proposed = [event for event in events_of(runner) if isinstance(event, Proposed)]
    assert {event.shown[: len(shown)] for event in proposed} == {shown}
    assert (outcome(runner)["proposals"]["shown"] or "").startswith(shown)
    refused = sum(
        is_meta_prompt(r) and len(r.messages[-1].content) > WINDOW for r in model.requests
    )
    assert refused <= 2 * concurrency  # once for each length, and not again in later steps


async def test_without_exemplars_past_prompts_go_the_worst_first() -> None:
    model = ScriptedModel(small_window)
    start = tuple(f"Prompt {n} {'really ' * 30}." for n in range(12))
    runner = new_runner(
        MemoryJournal(), scorer=model, initial_instructions=start, exemplars=2, steps=1
    )
    assert await runner.run() == "finished"
    asked = [r.messages[-1].content for r in model.requests if is_meta_prompt(r)][-1]
    scores = sorted(c.score("train").mean for c in runner.state.of_step(0))  # type: ignore[union-attr]
    shown = [int(part.split("\n")[0]) for part in asked.split("score:\n")[1:]]
    assert shown == [round(100 * score) for score in scores[-len(shown) :]]
    assert runner.state.proposals.shown.startswith("no exemplars and 3 of 6 past prompts")


async def test_a_request_that_cannot_be_shorter_ends_the_session() -> None:
    def refuse(request: ChatRequest) -> Any:
        if is_meta_prompt(request):
            raise ModelError("too long", transient=False, unanswerable=True, too_long=True)
        return say(request)

    with pytest.raises(ModelError, match="too long"):
        await new_runner(MemoryJournal(), scorer=ScriptedModel(refuse)).run()


async def test_the_papers_request_is_never_shortened() -> None:
    runner = new_runner(
        MemoryJournal(), scorer=ScriptedModel(small_window), rules="paper", exemplars=3
    )
    long_questions(runner, 2_000)
    with pytest.raises(ModelError, match="context length"):
        await runner.run()
