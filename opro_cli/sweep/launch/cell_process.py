"""A process that works on one cell: `python -m opro_cli.sweep.launch.cell_process`.

It reads the job and the answers of the sweep from stdin, and writes questions and reports to
stdout (channel.py). The end of stdin stops it, so that no cell outlives its sweep.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from queue import SimpleQueue

from opro_cli.app.session import work_on
from opro_cli.app.watch_sweep import measure_progress
from opro_cli.core.run.events import Event
from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.spend import Cost
from opro_cli.core.run.state import RunState
from opro_cli.errors import BudgetReached, Interrupted, OproError, RunBusyError
from opro_cli.ports import SharedLimits
from opro_cli.processes import take_pipe
from opro_cli.render.scoreboard import Scoreboard
from opro_cli.sweep.cells import Job, LentUse, find_run_at_hand, prepare_run
from opro_cli.sweep.launch import channel
from opro_cli.sweep.launch.channel import Ended, FromCell, Refused
from opro_cli.sweep.served import connect

EVERY = 0.5
"""Seconds between two reports of progress."""
CHUNK = 65_536

Send = Callable[[FromCell], None]


class ProgressReports:
    """An Observer that reports the progress of the run."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._sent = float("-inf")
        self._board = Scoreboard()
        self.begun = False

    def begin(
        self,
        briefing: RunHeader,  # noqa: ARG002
        state: RunState,
        activity: Progress,  # noqa: ARG002
    ) -> None:
        """Report the state before the first call."""
        self._report(state)

    def after(self, event: Event, state: RunState) -> None:  # noqa: ARG002
        """Report every half second at most."""
        self.begun = True
        if time.monotonic() - self._sent >= EVERY:
            self._report(state)

    def stopping(self) -> None:
        """Do nothing: the sweep asked for it."""

    def end(self) -> None:
        """Do nothing: `main` reports the end."""

    def _report(self, state: RunState) -> None:
        self._sent = time.monotonic()
        self._send(channel.CellProgress(**measure_progress(state, self._board)))


class AskedLimits:
    """`SharedLimits` that the sweep keeps and this process asks for.

    Once the sweep has gone no question is answered: the end of stdin stops the run, which then
    waits for nothing but its calls in flight.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def enter(self, address: str, cost: Cost) -> int:
        """Ask the sweep, and wait for its answer; raises BudgetReached."""
        self._loop = asyncio.get_running_loop()
        number = next(self._numbers)
        answer = self._asked[number] = self._loop.create_future()
        self._send(channel.Ask(number, address, cost.tokens, cost.pico_usd, cost.expected_tokens))
        try:
            await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                self.record_failure(number, None, congested=False)  # it was let go, and does not go
            raise
        finally:
            del self._asked[number]
        return number

    def record_answer(self, permit: int, tokens: int | None, pico_usd: int | None) -> None:
        """Report what the call took."""
        self._send(channel.Answered(permit, tokens, pico_usd))

    def record_failure(self, permit: int, wait: float | None, *, congested: bool) -> None:
        """Report that the call cost nothing."""
        self._send(channel.Failed(permit, wait, congested))

    def record_loss(self, permit: int) -> None:
        """Report that the end of the call is unknown."""
        self._send(channel.Lost(permit))

    async def aclose(self) -> None:
        """Do nothing: `Outgoing` has all messages, and outlives the session."""

    def receive(self, message: channel.Answer) -> None:
        """Pass an answer to its call, from any thread; drop it after the session."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._take, message)

    def _take(self, message: channel.Answer) -> None:
        asked = self._asked.get(message.number)
        if asked is not None and not asked.done():
            if message.ceiling:
                asked.set_exception(BudgetReached(message.ceiling))
            else:
                asked.set_result(None)
        elif not message.ceiling:  # the call was given up
            self.record_failure(message.number, None, congested=False)


class Outgoing:
    """Writes messages to the sweep in a thread, so that a full pipe holds up no call."""

    def __init__(self, pipe: int) -> None:
        self._lines = SimpleQueue[bytes]()
        self._thread = threading.Thread(target=self._write, args=(pipe,), daemon=True)
        self._thread.start()

    def send(self, message: FromCell) -> None:
        """Queue a message; it is dropped where the sweep has gone."""
        self._lines.put(channel.encode(message))

    def close(self) -> None:
        """Wait until everything is written."""
        self._lines.put(b"")
        self._thread.join()

    def _write(self, pipe: int) -> None:
        with suppress(BrokenPipeError), os.fdopen(pipe, "wb") as stream:
            while line := self._lines.get():
                stream.write(line)
                if self._lines.empty():
                    stream.flush()


def work(job: Job, progress: ProgressReports, shared: SharedLimits) -> Ended | Refused:
    """Work on a job to its end; return the last message of the cell."""
    try:
        folder, settings = find_run_at_hand(job) if job.away else prepare_run(job)
        served = connect(settings, job.servers)
        ledger = LentUse(job.lent) if job.lent else None
        outcome = work_on(
            folder, settings, [progress], shared=shared, supplied=served, ledger=ledger
        )
    except Interrupted:
        return Ended("interrupted")
    except RunBusyError:
        return Ended("elsewhere")
    except OproError as error:
        return Refused(error.message, error.hint)
    if outcome.ending == "fruitless":
        change = outcome.remedy.change if outcome.remedy else ""
        return Refused(outcome.result["verdict_sentence"], change or None)
    return Ended(outcome.ending, outcome.stopped_by, outcome.result)


def main() -> None:
    """Work on the job in the first line of stdin."""
    pipe = take_pipe(1)  # what a user's code prints, or a program that it runs, is no message
    incoming = lines_of(take_pipe(0))
    outgoing = Outgoing(pipe)
    progress, limits = ProgressReports(outgoing.send), AskedLimits(outgoing.send)
    gone = threading.Event()

    def on_term(*_: object) -> None:
        """Die before the session, which has a handler of its own; after it, write the result."""
        if not progress.begun:
            os._exit(channel.STOPPED)

    if (line := next(incoming, None)) is None:
        return  # the sweep has gone already
    job = Job(**json.loads(line))
    signal.signal(signal.SIGTERM, on_term)
    threading.Thread(target=_listen, args=(incoming, limits, gone), daemon=True).start()
    last = work(job, progress, limits)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    outgoing.send(last)
    outgoing.close()
    if job.away and gone.is_set():  # nobody is left to remove the copy
        shutil.rmtree(job.folder, ignore_errors=True)
        with suppress(OSError):
            Path(job.folder).parent.rmdir()
    os._exit(0)  # not through the thread that waits for the end of stdin


def _listen(incoming: Iterator[bytes], limits: AskedLimits, gone: threading.Event) -> None:
    """Act on lines from the sweep to their end, or to one that cannot be read; then stop."""
    with suppress(OproError):
        for line in incoming:
            message = channel.decode_to_cell(line)
            if isinstance(message, channel.Stop):
                _ask_to_end()
            else:
                limits.receive(message)
    gone.set()
    _ask_to_end()


def _ask_to_end() -> None:
    """Have the main thread handle SIGTERM, from another thread."""
    if hasattr(signal, "pthread_kill"):
        os.kill(os.getpid(), signal.SIGTERM)
    else:  # on Windows that would end the process at once
        signal.raise_signal(signal.SIGTERM)


def lines_of(pipe: int) -> Iterator[bytes]:
    """Read lines from a pipe as they arrive; half a line at its end is dropped."""
    unread = b""
    while chunk := os.read(pipe, CHUNK):
        *lines, unread = (unread + chunk).split(b"\n")
        yield from lines


if __name__ == "__main__":
    main()
