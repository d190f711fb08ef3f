"""A run whose start prompt is the winner: there is no gain to prove, so test is not asked."""

from __future__ import annotations

from dataclasses import replace as replace_search
from typing import Any

import pytest
from msgspec.structs import replace

from opro_cli.core.run.candidates import AGAIN, make_candidate_id
from opro_cli.core.run.events import Answered, Event, SessionStarted
from opro_cli.core.run.layout import count_spent
from opro_cli.core.task.example import ChatRequest
from opro_cli.loop.planner import Evaluate, plan_next
from opro_cli.reports.result import describe_spared
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import SIZES, MemoryJournal, new_runner, outcome, say

START = "Let's solve the problem."
COMPARED: dict[str, Any] = {"baselines": ("", "Be brief."), "noise_check": True}


def only_the_start_prompt_works(request: ChatRequest) -> str:
    text = request.messages[-1].content
    if "What is " not in text or "Your task is to generate" in text:
        return say(request)
    gold = int(text.split("What is ")[1].split(" ")[0]) * 2
    return f"The answer is {gold if START in text else gold + 1}."


def new_run(journal: MemoryJournal, **options: Any) -> Any:
    scorer = ScriptedModel(only_the_start_prompt_works)
    return new_runner(journal, scorer=scorer, **{**COMPARED, **options})


def asked_on_test(events: list[Event]) -> dict[str, int]:
    names = [e.candidate for e in events if isinstance(e, Answered) and e.split == "test"]
    return {name: names.count(name) for name in names}


async def test_nobody_is_asked_and_the_result_says_what_was_not() -> None:
    runner = new_run(journal := MemoryJournal())
    assert await runner.run() == "finished"
    assert asked_on_test(journal.events) == {}
    result = outcome(runner)
    assert result["best"]["instruction"] == START
    assert (result["verdict"], result["verdict_sentence"]) == (
        "not_distinguishable",
        "no candidate did better than the start prompt on train and dev",
    )
    # start, two baselines, and the start prompt again: 4 times 7 questions
    assert result["not_asked"] == {"prompts": 3, "questions": 28, "again": 7}
    assert result["best"]["scores"]["test"] is None
    assert result["noise"] is None


async def test_the_start_prompt_alone_is_asked_where_its_score_is_wanted() -> None:
    runner = new_run(journal := MemoryJournal(), test_unbeaten_start=True)
    assert await runner.run() == "finished"
    assert asked_on_test(journal.events) == {make_candidate_id(START): SIZES["test"]}
    result = outcome(runner)
    assert result["best"]["scores"]["test"]["mean"] == 1.0
    assert result["not_asked"] == {"prompts": 2, "questions": 21, "again": 7}


@pytest.mark.parametrize(
    ("left", "version", "asked"), [(6, 10, 0), (7, 10, 7), (13, 10, 7), (13, 9, 0), (14, 9, 7)]
)
async def test_a_budget_buys_the_questions_of_the_start_prompt_alone(
    left: int, version: int, asked: int
) -> None:
    """The verdict, which is not asked, would take 14 calls; earlier formats want so many left."""
    racing: dict[str, Any] = {"racing": True, "steps": 5, "candidates_per_step": 4}
    runner = new_run(MemoryJournal(), budget={"calls": 60}, **racing)
    assert await runner.run() == "finished"
    state = runner.state
    assert state.looks
    state.search = replace_search(state.search, test_unbeaten_start=True)
    state.sessions = [SessionStarted(0.0, 1, "0.1.0", version)]
    state.most_calls = count_spent(state) + left
    work = plan_next(state)
    assert len(work.questions if isinstance(work, Evaluate) else ()) == asked
    (start,) = state.of_step(0)
    spared = describe_spared(state, start, start)
    assert bool(spared and spared.get("unaffordable")) == (not asked)


async def test_a_gain_is_compared_with_everything_and_nothing_is_left_out() -> None:
    runner = new_runner(journal := MemoryJournal(), **COMPARED)
    assert await runner.run() == "finished"
    assert len(asked_on_test(journal.events)) == 5
    assert outcome(runner)["not_asked"] is None


@pytest.mark.parametrize("format_version", [4, 5])
async def test_a_run_that_began_before_that_was_so_goes_on_as_it_began(format_version: int) -> None:
    began = SessionStarted(0.0, 1, "0.1.0", format_version)
    runner = new_run(journal := MemoryJournal(), past=[began])
    assert await runner.run() == "finished"
    start, *baselines = map(make_candidate_id, (START, *COMPARED["baselines"]))
    everyone = [start, *baselines, AGAIN + start]
    assert asked_on_test(journal.events) == dict.fromkeys(everyone, SIZES["test"])
    assert outcome(runner)["not_asked"] is None


@pytest.mark.parametrize(
    ("begun", "left"), [("", 4 * 7 - 1), ("Be brief.", 4 * 7 - 1), (START, 7 - 1)]
)
async def test_a_test_that_was_begun_is_finished(begun: str, left: int) -> None:
    """A run of the same format by an earlier opro, stopped among its test questions."""
    runner = new_run(whole := MemoryJournal(), test_unbeaten_start=True)
    await runner.run()
    past = [e for e in whole.events if not (isinstance(e, Answered) and e.split == "test")]
    model = next(e for e in whole.events if isinstance(e, Answered) and e.split == "test")
    past.append(replace(model, candidate=make_candidate_id(begun), question=3))
    resumed = new_run(journal := MemoryJournal(), past=past)
    assert await resumed.run() == "finished"
    assert sum(asked_on_test(journal.events).values()) == left


async def test_a_run_without_a_search_is_there_for_its_scores() -> None:
    runner = new_run(journal := MemoryJournal(), steps=0)
    assert await runner.run() == "finished"
    assert len(asked_on_test(journal.events)) == 4
