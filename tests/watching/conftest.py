"""Time that passes only when somebody sleeps, and a writer who works meanwhile."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from opro_cli.app.watch import POLL
from opro_cli.core.run.events import Event
from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.state import RunState
from tests.store.conftest import unfinished_copy

BEFORE = 20
"""Events that are in the journal of `folder`, of one session that is not over."""


class Time:
    """A clock and its sleep; at each look at the journal the next of `deeds` is done."""

    def __init__(self, now: float, deeds: Iterable[Callable[[], object]] = ()) -> None:
        self.now = now
        self._deeds = iter(deeds)
        self.looks = self.yields = 0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert math.isfinite(seconds)
        assert seconds >= 0
        self.now += seconds
        self.yields += seconds == 0
        if seconds == POLL:
            self.looks += 1
            assert self.looks < 1000, "it never ends"
            next(self._deeds, lambda: None)()
        await asyncio.sleep(0)


class Watcher:
    """Notes what it is shown, and what time of the run it was then."""

    def __init__(self, time_of_run: Callable[[], float]) -> None:
        self._time_of_run = time_of_run
        self.events: list[Event] = []
        self.times: list[float] = []
        self.calls: list[int] = []
        self.ended = 0

    def begin(self, briefing: RunHeader, state: RunState, activity: Progress) -> None:
        self.briefing, self.activity = briefing, activity

    def after(self, event: Event, state: RunState) -> None:
        self.events.append(event)
        self.times.append(self._time_of_run())
        self.calls.append(self.activity.session_calls)

    def stopping(self) -> None:
        raise AssertionError("nobody who looks on can know")

    def end(self) -> None:
        self.ended += 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that was killed after BEFORE events."""
    return unfinished_copy(tmp_path / "runs", BEFORE)
