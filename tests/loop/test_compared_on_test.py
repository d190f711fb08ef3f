"""The end of a run: start prompt, winner and baselines on test, and the start prompt once more."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.run.candidates import AGAIN, make_candidate_id
from opro_cli.core.run.events import Answered, Event, SessionStarted
from opro_cli.core.task.example import ChatRequest
from opro_cli.testing.session import ScriptedModel
from tests.fakes.memory_cache import MemoryCache
from tests.loop.runs import MemoryJournal, calls, new_runner, outcome, say

COMPARED: dict[str, Any] = {"baselines": ("", "Be brief."), "noise_check": True}
START = "Let's solve the problem."


def asked_on(events: list[Event], split: str) -> list[str]:
    """Whom the answers of a split are for, in order of first appearance."""
    names = [e.candidate for e in events if isinstance(e, Answered) and e.split == split]
    return list(dict.fromkeys(names))


async def test_test_is_touched_once_at_the_end_by_those_that_are_compared() -> None:
    journal = MemoryJournal()
    runner = new_runner(journal, **COMPARED)
    assert await runner.run() == "finished"
    on_test = asked_on(journal.events, "test")
    start, baselines = (
        make_candidate_id(START),
        [make_candidate_id(text) for text in ("", "Be brief.")],
    )
    best = make_candidate_id(outcome(runner)["best"]["instruction"])
    assert best != start
    assert sorted(on_test) == sorted([start, best, *baselines, AGAIN + start])
    answers = [e for e in journal.events if isinstance(e, Answered)]
    first = next(place for place, e in enumerate(answers) if e.split == "test")
    assert all(e.split == "test" for e in answers[first:])
    assert len(answers) - first == 5 * 7
    # Nobody that is only compared was ever part of the search.
    searched = {candidate.instruction for candidate in runner.state.candidates.values()}
    assert not searched & {"", "Be brief."}
    assert not any("Be brief." in text for text in meta_prompts(runner.models["optimizer"][0]))


async def test_the_second_time_alone_goes_around_the_prompt_cache_of_the_server() -> None:
    runner = new_runner(journal := MemoryJournal(), **COMPARED)
    await runner.run()
    requests = calls(runner.models["scorer"][0]).requests
    fresh = [request.messages for request in requests if request.fresh]
    assert len(fresh) == sum(
        isinstance(e, Answered) and e.candidate.startswith(AGAIN) for e in journal.events
    )
    assert len(fresh) == 7
    assert all(START in messages[-1].content for messages in fresh)


def meta_prompts(model: object) -> list[str]:
    return [
        request.messages[-1].content
        for request in calls(model).requests
        if "Your task is to generate" in request.messages[-1].content
    ]


async def test_a_resume_from_any_point_ends_the_same() -> None:
    whole = MemoryJournal()
    runner = new_runner(whole, **COMPARED)
    await runner.run()
    for kept in range(len(whole.events) - 40, len(whole.events), 3):
        resumed = new_runner(MemoryJournal(), past=whole.events[:kept], **COMPARED)
        assert await resumed.run() == "finished"
        assert outcome(resumed) == outcome(runner)


def turns_on_test(events: list[Event]) -> list[tuple[int, str]]:
    """Test questions in the order in which they were answered, and of whom."""
    answers = [e for e in events if isinstance(e, Answered) and e.split == "test"]
    return [(e.question, e.candidate) for e in answers]


async def test_prompts_meet_question_by_question_whatever_the_concurrency() -> None:
    journal = MemoryJournal()
    await new_runner(journal, concurrency=1, baselines=("",), noise_check=False).run()
    turns = turns_on_test(journal.events)
    assert len(turns) == 3 * 7
    for place in range(0, len(turns), 3):
        here = turns[place : place + 3]
        assert len({question for question, _ in here}) == 1
        assert len({who for _, who in here}) == 3
    wide = MemoryJournal()
    await new_runner(wide, concurrency=4, baselines=("",), noise_check=False).run()
    # Four at a time: nobody is asked a question that is two turns away.
    first = {question: place // 3 for place, (question, _) in enumerate(turns)}
    for place, (question, _) in enumerate(turns_on_test(wide.events)):
        assert abs(first[question] - place // 3) <= 2


async def test_a_resume_goes_on_side_by_side() -> None:
    whole = MemoryJournal()
    await new_runner(whole, concurrency=1, noise_check=True).run()
    turns = turns_on_test(whole.events)
    for kept in range(len(whole.events) - 30, len(whole.events), 5):
        past, resumed = whole.events[:kept], MemoryJournal()
        await new_runner(resumed, past=past, concurrency=1, noise_check=True).run()
        assert turns_on_test([*past, *resumed.events]) == turns


async def test_what_is_compared_is_asked_anew_but_by_a_run_that_began_before_that_was_so() -> None:
    first = MemoryJournal()
    cache = MemoryCache()
    await new_runner(first, caches={"scorer": cache}).run()
    for format_version, on_test in ((5, "call"), (4, "cache")):
        journal = MemoryJournal()
        began = SessionStarted(0.0, 1, "0.1.0", format_version)
        await new_runner(journal, past=[began], caches={"scorer": cache}).run()
        answers = [e for e in journal.events if isinstance(e, Answered)]
        assert {e.via for e in answers if e.split == "test"} == {on_test}
        assert {e.via for e in answers if e.split != "test"} == {"cache"}


async def test_a_scorer_that_always_says_the_same_makes_no_noise() -> None:
    runner = new_runner(MemoryJournal(), **COMPARED)
    await runner.run()
    result = outcome(runner)
    start = result["initial"]["scores"]["test"]
    same = {"n": 7, "changed": 0, "difference": 0.0, "mean": start["mean"], "p_value": 1.0}
    assert result["noise"] == same


async def test_a_scorer_that_changes_its_mind_is_told() -> None:
    asked: set[str] = set()

    def moody(request: ChatRequest) -> str:
        text = request.messages[-1].content
        if START not in text or "Your task" in text or "What is 1" not in text:
            return say(request)
        # Of test (12 to 18) every question is answered rightly at first, then never.
        second = text in asked
        asked.add(text)
        gold = 2 * int(text.split("What is ")[1].split()[0])
        return f"The answer is {0 if second else gold}."

    runner = new_runner(MemoryJournal(), scorer=ScriptedModel(moody), steps=0, **COMPARED)
    await runner.run()
    noise = outcome(runner)["noise"]
    assert noise == {"n": 7, "changed": 7, "difference": -1.0, "mean": 0.0, "p_value": 2**-7}


@pytest.mark.parametrize("text", [START, "Count and read."])
async def test_a_baseline_that_is_a_candidate_is_not_asked_twice(text: str) -> None:
    journal = MemoryJournal()
    runner = new_runner(journal, baselines=(text,), noise_check=False)
    await runner.run()
    keys = [(e.candidate, e.split, e.question) for e in journal.events if isinstance(e, Answered)]
    assert len(keys) == len(set(keys))
    (told,) = outcome(runner)["baselines"]
    assert told["instruction"] == text
    assert (told["against_start"] is None) == (text == START)


async def test_a_run_of_before_baselines_compares_nothing_more() -> None:
    journal = MemoryJournal()
    runner = new_runner(journal)
    assert runner.settings.search.baselines is None
    await runner.run()
    assert len(asked_on(journal.events, "test")) == 2
    assert (outcome(runner)["baselines"], outcome(runner)["noise"]) == ([], None)


async def test_without_a_test_split_there_is_nothing_to_compare() -> None:
    journal = MemoryJournal()
    runner = new_runner(journal, **COMPARED)
    runner.state.sizes["test"] = 0
    await runner.run()
    assert asked_on(journal.events, "test") == []
    assert outcome(runner)["noise"] is None
    assert outcome(runner)["verdict"] is None
