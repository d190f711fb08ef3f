"""Follow a run that another process works on, or replay it from its journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from opro_cli.app.run_settings import read_recorded_settings
from opro_cli.app.session import build_header
from opro_cli.core.run.events import Event, SessionStarted
from opro_cli.core.run.progress import Progress, count_calls
from opro_cli.ports import Observer
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from opro_cli.store.folders import is_locked
from opro_cli.store.replay import JournalFollower, apply_event, find_last_session
from opro_cli.store.run_folder import read_run_start, settle_run

LONG_PAUSE = 10.0
"""Seconds above which a pause is cut in a replay, as is the time between two sessions."""
CUT_TO = 1.0
"""Seconds that are left of a pause that is cut."""


class Playback:
    """Follows the events of a run and says when each is due.

    Args:
        speed: 1 as it happened, 10 ten times as fast, inf all at once.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._due = self._due_before = 0.0
        self._at: float | None = None
        self._at_before = 0.0
        self._between_sessions = False

    def due(self, event: Event) -> float:
        """Return when the next event is to be shown, in seconds since the replay began."""
        before = event.at if self._at is None else self._at
        gap = max(0.0, event.at - before)  # a clock may have been set back
        self._between_sessions = isinstance(event, SessionStarted)
        if self._between_sessions or gap > LONG_PAUSE:
            gap = min(gap, CUT_TO)
        self._at_before, self._at = before, event.at
        self._due_before, self._due = self._due, self._due + gap / self._speed
        return self._due

    def time_at(self, elapsed: float) -> float:
        """Return the time in the run `elapsed` seconds after the replay began.

        It stands still between sessions, and runs fast through a pause that is cut.
        """
        if self._at is None or elapsed >= self._due:
            return self._at or 0.0
        if self._between_sessions:
            return self._at_before
        share = max(0.0, elapsed - self._due_before) / (self._due - self._due_before)
        return self._at_before + share * (self._at - self._at_before)


POLL = 0.25
"""Seconds between two reads of the journal."""
BATCH = 250
"""Events after which the view may draw: some hundredths of a second."""

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


def stand_still() -> float:
    """Return a time before all events, so that only they move the run's own time."""
    return 0.0


class Replay:
    """A run as its journal tells it, event by event, for observers.

    Attributes:
        at_work: A process was working on it when its lock was last checked.
        clock: Gives the time of the run between two events, in seconds since the epoch.

    Raises:
        RunFolderError: A part of the folder is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "events.jsonl"
        self.at_work = is_locked(self.journal)
        self.run = read_run_start(folder)
        self.clock: Clock = stand_still
        # What is in flight is in no journal.
        self._activity = Progress(in_flight={})
        self._calls_before = 0
        self._observers: Sequence[Observer] = ()

    def now(self) -> float:
        """Return the run's own time, for its frames."""
        state = self.run.state
        if state.ended is not None:
            return state.ended.at
        if state.last_at is None:
            return self._activity.started
        # The clock of the machine that works may be ahead of ours.
        return max(self.clock(), state.last_at)

    def begin(self, observers: Sequence[Observer]) -> None:
        """Show all further events to observers; those taken before are part of the first frame."""
        briefing = build_header(self.folder, read_recorded_settings(self.folder), self.run)
        self._observers = observers
        for observer in observers:
            observer.begin(briefing, self.run.state, self._activity)

    def take(self, line: int, event: Event) -> None:
        """Apply the event of one line of the journal, and show it."""
        state = self.run.state
        apply_event(state, self.journal, line, event)
        if isinstance(event, SessionStarted):
            self._activity.started, self._activity.worked = event.at, state.working_seconds
            self._calls_before = count_calls(state)
        self._activity.session_calls = count_calls(state) - self._calls_before
        for observer in self._observers:
            observer.after(event, state)

    def end(self) -> None:
        """Leave the last frame."""
        for observer in self._observers:
            observer.end()


async def follow(
    viewing: Replay,
    observers: Sequence[Observer],
    clock: Clock = time.time,
    sleep: Sleep = asyncio.sleep,
) -> RecordedRun:
    """Show the present session to its end, and any that begins meanwhile.

    Raises:
        JournalError: The journal is damaged or cut.
        RunFolderError: The run has ended and is not whole.
    """
    follower = JournalFollower(viewing.journal)
    # Applied before the first frame: of earlier sessions only the state is of interest.
    before = follower.read_new(until=find_last_session(viewing.journal))
    await _show(viewing, before, sleep)
    viewing.begin(observers)
    try:
        while True:
            # Checked before reading, so that all that a process wrote before its end is read.
            viewing.at_work = is_locked(viewing.journal)
            viewing.clock = clock if viewing.at_work else stand_still
            news = await _show(viewing, follower.read_new(), sleep)
            if not viewing.at_work and not news:
                break
            await sleep(POLL)
        await _show(viewing, follower.read_rest(), sleep)
    finally:
        viewing.end()
    return settle_run(viewing.run)


async def replay(
    viewing: Replay,
    observers: Sequence[Observer],
    speed: float,
    clock: Clock = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> RecordedRun:
    """Show all that is in the journal again, `speed` times as fast as it happened.

    Raises:
        JournalError, RunFolderError: As for `follow`.
    """
    follower, playback = JournalFollower(viewing.journal), Playback(speed)
    began = clock()
    viewing.clock = lambda: playback.time_at(clock() - began)

    def wait_for(event: Event) -> float:
        return playback.due(event) - (clock() - began)

    viewing.begin(observers)
    try:
        news = True
        while news:  # what is written meanwhile is shown too
            viewing.at_work = is_locked(viewing.journal)
            news = await _show(viewing, follower.read_new(), sleep, wait_for)
        if not viewing.at_work:
            await _show(viewing, follower.read_rest(), sleep, wait_for)
    finally:
        viewing.end()
    return viewing.run if viewing.at_work else settle_run(viewing.run)


async def _show(
    viewing: Replay,
    events: Iterable[tuple[int, Event]],
    sleep: Sleep,
    wait_for: Callable[[Event], float] = lambda _: 0.0,
) -> bool:
    """Apply events, each when it is due; return whether there were any."""
    number = -1
    for number, (line, event) in enumerate(events):
        wait = wait_for(event)
        if wait > 0 or number % BATCH == 0:
            await sleep(max(0.0, wait))
        viewing.take(line, event)
    return number >= 0


def summarize(run: RecordedRun) -> dict[str, Any]:
    """Return the result of a run as it stands, as in `result.json`."""
    return build_result(run, finished=run.status == "finished")
