"""A session called from a program: its event loop is its own, whatever loop the program runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from opro_cli.app.session import Stopper
from opro_cli.app.signals import stop_signals_to

T = TypeVar("T")

_WAKING = 0.1  # seconds


def run_in_own_loop(work: Callable[[Stopper], T]) -> T:
    """Run something that has an event loop of its own; in a thread where one runs already.

    Ctrl-C stops it cleanly either way.
    """
    stopper = Stopper()
    if not _is_in_a_loop():
        return work(stopper)
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(stopper))
        except BaseException as failure:  # noqa: BLE001 - raised again in the caller's thread
            failures.append(failure)

    thread = threading.Thread(target=run, name="opro")
    with stop_signals_to(stopper):  # before it can ask for anything
        thread.start()
        # A wait without end may sleep through a signal: one that came just before it, one that the
        # system gave to another thread, and every one on Windows.
        while thread.is_alive():
            thread.join(_WAKING)
    if failures:
        raise failures[0]
    return results[0]


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
