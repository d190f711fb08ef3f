"""Replies that are no answer: an empty text, a broken one, a call of a tool, a refusal."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from opro_cli.calls.checks import HELLO
from opro_cli.core.run.events import Answered, Proposed, Refused, Uncounted
from opro_cli.core.task.example import THOUGHTS_ONLY, ChatReply, ChatRequest
from opro_cli.errors import EmptyReplyError
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import MemoryJournal, new_runner, outcome, say
from tests.loop.test_refusals import asked

EMPTY = ChatReply(" \n", "stop", 7, 1, 0.002)
BROKEN = ChatReply("It is 9", "error", 7, 3, 0.002)


def is_asked(request: ChatRequest, number: int) -> bool:
    """Return True for a question to the scorer, which a meta-prompt may show as well."""
    return asked(request, number) and not proposes(request)


def proposes(request: ChatRequest) -> bool:
    return "Your task is to generate" in request.messages[-1].content


def sometimes(reply: ChatReply, number: int, times: int) -> ScriptedModel:
    """Return a scorer whose first replies to each prompt with a question are no answer."""
    seen: Counter[str] = Counter()

    def answer(request: ChatRequest) -> Any:
        text = request.messages[-1].content
        seen[text] += 1
        return reply if is_asked(request, number) and seen[text] <= times else say(request)

    return ScriptedModel(answer)


OTHERS = [
    ChatReply("", "tool_calls", 7, 1, 0.002),
    ChatReply("", THOUGHTS_ONLY, 7, 9, 0.002),
    ChatReply("It is 9", "abort", 7, 3, 0.002),
]


@pytest.mark.parametrize("reply", [EMPTY, BROKEN, *OTHERS])
async def test_such_a_reply_is_asked_again_and_never_graded(reply: ChatReply) -> None:
    journal = MemoryJournal()
    runner = new_runner(journal, attempts=8, scorer=sometimes(reply, 2, times=2))
    assert await runner.run() == "finished"
    answers = [e for e in journal.events if isinstance(e, Answered)]
    assert all(e.text.startswith("The answer is") for e in answers)
    assert not any(isinstance(e, Refused) for e in journal.events)
    # what it cost is known, and told
    unused = [e for e in journal.events if isinstance(e, Uncounted)]
    prompts = {e.candidate for e in answers if e.split == "train"}
    assert len(unused) == 2 * len(prompts)
    tokens = (reply.prompt_tokens or 0) + (reply.completion_tokens or 0)
    assert {(e.answered, e.tokens, e.usd) for e in unused} == {(False, tokens, 0.002)}


async def test_a_question_that_gets_nothing_three_times_is_refused_and_the_run_goes_on() -> None:
    journal = MemoryJournal()
    model = sometimes(EMPTY, 2, times=99)
    runner = new_runner(journal, attempts=8, scorer=model)
    assert await runner.run() == "finished"
    refused = [e for e in journal.events if isinstance(e, Refused)]
    assert {(e.split, e.question) for e in refused} == {("train", 1)}
    assert "answered with an empty text (finish_reason stop) (tried 3 times)" in refused[0].reason
    asked_of = Counter(r.messages[-1].content for r in model.requests if is_asked(r, 2))
    assert set(asked_of.values()) == {3}


async def test_the_very_first_question_may_be_such_a_one() -> None:
    journal = MemoryJournal()
    runner = new_runner(journal, attempts=8, scorer=sometimes(EMPTY, 1, times=99), preflight=True)
    assert await runner.run() == "finished"


async def test_a_server_that_says_nothing_at_all_ends_the_run() -> None:
    journal = MemoryJournal()
    model = ScriptedModel(lambda _: EMPTY)
    runner = new_runner(journal, attempts=8, scorer=model, preflight=True)
    with pytest.raises(EmptyReplyError, match=r"empty text .* \(tried 3 times\)") as caught:
        await runner.run()
    assert caught.value.hint is not None
    assert "by hand" in caught.value.hint
    assert len(model.requests) <= 3 * 3 + 3  # its first questions, and what the optimizer is asked


async def test_a_model_that_has_answered_others_is_not_ended_by_questions_without_an_answer() -> (
    None
):
    """Not even where the tiny call, which finds out whether it is there, gets none either."""

    def answer(request: ChatRequest) -> Any:
        silent = is_asked(request, 1) or is_asked(request, 3) or request.messages == HELLO
        return EMPTY if silent and not proposes(request) else say(request)

    journal = MemoryJournal()
    runner = new_runner(journal, attempts=8, scorer=ScriptedModel(answer))
    assert await runner.run() == "finished"
    refused = {(e.split, e.question) for e in journal.events if isinstance(e, Refused)}
    assert {("train", 0), ("train", 2)} <= refused


@pytest.mark.parametrize("name", ["embedded/small", "gguf/model.gguf"])
async def test_a_model_computed_here_is_asked_once_and_may_say_nothing(name: str) -> None:
    """It would say nothing again, at temperature 0 and under the same seed."""
    journal = MemoryJournal()
    model = sometimes(EMPTY, 2, times=99)
    runner = new_runner(journal, attempts=8, scorer=model)
    here = replace(runner.settings.scorer, model=name)
    runner = replace(runner, settings=replace(runner.settings, scorer=here))
    assert await runner.run() == "finished"
    empty = [e for e in journal.events if isinstance(e, Answered) and not e.text.strip()]
    assert empty
    assert all(e.answer is None for e in empty)
    asked_of = Counter(r.messages[-1].content for r in model.requests if is_asked(r, 2))
    assert set(asked_of.values()) == {1}


async def test_an_optimizer_that_says_nothing_now_and_then_proposes_nothing_then() -> None:
    journal = MemoryJournal()

    def answer(request: ChatRequest) -> Any:
        text = request.messages[-1].content
        if text == HELLO[0].content:
            return "ready"
        return EMPTY if proposes(request) and (request.seed or 0) % 2 else say(request)

    model = ScriptedModel(answer)
    runner = new_runner(journal, attempts=8, scorer=model)
    assert await runner.run() == "finished"
    proposed = [e for e in journal.events if isinstance(e, Proposed)]
    nothing = [e for e in proposed if not e.text]
    assert 0 < len(nothing) < len(proposed)
    assert {(e.via, e.instructions, e.usd) for e in nothing} == {("local", (), 0.0)}


async def test_an_optimizer_that_never_says_anything_ends_the_run() -> None:
    model = ScriptedModel(lambda r: EMPTY if proposes(r) or r.temperature else say(r))
    runner = new_runner(MemoryJournal(), attempts=8, scorer=model)
    with pytest.raises(EmptyReplyError, match="empty text"):
        await runner.run()


async def test_an_empty_text_that_was_cut_is_an_answer_that_cannot_be_read() -> None:
    journal = MemoryJournal()
    cut = ChatReply("", "length", 7, 50, 0.002)
    runner = new_runner(journal, attempts=8, scorer=sometimes(cut, 2, times=99))
    assert await runner.run() == "finished"
    empty = [e for e in journal.events if isinstance(e, Answered) and not e.text]
    assert empty
    assert {e.finish_reason for e in empty} == {"length"}


async def test_a_refusal_of_the_model_is_a_refused_question_in_its_words() -> None:
    journal = MemoryJournal()
    declined = ChatReply("I can't help with 42.", "refusal", 7, 5, 0.002)
    runner = new_runner(journal, attempts=8, scorer=sometimes(declined, 2, times=99))
    assert await runner.run() == "finished"
    refused = [
        e for e in journal.events if isinstance(e, Answered) and e.finish_reason == "refusal"
    ]
    assert refused
    assert {(e.text, e.answer) for e in refused} == {("I can't help with 42.", None)}
    assert outcome(runner)["initial"]["scores"]["train"]["refused"] == 1
