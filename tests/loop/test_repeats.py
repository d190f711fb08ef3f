"""A question that is asked several times: as many calls, one score, and one question."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from opro_cli.core.run.events import Event, FirstReply, Proposed
from opro_cli.core.run.progress import estimate_calls
from opro_cli.core.run.remaining import estimate_calls_left
from opro_cli.core.stats.paired import GAFFKE
from opro_cli.core.task.example import ChatRequest, Evaluation
from opro_cli.evaluators import Repeats
from opro_cli.loop.runner import Runner
from opro_cli.reports.answers import list_answers
from opro_cli.reports.paired import compare_candidates
from opro_cli.reports.recorded import RecordedRun, build_history
from opro_cli.testing.session import ScriptedModel
from tests.fakes.memory_cache import MemoryCache
from tests.loop.runs import (
    MemoryJournal,
    digest,
    drop_costs,
    new_runner,
    outcome,
    say,
)

K = 3
FLAKY: dict[str, Any] = {"repeats": K, "temperature": 1.0}


def by_chance(request: ChatRequest) -> str:
    """Right by the seed of the request: the same question under the same prompt now and then."""
    text = request.messages[-1].content
    if "What is " not in text or "Your task is to generate" in text:
        return say(request)
    gold = int(text.split("What is ")[1].split(" ")[0]) * 2
    return f"The answer is {gold + digest(request.seed, text) % 2}."


def new(journal: MemoryJournal | None = None, **options: Any) -> Runner:
    return new_runner(
        journal or MemoryJournal(),
        scorer=ScriptedModel(by_chance),
        **{"scoring": FLAKY, **options},
    )


def asked_of(runner: Runner) -> Counter[tuple[str, int | None]]:
    model = runner.models["scorer"][0]
    assert isinstance(model, ScriptedModel)
    return Counter((r.messages[-1].content, r.seed) for r in model.requests)


def events_of(runner: Runner) -> list[Event]:
    assert isinstance(runner.journal, MemoryJournal)
    return runner.journal.events


async def test_each_question_is_asked_so_often_with_seeds_of_its_own_and_scored_once() -> None:
    runner = new(steps=0)
    assert await runner.run() == "finished"
    asked = asked_of(runner)
    assert max(asked.values()) == 1
    by_question = Counter(text for text, _ in asked)
    assert len(by_question) == 18
    assert set(by_question.values()) == {K}
    (start,) = runner.state.candidates.values()
    for index, example in enumerate(runner.examples["test"]):
        gold = int(example.target)
        replies = [
            gold + digest(seed, text) % 2 for text, seed in asked if f"{example.input}\n" in text
        ]
        score = start.answers["test"].by_question[index].score
        assert score == pytest.approx(sum(reply == gold for reply in replies) / K)
    assert runner.state.spend_of("scorer").calls == 18 * K
    whole = start.score("test")
    assert whole is not None
    assert (whole.n, whole.unreadable) == (7, 0)


async def test_the_estimate_of_calls_and_of_those_left_multiplies() -> None:
    runner = new(steps=0)
    once = new_runner(MemoryJournal(), steps=0)
    assert estimate_calls(runner.state) == K * estimate_calls(once.state)
    assert estimate_calls_left(runner.state).total == K * estimate_calls_left(once.state).total
    assert runner.state.calls_per_question == K


async def test_all_counts_a_question_only_where_every_reply_is_right() -> None:
    mean = new(steps=0)
    every = new(steps=0, scoring={**FLAKY, "repeat_score": "all"})
    assert await mean.run() == await every.run() == "finished"
    (one,), (other,) = mean.state.candidates.values(), every.state.candidates.values()
    pairs = [
        (one.answers["train"].by_question[n].score, other.answers["train"].by_question[n].score)
        for n in range(6)
    ]
    assert all(strict == float(share == 1.0) for share, strict in pairs)
    assert any(share not in (0.0, 1.0) for share, _ in pairs)


async def test_a_resume_from_any_event_repeats_no_call_and_ends_equal() -> None:
    small: dict[str, Any] = {"steps": 1, "candidates_per_step": 1}
    whole = new(**small)
    assert await whole.run() == "finished"
    events, everything, expected = events_of(whole), asked_of(whole), outcome(whole)
    half_asked = 0
    for cut in range(0, len(events), 9):
        past = events[:cut]
        resumed = new(past=past, **small)
        half_asked += any(
            answers.keyed_replies
            for candidate in resumed.state.candidates.values()
            for answers in candidate.answers.values()
        )
        assert await resumed.run() == "finished"
        assert outcome(resumed) == expected
        paid = sum(isinstance(event, FirstReply | Proposed) for event in past)
        assert asked_of(resumed) <= everything
        assert asked_of(resumed).total() == everything.total() - paid
    assert half_asked > K


async def test_no_cache_answers_one_repeat_with_another_and_a_second_run_finds_them_all() -> None:
    options: dict[str, Any] = {"steps": 0, "scoring": {"repeats": K}}
    cache = MemoryCache()
    first = new(caches={"scorer": cache}, **options)  # at temperature 0 a key has no seed
    assert await first.run() == "finished"
    assert asked_of(first).total() == 18 * K
    second = new(caches={"scorer": cache}, **options)
    assert await second.run() == "finished"
    assert asked_of(second).total() == 7 * K  # what is compared on test, and nothing else
    assert second.state.spend_of("scorer").cached == 11 * K
    assert drop_costs(outcome(second)["initial"]) == drop_costs(outcome(first)["initial"])


async def test_two_rounds_are_asked_each_time() -> None:
    runner = new(steps=0, task={"second_round": True})
    assert await runner.run() == "finished"
    assert asked_of(runner).total() == 2 * K * 18
    keys = {e.key for e in events_of(runner) if isinstance(e, FirstReply)}
    assert keys == {f"repeat {n}{last}" for n in range(1, K + 1) for last in ("", ", round 2")}


async def test_a_question_is_one_in_the_paired_test() -> None:
    runner = new(steps=0, baselines=("Be brief.",))
    assert await runner.run() == "finished"
    (start,), (other,) = runner.state.candidates.values(), runner.state.baselines.values()
    compared = compare_candidates(start, other)
    assert compared is not None
    assert (compared.n, compared.name) == (7, GAFFKE)


async def test_the_answers_are_shown_with_all_of_their_replies() -> None:
    runner = new(steps=0)
    assert await runner.run() == "finished"
    run = RecordedRun("r", "r", {}, {}, runner.examples, runner.state, "finished")
    (start,) = runner.state.candidates.values()
    shown = list_answers(run, start, events_of(runner))
    assert len(shown) == 18
    assert {len(each.replies) for each in shown} == {K}
    assert {each.judgement for each in shown} >= {"partly right"}
    # The journal's cost, event by event, is that of the state.
    assert build_history(run, events_of(runner)).spend[-1].calls == 18 * K


def test_an_unreadable_reply_is_a_wrong_one_and_none_readable_is_unreadable() -> None:
    right, wrong, lost = Evaluation(1.0, "7"), Evaluation(0.0, "8"), Evaluation(None, None)
    assert Repeats(3).combine([right, lost, right]) == Evaluation(2 / 3, "7")
    assert Repeats(3).combine([wrong, right, right]) == Evaluation(2 / 3, "7")
    assert Repeats(2).combine([wrong, right]) == Evaluation(0.5, "8")
    assert Repeats(2).combine([lost, lost]) == lost
    assert Repeats(2, "all").combine([right, right]) == Evaluation(1.0, "7")
    assert Repeats(2, "all").combine([right, lost]) == Evaluation(0.0, "7")
