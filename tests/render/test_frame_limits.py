"""What a frame keeps to, whatever the run: the terminal's size, visible signs, little time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from opro_cli.core.run.candidates import Answers, Score
from opro_cli.core.run.events import Pruned
from opro_cli.core.run.progress import Progress
from opro_cli.render.frame import render_run
from opro_cli.render.scoreboard import Scoreboard
from tests.render.runs_by_hand import (
    START,
    answer,
    apply_all,
    briefing_of,
    idle,
    new_run,
    proposal,
    propose,
)
from tests.render.test_frame import lines_of, one_step
from tests.render.test_safe import HOSTILE, anything, only_visible


def test_many_candidates_are_cut_to_the_height_and_open_ones_stay_in_sight() -> None:
    state = new_run(per_step=40, train=2)
    answer(state, START, "train", 2, 0)
    propose(state, *(f"candidate {i:02d}" for i in range(40)))
    for i in range(30):
        answer(state, f"candidate {i:02d}", "train", 1, 1)
    answer(state, "candidate 30", "train", 1, 0)
    lines = lines_of(state)
    assert len(lines) == 23
    assert any(line.endswith("candidate 30") for line in lines)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_instructions_are_harmless(text: str) -> None:
    state = new_run(initial=(text,), per_step=1)
    answer(state, text, "train", 40, 0)
    apply_all(state, proposal(1, 0, text + "!"))
    lines = lines_of(state)
    assert all(only_visible(line) for line in lines)
    assert lines[-1].strip()


@settings(max_examples=60, deadline=None)
@given(anything, st.integers(1, 200), st.integers(1, 60), st.integers(0, 40), st.booleans())
def test_never_wider_or_taller_than_the_terminal(
    text: str, width: int, height: int, right: int, proposing: bool
) -> None:
    state = new_run(initial=(text,), per_step=2, dev=7)
    answer(state, text, "train", right, (40 - right) if proposing else 0)
    activity = Progress(waiting=text, waiting_until=1e6 + 9, session_calls=3)
    frame = render_run(briefing_of(state, run=text), state, activity, 1e6, width, height)
    lines = frame.plain.split("\n")
    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)


def test_the_memo_never_changes_the_picture() -> None:
    state, board = one_step(), Scoreboard()
    for right in range(4):
        answer(state, "late", "train", right, 1)
        kept = render_run(briefing_of(state), state, idle(), 1.0, 80, 23, board=board)
        assert kept.plain == render_run(briefing_of(state), state, idle(), 1.0, 80, 23).plain


def test_a_long_run_costs_little_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    state, board = new_run(train=1, steps=200), Scoreboard()
    answer(state, START, "train", 1, 0)
    for step in range(1, 201):
        propose(state, *(f"{step} {sample}" for sample in range(8)))
        for candidate in state.of_step(step):
            answer(state, candidate.instruction, "train", 1, 0)
    scored = 0
    score = Answers.score

    def counted(answers: Answers, groups: Sequence[int] = ()) -> Score | None:
        nonlocal scored
        scored += 1
        return score(answers, groups)

    monkeypatch.setattr(Answers, "score", counted)
    render_run(briefing_of(state), state, idle(), 1.0, 120, 39, board=board)
    cold, scored = scored, 0
    render_run(briefing_of(state), state, idle(), 1.0, 120, 39, board=board)
    assert cold > 1600
    assert scored < 400  # a few for each row shown at most, none for those that are not


def test_an_estimate_is_no_record_and_counts_for_the_mean() -> None:
    state = new_run(train=4, per_step=2, initial=("start",))
    answer(state, "start", "train", 2, 2)
    propose(state, "whole", "stopped")
    answer(state, "whole", "train", 3, 1)
    answer(state, "stopped", "train", 1, 0)
    candidate = next(c.id for c in state.candidates.values() if c.instruction == "stopped")
    apply_all(state, Pruned(1.0, candidate, 0.95, 0.4, 0.99))
    scores = Scoreboard().measure_steps(state)
    assert scores.best_so_far == (0.5, 0.75)
    assert scores.mean == pytest.approx((0.5, 0.85))
