"""Whole runs whose budget does not buy the whole search: laid out, resumable, with a winner."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.run.candidates import Candidate, Estimate, Outcome
from opro_cli.core.run.events import Answered, Event, Looked, Proposed
from opro_cli.core.run.layout import count_planned_steps, lay_out
from opro_cli.core.run.progress import count_calls, estimate_calls
from opro_cli.core.run.selection import (
    decide,
    find_winner,
    is_untried,
    list_rivals,
    spread_out,
)
from opro_cli.core.run.state import RunState
from opro_cli.core.stats.intervals import Interval
from opro_cli.core.task.example import Example, Split
from opro_cli.loop.looks import order_questions
from opro_cli.loop.runner import Runner
from opro_cli.render.scoreboard import Scoreboard
from opro_cli.reports.proposals import suggest_change
from opro_cli.reports.result import count_untried
from opro_cli.reports.verdict import judge
from opro_cli.strategies.listed import ListStrategy
from tests.loop import runs
from tests.loop.runs import MemoryJournal, calls, new_runner, outcome
from tests.loop.test_racing_runs import Racers, say

SIZES: tuple[tuple[Split, int, int], ...] = (("train", 1, 30), ("dev", 100, 20), ("test", 200, 12))
SEARCH: dict[str, Any] = {
    "steps": 10,
    "candidates_per_step": 5,
    "racing": True,
    "baselines": ("Think.",),
    "noise_check": True,
}


@pytest.fixture(autouse=True)
def many_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = {
        split: [
            Example(f"What is {n} plus {n}?", str(2 * n), f"t:{n}", row)
            for row, n in enumerate(range(start, start + size))
        ]
        for split, start, size in SIZES
    }
    monkeypatch.setattr(runs, "examples", lambda: questions)


def budgeted(most: int | None, **options: Any) -> Runner:
    salt = options.pop("salt", 0)
    budget = {} if most is None else {"calls": most}
    return new_runner(MemoryJournal(), scorer=Racers(salt), budget=budget, **{**SEARCH, **options})


async def raced(most: int | None, **options: Any) -> Runner:
    runner = budgeted(most, **options)
    assert await runner.run() == "finished"
    return runner


def events(runner: Runner) -> list[Event]:
    assert isinstance(runner.journal, MemoryJournal)
    return runner.journal.events


def train_answers(runner: Runner) -> dict[str, dict[int, Any]]:
    everyone = runner.state.candidates.items()
    return {
        id: {question: outcome.score for question, outcome in sorted(answers.items())}
        for id, answers in ((id, each.answers["train"].by_question) for id, each in everyone)
    }


@pytest.mark.parametrize("most", [60, 100, 200, 500])
async def test_a_budget_is_a_whole_search_with_a_winner_chosen_on_unseen_rows(most: int) -> None:
    runner = await raced(most)
    state = runner.state
    assert most - 8 <= count_calls(state) <= most
    assert state.race_is_over
    basis, rivals = list_rivals(state)
    best = find_winner(state)
    assert basis == "train+dev"
    assert best in rivals
    decision = decide(state)
    assert decision is not None
    assert decision.first.answers["dev"].by_question
    assert not any(
        c.answers["dev"].by_question for c in state.candidates.values() if c not in rivals
    )


async def test_estimates_stand_in_the_live_view_and_the_budget_is_what_there_may_be() -> None:
    state = (await raced(60)).state
    board, best = Scoreboard(), find_winner(state)
    listed = board.find_best(state, 99)
    assert {each.id for each in listed} == {*state.candidates}
    assert listed[0] is best
    assert not all(state.is_scored(each, "train") for each in listed)
    assert board.measure_steps(state).best_so_far[0] > 0
    assert estimate_calls(state) == 60 < estimate_calls((await raced(None, steps=2)).state)


@pytest.mark.parametrize(("version", "last"), [(10, 1.5), (9, 0.9)])
async def test_a_temperature_rises_to_its_end_over_the_steps_of_the_budget(
    version: int, last: float
) -> None:
    rising = {"temperature": 0.5, "temperature_schedule": "linear_increase", "temperature_end": 1.5}
    runner = budgeted(200, proposing=rising)
    runner.state.sessions = [_started(version)]
    steps = count_planned_steps(runner.state)
    assert steps == lay_out(runner.state).steps < 10
    assert await runner.run() == "finished"
    asked = [request.temperature or 0 for request in calls(runner.models["optimizer"][0]).requests]
    of = steps if version == 10 else 10
    expected = [0.5 + min(1.0, step / of) for step in range(runner.state.step)]
    assert sorted({*asked} - {0}) == sorted({*expected})
    assert runner.state.step >= steps
    assert max(expected) <= last


async def test_an_optimizer_that_proposes_nothing_ends_the_search_before_dev() -> None:
    racers = Racers(0)
    racers._say = lambda r: "I am sorry." if "Your task" in str(r.messages) else say(r)
    runner = new_runner(MemoryJournal(), scorer=racers, budget={"calls": 100}, **SEARCH)
    await runner.run()
    state = runner.state
    assert is_untried(state)
    assert not suggest_change(state).resumes, "a race that is over is not taken up again"
    (start,) = state.of_step(0)
    assert "no proposal gave another prompt" in judge(state, start, start).sentence
    assert count_calls(state) < 80
    assert not any(each.answers["dev"].by_question for each in state.candidates.values())


async def test_a_budget_that_asks_no_other_prompt_is_no_comparison() -> None:
    runner = budgeted(7)
    await runner.run()
    (start,) = runner.state.of_step(0)
    verdict = judge(runner.state, start, start)
    assert verdict.outcome is None
    assert "ended before any other prompt was asked" in verdict.sentence
    assert start.answers["dev"].estimate is None, "no dev question was asked of anybody"
    assert not start.answers["dev"].by_question
    tried = (await raced(60)).state
    (start,) = tried.of_step(0)
    assert judge(tried, start, start).outcome == "not_distinguishable"


def test_a_prompt_that_was_asked_nothing_has_no_score() -> None:
    candidate = Candidate("id", "Add.", 1)
    candidate.answers["train"].estimate = Estimate(0.7, Interval(0.5, 0.9), 30)
    assert candidate.score("train") is None
    candidate.answers["train"].add(0, Outcome("2", 1.0))
    score = candidate.score("train")
    assert score is not None
    assert (score.mean, score.estimated) == (0.7, True)


async def test_short_looks_go_to_many_and_long_ones_to_few() -> None:
    state = (await raced(200)).state
    asked = sorted(len(c.answers["train"].by_question) for c in state.candidates.values())
    assert asked[0] == asked[len(asked) // 3] == 4
    assert asked[-1] >= 10
    best = find_winner(state)
    assert best is not None
    assert best.answers["train"].estimate is not None or asked[-1] == 30


async def test_a_candidate_of_an_earlier_step_is_asked_more_later() -> None:
    runner = await raced(500)
    steps = {id: each.step for id, each in runner.state.candidates.items()}
    looks = [event for event in events(runner) if isinstance(event, Looked)]
    again = [
        id
        for look in looks
        if look.split == "train"
        for id in look.asked
        if 0 < steps[id] < look.step
    ]
    assert again


async def test_neither_concurrency_nor_order_of_arrival_shows() -> None:
    plain = await raced(200, concurrency=1)
    for concurrency, salt in ((2, 1), (7, 2), (64, 3)):
        other = await raced(200, concurrency=concurrency, salt=salt)
        assert outcome(other) == outcome(plain)
        assert calls(other).asked() == calls(plain).asked()


async def test_a_run_killed_anywhere_searches_as_if_it_had_not_been() -> None:
    whole = await raced(150)
    past = events(whole)
    looks = [n for n, event in enumerate(past) if isinstance(event, Looked)]
    over = looks[-1]
    equal = 0
    cuts = {*looks, *(n + 1 for n in looks), *range(1, len(past), 23)}
    for cut in sorted(cuts):
        resumed = budgeted(150, past=past[:cut], salt=cut)
        ending = await resumed.run()
        lost = sum(spend.uncounted.unanswered for spend in resumed.state.spend.values())
        assert count_calls(resumed.state) + lost <= 150
        # Calls that were lost while test was asked are missing there: nothing else has any left.
        assert ending == "finished" or (lost and ending == "budget" and cut > over)
        assert resumed.state.race_is_over
        assert train_answers(resumed) == train_answers(whole)
        if not lost:
            equal += 1
            assert outcome(resumed) == outcome(whole)
            paid = sum(isinstance(event, Answered | Proposed) for event in past[:cut])
            assert calls(resumed).asked().total() == calls(whole).asked().total() - paid
    assert equal


async def test_estimates_are_in_the_meta_prompt() -> None:
    runner = await raced(200)
    asked = [r.messages[-1].content for r in calls(runner).requests if r.temperature]
    lines = [line for line in asked[-1].splitlines() if "stopped after" in line]
    assert lines
    assert all("of 30 problems)" in line and "between" in line for line in lines)


async def test_test_is_asked_where_a_quarter_of_the_budget_buys_it() -> None:
    for most, prompts in ((80, 0), (120, 2), (240, 4)):
        state = (await raced(most, steps=40)).state
        best, start = find_winner(state), next(iter(state.candidates.values()))
        assert best is not None
        assert best is not start
        everyone = [*state.candidates.values(), *state.baselines.values(), *state.again.values()]
        asked = [each for each in everyone if each.answers["test"].by_question]
        assert len(asked) == prompts
        assert all(len(each.answers["test"].by_question) == 12 for each in asked)


async def test_a_budget_that_buys_everything_changes_nothing() -> None:
    free, rich = await raced(None, steps=2), await raced(5000, steps=2)
    assert outcome(rich) == outcome(free)
    assert not any(isinstance(event, Looked) for event in events(rich))


async def test_paper_rules_and_no_racing_keep_the_old_course() -> None:
    for options in ({"racing": False}, {"eval_interval": 2}):
        runner = budgeted(100, **options)
        assert await runner.run() == "budget"
        assert not any(isinstance(event, Looked) for event in events(runner))


async def test_a_run_that_began_with_an_older_format_goes_on_as_it_began() -> None:
    runner = budgeted(100)
    state: RunState = runner.state
    state.sessions = [_started(8)]
    assert not state.looks
    state.sessions = [_started(9)]
    assert state.looks


def _started(version: int) -> Any:
    from opro_cli.core.run.events import SessionStarted

    return SessionStarted(0.0, 1, "0.1.0", version)


def test_every_part_of_an_order_has_the_labels_of_the_whole() -> None:
    """Of 8 and 4 the middles of their shares are 1/16, 3/16 … and 1/8, 3/8 …."""
    labels = ["no"] * 8 + ["yes"] * 4
    order = spread_out(range(12), labels)
    assert [labels[question] for question in order] == ["no", "yes", "no"] * 4
    assert sorted(order) == [*range(12)]
    assert spread_out([3, 1, 2], ["a"] * 4) == [3, 1, 2]


async def test_a_first_look_asks_as_many_of_each_label(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the shuffle: a prompt with one answer to all is right on half of its questions."""
    questions = {
        split: [
            Example(f"What is {n} plus {n}?", str(n % 2), f"t:{n}", row)
            for row, n in enumerate(range(start, start + size))
        ]
        for split, start, size in SIZES
    }
    monkeypatch.setattr(runs, "examples", lambda: questions)
    for seed in range(5):
        runner = budgeted(200, seed=seed)
        state = runner.state
        for split in ("train", "dev"):
            order = order_questions(state, split)
            golds = [questions[split][question].target for question in order]
            assert all(set(golds[at : at + 2]) == {"0", "1"} for at in range(0, len(golds), 2))


async def test_a_list_is_raced_in_one_step_by_looks() -> None:
    texts = tuple(f"{one} and {other.lower()}." for one in runs.WORDS[:4] for other in "abcde")
    options = {"policy": ListStrategy(texts), "strategy": "list", "candidates": texts}
    runner = await raced(250, steps=5, candidates_per_step=4, **options)
    state = runner.state
    assert [c.instruction for c in state.of_step(1)] == [*texts]
    assert not state.of_step(2)
    assert all(c.answers["train"].by_question for c in state.candidates.values())
    assert calls(runner).asked().total() <= 250
    assert find_winner(state) is not None


async def test_of_a_list_that_a_budget_does_not_buy_the_first_ones_are_tried() -> None:
    texts = tuple(f"{one} {number}." for one in runs.WORDS[:6] for number in range(10))
    options = {"policy": ListStrategy(texts), "strategy": "list", "candidates": texts}
    search = {"steps": 15, "candidates_per_step": 4, "baselines": (), "noise_check": False}
    runner = await raced(100, **search, **options)
    state = runner.state
    tried = [c.instruction for c in state.of_step(1)]
    assert tried == [*texts[: len(tried)]]
    assert 10 < len(tried) < 30
    assert all(c.answers["train"].by_question for c in state.candidates.values())
    assert count_untried(state) == 60 - len(tried)
    # A kill within the step, and another budget: the step keeps those that it began with.
    begun = events(runner)
    first = next(at for at, event in enumerate(begun) if isinstance(event, Proposed))
    for cut in (first, first + 1, first + len(tried) + 3):
        for most in (100, 400):
            rest = budgeted(most, **search, **options, past=begun[:cut])
            assert await rest.run() == "finished"
            again = [c.instruction for c in rest.state.of_step(1)]
            assert again == tried
