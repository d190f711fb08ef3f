"""`python -m opro_cli.sweep.cell_process`: one cell, worked on in a process of its own.

In, the first line of stdin: the job. Out, lines of JSON on stdout: {"step": …} as it goes on, and
at the end {"ended": …} or {"error": …, "hint": …}. SIGTERM stops it cleanly, a second one at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any, TextIO

from opro_cli.app import run as running
from opro_cli.core.run.events import Event
from opro_cli.core.run.progress import Activity, RunHeader, calls_spared, expected_calls, phase
from opro_cli.core.run.state import RunState
from opro_cli.errors import Interrupted, OproError, RunBusyError
from opro_cli.render.scoreboard import Scoreboard
from opro_cli.reports.result import spend_of
from opro_cli.sweep.cells import Job, at_hand, prepared
from opro_cli.sweep.limits_line import RemoteLimits
from opro_cli.sweep.server import Address

EVERY = 0.5
"""Seconds between two lines about progress."""


class Progress:
    """An Observer that writes where the run stands."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._said = float("-inf")
        self.begun = False
        self._board = Scoreboard()

    def begin(
        self,
        briefing: RunHeader,  # noqa: ARG002
        state: RunState,
        activity: Activity,  # noqa: ARG002
    ) -> None:
        """Where it stands before the first call."""
        self._tell(state)

    def after(self, event: Event, state: RunState) -> None:  # noqa: ARG002
        """Now and then where it stands."""
        self.begun = True
        if time.monotonic() - self._said >= EVERY:
            self._tell(state)

    def stopping(self) -> None:
        """Nothing: whoever asked for it knows."""

    def end(self) -> None:
        """Nothing: what ends it is told by `main`."""

    def _tell(self, state: RunState) -> None:
        self._said = time.monotonic()
        tell(
            self._stream,
            {
                "phase": phase(state),
                "expected": expected_calls(state) - calls_spared(state),
                "best": self._board.leader(state),
                "spend": spend_of(state),
            },
        )


def tell(stream: TextIO, what: Any) -> None:
    """A line of JSON; who does not listen any more is not told."""
    try:
        stream.write(json.dumps(what) + "\n")
        stream.flush()
    except BrokenPipeError:
        pass


def work(job: Job, progress: Progress) -> dict[str, Any]:
    """Work on a job until it ends, however it does; what is to be told of it."""
    try:
        folder, settings = at_hand(job) if job.away else prepared(job)
        shared = RemoteLimits(Address(*job.server))
        outcome = running.work_on(folder, settings, [progress], shared=shared)
    except Interrupted:
        return {"ended": "interrupted"}
    except RunBusyError:
        return {"ended": "elsewhere"}
    except OproError as error:
        return {"error": error.message, "hint": error.hint}
    return {"ended": outcome.ending, "stopped_by": outcome.stopped_by, "result": outcome.result}


def main() -> None:
    """Work on the job that stdin has; the end of stdin stops it, so it outlives nobody."""
    job = Job(**json.loads(sys.stdin.readline()))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a user's code prints, or a program that it runs, is none of these lines

    progress = Progress(out)

    def on_term(*_: object) -> None:
        """Outside of the session, which has a handler of its own: after it, results are written."""
        if not progress.begun:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, on_term)

    def listen() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=listen, daemon=True).start()
    tell(out, work(job, progress))
    out.close()
    os._exit(0)  # not through the thread that waits for the end of stdin


if __name__ == "__main__":
    main()
