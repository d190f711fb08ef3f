"""The race of prompts that are there already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opro_cli import wiring
from opro_cli.app.given import read_plain
from opro_cli.config.file import load_config, read_candidates
from opro_cli.core.run.view import End
from opro_cli.errors import ConfigError, UsageError
from opro_cli.strategies.listed import ListStrategy
from opro_cli.testing.session import new_session, run_session

TASK = {"data": {"train": "t", "input": "q", "target": "a"}, "answer": "number"}


def config(**search: Any) -> dict[str, Any]:
    return {"task": TASK, "scorer": {"model": "openai/x"}, "search": {"strategy": "list", **search}}


def test_all_of_them_are_tried_in_one_step() -> None:
    texts = ("Count.", "Check.", "Count.", "Add.")
    session = new_session(ListStrategy(texts))
    run_session(session)
    state = session.state
    assert [c.instruction for c in state.of_step(1)] == ["Count.", "Check.", "Add."]
    assert state.step == 1
    assert state.search_ended == "all candidates were tried"
    assert state.spend_of("optimizer").calls == 0
    # Dev decides as after any search.
    assert any(c.answers["dev"].by_question for c in state.candidates.values())


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
