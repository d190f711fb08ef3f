"""Processes of this very package, which work for the one that starts them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

LONGEST_LINE = 2**24
"""Bytes of a line that such a process says."""


async def start_module(
    module: str, environment: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """`python -m MODULE` with pipes, from the same files as ours. environment: beside our own."""
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    return await asyncio.create_subprocess_exec(
        # -P: a json.py in the folder where somebody works is not ours.
        *(sys.executable, "-P", "-m", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
        # Ctrl-C is for us, who let it finish what is asked.
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": path, **(environment or {})},
    )


async def read_tail(stream: asyncio.StreamReader) -> bytes:
    """Read a stream to its end, and return the last few thousand bytes of it."""
    tail = b""
    while chunk := await stream.read(65_536):
        tail = (tail + chunk)[-4_096:]
    return tail


def count_cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
