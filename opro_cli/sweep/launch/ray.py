"""The cells of a sweep on a Ray cluster, in actors on the nodes that Ray chooses.

The sweep keeps the limits and the runs. It asks each actor for news and answers them. New lines of
the journal come with the news, so a lost node takes only the answers of its last moment with it;
its cell then continues in another actor, from the journal that the sweep has.

The runtime environment brings the package, with the weights of the embedded models, to the nodes.
Its dependencies must be installed there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import tempfile
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from opro_cli.app.report import REPORT
from opro_cli.errors import OproError, RunBusyError, UsageError
from opro_cli.files import write_atomically
from opro_cli.store.journal import FileJournal
from opro_cli.store.run_folder import CONFIG_COPY
from opro_cli.sweep.cells import Job, lend_use, prepare_run, settle_use
from opro_cli.sweep.launch.channel import CellChannel, Ended, Refused, Report
from opro_cli.sweep.launch.local import Child, Exit
from opro_cli.sweep.limits import Limits

PATIENCE_S = 5.0
"""Seconds that the head node of a cluster has to accept a connection."""
PAUSE_S = 0.002
LONGEST_PAUSE_S = 0.03
"""Seconds between news of a cell and the next question, for each cell at work, and at most. A call
to Ray takes a millisecond of a core: the pause lets more messages share one.
"""
UNPLACED = 100
"""Actors that may wait for a node: thousands would burden the cluster and gain nothing."""
ATTEMPTS = 4
"""Times that a cell is begun when its nodes are lost."""


class RayEngine:
    """A `SweepEngine` that works on cells in a Ray cluster.

    Args:
        address: "auto" for the cluster that this machine is part of, HOST:PORT of its head node,
            or "local" for one of its own.
        at_a_time: The most cells at a time; None for as many as the cluster takes.

    Raises:
        UsageError: There is no cluster, or no Ray.
    """

    def __init__(self, address: str, at_a_time: int | None = None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ImportError:
            raise UsageError(
                "--engine ray: Ray is not installed",
                "pip install 'opro-cli[ray]', or '.[ray]' in a clone",
            ) from None
        _require_listener(address)
        package = Path(__file__).resolve().parents[2]
        try:
            ray.init(
                address,
                runtime_env={"py_modules": [str(package)], "excludes": ["**/__pycache__"]},
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _no_cluster(address, str(error).splitlines()[0]) from None
        self._ray = ray
        self._new_actor = ray.remote(num_cpus=1)(CellActor).remote
        self._at_a_time = at_a_time
        self._losses = Counter[str]()
        self._placing = asyncio.Semaphore(UNPLACED)
        self._preparing = asyncio.Lock()
        self._waiting: deque[Job] = deque()
        self._unplaced: set[Any] = set()
        self._channels: set[CellChannel] = set()
        self._draining = False
        self._stops = 0

    async def run(self, jobs: Sequence[Job], limits: Limits, report: Report) -> None:
        """Work on jobs as `SweepEngine.run` says."""
        self._waiting = deque(jobs)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._at_a_time or len(jobs), len(jobs))):
                group.create_task(self._work(limits, report))

    def drain(self) -> None:
        """Begin no more cells."""
        self._draining = True
        self._waiting.clear()
        self._cancel_unplaced()

    def stop(self) -> None:
        """Stop all cells; a second time, at once."""
        self.drain()
        self._stops += 1
        for channel in self._channels:
            channel.stop()

    def close(self) -> None:
        """Leave the cluster."""
        self._ray.shutdown()

    async def _work(self, limits: Limits, report: Report) -> None:
        """Work on cells in turn, with one actor for as long as it lives."""
        actor = None
        while self._waiting:
            job = None
            try:
                actor = actor or await self._place()
                if not self._waiting:
                    break
                job = self._take()
                last = await self._lend(job, actor, limits, report)
            except (OproError, OSError, self._ray.exceptions.RayError) as error:
                self._kill(actor)
                actor = None
                if job is None and not self._waiting:
                    break
                job = job or self._take()
                if self._may_try_again(job, error):
                    self._waiting.appendleft(job)
                    continue
                last = self._explain(job, error)
            report(job.name, asdict(last))
        self._kill(actor)

    async def _place(self) -> Any:
        """Wait for a node, and return an actor there; None where all cells are taken."""
        async with self._placing:
            if not self._waiting:
                return None
            actor = self._new_actor()
            self._unplaced.add(actor)
            try:
                await actor.wait_for_node.remote()
            finally:
                self._unplaced.discard(actor)
        return actor

    def _take(self) -> Job:
        job = self._waiting.popleft()
        if not self._waiting:
            self._cancel_unplaced()
        return job

    def _cancel_unplaced(self) -> None:
        for actor in self._unplaced:
            self._kill(actor)

    def _kill(self, actor: Any) -> None:
        if actor is not None:
            self._ray.kill(actor)

    def _may_try_again(self, job: Job, error: Exception) -> bool:
        """Return True if an actor was lost, as with its node, and the cell has attempts left."""
        errors = self._ray.exceptions
        if not isinstance(error, (errors.ActorDiedError, errors.ActorUnavailableError)):
            return False
        self._losses[job.name] += 1
        return self._losses[job.name] < ATTEMPTS and not self._draining

    def _explain(self, job: Job, error: Exception) -> Ended | Refused:
        """Turn an error into the last report of a cell."""
        match error:
            case RunBusyError():
                return Ended("elsewhere")
            case OproError():
                return Refused(error.message, error.hint)
            case self._ray.exceptions.RayError():
                if self._draining:
                    return Ended("interrupted")
                lines = str(error).strip().splitlines()
                return Refused(f"Ray gave it up: {lines[0]}", lines[-1])
            case _:
                hint = "put it right, then run `opro sweep` again: nothing answered is lost"
                return Refused(f"{job.folder}: cannot keep the run: {error}", hint)

    async def _lend(self, job: Job, actor: Any, limits: Limits, report: Report) -> Ended | Refused:
        """Let an actor work on a cell to its end, and hold the lock of the run here."""
        async with self._preparing:
            folder, _ = await asyncio.to_thread(prepare_run, job)
        with closing(FileJournal(folder / JOURNAL)) as journal:
            # The ledger of test sets is here, and not where the actor is.
            job = replace(job, lent=await asyncio.to_thread(lend_use, folder))
            await actor.start.remote(job, {name: (folder / name).read_bytes() for name in LENT})
            line = ActorLine(actor, job.name)
            channel = CellChannel(limits, line.send, partial(report, job.name))
            self._channels.add(channel)
            try:
                for _ in range(self._stops):
                    channel.stop()
                end = None
                while end is None:
                    await asyncio.sleep(min(PAUSE_S * len(self._channels), LONGEST_PAUSE_S))
                    news = await line.ask(journal.size)
                    journal.append_lines(news.journal)
                    channel.receive(news.messages)
                    end = news.end
            finally:
                self._channels.discard(channel)
                channel.close()
            for name in RETURNED:
                if name in news.files:
                    write_atomically(folder / name, news.files[name])
            await asyncio.to_thread(settle_use, folder, job.lent)
        return channel.last or end.as_message(channel.stops)


def _require_listener(address: str) -> None:
    """Refuse an address where nobody listens; Ray itself takes minutes to notice.

    Refuses Ray Client, too, because the nodes could not connect to a sweep outside the cluster.

    Raises:
        UsageError: There is no cluster at the address.
    """
    host, separator, port = address.rpartition(":")
    if "://" in address:
        raise UsageError(
            f"--address {address}: the nodes of a cluster ask the sweep for their calls, so it has "
            "to run on one of them",
            "run `opro sweep` there, with --address auto",
        )
    if separator and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), PATIENCE_S).close()
        except (OSError, OverflowError) as error:
            raise _no_cluster(address, str(error)) from None


def _no_cluster(address: str, why: str) -> UsageError:
    return UsageError(
        f"--address {address}: no Ray cluster: {why}",
        "begin one with `ray start --head`, join one with `ray start --address=HOST:PORT`, or say "
        "--address local for one of this sweep alone",
    )


EVERY = 0.02
"""Seconds between two looks at a growing journal."""
JOURNAL = "events.jsonl"
LENT = ("run.json", CONFIG_COPY, "examples.jsonl", JOURNAL)
RETURNED = (CONFIG_COPY, "result.json", "best_prompt.txt", REPORT)


@dataclass(frozen=True, slots=True)
class News:
    """Messages and journal lines that the sweep does not have yet.

    Attributes:
        messages: Whole lines, see channel.py.
        journal: Whole lines behind the part that the sweep has.
        end: How the process ended; None while it runs.
        files: After its end, the files of its result.
    """

    messages: bytes
    journal: bytes
    end: Exit | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


class CellActor:
    """Works on one cell at a time; the sweep calls its methods."""

    def __init__(self) -> None:
        self._job = ""
        self._arrived = asyncio.Event()

    async def wait_for_node(self) -> None:
        """Return once the actor has been placed."""

    async def start(self, job: Job, files: Mapping[str, bytes]) -> None:
        """Begin to work on a job in a copy of its folder; raises OSError."""
        self._place = tempfile.TemporaryDirectory(prefix="opro-")
        self._folder = Path(self._place.name) / job.name
        try:
            self._folder.mkdir()
            for name in LENT:
                (self._folder / name).write_bytes(files[name])
        except OSError:
            self._place.cleanup()
            raise
        away = replace(job, folder=str(self._folder), away=True)
        self._job, self._messages, self._child = job.name, b"", Child()
        self._process = asyncio.create_task(self._child.run(away, self._receive))
        self._process.add_done_callback(lambda _: self._arrived.set())

    async def send(self, job: str, lines: bytes) -> None:
        """Pass lines to the process of a job, unless the actor works on another one by now."""
        if job == self._job:
            self._child.send(lines)

    async def wait_for_news(self, size: int, lines: bytes) -> News:
        """Pass lines to the process, and wait for news.

        Args:
            size: Bytes of the journal that the sweep has.
            lines: As for `send`.

        Raises:
            OproError: The process wrote what cannot be read.
        """
        if lines:
            self._child.send(lines)
        while not (self._process.done() or self._messages or self._read_journal(size)):
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._arrived.wait()
        self._arrived.clear()
        messages, self._messages = self._messages, b""
        if not self._process.done():
            return News(messages, self._read_journal(size))
        with self._place:
            paths = [self._folder / name for name in RETURNED]
            files = {path.name: path.read_bytes() for path in paths if path.exists()}
            return News(messages, self._read_journal(size), self._process.result(), files)

    def _receive(self, lines: bytes) -> None:
        self._messages += lines
        self._arrived.set()

    def _read_journal(self, size: int) -> bytes:
        """Read whole lines behind the first `size` bytes."""
        with (self._folder / JOURNAL).open("rb") as journal:
            journal.seek(size)
            lines = journal.read()
        return lines[: lines.rfind(b"\n") + 1]


class ActorLine:
    """Carries lines to an actor: along with the next question, or at once where one is open."""

    def __init__(self, actor: Any, job: str) -> None:
        self._actor, self._job = actor, job
        self._unsent = b""
        self._is_asking = False

    def send(self, lines: bytes) -> None:
        """Take lines for the process of the job."""
        if self._is_asking:
            self._actor.send.remote(self._job, lines)
        else:
            self._unsent += lines

    async def ask(self, size: int) -> News:
        """Wait for news beyond the first `size` bytes of the journal."""
        lines, self._unsent = self._unsent, b""
        self._is_asking = True
        try:
            news: News = await self._actor.wait_for_news.remote(size, lines)
        finally:
            self._is_asking = False
        return news
