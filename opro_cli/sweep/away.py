"""A cell on another machine: its folder is borrowed from the sweep, and given back as it grows."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from opro_cli.sweep.cells import Job
from opro_cli.sweep.child import Child
from opro_cli.sweep.folder_line import BorrowedFolder
from opro_cli.sweep.server import Address, connect


def work_away(job: Mapping[str, Any]) -> dict[str, Any]:
    """Work on a cell in a process here; the last that it says, which the sweep has heard then.

    job: the fields of a `Job`.
    """
    return asyncio.run(_work(Job(**job)))


async def _work(job: Job) -> dict[str, Any]:
    host, port, _ = address = Address(*job.server)
    try:
        reader, writer = await connect(address, "folder", job.name)
    except OSError as error:
        here = socket.gethostname()
        return {
            "error": f"{here} cannot reach the sweep at {host}:{port}: {error}",
            "hint": "run `opro sweep` on a machine of the cluster that its nodes can connect to",
        }
    with tempfile.TemporaryDirectory(prefix="opro-") as place:
        folder = Path(place) / job.name
        folder.mkdir()
        borrowed = BorrowedFolder(reader, writer, folder)
        try:
            return await _with(borrowed, replace(job, folder=str(folder), away=True))
        except (OSError, EOFError):  # the sweep has gone: what it has, it has
            return {"ended": "interrupted"}
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _with(borrowed: BorrowedFolder, job: Job) -> dict[str, Any]:
    if not await borrowed.fetch():
        return {"ended": "interrupted"}
    child = Child(job, borrowed.told)
    received = asyncio.Event()

    async def listen() -> None:
        while (word := await borrowed.next_word()) == "stop":
            child.stop()
        if word != "received":
            child.kill()
        received.set()

    listening = asyncio.create_task(listen())
    sending = asyncio.create_task(borrowed.keep_sending())
    try:
        last = await child.run()
    finally:
        sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    borrowed.give_back(last)
    await received.wait()
    listening.cancel()
    return last
