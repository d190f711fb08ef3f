"""Questions asked in two rounds: what is sent, what it costs, and a stop or kill in between."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.run.events import Answered, Event, FirstReply, Proposed
from opro_cli.core.run.progress import count_calls
from opro_cli.core.task.example import ChatRequest, Example, Grade
from opro_cli.errors import ModelError, RunError
from opro_cli.grading.grader import build_metric
from opro_cli.loop.runner import Runner
from opro_cli.metrics.paper import SecondRound
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import (
    MemoryJournal,
    calls,
    digest,
    examples,
    finished,
    new_runner,
    outcome,
    say,
    settings,
)

CUE = " So the final answer is"
TWICE: dict[str, Any] = {"task": {"second_round": True}}


def events_of(runner: Runner) -> list[Event]:
    assert isinstance(runner.journal, MemoryJournal)
    return runner.journal.events


def asked_of_scorer(runner: Runner) -> list[ChatRequest]:
    requests = calls(runner).requests
    return [r for r in requests if "Your task is to generate" not in r.messages[-1].content]


def in_two_rounds(request: ChatRequest) -> str:
    """Reason at length, and go on with a question of its own now and then; then answer."""
    said = say(request)
    if said.startswith("<INS>") or request.messages[-1].content.endswith(CUE):
        return said
    return f"  {said} So {digest(said)}.\n" + ("Q: What is 1?" if digest(request) % 2 else "")


async def test_each_question_is_asked_twice_and_the_second_prompt_goes_on_from_the_reply() -> None:
    model = ScriptedModel(in_two_rounds)
    runner = new_runner(MemoryJournal(), scorer=model, concurrency=1, **TWICE)
    assert await runner.run() == "finished"
    scorer = [r for r in model.requests if "Your task is" not in r.messages[-1].content]
    firsts, seconds = scorer[::2], scorer[1::2]  # one at a time, so in turns
    for first, second in zip(firsts, seconds, strict=True):
        prompt = first.messages[-1].content
        reply = in_two_rounds(first).partition("Q:")[0].strip()
        assert second.messages[-1].content == f"{prompt} {reply}{CUE}"
        assert (second.seed, second.temperature) == (first.seed, first.temperature)
    events = events_of(runner)
    reasoned = [e for e in events if isinstance(e, FirstReply)]
    answered = [e for e in events if isinstance(e, Answered)]
    assert len(reasoned) == len(answered) == len(firsts)
    assert [e.text for e in reasoned] == [in_two_rounds(r) for r in firsts]
    assert any("Q:" in e.text for e in reasoned)
    assert any("Q:" not in e.text for e in reasoned)


@pytest.mark.parametrize(("limit", "again"), [(1024, 50), (51, 50), (20, 20)])
async def test_the_second_round_has_fifty_tokens_at_most(limit: int, again: int) -> None:
    runner = await finished(scoring={"max_tokens": limit}, steps=0, **TWICE)
    limits = {r.messages[-1].content.endswith(CUE): r.max_tokens for r in asked_of_scorer(runner)}
    assert limits == {False: limit, True: again}


async def test_both_calls_are_paid_for_and_foreseen() -> None:
    runner = await finished(steps=1, **TWICE)
    spend = runner.state.spend["scorer"]
    assert (
        spend.calls
        == len(asked_of_scorer(runner))
        == 2 * len([e for e in events_of(runner) if isinstance(e, Answered)])
    )
    paid = [e for e in events_of(runner) if isinstance(e, Answered | FirstReply)]
    assert spend.prompt_tokens == sum(e.prompt_tokens or 0 for e in paid)
    assert runner.activity.session_calls == count_calls(runner.state)


async def test_what_is_graded_is_the_second_reply() -> None:
    def right_at_last(request: ChatRequest) -> str:
        text = request.messages[-1].content
        gold = int(text.split("What is ")[1].split(" ")[0]) * 2
        return f" {gold}." if text.endswith(CUE) else "I think it is 0."

    runner = new_runner(MemoryJournal(), scorer=ScriptedModel(right_at_last), steps=0, **TWICE)
    await runner.run()
    (candidate,) = runner.state.candidates.values()
    score = candidate.score("test")
    assert score is not None
    assert (score.mean, score.n) == (1.0, 7)


async def test_a_system_instruction_is_said_in_both_rounds() -> None:
    system = {"second_round": True, "instruction_position": "system"}
    runner = await finished(task=system, steps=0)
    for request in asked_of_scorer(runner):
        assert [m.role for m in request.messages] == ["system", "user"]
        assert request.messages[0].content == "Let's solve the problem."


async def test_a_resume_from_any_event_asks_only_what_is_missing_and_ends_equal() -> None:
    small: dict[str, Any] = {**TWICE, "steps": 2, "candidates_per_step": 1}
    whole = await finished(**small)
    events, everything = events_of(whole), calls(whole).asked()
    expected = outcome(whole)
    assert max(everything.values()) == 1
    half_asked = 0
    for cut in range(len(events)):
        past = events[:cut]
        resumed = new_runner(MemoryJournal(), past=past, salt=cut, **small)
        open_before = [
            (candidate.instruction, split, question)
            for candidate in resumed.state.candidates.values()
            for split, answers in candidate.answers.items()
            for question in answers.first_replies
        ]
        half_asked = max(half_asked, len(open_before))
        assert await resumed.run() == "finished"
        assert outcome(resumed) == expected
        paid = sum(isinstance(event, Answered | FirstReply | Proposed) for event in past)
        asked = calls(resumed).asked()
        assert asked <= everything
        assert asked.total() == everything.total() - paid
        for instruction, split, question in open_before:
            first = f"Q: {instruction}\n{resumed.examples[split][question].input}\n\nA:"
            of_it = [text for text, _ in asked if text.startswith(first)]
            assert [text.endswith(CUE) for text in of_it] == [True]
    assert half_asked >= 3


async def test_a_failure_between_the_rounds_keeps_the_first_reply() -> None:
    def fails_at_the_second(request: ChatRequest) -> Any:
        if request.messages[-1].content.endswith(CUE):
            return ModelError("down", transient=False)
        return say(request)

    journal = MemoryJournal()
    runner = new_runner(journal, scorer=ScriptedModel(fails_at_the_second), **TWICE)
    with pytest.raises(ModelError, match="down"):
        await runner.run()
    reasoned = [e for e in journal.events if isinstance(e, FirstReply)]
    assert reasoned
    resumed = new_runner(MemoryJournal(), past=journal.events, **TWICE)
    await resumed.run()
    assert outcome(resumed) == outcome(await finished(**TWICE))
    asked = calls(resumed).asked().total()
    assert asked == count_calls(resumed.state) - len(reasoned)


async def test_a_stop_between_the_rounds_sends_nothing_more() -> None:
    journal = MemoryJournal()
    runner = new_runner(journal, concurrency=5, **TWICE)
    foreseen = 0

    def stop_at_a_first_reply(_: int) -> None:
        nonlocal foreseen
        many = runner.activity.session_calls > 20
        if many and isinstance(journal.events[-1], FirstReply) and not foreseen:
            runner.stop()
            foreseen = runner.activity.session_calls + sum(runner.activity.in_flight.values())

    journal.on_append = stop_at_a_first_reply
    assert await runner.run() == "interrupted"
    assert runner.activity.session_calls == foreseen > 20
    resumed = new_runner(MemoryJournal(), past=journal.events, **TWICE)
    await resumed.run()
    assert outcome(resumed) == outcome(await finished(**TWICE))


def test_a_metric_of_ours_reads_the_second_reply_as_the_end_of_a_sentence() -> None:
    metric, example = build_metric(settings(**TWICE)), examples()["test"][0]
    assert isinstance(metric, SecondRound)
    grades = [metric.grade(reply, example).score for reply in (f" {example.target}.", " 0", "")]
    assert grades == [1.0, 0.0, None]
    assert metric.target("#### 1,018") == "1018"
    assert not isinstance(build_metric(settings()), SecondRound)


def test_the_papers_metric_takes_the_first_line_of_a_second_reply() -> None:
    def score(second_round: bool) -> float | None:
        task = {"scoring": "paper", "second_round": second_round}
        example = examples()["train"][0]
        metric = build_metric(settings(task=task))
        return metric.grade(f" {example.target}.\n\nSo 20", example).score

    # Of one round the reference reads the last number, and only then takes the line.
    assert (score(True), score(False)) == (1.0, 0.0)


class Broken:
    """A metric that cannot grade yet."""

    def target(self, raw: str) -> str:
        return raw

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        raise RunError("the function raised")


async def test_a_second_reply_that_cannot_be_graded_is_paid_for_once() -> None:
    past: list[Event] = []
    for session in range(3):
        journal = MemoryJournal()
        runner = new_runner(journal, past=past, concurrency=1, metric=Broken(), **TWICE)
        with pytest.raises(RunError, match="the function raised"):
            await runner.run()
        past += journal.events
        assert calls(runner).asked().total() == (0 if session else 2)
    mended = new_runner(MemoryJournal(), past=past, concurrency=1, **TWICE)
    assert await mended.run() == "finished"
    assert outcome(mended) == outcome(await finished(**TWICE))
