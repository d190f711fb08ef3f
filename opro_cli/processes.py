"""Worker processes that run modules of this package, and programs that are only read."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, cast

LONGEST_LINE = 2**24
"""Bytes of a line that such a process may write."""
_OUTPUT = {"PYTHONIOENCODING": "utf-8:backslashreplace"}
"""What a user's code prints must not fail for a letter that the locale lacks: on Windows a pipe
takes those of cp1252 alone."""
_NEW_GROUP = 0x200 if sys.platform == "win32" else 0  # CREATE_NEW_PROCESS_GROUP
_ROOT = str(Path(__file__).resolve().parents[1])


class Pipes(NamedTuple):
    """The pipes of a process that `start_module` started."""

    stdin: StreamWriter
    stdout: StreamReader
    stderr: StreamReader


async def start_module(
    module: str, environment: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start `python -m MODULE` with pipes, importing this very copy of the package.

    Its environment is ours with the variables in `environment` added.
    """
    path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
    return await asyncio.create_subprocess_exec(
        # -P: a json.py in the user's folder must not be imported.
        *(sys.executable, "-P", "-m", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
        # Ctrl-C is for this process, which lets the worker finish what is asked. Windows has no
        # sessions, and takes no notice of the first; only Windows has the second.
        start_new_session=True,
        creationflags=_NEW_GROUP,
        env={**os.environ, **_OUTPUT, "PYTHONPATH": path, **(environment or {})},
    )


def kill_with_children(process: asyncio.subprocess.Process) -> None:
    """Kill a process of `start_module` and what it has started; on Windows the process alone."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        elif process.returncode is None:
            process.kill()


def take_pipe(descriptor: int) -> int:
    """Return a copy of stdin or stdout, in whose place other code finds nothing, or stderr.

    For a process of `start_module`. Nothing that it imports or runs can take a line from the pipe,
    or write one into it. On Windows it could not even look at a stdin that a thread waits for, as
    some libraries of numpy do while they are loaded: they would wait as well.
    """
    pipe = os.dup(descriptor)
    if descriptor == 0:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
    else:
        os.dup2(2, descriptor)
    return pipe


class Finished(NamedTuple):
    """A program that has ended: its exit code, and all that it wrote."""

    code: int
    out: bytes
    err: bytes


def read_program(program: str, *arguments: str) -> Finished:
    """Run a program without a shell and without input, and return what it wrote.

    Its messages are in English, and it takes no locks for its own convenience (git).

    Args:
        program: Its path.
        arguments: Each is one word to it.
    """
    return asyncio.run(_read_program(program, *arguments))


async def _read_program(program: str, *arguments: str) -> Finished:
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
    )
    out, err = await process.communicate()
    return Finished(process.returncode or 0, out, err)


async def read_tail(stream: asyncio.StreamReader) -> bytes:
    """Read a stream to its end, and return the last few thousand bytes of it."""
    tail = b""
    while chunk := await stream.read(65_536):
        tail = (tail + chunk)[-4_096:]
    return tail


def get_pipes(process: asyncio.subprocess.Process) -> Pipes:
    """Return the pipes of a process that `start_module` started."""
    stdin, out, err = process.stdin, process.stdout, process.stderr
    return Pipes(cast("StreamWriter", stdin), cast("StreamReader", out), cast("StreamReader", err))


def count_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
