"""The schedule of a replay, worked by hand."""

from __future__ import annotations

import math

import pytest

from opro_cli.app.watch import Playback
from opro_cli.core.run.events import Event, Retried, SessionEnded, SessionStarted


def started(at: float) -> SessionStarted:
    return SessionStarted(at, 1, "0.1.0")


def something(at: float) -> Retried:
    return Retried(at, "scorer", 1, 0.5, "429")


RUN: list[Event] = [
    started(1000.0),
    something(1002.0),
    something(1003.5),
    something(1063.5),  # a minute of nothing: cut to a second
    SessionEnded(1064.0, "interrupted"),
    started(9000.0),  # two hours later: cut too
    something(8999.0),  # the clock was set back
    something(9001.0),
]


@pytest.mark.parametrize(
    ("speed", "due"),
    [
        (1.0, [0.0, 2.0, 3.5, 4.5, 5.0, 6.0, 6.0, 8.0]),
        (10.0, [0.0, 0.2, 0.35, 0.45, 0.5, 0.6, 0.6, 0.8]),
        (0.5, [0.0, 4.0, 7.0, 9.0, 10.0, 12.0, 12.0, 16.0]),
        (math.inf, [0.0] * 8),
    ],
)
def test_each_event_is_due_when_it_happened(speed: float, due: list[float]) -> None:
    playback = Playback(speed)
    assert [playback.due(event) for event in RUN] == pytest.approx(due)


def test_a_new_session_soon_after_the_last_is_not_waited_for_longer() -> None:
    playback = Playback(1.0)
    assert [playback.due(e) for e in (started(5.0), started(5.25))] == [0.0, 0.25]


def test_the_time_of_the_run_goes_on_between_two_events() -> None:
    playback = Playback(10.0)
    assert playback.time_at(0.0) == 0.0
    playback.due(started(1000.0))
    assert playback.time_at(3.0) == 1000.0
    playback.due(something(1002.0))  # due at 0.2
    assert playback.time_at(0.0) == 1000.0
    assert playback.time_at(0.05) == pytest.approx(1000.5)
    assert playback.time_at(0.2) == playback.time_at(9.0) == 1002.0


def test_it_runs_fast_through_a_cut_pause_and_stands_still_between_sessions() -> None:
    playback = Playback(1.0)
    for event in (started(1000.0), something(1060.0)):
        playback.due(event)  # a minute, cut to a second
    assert playback.time_at(0.5) == pytest.approx(1030.0)
    playback.due(started(9000.0))
    assert playback.time_at(1.9) == 1060.0
    assert playback.time_at(2.0) == 9000.0


def test_at_once_the_time_is_that_of_the_last_event() -> None:
    playback = Playback(math.inf)
    for event in RUN:
        playback.due(event)
        assert playback.time_at(0.0) == event.at
