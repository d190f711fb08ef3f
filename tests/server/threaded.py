"""A server beside a command in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TypeVar

from tests.server.app import LocalServer

AnyServer = TypeVar("AnyServer", bound=LocalServer)


@contextmanager
def serving(server: AnyServer) -> Iterator[AnyServer]:
    """A server in a thread of its own, for what runs an event loop itself."""
    started, loop = Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        try:
            async with server:
                started.set()
                await stop.wait()
        finally:
            started.set()

    thread = Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
