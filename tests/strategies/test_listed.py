"""The race of prompts that are there already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opro_cli import wiring
from opro_cli.app.given import read_plain
from opro_cli.config.file import load_config, read_candidates
from opro_cli.core.run.events import FORMAT_VERSION, SessionStarted
from opro_cli.core.run.state import RunState
from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.task.example import Message
from opro_cli.errors import ConfigError, UsageError
from opro_cli.ports import Strategy
from opro_cli.render.result_notes import list_warnings
from opro_cli.reports.proposals import serialize_proposals, suggest_change
from opro_cli.strategies.headroom import ProbedStrategy
from opro_cli.strategies.listed import ListStrategy
from opro_cli.strategies.paper import PaperGpt
from opro_cli.testing.session import new_session, run_session

TASK = {"data": {"train": "t", "input": "q", "target": "a"}, "answer": "number"}


def config(**search: Any) -> dict[str, Any]:
    return {"task": TASK, "scorer": {"model": "openai/x"}, "search": {"strategy": "list", **search}}


def test_all_of_them_are_tried_some_in_each_step() -> None:
    texts = ("Count.", "Check.", "Count.", "Add.")
    session = new_session(ListStrategy(texts))  # of two in a step
    run_session(session)
    state = session.state
    steps = [[c.instruction for c in state.of_step(step)] for step in (1, 2)]
    assert steps == [["Count.", "Check."], ["Add."]]
    assert state.step == 2
    assert state.search_ended == "all candidates were tried"
    assert state.spend_of("optimizer").calls == 0
    # Dev decides as after any search.
    assert any(c.answers["dev"].by_question for c in state.candidates.values())


def test_a_list_that_is_longer_than_its_steps_are_for_is_tried_whole() -> None:
    texts = tuple(f"Add {n}." for n in range(8))
    session = new_session(ListStrategy(texts))  # three steps of two
    run_session(session)
    tried = [c.instruction for step in (1, 2, 3) for c in session.state.of_step(step)]
    assert tuple(tried) == texts


def run_of(own: Strategy, *, format_version: int = FORMAT_VERSION, **search: Any) -> RunState:
    session = new_session(own)
    given = {"initial_instructions": ("Add for {name}.",), "keep_placeholders": True, **search}
    settings = replace(session.settings, search=replace(session.settings.search, **given))
    state = RunState.at_start(settings.search, session.examples, settings.task)
    state.apply(SessionStarted(0.0, 1, "0.1.0", format_version=format_version))
    run_session(replace(session, settings=settings, state=state))
    return state


TEXTS = ("Count for {name}.", "Count.", "Count {name} and {other}.")


def test_a_prompt_without_a_hole_of_the_application_is_not_tried() -> None:
    state = run_of(ListStrategy(TEXTS))
    assert [each.skipped for each in state.proposals.texts] == ["", "loses {name}", "adds {other}"]
    assert [c.instruction for c in state.candidates.values()] == ["Add for {name}.", TEXTS[0]]


def test_what_held_nothing_new_was_a_prompt_of_the_list() -> None:
    state = run_of(ListStrategy(TEXTS))
    proposals = serialize_proposals(state, None)
    assert (proposals["replies"], proposals["nothing_new"], proposals["drafts"]) == (3, 2, True)
    result = {"proposals": proposals, "spend": {}, "best": None, "requests": {}}
    assert (
        "2 of 3 prompts that the strategy tried held no new instruction: "
        "1 rejected (loses {name}), 1 rejected (adds {other})"
    ) in list(list_warnings(result))


def test_a_list_of_which_none_was_tried_is_what_has_to_change() -> None:
    remedy = suggest_change(run_of(ListStrategy(TEXTS[1:]), strategy="list"))
    assert remedy.change == "give other search.candidates"


def test_one_who_wants_none_of_that_says_so() -> None:
    assert len(run_of(ListStrategy(TEXTS), keep_placeholders=False).candidates) == 4


def test_a_run_that_began_before_that_was_so_tries_them_all() -> None:
    assert len(run_of(ListStrategy(TEXTS), format_version=9).candidates) == 4


class Own(Strategy):
    """A strategy of the user's, which rejects nothing by itself."""

    name = "own"

    def propose(self, view: SearchView, step: int) -> list[Ask | Draft]:
        return [Ask((Message("user", "Write one."),))]

    def read(self, reply: str, ask: Ask) -> list[str]:
        return ["Count."]


def test_what_a_strategy_of_the_users_reads_is_judged_like_it() -> None:
    state = run_of(Own())
    assert {each.skipped for each in state.proposals.texts[:1]} == {"loses {name}"}
    assert len(state.candidates) == 1


def test_the_papers_strategies_know_no_such_rule() -> None:
    strategy = PaperGpt()
    assert not strategy.keeps_placeholders
    assert not ProbedStrategy(strategy, ["x"]).keeps_placeholders


def test_a_resume_tries_no_candidate_twice() -> None:
    whole = new_session(ListStrategy(("Count.", "Check.")))
    events = run_session(whole)
    for cut in range(1, len(events), 5):
        rest = new_session(ListStrategy(("Count.", "Check.")), past=events[:cut])
        run_session(rest)
        assert [*rest.state.candidates] == [*whole.state.candidates]


def test_it_ends_by_itself() -> None:
    session = new_session(ListStrategy(("Count.",)))
    view = session._proposing.view
    assert isinstance(ListStrategy(("Count.",)).propose(view, 2), End)


def test_it_needs_no_optimizer_and_takes_long_prompts() -> None:
    settings = read_plain(config(candidates=["x" * 900, "y"]))
    assert settings.models.keys() == {"scorer"}
    assert (settings.search.steps, settings.search.candidates_per_step) == (1, 2)
    assert settings.search.max_instruction_chars == 900
    assert wiring.build_strategy(settings) == ListStrategy(("x" * 900, "y"))


@pytest.mark.parametrize(
    ("search", "steps", "per_step"),
    [
        ({}, 6, 4),  # a race compares with the candidates of earlier steps
        ({"racing": False}, 1, 22),
        ({"rules": "paper"}, 1, 22),
        ({"candidates_per_step": 8}, 3, 8),
        ({"steps": 2}, 2, 11),
        ({"steps": 1}, 1, 22),
        ({"steps": 30}, 30, 1),
        ({"steps": 0}, 0, 4),
        ({"steps": 3, "candidates_per_step": 2}, 3, 2),  # raised by the strategy
    ],
)
def test_its_steps_are_filled_in(search: dict[str, Any], steps: int, per_step: int) -> None:
    texts = [f"Add {n}." for n in range(22)]
    filled = read_plain(config(candidates=texts, **search)).search
    assert (filled.steps, filled.candidates_per_step) == (steps, per_step)


@pytest.mark.parametrize("key", ["steps", "candidates_per_step"])
@pytest.mark.parametrize("value", ["many", -1, 2.5, True, [4]])
def test_a_number_of_steps_that_is_none_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"search.{key}"):
        read_plain(config(candidates=["a", "b"], **{key: value}))


@pytest.mark.parametrize(
    ("search", "problem"),
    [
        ({}, "search.candidates: missing; search.strategy list tries them"),
        ({"candidates": []}, "expected a list of different instructions, at least one, or file:PA"),
        ({"candidates": ["a", "a"]}, "expected a list of different instructions, at least one"),
        ({"candidates": "a"}, "expected a list of different instructions, at least one"),
        (
            {"candidates": ["a"], "strategy": "opro"},
            "search.candidates: found with search.strategy opro; only list tries them",
        ),
    ],
)
def test_what_does_not_fit_is_told(search: dict[str, Any], problem: str) -> None:
    plain = config(**search) | {"optimizer": {"model": "openai/x"}}
    with pytest.raises(ConfigError) as error:
        read_plain(plain)
    assert problem in str(error.value)


def test_a_file_has_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("Count.\n\n  Check: 1 --- 2  \nCount.\n")
    assert read_candidates(tmp_path / "p.txt") == ["Count.", "Check: 1 --- 2"]


def test_or_several_lines_between_marks(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_bytes(
        b"\xef\xbb\xbfFirst\r\nline two\r\n---\r\n\r\n---  \r\nLast\r\n"
    )
    assert read_candidates(tmp_path / "p.txt") == ["First\nline two", "Last"]


def test_a_file_beside_the_config_is_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("Count.\nCheck.\n")
    (tmp_path / "t.jsonl").write_text('{"q": "1", "a": "1"}\n')
    text = "task: {data: {train: t.jsonl, input: q, target: a}, answer: number}\n"
    text += "scorer: {model: openai/x}\nsearch: {strategy: list, candidates: 'file:p.txt'}\n"
    (tmp_path / "c.yaml").write_text(text)
    settings = load_config(tmp_path / "c.yaml", wiring.NAMES)
    assert settings.search.candidates == ("Count.", "Check.")
    (tmp_path / "p.txt").write_text("\n---\n")
    with pytest.raises(UsageError, match=r"p\.txt has no prompt"):
        load_config(tmp_path / "c.yaml", wiring.NAMES)
    (tmp_path / "p.txt").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        load_config(tmp_path / "c.yaml", wiring.NAMES)


def test_a_list_without_a_step_can_be_checked() -> None:
    session = new_session(ListStrategy(("Count.", "Check.")))
    view = session._proposing.view
    view.state.search = replace(view.state.search, steps=0)
    assert len(ListStrategy(("Count.", "Check.")).propose(view, 1)) == 2  # type: ignore[arg-type]
