"""The tables of `opro runs` and `opro show`, laid out by hand."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from opro_cli.render.listings import print_candidates, print_runs
from opro_cli.render.tables import Page
from tests.render.test_safe import anything


def row(run: str, prompt: str | None, **changes: Any) -> dict[str, Any]:
    best = {"instruction": prompt, "scores": {"train": {"mean": 0.9}, "test": {"mean": 0.625}}}
    return {
        "run": run,
        "status": "finished",
        "steps_done": 2,
        "steps": 20,
        "best": None if prompt is None else best,
        "spend": {"usd": 0.0123},
        "verdict": "improved",
        "difference": {"mean": 0.175, "interval": [0.01, 0.34]},
        "tags": [],
        "created": "2026-11-23T10:15:00+00:00",
        "models": {"scorer": "openai/m"},
        **changes,
    }


def candidate(instruction: str, step: int, mean: float | None) -> dict[str, Any]:
    score = None if mean is None else {"mean": mean, "unreadable": 2}
    scores = {"train": score, "dev": None, "test": None}
    return {"instruction": instruction, "step": step, "scores": scores}


def listed(rows: list[dict[str, Any]], width: int, *, terminal: bool = False) -> list[str]:
    stream = io.StringIO()
    print_runs(rows, Page(stream, width, terminal=terminal))
    return re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()


def test_runs_with_their_prompts_where_there_is_room() -> None:
    rows = [row("漢字", "Think.\nThen answer. " * 9), row("sums-2", None, status="failed")]
    rows[1] |= {"difference": None, "verdict": None, "tags": ["v2"]}
    assert listed(rows, 160) == [
        "run           outcome              best    gain     cost   began                  "
        "scorer     best prompt",
        "─" * 160,
        "漢字          improved      test 62.5 %   +17.5   $0.012   2026-11-23 10:15 UTC   "
        "openai/m   Think.⏎Then answer. Think.⏎Then answer. Think.⏎Then answer. Think.…",
        "sums-2 (v2)   failed 2/20             –       –   $0.012   2026-11-23 10:15 UTC   "
        "openai/m   –",
    ]
    assert "best prompt" not in listed(rows, 159)[0]
    assert "scorer" in listed(rows, 110)[0]
    assert "began" not in listed(rows, 109)[0]


def test_a_long_name_is_whole_in_a_pipe() -> None:
    rows = [row("sums-20261123-101500-3f9a", "Think.")]
    assert listed(rows, 60) == [
        "run                         outcome           best    gain     cost",
        "─" * 67,
        "sums-20261123-101500-3f9a   improved   test 62.5 %   +17.5   $0.012",
    ]
    assert max(map(len, listed(rows, 60, terminal=True))) <= 60


@pytest.mark.parametrize("width", [40, 50, 60])
def test_a_name_is_in_one_piece_on_a_narrow_terminal(width: int) -> None:
    name = "c-20261201-044932-2d26af6f"
    (line,) = (each for each in listed([row(name, "Think.")], width, terminal=True) if "c-" in each)
    assert line.split()[:2] in ([name], ["run", name], [name, "improved"])


def test_words_of_a_stacked_instruction_are_not_taken_apart() -> None:
    stream = io.StringIO()
    print_candidates([candidate("Extraordinarily.", 0, 0.5)], Page(stream, 40, terminal=True))
    assert "Extraordinarily." in stream.getvalue()


def test_an_estimate_has_its_tilde_in_the_list_of_runs() -> None:
    guessed = row("sums", "Think.")
    guessed["best"]["scores"]["test"]["estimated"] = True
    assert "test ~62.5 %" in listed([guessed], 60)[2]


def test_a_test_that_is_not_over_says_of_how_many_questions_it_is() -> None:
    half = row("sums", "Think.", status="stopped", difference=None, verdict=None)
    half["best"]["scores"]["test"]["n"] = 31
    assert "test 62.5 % of 31   " in listed([half], 60)[2]


@given(st.lists(st.tuples(anything, anything), max_size=3), st.sampled_from([20, 60, 110, 140]))
def test_no_line_is_wider_than_the_page(texts: list[tuple[str, str]], width: int) -> None:
    lines = listed([row(*each) for each in texts], width, terminal=True)
    assert all(cell_len(line) <= width for line in lines)
    stream = io.StringIO()
    rows = [candidate(text, 0, 0.5) for both in texts for text in both]
    print_candidates(rows, Page(stream, width))
    assert all(cell_len(line) <= width for line in stream.getvalue().splitlines())


@pytest.mark.parametrize("width", [40, 120])
def test_no_rows(width: int) -> None:
    assert listed([], width)[0].startswith("run   outcome   best   gain   cost")


def test_what_a_tilde_means_is_said_where_one_is() -> None:
    stream = io.StringIO()
    guessed = candidate("stopped", 2, 0.25)
    guessed["scores"]["train"]["estimated"] = True
    print_candidates([candidate("start", 0, 0.5), guessed], Page(stream, 60))
    lines = stream.getvalue().splitlines()
    assert lines[2].split()[:3] == ["2.1", "~25.0", "%"]
    assert lines[-1] == "~ stopped early, so estimated; --json has the interval"
    stream = io.StringIO()
    print_candidates([candidate("start", 0, 0.5)], Page(stream, 60))
    assert "~" not in stream.getvalue()
