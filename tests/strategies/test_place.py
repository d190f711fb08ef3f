"""Positions and frames as candidates, in whole runs in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from opro_cli import wiring
from opro_cli.app.given import read_plain
from opro_cli.core.draws import create_rng
from opro_cli.core.run.events import Event, SessionStarted
from opro_cli.core.run.selection import find_winner
from opro_cli.core.run.state import RunState, replay
from opro_cli.core.task.example import ChatRequest, Example, Position
from opro_cli.core.task.prompt import Demo, Layout, Prompt, PromptFormat, encode_form
from opro_cli.errors import ConfigError
from opro_cli.loop.runner import Runner
from opro_cli.strategies.place import ELSEWHERE, PlaceStrategy, list_layouts
from opro_cli.testing.session import MemoryJournal, ScriptedModel, describe, make_examples

TASK = {"data": {"train": "t", "input": "q", "target": "a"}, "answer": "number"}
FORM = PromptFormat("Q_begin", qa_markers=True)


def only_at_the_end(request: ChatRequest) -> str:
    """Right where the instruction is the last that is said, and no "A:" stands behind it."""
    text = request.messages[-1].content
    number = int(text.partition("What is ")[2].partition(" ")[0])
    return f"The answer is {2 * number if text.endswith('Add.') else 0}."


def new_run(past: Sequence[Event] = (), say: Any = only_at_the_end, **search: Any) -> Runner:
    plain = {
        "task": TASK,
        "scorer": {"model": "openai/x", "cache": False},
        "search": {"strategy": "place", "start": "Add.", **search},
    }
    settings = wiring.fill_in_new(read_plain(plain))
    examples = make_examples()
    state = RunState.at_start(settings.search, examples, settings.task)
    return Runner(
        settings=settings,
        examples=examples,
        state=replay(state, past),
        models={"scorer": (ScriptedModel(say),)},
        evaluator=wiring.build_evaluator(settings, examples["train"]),
        strategy=wiring.build_strategy(settings),
        journal=MemoryJournal(),
    )


async def finish(run: Runner) -> list[Event]:
    assert await run.run() == "finished"
    assert isinstance(run.journal, MemoryJournal)
    return run.journal.events


def layouts(run: Runner, text: str, step: int) -> list[Layout]:
    contents = [each.content for each in run.state.of_step(step)]
    return [each.layout for each in contents if isinstance(each, Prompt) and each.text == text]


OTHERS = [
    Layout(qa_markers=False),
    Layout("before_Q"),  # without markers it says what stands above
    Layout("Q_end"),
    Layout("Q_end", qa_markers=False),
    Layout("system"),
    Layout("system", qa_markers=False),
]


async def test_six_other_layouts_are_tried_and_then_the_search_ends() -> None:
    run = new_run()
    await finish(run)
    assert layouts(run, "Add.", 1) == OTHERS[:3]
    assert layouts(run, "Add.", 2) == OTHERS[3:]
    assert run.state.step == 2
    assert run.state.search_ended == "every position and frame was tried"
    winner = find_winner(run.state)
    assert winner is not None
    assert winner.content == Prompt("Add.", layout=Layout("Q_end", qa_markers=False))
    assert run.state.spend_of("optimizer").calls == 0


async def test_only_the_positions_of_the_options_are_tried() -> None:
    run = new_run(options={"positions": ["Q_end"]})
    await finish(run)
    assert layouts(run, "Add.", 1) == [
        Layout(qa_markers=False),
        Layout("Q_end"),
        Layout("Q_end", qa_markers=False),
    ]


async def test_the_best_layouts_are_tried_with_the_other_start_prompts() -> None:
    run = new_run(start=["Add.", "Add?"])
    await finish(run)
    for step in (1, 2):
        assert {each.instruction for each in run.state.of_step(step)} == {"Add."}
    second = [each for each in run.state.of_step(3) if each.instruction == "Add?"]
    assert 1 <= len(second) <= 3
    assert Layout("Q_end", qa_markers=False) in layouts(run, "Add?", 3)
    start = run.state.of_step(0)[1]
    assert all(each.parents == (start.id,) for each in second)


async def test_all_layouts_are_tried_with_the_best_found_where_that_is_another_prompt() -> None:
    def say(request: ChatRequest) -> str:
        """Both are wrong as they stand; at the end the second is right, without markers."""
        text = request.messages[-1].content
        number = int(text.partition("What is ")[2].partition(" ")[0])
        right = text.endswith("Add?") or ("Add." in text and number % 4 == 1)
        return f"The answer is {2 * number if right else 0}."

    run = new_run(start=["Add.", "Add?"], say=say)
    await finish(run)
    tried = {each.content for each in run.state.candidates.values()}
    for layout in list_layouts(Prompt("Add."), FORM, ELSEWHERE, roles=True):
        assert Prompt("Add.", layout=layout) in tried
    winner = find_winner(run.state)
    assert winner is not None
    if winner.instruction == "Add?":
        for layout in list_layouts(Prompt("Add?"), FORM, ELSEWHERE, roles=True):
            assert Prompt("Add?", layout=layout) in tried


async def test_a_run_killed_at_any_of_twenty_moments_ends_the_same() -> None:
    whole = new_run(start=["Add.", "Add?"])
    events = await finish(whole)
    rng = create_rng(0, "kills")
    for cut in sorted(rng.sample(range(1, len(events)), 20)):
        rest = new_run(events[:cut], start=["Add.", "Add?"])
        await finish(rest)
        assert describe(rest) == describe(whole), cut


@pytest.mark.parametrize(
    ("prompt", "form", "roles", "expected"),
    [
        (Prompt("x"), FORM, True, 7),
        (Prompt("x"), FORM, False, 5),  # a system message would be the first words of the text
        (Prompt("x"), replace(FORM, position="A_begin"), True, 8),  # not without its answer line
        (Prompt(""), FORM, True, 2),  # nothing stands anywhere
        (Prompt("x", (Demo(0),)), FORM, True, 14),
        (Prompt("x", (Demo(0),)), FORM, False, 5),
    ],
)
def test_what_the_scorer_cannot_carry_is_no_layout(
    prompt: Prompt, form: PromptFormat, roles: bool, expected: int
) -> None:
    allowed: list[Position] = [each for each in ELSEWHERE if roles or each != "system"]
    found = [*list_layouts(prompt, form, allowed, roles=roles)]
    assert len({*found}) == len(found) == expected
    assert Layout() in found  # as the config has it


def test_an_embedded_scorer_joins_its_messages() -> None:
    plain = {
        "task": TASK,
        "scorer": {"model": "embedded/tiny-mistral"},
        "search": {"strategy": "place"},
    }
    settings = read_plain(plain)
    assert wiring.build_strategy(settings) == PlaceStrategy(roles=False, at_once=3)
    assert settings.models.keys() == {"scorer"}
    assert settings.search.steps == 3


@pytest.mark.parametrize(
    ("task", "fault"),
    [
        (
            {"prompt": [{"user": "{{instruction}} {{question}}"}]},
            "found with search.strategy place, which moves the instruction",
        ),
        ({"evaluator": "python:mine:Judge"}, "it needs task.evaluator model"),
    ],
)
def test_what_says_where_everything_stands_is_refused(task: Mapping[str, Any], fault: str) -> None:
    plain = {
        "task": {**TASK, **task},
        "scorer": {"model": "openai/x"},
        "search": {"strategy": "place"},
    }
    with pytest.raises(ConfigError, match=fault):
        read_plain(plain)


async def test_layouts_that_cannot_win_are_stopped_early(monkeypatch: pytest.MonkeyPatch) -> None:
    train = [Example(f"What is {n} plus {n}?", str(2 * n), f"t:{n}", n) for n in range(30)]
    sizes = {**make_examples(), "train": train}
    monkeypatch.setattr("tests.strategies.test_place.make_examples", lambda: sizes)

    def say(request: ChatRequest) -> str:
        """Right where the instruction stands as the config has it, and nearly nowhere else."""
        text = request.messages[-1].content
        number = int(text.partition("What is ")[2].partition(" ")[0])
        right = text.startswith("Q: Add.") or number % 5 == 0
        return f"The answer is {2 * number if right else -1}."

    run = new_run(say=say)
    await finish(run)
    assert [*layouts(run, "Add.", 1), *layouts(run, "Add.", 2)] == OTHERS
    asked = {each.id: len(each.answers["train"].by_question) for each in run.state.of_step(1)}
    assert set(asked.values()) == {30}
    stopped = [len(each.answers["train"].by_question) for each in run.state.of_step(2)]
    assert max(stopped) < 30


async def test_a_run_from_before_format_10_tries_a_stage_in_one_step() -> None:
    started = SessionStarted(1.0, 1, "0.1.0", 9)
    search = {"steps": 4, "candidates_per_step": 3}
    run = new_run([started], **search)
    await finish(run)
    assert layouts(run, "Add.", 1) == OTHERS


@pytest.mark.parametrize(
    ("search", "steps", "per_step"),
    [
        ({}, 3, 3),
        ({"start": ["Add.", "Add?", "Sum."]}, 7, 3),
        ({"candidates_per_step": 8}, 2, 8),
        ({"steps": 4}, 4, 8),
        ({"steps": 4, "candidates_per_step": 5}, 4, 5),
    ],
)
def test_its_steps_are_filled_in(search: dict[str, Any], steps: int, per_step: int) -> None:
    filled = new_run(**search).settings.search
    assert (filled.steps, filled.candidates_per_step) == (steps, per_step)


PLACED = Layout("Q_end", qa_markers=False)


async def start_placed(past: Sequence[Event] = (), *forms: str) -> Runner:
    """A list of words, from start prompts with a place of their own as RUN@best has one."""
    forms = forms or (encode_form(Prompt("", layout=PLACED)),)
    starts = ["Sum.", "Total."][: len(forms)]
    listed = {"strategy": "list", "candidates": ["Add."], "start": starts}
    run = new_run(past, initial_forms=list(forms), **listed)
    await finish(run)
    return run


async def test_words_alone_stand_where_all_start_prompts_do() -> None:
    run = await start_placed()
    assert [each.content for each in run.state.of_step(1)] == [Prompt("Add.", layout=PLACED)]
    winner = find_winner(run.state)
    assert winner is not None
    assert winner.content == Prompt("Add.", layout=PLACED)  # right at the end alone
    view = run._proposing.view
    assert view.material().format == replace(FORM, position="Q_end", qa_markers=False)


async def test_words_alone_stand_where_the_config_has_them_in_other_runs() -> None:
    for run in (
        await start_placed((), encode_form(Prompt("", layout=PLACED)), ""),
        await start_placed([SessionStarted(1.0, 1, "0.1.0", 9)]),
    ):
        assert [each.content for each in run.state.of_step(1)] == [Prompt("Add.")]
        assert run._proposing.view.material().format == FORM
