"""RUN@PLACE: which candidate it is, worked by hand, and what is said when there is none."""

from __future__ import annotations

import pytest

from opro_cli.core.run.events import SessionStarted
from opro_cli.core.run.state import RunState
from opro_cli.errors import UsageError
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.selected import parse_selector, select_prompt
from tests.core.runs import new_state, proposed, score_all
from tests.reports.runs import answer_all, recorded


def three_steps() -> RecordedRun:
    """Step 1: one, two, three; step 2 proposed nothing new; step 3: four, not all answered."""
    state = new_state("first", "second", steps=4, per_step=1, train=4)
    score_all(state, "first", 1)
    score_all(state, "second", 2)
    state.apply(proposed(1, 0, "one", "two", "three"))
    for instruction, right in (("one", 1), ("two", 3), ("three", 3)):
        score_all(state, instruction, right)
    state.apply(proposed(2, 0, "two"))
    state.apply(proposed(3, 0, "four"))
    answer_all(state, "four", "train", "rrr-")
    return recorded("r", state, {"train": "abcd"})


@pytest.mark.parametrize(
    ("place", "instruction"),
    [
        ("best", "two"),
        ("start", "second"),
        ("0", "second"),
        ("0.1", "first"),
        ("1", "two"),  # as good as three, and earlier
        ("1.1", "one"),
        ("1.3", "three"),
        ("3.1", "four"),
    ],
)
def test_a_place_is_a_candidate(place: str, instruction: str) -> None:
    found = parse_selector(place)
    assert found is not None
    chosen = select_prompt(three_steps(), found)
    assert chosen.candidate is not None
    assert chosen.candidate.instruction == instruction
    assert str(found) == place
    assert chosen.name == ("r" if place == "best" else f"r@{place}")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("4", "no step 4: r has steps 0-3"),
        ("2", "step 2 of r brought no new candidate"),
        ("2.1", "step 2 of r brought no new candidate"),
        ("1.4", "step 1 of r has no candidate 4"),
        ("1.0", "step 1 of r has no candidate 0"),
        ("3", "no candidate of step 3 of r has all its train answers yet"),
    ],
)
def test_what_is_not_there_is_said(place: str, message: str) -> None:
    found = parse_selector(place)
    assert found is not None
    with pytest.raises(UsageError) as caught:
        select_prompt(three_steps(), found)
    assert caught.value.message == message
    assert caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "Best", "-1", "1.", ".1", "1.2.3", "²", "٣", "start ", "1\n", "9" * 10]
)
def test_what_names_no_place(text: str) -> None:
    assert parse_selector(text) is None


def test_before_the_first_score_there_is_neither_best_nor_start() -> None:
    state: RunState = new_state("first")
    state.apply(SessionStarted(0.0, 1, "0"))
    for name in ("best", "start"):
        place = parse_selector(name)
        assert place is not None
        assert select_prompt(recorded("r", state, {"train": "abcd"}), place).candidate is None
    step = parse_selector("1")
    assert step is not None
    with pytest.raises(UsageError, match="no step 1: r has only step 0"):
        select_prompt(recorded("r", state, {"train": "abcd"}), step)
