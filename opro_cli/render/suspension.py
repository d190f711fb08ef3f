"""Ctrl-Z in a live view: the shell gets the cursor, and `fg` draws the view anew."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

_SHOW, _HIDE = b"\x1b[?25h", b"\x1b[?25l"


class Suspension:
    """Shows a terminal's cursor while the process is suspended, and hides it again afterwards.

    Only the main thread may handle signals; in any other this does nothing.

    Args:
        stream: The terminal.
        resumed: Called in a signal handler when the process continues in the foreground.
    """

    def __init__(self, stream: TextIO, resumed: Callable[[], None]) -> None:
        self._stream = stream
        self._resumed = resumed
        self._active = False

    def begin(self) -> None:
        """Handle the signals, unless there is no terminal or the signals are handled otherwise."""
        if not hasattr(signal, "SIGTSTP") or not self._stream.isatty():
            return
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            self._active = True
            signal.signal(signal.SIGTSTP, self._suspend)
            signal.signal(signal.SIGCONT, self._resume)

    def end(self) -> None:
        """Restore the default handling of the signals."""
        if self._active:
            self._active = False
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.signal(signal.SIGCONT, signal.SIG_DFL)

    def _suspend(self, *_: object) -> None:
        self._write(_SHOW)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)  # the process stops here
        self._resume()

    def _resume(self, *_: object) -> None:
        if not self._active:
            return
        signal.signal(signal.SIGTSTP, self._suspend)
        if self._has_the_terminal():
            self._write(_HIDE)
            self._resumed()

    def _has_the_terminal(self) -> bool:
        """Return True in the foreground; in the background the shell owns the cursor."""
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except OSError:
            return False

    def _write(self, sequence: bytes) -> None:
        with suppress(OSError):
            os.write(self._stream.fileno(), sequence)
