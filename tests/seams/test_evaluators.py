"""Evaluators that the seam must carry: a judge, and a loss that no model gives."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace

import pytest

from opro_cli.core.run.events import Answered, Event, Feedback, FirstReply
from opro_cli.core.run.state import RunState, replay
from opro_cli.core.settings.models import ModelSettings
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.core.task.example import Evaluation, Example, Message
from opro_cli.core.task.prompt import Content
from opro_cli.evaluators import OutsideEvaluator
from opro_cli.loop.runner import Runner
from opro_cli.ports import Evaluator, MeteredCall
from opro_cli.store.journal import decode_event, encode_event
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import MemoryJournal, calls, new_runner, outcome, settings
from tests.seams.toys import Descend, Judged, Loss

CONFIG = replace(settings(steps=1), roles={"judge": ModelSettings("scripted/judge")})


def judged(
    journal: MemoryJournal,
    past: list[Event] | None = None,
    *,
    evaluator: Evaluator | None = None,
    config: Settings = CONFIG,
    budget: BudgetSettings | None = None,
) -> Runner:
    """A session whose answers a second model judges, behind the events of earlier ones."""
    runner = new_runner(journal, past=past, evaluator=evaluator or Judged(), steps=1)
    runner.settings = replace(config, budget=budget or config.budget)
    judge = ScriptedModel(lambda request: "yes" if "1" in request.messages[0].content else "no")
    runner.models = {**runner.models, "judge": (judge,)}
    runner.__post_init__()
    return runner


def asked(runner: Runner) -> int:
    judge = runner.models["judge"][0]
    assert isinstance(judge, ScriptedModel)
    return len(judge.requests) + len(calls(runner).requests)


async def test_a_judge_is_metered_and_a_kill_between_two_calls_pays_neither_twice() -> None:
    whole = judged(MemoryJournal())
    assert await whole.run() == "finished"
    assert isinstance(whole.journal, MemoryJournal)
    past = whole.journal.events
    spend = whole.state.spend
    answers = spend["scorer"].calls
    assert (spend["judge"].calls, answers) == (len(whole.models["judge"][0].requests), answers)  # type: ignore[attr-defined]
    cuts = [n + 1 for n, e in enumerate(past) if isinstance(e, FirstReply) and e.key == "answer"]
    for cut in cuts[:: len(cuts) // 5]:
        resumed = judged(MemoryJournal(), past[:cut])
        assert await resumed.run() == "finished"
        before = sum(isinstance(e, FirstReply) for e in past[:cut])
        paid = before + replay(judged(MemoryJournal()).state, past[:cut]).spend["optimizer"].calls
        assert asked(resumed) == asked(whole) - paid
        assert outcome(resumed)["best"] == outcome(whole)["best"]
    remarks = [e for e in past if isinstance(e, Feedback)]
    assert json.loads(remarks[0].parts).keys() == {"good"}
    assert all(decode_event(encode_event(e)) == e for e in past)


async def test_a_loss_up_to_1e306_is_minimised_without_any_model() -> None:
    runner = new_runner(MemoryJournal(), evaluator=Loss(), policy=Descend(), steps=9)
    runner.settings = replace(
        settings(steps=9, initial_instructions=("600",), baselines=(), racing=False),
        scorer=replace(settings().scorer, model="none"),
        optimizer=replace(settings().optimizer, model="none"),
    )
    runner.examples = {"train": [Example("x?", "123", "t:1")], "dev": [], "test": []}
    task = runner.settings.task
    runner.state = RunState.at_start(
        runner.settings.search, runner.examples, task, scale=Loss.scale
    )
    runner.models = {}
    runner.__post_init__()
    assert await runner.run() == "finished"
    best = outcome(runner)["best"]
    assert abs(float(best["instruction"]) - 123) <= 2
    first = runner.state.of_step(0)[0].answers["train"]
    assert first.mean() == -1e300 * 477.0**2
    assert sum(spend.calls for spend in runner.state.spend.values()) == 0


class Swallowing(Judged):
    """Takes every failure of a call for a wrong answer, in one of the ways that there are."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.graded = 0

    async def evaluate(self, candidate: Content, example: Example, call: MeteredCall) -> Evaluation:
        if self.how == "lets it pass":
            return await super().evaluate(candidate, example, call)
        try:
            return await super().evaluate(candidate, example, call)
        except Exception as error:
            if self.how == "wraps it":
                raise ValueError("the judge is down") from error
            if self.how == "groups it":
                raise ExceptionGroup("calls", [error]) from None
            if self.how == "calls again":
                with suppress(Exception):
                    await call("scorer", (Message("user", "again?"),), "again")
        except BaseException:
            if self.how != "catches all":
                raise
        self.graded += 1
        return Evaluation(0.0, "no")


HOWS = ("lets it pass", "wraps it", "groups it", "calls again", "catches it", "catches all")


@pytest.mark.parametrize("how", HOWS)
async def test_a_budget_ends_a_users_evaluation_whatever_its_code_makes_of_it(how: str) -> None:
    evaluator = OutsideEvaluator("python:mine:Mine", Swallowing(how))
    runner = judged(MemoryJournal(), evaluator=evaluator, budget=BudgetSettings(calls=9))
    assert await runner.run() == "budget"
    assert runner.stopped_by == "budget.calls 9 reached"
    assert asked(runner) == 9
    answered = [e for e in _events(runner) if isinstance(e, Answered)]
    judgements = [e for e in _events(runner) if isinstance(e, FirstReply) and e.key == "verdict"]
    assert len(answered) == len(judgements)  # none without a verdict
    resumed = judged(MemoryJournal(), _events(runner), evaluator=evaluator)
    assert await resumed.run() == "finished"
    assert outcome(resumed)["best"] == outcome(await _finish())["best"]


@pytest.mark.parametrize("how", HOWS)
async def test_a_stop_ends_a_users_evaluation_whatever_its_code_makes_of_it(how: str) -> None:
    """Calls that queue for a limit a minute are given up."""
    evaluator = OutsideEvaluator("python:mine:Mine", Swallowing(how))
    config = replace(CONFIG, scorer=replace(CONFIG.scorer, requests_per_minute=60))
    runner = judged(MemoryJournal(), evaluator=evaluator, config=config)
    running = asyncio.create_task(runner.run())
    await asyncio.sleep(0.3)
    runner.stop()
    assert await asyncio.wait_for(running, 5) == "interrupted"
    answered = sum(isinstance(e, Answered) for e in _events(runner))
    assert answered == len(runner.models["judge"][0].requests)  # type: ignore[attr-defined]
    assert evaluator.roles == ("scorer", "judge")


async def test_replies_to_calls_side_by_side_are_all_in_the_journal() -> None:
    class Both(Judged):
        async def evaluate(
            self, candidate: Content, example: Example, call: MeteredCall
        ) -> Evaluation:
            asked = (Message("user", f"{candidate.text}\n{example.input}"),)
            one, two = await asyncio.gather(
                call("scorer", asked, "answer"), call("judge", asked, "verdict")
            )
            return Evaluation(float(one.text > two.text), "x")

    runner = judged(MemoryJournal(), evaluator=Both())
    assert await runner.run() == "finished"
    for role in ("scorer", "judge"):
        kept = sum(isinstance(e, FirstReply) and e.role == role for e in _events(runner))
        assert kept == runner.state.spend[role].calls
    assert asked(runner) == sum(spend.calls for spend in runner.state.spend.values())


def _events(runner: Runner) -> list[Event]:
    assert isinstance(runner.journal, MemoryJournal)
    return runner.journal.events


async def _finish() -> Runner:
    runner = judged(MemoryJournal())
    assert await runner.run() == "finished"
    return runner
