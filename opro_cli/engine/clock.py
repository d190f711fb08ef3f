"""The time that events get: that of the wall when the process began, and steady from there on.

A clock that is set anew, or jumps to summer time, in the middle of a session then changes neither
the order of events nor the minutes that a run has been at work.
"""

from __future__ import annotations

import time

_STARTED = time.time() - time.monotonic()


def now() -> float:
    """Seconds since the epoch."""
    return _STARTED + time.monotonic()
