"""Evaluators that the seam must carry: a judge, and a loss that no model gives."""

from __future__ import annotations

import json
from dataclasses import replace

from opro_cli.core.run.events import Event, Feedback, FirstReply
from opro_cli.core.run.state import RunState, replay
from opro_cli.core.settings.models import ModelSettings
from opro_cli.core.task.example import Example
from opro_cli.loop.runner import Runner
from opro_cli.store.journal import decode_event, encode_event
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import MemoryJournal, calls, new_runner, outcome, settings
from tests.seams.toys import Descend, Judged, Loss

CONFIG = replace(settings(steps=1), roles={"judge": ModelSettings("scripted/judge")})


def judged(journal: MemoryJournal, past: list[Event] | None = None) -> Runner:
    """A session whose answers a second model judges, behind the events of earlier ones."""
    runner = new_runner(journal, past=past, evaluator=Judged(), steps=1)
    runner.settings = CONFIG
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
