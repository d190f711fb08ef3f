"""The server of a GGUF file, as its parent sees it: started when it is needed, and anew if it dies.

The process (gguf_server.py) ends when its stdin is closed, so that it never outlives this one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from opro_cli.errors import ModelError
from opro_cli.models.gguf_plan import ServerPlan
from opro_cli.processes import get_pipes, read_tail, start_module
from opro_cli.reports.formats import format_size

MODULE = "opro_cli.models.gguf_server"
MOST_DEATHS = 3
"""Deaths in a row, without an answer between them, after which the server is not started again."""
NOTICE_S, DYING_S = 2.0, 30.0
"""Seconds within which the end of a process is noticed after a call failed; and of one to which
nobody can connect any more."""
_REASON = re.compile(r"error loading model|out of memory|failed to allocate", re.IGNORECASE)
_STAMP = re.compile(r"^[\d.]+ [A-Z] +")
LONGEST_WORDS = 200
SOUND_S = 60.0
"""Seconds that a server lives after which a death is no longer in a row with the one before."""
# Seconds that a cell waits for its sweep to start a server anew, and between two looks.
PATIENCE_S, POLL_S = 300.0, 0.5
# ggml's threads wait for each other by spinning: with two threads on two cores that others use as
# well, a call took nine times as long.
ENVIRONMENT = {"OMP_WAIT_POLICY": "passive"}


class ModelServer(Protocol):
    """A server of one file."""

    plan: ServerPlan
    room: asyncio.Semaphore
    """A place for each slot: who waits here has not begun to wait for an answer."""

    @property
    def loading(self) -> str:
        """Return the line shown while it loads, "" otherwise."""

    async def open(self) -> str:
        """Return the address of the server, which answers; raises ModelError."""

    async def explain(self, error: ModelError, address: str) -> ModelError:
        """Return the failure of a call to an address, or that of the server behind it."""

    def note_answer(self) -> None:
        """Take note that it answered."""

    async def close(self) -> None:
        """End it, if it is ours; calling it twice is fine."""


class OwnServer:
    """A server in a process of our own. For one event loop.

    Args:
        plan: What it serves.
        module: Run in the process; tests have one of their own.
        keeps_port: Start it anew where it was before: others were told that address.
    """

    def __init__(
        self, plan: ServerPlan, module: str | None = None, *, keeps_port: bool = False
    ) -> None:
        self.plan = plan
        self.room = asyncio.Semaphore(plan.slots)
        self._module = module or MODULE
        self._keeps_port = keeps_port
        self._port = 0
        self._deaths = 0
        self._closed = False
        self._loading_since: float | None = None
        self._last_words = ""
        self._serving = ""
        """The address of the process that runs now, once it answers."""
        self._process: asyncio.subprocess.Process | None = None
        self._address: asyncio.Task[str] | None = None
        self._ended: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        return self._process.pid if self._process else None

    @property
    def loading(self) -> str:
        """Return the line shown while it loads, "" otherwise."""
        if self._loading_since is None:
            return ""
        seconds = time.monotonic() - self._loading_since
        size, file = format_size(self.plan.size), Path(self.plan.path).name
        return f"loading {file} ({size}): {seconds:.0f} s"

    async def open(self) -> str:
        """Return the address of the server; start it where it does not run.

        Raises:
            ModelError: It died, transient; it cannot serve the file, or died too often.
        """
        if self._closed:
            raise ModelError(f"{self.plan.name} has been closed", transient=False)
        if self._address is None:
            if self._deaths >= MOST_DEATHS:
                raise self._build_death_error()
            self._address = asyncio.create_task(self._start())
            # also where all who waited for it were cancelled
            self._address.add_done_callback(lambda task: task.cancelled() or task.exception())
        # One caller that is cancelled must not take the server from the others.
        return await asyncio.shield(self._address)

    async def explain(self, error: ModelError, address: str) -> ModelError:
        """Return the failure of a call to an address; where that process has died, its death."""
        if not error.transient or error.status is not None:
            return error
        ended = self._ended
        if ended is not None and self._serving == address:
            await asyncio.wait([ended], timeout=NOTICE_S)
            if not ended.done() and not await _is_there(address):
                await asyncio.wait([ended], timeout=DYING_S)
        return error if self._serving == address else self._build_death_error()

    def note_answer(self) -> None:
        """Take note that it answered: deaths are no longer in a row."""
        self._deaths = 0

    async def wait_for_death(self) -> None:
        """Wait until the process that runs now has ended."""
        if self._ended is not None:
            await asyncio.wait([self._ended])

    async def close(self) -> None:
        """End the process without waiting for its answers."""
        self._closed = True
        address, ended = self._address, self._ended
        if self._process is not None:
            get_pipes(self._process).stdin.close()
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()  # nobody needs what it computes
        if address is not None:
            address.cancel()
            await asyncio.gather(address, return_exceptions=True)
        ended = self._ended or ended
        if ended is not None:
            await ended

    async def _start(self) -> str:
        """Start the process, and return its address once it answers."""
        self._loading_since = time.monotonic()
        try:
            process = await start_module(self._module, ENVIRONMENT)
            self._process = process
            stdin, stdout, _ = get_pipes(process)
            self._ended = asyncio.create_task(self._watch(process))
            parameters = {**asdict(self.plan), "port": self._port}
            stdin.write(json.dumps(parameters).encode() + b"\n")
            async for line in stdout:
                message = json.loads(line) if line.endswith(b"\n") else {}
                if "address" in message:
                    if self._keeps_port:
                        self._port = int(message["address"].rpartition(":")[2])
                    self._serving = str(message["address"])
                    return self._serving
                if "error" in message:
                    await self.wait_for_death()
                    raise self._build_refusal(message["error"])
            await self.wait_for_death()
            raise self._build_death_error()
        except OSError as error:
            self._deaths += 1
            self._address = None
            raise ModelError(f"{self.plan.name}: {error}", transient=True) from error
        finally:
            self._loading_since = None

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the end of the process, and be ready to start another one."""
        started = time.monotonic()
        _, _, stderr = get_pipes(process)
        tail = (await read_tail(stderr)).decode("utf-8", "replace")
        code = await process.wait()
        self._deaths = 1 if time.monotonic() - started > SOUND_S else self._deaths + 1
        self._last_words = _describe_end(code, tail)
        self._serving = ""
        self._process = self._address = self._ended = None

    def _build_refusal(self, words: str) -> ModelError:
        return ModelError(
            f"{self.plan.name}: llama.cpp cannot serve {Path(self.plan.path).name}: "
            f"{self._last_words or words}",
            "is there enough memory, and is xllamacpp recent enough for this kind of model? "
            "pip install -U xllamacpp",
            transient=False,
        )

    def _build_death_error(self) -> ModelError:
        is_last = self._deaths >= MOST_DEATHS
        times = f", {self._deaths} times in a row" if is_last else ""
        return ModelError(
            f"{self.plan.name}: the process that serves it has ended ({self._last_words}){times}",
            f"is there enough memory? the file alone takes {format_size(self.plan.size)}; a lower "
            "concurrency or gguf.context takes less",
            transient=not is_last,
        )


class SharedServer:
    """A server that another process owns and starts anew, such as the parent of a sweep."""

    loading = ""

    def __init__(self, plan: ServerPlan, address: str) -> None:
        self.plan = plan
        self.room = asyncio.Semaphore(plan.slots)
        self._address = address
        self._doubted = False

    async def open(self) -> str:
        """Return the address of the server; wait for one that is being started anew."""
        until = time.monotonic() + PATIENCE_S
        while self._doubted and time.monotonic() < until:
            if await _is_ready(self._address):
                self._doubted = False
            else:
                await asyncio.sleep(POLL_S)
        return self._address

    async def explain(self, error: ModelError, address: str) -> ModelError:  # noqa: ARG002
        """Return the failure of a call as it is; where the server may have died, look next time."""
        self._doubted = error.transient and error.status in (None, 503)
        return error

    def note_answer(self) -> None:
        """Do nothing: its owner watches it."""

    async def close(self) -> None:
        """Do nothing: it is not ours."""


async def _is_there(address: str) -> bool:
    """Whether anybody listens at an address, if only too busily to answer."""
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_connection(*_split_address(address))
        writer.close()
    except TimeoutError:
        return True
    except OSError:
        return False
    return True


def _split_address(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition("/")[2].rpartition(":")
    return host, int(port)


async def _is_ready(address: str) -> bool:
    """Whether a server answers at an address, and has loaded its model."""
    host, port = _split_address(address)
    try:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        status = await reader.readline()
        writer.close()
    except OSError:
        return False
    return b" 200 " in status


def _describe_end(code: int, tail: str) -> str:
    """Say how the process ended, with the line of its last ones that tells most."""
    lines = [_STAMP.sub("", line).strip() for line in tail.splitlines() if line.strip()]
    reasons = [line for line in lines if _REASON.search(line)] or lines[-1:]
    words = f": {reasons[0][:LONGEST_WORDS]}" if reasons else ""
    return f"exit code {code}{words}" if code >= 0 else f"{_name_signal(-code)}{words}"


def _name_signal(number: int) -> str:
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:
        return f"killed by signal {number}"
