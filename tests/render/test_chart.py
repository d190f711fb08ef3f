"""The chart of scores by step, and the panels of a wide frame."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from opro_cli.core.run.events import Pruned
from opro_cli.core.run.pace import Pace, Paces
from opro_cli.core.run.progress import Progress
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import Scale
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.core.task.example import Example
from opro_cli.render.chart import StepChart, draw_chart
from opro_cli.render.frame import RunView, render_run
from opro_cli.render.live import LiveView
from opro_cli.render.panels import WrongAnswer, WrongAnswers, share_room
from opro_cli.render.scoreboard import Scoreboard
from tests.hostile.cases import CASES
from tests.hostile.conftest import obeyed_in
from tests.render.runs_by_hand import (
    START,
    answer,
    answers,
    apply_all,
    briefing_of,
    idle,
    named,
    new_run,
    propose,
)
from tests.render.test_frame import one_step


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def test_a_chart_by_hand() -> None:
    chart = StepChart((0.5, 1.0), (0.5, 0.5), [(0, 0.5), (1, 1.0), (1, 0.0)], steps=1)
    lines = [line.plain.rstrip() for line in draw_chart(chart, 15, 5, percent)]
    assert lines[0].startswith("100.0 % ┤")
    assert lines[3].startswith("  0.0 % ┤")
    assert lines[0][-1] > "\u2800"  # the best, at the right end
    assert lines[1] == "        │⢀⡠⠊⠁"
    assert lines[4] == "        └─────1"


def test_a_single_step_is_a_dot_in_the_middle() -> None:
    lines = [
        line.plain for line in draw_chart(StepChart((0.5,), (0.5,), [(0, 0.5)], 8), 30, 4, percent)
    ]
    assert lines[1].startswith("50.0 % ┤")
    assert sum(cell > "\u2800" for cell in "".join(lines)) == 1


@given(
    st.lists(st.floats(-1.7e308, 1.7e308), min_size=1, max_size=30),
    st.integers(20, 120),
    st.integers(3, 20),
)
def test_any_scores_fit(values: list[float], width: int, height: int) -> None:
    best = [max(values[: i + 1]) for i in range(len(values))]
    chart = StepChart(best, values, list(enumerate(values)), steps=len(values))
    lines = draw_chart(chart, width, height, lambda value: f"{value:.2g}"[:8])
    assert len(lines) == height
    assert all(cell_len(line.plain) <= width for line in lines)


@pytest.mark.parametrize(("width", "height"), [(100, 29), (120, 39), (200, 59)])
def test_a_wide_frame_has_all_panels(width: int, height: int) -> None:
    state = one_step()
    examples = [Example(f"How many owls are {i}?", "72", f"t:{i}", i) for i in range(40)]
    briefing = replace(briefing_of(state), examples={"train": examples})
    wrong = WrongAnswers(lambda: 0.0)
    for event in answers(named(state, "late"), "train", 0, 1):
        apply_all(state, event)
        wrong.add(event)
    view = RunView(wrong=wrong.show(), foot=("q stop", "Enter read"))
    frame = render_run(briefing, state, idle(), 0.0, width, height, view=view).plain
    lines = frame.split("\n")
    assert len(lines) == height
    assert all(cell_len(line) <= width for line in lines)
    assert any(
        "train score by step" in line and "best so far: 1.1 (step 1)" in line for line in lines
    )
    at = lines.index("last wrong answers")
    assert lines[at + 1] == "✗ train 0 under 1.3  expected 72  said 0"
    assert lines[at + 2].strip() == "How many owls are 0?"
    assert lines[at + 3] == "  reply: so it is 72"
    assert lines[-1] == "q stop · Enter read"


def test_the_prompt_is_there_in_full_or_says_how_much_more_there_is() -> None:
    state = new_run(per_step=1)
    answer(state, START, "train", 25, 15)
    long = "\n".join(f"{i} go on" for i in range(40))
    propose(state, long)
    answer(state, long, "train", 40, 0)
    short = render_run(briefing_of(state), state, idle(), 0.0, 100, 29).plain
    assert "0 go on" in short
    assert " more lines" in short


def test_what_is_wrong_on_test_is_not_shown() -> None:
    state = new_run(test=5)
    wrong = WrongAnswers(lambda: 0.0)
    for event in answers(named(state, START), "test", 0, 3):
        wrong.add(event)
    for event in answers(named(state, START), "train", 3, 0):
        wrong.add(event)
    assert wrong.show() == ()


def test_wrong_answers_stand_long_enough_to_be_read() -> None:
    now = 0.0
    wrong = WrongAnswers(lambda: now)
    state = new_run()
    events = list(answers(named(state, START), "train", 0, 9))
    for event in events[:3]:
        wrong.add(event)
    first = wrong.show()
    assert [each.question for each in first] == [2, 1, 0]
    for event in events[3:]:
        wrong.add(event)
    assert wrong.show() == first
    now = WrongAnswers.HOLD
    assert wrong.show()[0].question == 8


def test_hostile_replies_are_text() -> None:
    for case in CASES:
        state = new_run()
        examples = [Example(case.text, case.text, "t", 0)]
        briefing = replace(briefing_of(state), examples={"train": examples})
        wrong = WrongAnswers(lambda: 0.0)
        (event,) = answers(named(state, START), "train", 0, 1)
        wrong.add(msgspec.structs.replace(event, text=case.text, answer=case.text))
        view = RunView(wrong=wrong.show(), foot=("q stop",))
        frame = render_run(briefing, state, idle(), 0.0, 120, 39, view=view).plain
        for line in frame.split("\n"):
            assert cell_len(line) <= 120
            assert not obeyed_in(line), line


def at_work() -> tuple[RunState, Progress]:
    state = one_step()
    state.paces = Paces(Pace(100, 10.0, 40.0), Pace(400, 11.0, 55.0))
    state.working_seconds = 90.0
    return state, Progress(session_calls=95)


def test_budgets_are_said_with_what_the_end_will_take() -> None:
    state, activity = at_work()
    state.spend["scorer"].counted_pico_usd = 10**11
    budget = BudgetSettings(usd=2.0, calls=1000, minutes=30)
    briefing = replace(briefing_of(state), budget=budget)
    lines = render_run(briefing, state, activity, 19.0, 80, 23).plain.split("\n")
    assert lines[2].startswith("calls 95 of about 2,220 (budget 1,000) · 5.0/s · 1m 30s of 30m")
    assert lines[3].startswith("cost $0.100 of $2.00, about $2.33 in the end · tokens ")
    briefing = replace(briefing_of(state), budget=BudgetSettings(tokens=5_000_000))
    text = render_run(briefing, state, activity, 19.0, 120, 23).plain
    assert " out of 5.00M" in text


def test_a_frame_kept_in_parts_is_as_one_drawn_anew() -> None:
    state, kept = one_step(), Scoreboard()
    steps: tuple[Callable[[], None], ...] = (
        lambda: answer(state, "fair", "train", 10, 18),
        lambda: apply_all(state, Pruned(1.0, named(state, "late").id, 0.5, 0.3, 0.7)),
        lambda: propose(state, "next", "more", "last"),
        lambda: answer(state, "next", "train", 40, 0),
    )
    for width, height in ((80, 23), (120, 39)):
        render_run(briefing_of(state), state, idle(), 0.0, width, height, board=kept)
    for step in steps:
        step()
        for width, height in ((80, 23), (120, 39)):
            one = render_run(briefing_of(state), state, idle(), 0.0, width, height, board=kept)
            other = render_run(briefing_of(state), state, idle(), 0.0, width, height)
            assert one.plain == other.plain


@pytest.mark.parametrize("room", range(0, 60, 3))
def test_panels_leave_the_tables_room(room: int) -> None:
    share = share_room(room, 8)
    assert share.chart == 0 or share.chart >= 6
    assert room - share.chart - share.wrong >= min(room, 10)
    assert math.isfinite(share.chart)


def test_nothing_is_wrong_about_a_value() -> None:
    """A loss of 0 is the best there is, and no share of right answers."""
    state = new_run(train=5)
    state.scale = Scale(bounded=False, minimise=True)
    view = LiveView(Console(file=io.StringIO(), width=120, height=40), lambda: 0.0)
    for event in answers(named(state, START), "train", 0, 3):
        state.apply(event)
        view.after(event, state)
    shown = RunView(wrong=[WrongAnswer(named(state, START).id, "train", 0, "0", "0")])
    frame = render_run(briefing_of(state), state, idle(), 0.0, 120, 40, view=shown)
    assert "last wrong answers" not in frame.plain
    assert view._wrong.show() == ()
