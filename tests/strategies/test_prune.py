"""Dropping parts of a prompt one by one, in whole runs in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from opro_cli import wiring
from opro_cli.app.given import read_plain
from opro_cli.core.run.cheapest import list_accepted
from opro_cli.core.run.events import Event, StepPlanned
from opro_cli.core.run.selection import find_winner
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import ChatRequest
from opro_cli.core.task.prompt import Demo, Prompt, encode_form
from opro_cli.errors import ConfigError
from opro_cli.loop.runner import Runner
from opro_cli.strategies.prune import PruneStrategy
from opro_cli.testing.session import MemoryJournal, ScriptedModel, make_examples

TASK = {"data": {"train": "t", "input": "q", "target": "a"}, "answer": "number"}
START = "Add both numbers. Be of good cheer. You can do it, as we all know. Say {unit}."


def say(request: ChatRequest) -> str:
    """Only "Add" is needed."""
    text = request.messages[-1].content
    number = int(text.partition("What is ")[2].partition(" ")[0])
    return f"The answer is {2 * number if 'Add' in text else 0}."


def new_run(
    start: str = START,
    form: str = "",
    past: Sequence[Event] = (),
    answer: Callable[[ChatRequest], str] = say,
) -> Runner:
    plain = {
        "task": TASK,
        "scorer": {"model": "openai/x", "cache": False},
        "search": {"strategy": "prune", "start": start, "initial_forms": [form], "margin": 30},
    }
    settings = wiring.fill_in_new(read_plain(plain))
    examples = make_examples()
    state = RunState.at_start(settings.search, examples, settings.task)
    for event in past:
        state.apply(event)
    return Runner(
        settings=settings,
        examples=examples,
        state=state,
        models={"scorer": (ScriptedModel(answer),)},
        evaluator=wiring.build_evaluator(settings, examples["train"]),
        strategy=PruneStrategy(),
        journal=MemoryJournal(),
    )


async def finish(run: Runner) -> list[Event]:
    assert await run.run() == "finished"
    assert isinstance(run.journal, MemoryJournal)
    return run.journal.events


def tried(run: Runner) -> list[str]:
    return [each.instruction for each in run.state.candidates.values()]


async def test_parts_go_one_by_one_and_the_needed_one_stays() -> None:
    run = new_run()
    events = await finish(run)
    assert tried(run) == [
        START,
        "Add both numbers. Be of good cheer. You can do it. Say {unit}.",  # the clause first
        "Add both numbers. Be of good cheer. Say {unit}.",  # then sentences, the longest first
        "Add both numbers. Say {unit}.",
        "Say {unit}.",
    ]
    accepted = [each.instruction for each in list_accepted(run.state)]
    assert accepted == tried(run)[:4]
    best = find_winner(run.state)
    assert best is not None
    assert best.instruction == "Add both numbers. Say {unit}."  # the placeholder stays
    ids = list(run.state.candidates)
    assert [each.parents for each in run.state.candidates.values()][1:] == [(i,) for i in ids[:4]]
    assert run.state.search_ended == "every part of the prompt was tried"
    assert isinstance(next(e for e in reversed(events) if isinstance(e, StepPlanned)), StepPlanned)
    # Both are asked the test questions, and nothing else is.
    asked = {c.instruction for c in run.state.candidates.values() if c.answers["test"].by_question}
    assert asked == {START, best.instruction}


async def test_a_resume_at_any_event_ends_alike() -> None:
    whole = new_run()
    events = await finish(whole)
    for cut in range(1, len(events), 3):
        rest = new_run(past=events[:cut])
        if rest.state.ended is None:
            again = await finish(rest)
            assert tried(rest) == tried(whole)
            answers = [e for e in (*events[:cut], *again) if type(e).__name__ == "Answered"]
            assert len(answers) == sum(type(e).__name__ == "Answered" for e in events)


async def test_worked_examples_go_first_the_last_one_first() -> None:
    form = encode_form(Prompt("Add. Go on.", (Demo(0), Demo(1))))
    run = new_run("Add. Go on.", form)
    await finish(run)
    contents = [each.content for each in run.state.candidates.values()]
    assert contents[1:3] == [Prompt("Add. Go on.", (Demo(0),)), Prompt("Add. Go on.")]
    best = find_winner(run.state)
    assert best is not None
    assert best.content == Prompt("Add.")


async def test_a_prompt_of_which_all_is_needed_stays() -> None:
    def needs_all(request: ChatRequest) -> str:
        text = request.messages[-1].content
        return say(request) if "Add" in text and "Sum" in text else "The answer is 0."

    run = new_run("Add them. Sum up.", answer=needs_all)
    await finish(run)
    best = find_winner(run.state)
    assert best is not None
    assert best.instruction == "Add them. Sum up."
    assert not best.answers["test"].by_question  # there is nothing to prove


async def test_the_last_part_is_never_dropped() -> None:
    run = new_run("Go on. Stay here.", answer=lambda _: "The answer is 0.")
    await finish(run)
    assert "" not in tried(run)


def test_a_config_may_name_it_and_needs_no_optimizer() -> None:
    search: dict[str, Any] = {"strategy": "prune", "start": "A b. C d."}
    plain = {"task": TASK, "scorer": {"model": "openai/x"}, "search": search}
    settings = read_plain(plain)
    assert settings.models.keys() == {"scorer"}
    assert (settings.search.steps, settings.search.candidates_per_step) == (3, 1)
    assert settings.search.baselines == ()
    assert wiring.build_strategy(settings) == PruneStrategy()


@pytest.mark.parametrize(
    ("search", "problem"),
    [
        ({"start": ["A. B.", "C. D."]}, "search.start: expected one prompt, which search.strateg"),
        ({"start": "Add them."}, "search.start: expected a prompt of several sentences, which"),
        ({"margin": 0}, "search.margin: expected a number above 0 and at most 100, found 0"),
        ({"initial_forms": ["x"]}, "search.initial_forms: expected a list of texts"),
        (
            {"initial_forms": ['{"solution":true}']},
            "search.initial_forms: expected the form of a prompt",
        ),
        ({"prefer": "cheap"}, "search.prefer: expected one of best, cheapest_not_worse"),
        ({"objectives": {"cost": "usd"}}, "expected one of usd_per_1000, tokens_per_1000"),
    ],
)
def test_what_does_not_fit_is_told(search: dict[str, Any], problem: str) -> None:
    given = {"strategy": "prune", "start": "A. B.", **search}
    plain = {"task": TASK, "scorer": {"model": "openai/x"}, "search": given}
    with pytest.raises(ConfigError) as error:
        read_plain(plain)
    assert problem in str(error.value)
