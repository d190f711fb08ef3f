"""Evolution: parents from the front, and children by a model or by code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from opro_cli import wiring
from opro_cli.app.given import read_plain
from opro_cli.core.run.events import Event, Proposed
from opro_cli.core.run.state import RunState
from opro_cli.core.run.view import Draft, End, SearchView
from opro_cli.core.settings.models import PriceSettings
from opro_cli.core.settings.read import read_options
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.task.example import ChatRequest
from opro_cli.core.task.prompt import Demo, Prompt, encode_form
from opro_cli.errors import ConfigError
from opro_cli.loop.runner import Runner
from opro_cli.reports.costs import estimate_costs
from opro_cli.strategies.evolve import CROSSOVER, MUTATIONS, EvolveOptions, EvolveStrategy
from opro_cli.strategies.words import RewriteAsk
from opro_cli.testing.session import MemoryJournal, ScriptedModel, describe, make_examples
from tests.strategies.views import FORM, new_view

TASK = {"data": {"train": "t", "input": "q", "target": "a"}, "answer": "number"}
SCORER = {"model": "openai/x", "cache": False}
BY_CODE = EvolveStrategy(asks=False)
START = "Add both numbers. Be of good cheer. Say {unit}."
SHEETS = {START: (1, 1, 0, 0), "Think first. Sum up {unit}.": (0, 0, 1, 0)}


def view_of(sheets: dict[str, Any], **given: Any) -> SearchView:
    given.setdefault("options", EvolveOptions())
    return new_view(sheets, **given)


def draft_all(view: SearchView) -> list[Draft]:
    proposals = BY_CODE.propose(view, 2)
    assert not isinstance(proposals, End)
    assert all(isinstance(each, Draft) for each in proposals)
    return list(proposals)  # type: ignore[arg-type]


def text_of(draft: Draft) -> str:
    assert isinstance(draft.content, Prompt)
    return draft.content.text


def test_children_are_new_and_keep_the_placeholders() -> None:
    known: Counter[str] = Counter()
    for seed in range(30):
        view = view_of(SHEETS, seed=seed, keep_placeholders=True)
        view.state.search = replace(view.state.search, candidates_per_step=6)
        drafts = draft_all(view)
        assert len(drafts) == 6
        texts = [text_of(draft) for draft in drafts]
        assert len({*texts} | {*SHEETS}) == len(texts) + 2
        assert all("{unit}" in text for text in texts)
        known.update(draft.note.partition(" ")[0] for draft in drafts)
    assert {"without", "with"} <= known.keys()


def test_parents_are_named_and_come_from_the_front() -> None:
    sheets = {**SHEETS, "Never. Ever {unit}.": (0, 0, 0, 0)}
    ids: Counter[str] = Counter()
    for seed in range(40):
        options = EvolveOptions(epsilon=0)
        view = view_of(sheets, seed=seed, options=options)
        names = {c.id: c.instruction for c in view.candidates()}
        for draft in draft_all(view):
            ids.update(names[parent] for parent in draft.parents)
    assert ids["Never. Ever {unit}."] == 0
    assert ids[START] > ids["Think first. Sum up {unit}."] > 0


def test_epsilon_draws_anybody() -> None:
    sheets = {**SHEETS, "Never. Ever {unit}.": (0, 0, 0, 0)}
    drafts = [
        draft
        for seed in range(40)
        for draft in draft_all(view_of(sheets, seed=seed, options=EvolveOptions(epsilon=1)))
    ]
    assert any("Never" in text_of(draft) for draft in drafts)


def test_a_child_keeps_the_examples_of_its_parent() -> None:
    content = Prompt("One here. Two there.", (Demo(2),))
    state = RunState(
        SearchSettings(initial_instructions=(content.text,), initial_forms=(encode_form(content),)),
        {"train": 3, "dev": 0, "test": 0},
    )
    train = make_examples()["train"][:3]
    view = SearchView(state, train, FORM, options=EvolveOptions())
    for draft in draft_all(view):
        assert isinstance(draft.content, Prompt)
        assert draft.content.demos == (Demo(2),)


def test_crossover_and_mutation_by_a_model() -> None:
    strategy = EvolveStrategy()
    notes: Counter[str] = Counter()
    for seed in range(40):
        view = view_of(SHEETS, seed=seed)
        (ask,) = strategy.propose(view, 2)  # type: ignore[misc]
        assert isinstance(ask, RewriteAsk)
        text = ask.messages[0].content
        notes[ask.note] += 1
        if ask.note == "crossover":
            assert len(ask.parents) == 2
            assert CROSSOVER in text
            assert all(sheet in text for sheet in SHEETS)
        else:
            assert len(ask.parents) == 1
            assert MUTATIONS[ask.note.removeprefix("mutation: ")] in text
            assert "# The other instruction\n(none)\n" in text
    assert notes["crossover"] > 5
    assert len(notes) == 1 + len(MUTATIONS)


def test_nothing_to_recombine_ends_the_search() -> None:
    ended = BY_CODE.propose(view_of({"Only one.": (0, 1)}), 1)
    assert ended == End("no new prompt can be made from the sentences of those there are")


@pytest.mark.parametrize("options", [{"epsilon": 1.5}, {"crossover": -0.1}, {"rate": 1}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"search\.options"):
        read_options(EvolveStrategy(), options)


def config(start: object = START, **search: Any) -> dict[str, Any]:
    keys = {"strategy": "evolve", "start": start, "steps": 3, "candidates_per_step": 3, **search}
    return {"task": TASK, "scorer": SCORER, "search": keys}


def test_it_needs_no_optimizer_and_says_what_it_needs_instead() -> None:
    settings = read_plain(config())
    assert settings.models.keys() == {"scorer"}
    assert wiring.build_strategy(settings) == BY_CODE_FOR_NUMBERS
    asked = read_plain({**config(), "optimizer": {"model": "openai/y"}})
    assert wiring.build_strategy(asked) == EvolveStrategy(answer="one number")
    assert read_plain(config(["One.", "Two."])).search.initial_instructions == ("One.", "Two.")
    with pytest.raises(ConfigError, match="expected a prompt of several sentences"):
        read_plain(config("Only one."))
    with pytest.raises(ConfigError, match="found without an optimizer"):
        read_plain(config(meta_prompt="{{prompt}} <{{tag}}>"))


BY_CODE_FOR_NUMBERS = EvolveStrategy(answer="one number", asks=False)


def say(request: ChatRequest) -> str:
    """Only "Add" is needed."""
    text = request.messages[-1].content
    number = int(text.partition("What is ")[2].partition(" ")[0])
    return f"The answer is {2 * number if 'Add' in text else 0}."


def new_run(past: Sequence[Event] = ()) -> Runner:
    settings = wiring.fill_in_new(read_plain(config(baselines=[], racing=True)))
    examples = make_examples()
    state = RunState.at_start(settings.search, examples, settings.task)
    for event in past:
        state.apply(event)
    return Runner(
        settings=settings,
        examples=examples,
        state=state,
        models={"scorer": (ScriptedModel(say),)},
        evaluator=wiring.build_evaluator(settings, examples["train"]),
        strategy=wiring.build_strategy(settings),
        journal=MemoryJournal(),
    )


async def finish(run: Runner) -> list[Event]:
    assert await run.run() == "finished"
    assert isinstance(run.journal, MemoryJournal)
    return run.journal.events


async def test_a_run_without_an_optimizer_ends_the_same_wherever_it_is_cut() -> None:
    whole = new_run()
    events = await finish(whole)
    drafts = [event for event in events if isinstance(event, Proposed)]
    assert len(drafts) == 9
    assert all(event.finish_reason == "draft" and event.note for event in drafts)
    assert whole.state.spend_of("optimizer").calls == 0
    for cut in range(1, len(events), 4):
        rest = new_run(events[:cut])
        await finish(rest)
        assert describe(rest) == describe(whole), cut


def test_its_costs_are_the_scorers_alone() -> None:
    settings = wiring.fill_in_new(read_plain(config()))
    price = PriceSettings(input=1.0, output=2.0)
    strategy = wiring.build_strategy(settings)
    costs = estimate_costs(settings, make_examples(), strategy, {"scorer": price})
    assert costs["roles"]["optimizer"]["at_most"]["calls"] == 0
    assert costs["total"]["at_most"]["usd"] == costs["roles"]["scorer"]["at_most"]["usd"] > 0
