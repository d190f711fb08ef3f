"""When a replay shows what: the time of a run, told by the clock of whoever looks on."""

from __future__ import annotations

from opro_cli.core.events import Event, SessionStarted

LONG_PAUSE = 10.0
"""Seconds. Nobody wants to sit through a longer one, or through the time between two sessions."""
CUT_TO = 1.0
"""Seconds that are left of it."""


class Playback:
    """Follows the events of a run and says when each is due.

    speed: 1 as it happened, 10 ten times as fast, inf all at once.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._due = self._due_before = 0.0
        self._at: float | None = None
        self._at_before = 0.0
        self._between_sessions = False

    def due(self, event: Event) -> float:
        """When the next event is to be shown, in seconds since the replay began."""
        before = event.at if self._at is None else self._at
        gap = max(0.0, event.at - before)  # a clock may have been set back
        self._between_sessions = isinstance(event, SessionStarted)
        if self._between_sessions or gap > LONG_PAUSE:
            gap = min(gap, CUT_TO)
        self._at_before, self._at = before, event.at
        self._due_before, self._due = self._due, self._due + gap / self._speed
        return self._due

    def time_at(self, elapsed: float) -> float:
        """What time it was in the run, `elapsed` seconds after the replay began.

        It stands still between sessions, and runs fast through a pause that is cut.
        """
        if self._at is None or elapsed >= self._due:
            return self._at or 0.0
        if self._between_sessions:
            return self._at_before
        share = max(0.0, elapsed - self._due_before) / (self._due - self._due_before)
        return self._at_before + share * (self._at - self._at_before)
