"""Signals that end a program, given to what it does: a session stops, a watch is left."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

_HANGUP: int | None = getattr(signal, "SIGHUP", None)  # not on Windows
# On Windows alone: Ctrl-Break, and the window that is closed. Nothing else asks a process to end.
_BREAK: int | None = getattr(signal, "SIGBREAK", None)


@contextmanager
def stop_signals_to(stop: Callable[[], object], *, ctrl_c: bool = True) -> Iterator[None]:
    """Call `stop` for each of these signals, instead of raising wherever the program happens to be.

    Once the terminal is gone, what is written to it goes nowhere, and its shell may send the signal
    a second time: that one is ignored. A process that `nohup` has started ignores both.

    Args:
        stop: Called in a signal handler, in the main thread.
        ctrl_c: Whether SIGINT is among them.
    """
    if threading.current_thread() is not threading.main_thread():  # may not watch for any
        yield
        return
    numbers = [signal.SIGTERM, *([signal.SIGINT] if ctrl_c else [])]
    numbers += [signal.Signals(_BREAK)] if _BREAK is not None else []
    handlers = {number: signal.getsignal(number) for number in numbers}
    if _HANGUP is not None and signal.getsignal(_HANGUP) != signal.SIG_IGN:
        handlers[signal.Signals(_HANGUP)] = signal.getsignal(_HANGUP)
    terminals = [fd for fd in (1, 2) if os.isatty(fd)]

    def on_signal(number: int, _: object) -> None:
        if number == _HANGUP:
            signal.signal(number, signal.SIG_IGN)
            _discard_output_of(terminals)
        stop()

    for number in handlers:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if signal.getsignal(number) is on_signal:
                signal.signal(number, handler)


def _discard_output_of(terminals: Sequence[int]) -> None:
    """Send what is written to these file descriptors nowhere: writing there would fail."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for fd in terminals:
            os.dup2(nowhere, fd)
        os.close(nowhere)
