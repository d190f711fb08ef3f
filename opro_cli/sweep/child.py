"""A cell in a process of its own on this machine, and what it says."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from opro_cli.processes import start_module
from opro_cli.sweep.cells import Job


class Child:
    """The process of one job. It ends when we do, however that is: see cell_process.py."""

    def __init__(self, job: Job, told: Callable[[dict[str, Any]], None]) -> None:
        self._job, self._told = job, told
        self._process: asyncio.subprocess.Process | None = None
        self._stops = 0

    async def run(self) -> dict[str, Any]:
        """Run it to its end; the last that it says, or how it died. The rest goes to `told`."""
        self._process = process = await start_module("opro_cli.sweep.cell_process")
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.create_task(process.stderr.read())
        last: dict[str, Any] = {}
        try:
            for _ in range(self._stops):
                self._signal()
            process.stdin.write(json.dumps(asdict(self._job)).encode() + b"\n")
            async for line in process.stdout:
                if line.endswith(b"\n"):  # else it was killed as it wrote
                    last = json.loads(line)
                    if not is_last(last):
                        self._told(last)
            code = await process.wait()
        finally:
            self.kill()
        if is_last(last):
            return last
        if self._stops and code == -signal.SIGTERM:  # so early that it did nothing yet
            return {"ended": "interrupted"}
        said = (await errors).decode(errors="replace").strip().splitlines()
        how = f"was killed (signal {-code})" if code < 0 else f"ended with code {code}"
        return {"error": f"its process {how}", "hint": said[-1] if said else None}

    def stop(self) -> None:
        """End it as Ctrl-C does; a second time, at once."""
        self._stops += 1
        self._signal()

    def kill(self) -> None:
        """End it now, whatever it does; nothing when it has ended."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def _signal(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)


def is_last(what: dict[str, Any]) -> bool:
    """Is a cell over that says this?"""
    return "ended" in what or "error" in what
