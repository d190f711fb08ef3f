"""Ctrl-Z while something is drawn: the shell gets the cursor, and `fg` draws anew."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

_SHOW, _HIDE = b"\x1b[?25h", b"\x1b[?25l"


class Suspension:
    """Shows the cursor of a terminal before the process is suspended, and hides it again after.

    Signals are handled in the main thread alone, so that nothing is done in any other.

    Args:
        stream: The terminal.
        resumed: Called when the process goes on in the foreground, in a signal handler.
    """

    def __init__(self, stream: TextIO, resumed: Callable[[], None]) -> None:
        self._stream = stream
        self._resumed = resumed
        self._active = False

    def begin(self) -> None:
        """Handle the signals, where the process has a terminal and nobody ignores them."""
        if not hasattr(signal, "SIGTSTP") or not self._stream.isatty():
            return
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            self._active = True
            signal.signal(signal.SIGTSTP, self._suspend)
            signal.signal(signal.SIGCONT, self._resume)

    def end(self) -> None:
        """Leave the signals as they were."""
        if self._active:
            self._active = False
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.signal(signal.SIGCONT, signal.SIG_DFL)

    def _suspend(self, *_: object) -> None:
        self._write(_SHOW)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)  # here the process stands still
        self._resume()

    def _resume(self, *_: object) -> None:
        if not self._active:
            return
        signal.signal(signal.SIGTSTP, self._suspend)
        if self._has_the_terminal():
            self._write(_HIDE)
            self._resumed()

    def _has_the_terminal(self) -> bool:
        """Return True in the foreground; in the background the cursor is the shell's."""
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except OSError:
            return False

    def _write(self, sequence: bytes) -> None:
        with suppress(OSError):
            os.write(self._stream.fileno(), sequence)
