"""Work that blocks, in threads that nobody has to wait for.

`asyncio.to_thread` joins its threads when the event loop closes and when the process ends, so that
a function which never returns would keep a run from ending.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

MOST_AT_ONCE = min(32, (os.cpu_count() or 1) + 4)
"""As many as asyncio has: functions that compute gain nothing by more, and take memory."""

_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
_idle: list[_Worker] = []


async def run_in_thread(work: Callable[[], T], seconds: float | None = None) -> T:
    """Return the result of work that blocks, from a thread.

    Where it is given up, or this call cancelled, the thread is left behind at its work: no other
    work waits for it, and neither does the end of the process.

    Args:
        work: What to do.
        seconds: How long it may take, not counting its wait for a thread; None for any time.

    Raises:
        TimeoutError: It took longer.
    """
    room = _rooms.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MOST_AT_ONCE))
    async with room:
        job = _Job(partial(copy_context().run, work))
        (_take_idle() or _Worker()).jobs.put(job)
        answer: asyncio.Future[T] = asyncio.wrap_future(job.future)
        try:
            await asyncio.wait((answer,), timeout=seconds)
            if not answer.done():
                raise TimeoutError
            return answer.result()
        finally:
            answer.cancel()


class _Job:
    """Work, and where its result goes."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()
        self.future.set_running_or_notify_cancel()  # what has begun is not taken back


class _Worker:
    """A thread that does one job after another: what functions keep by thread stays theirs."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="opro-blocking", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._do(self.jobs.get())

    def _do(self, job: _Job) -> None:
        try:
            result = job.work()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            _idle.append(self)  # before the next call asks for a thread
            job.future.set_exception(error)
        else:
            _idle.append(self)
            job.future.set_result(result)


def _take_idle() -> _Worker | None:
    try:
        return _idle.pop()
    except IndexError:
        return None
