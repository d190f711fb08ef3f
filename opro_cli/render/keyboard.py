"""The keys of a terminal, read as they are pressed, and the terminal while a view is suspended."""

from __future__ import annotations

import codecs
import os
import re
import select
import signal
import sys
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

try:
    import termios
except ImportError:  # Windows has none: there views have no keys
    termios = None  # type: ignore[assignment]

SHOW_CURSOR, HIDE_CURSOR = b"\x1b[?25h", b"\x1b[?25l"
_SEQUENCES = {
    "[A": "up",
    "OA": "up",
    "[B": "down",
    "OB": "down",
    "[5~": "page up",
    "[6~": "page down",
    "[H": "home",
    "OH": "home",
    "[1~": "home",
    "[F": "end",
    "OF": "end",
    "[4~": "end",
}
"""What a terminal sends after ESC for a key."""
_CHARACTERS = {"\n": "enter", "\r": "enter", "\x7f": "backspace", "\x08": "backspace"}
_TAKE_PASTED, _LEAVE_PASTED = b"\x1b[?2004h", b"\x1b[?2004l"
_PASTE, _PASTED = "\x1b[200~", "\x1b[201~"
"""What a terminal sends around pasted text, once it was told to."""
_BEGUN = re.compile(rb"\x1b(?:[\[O][0-9;<?]*)?\Z")
"""The key Escape, or a sequence whose rest has not come yet."""
_ESCAPE_WAIT = 0.05
"""Seconds until an ESC without more is the key: what a slow line sends in two parts takes less."""
_LONGEST = 16
"""Characters of a sequence at most."""


def split_keys(text: str) -> list[str]:
    """Return the names of keys ("up", "enter", "esc", "a") in what a terminal has sent.

    Sequences of other keys, and control characters, are left out.
    """
    keys: list[str] = []
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character != "\x1b":
            name = _CHARACTERS.get(character, character)
            keys += [name] if len(name) > 1 or name.isprintable() else []
            continue
        if at == len(text) or text[at] not in "[O":
            keys.append("esc")
            continue
        end = at + 1
        while end < len(text) and end - at < _LONGEST and not "@" <= text[end] <= "~":
            end += 1
        if (sequence := text[at : end + 1]) in _SEQUENCES:
            keys.append(_SEQUENCES[sequence])
        at = end + 1
    return keys


def is_foreground(descriptor: int) -> bool:
    """Return whether the terminal belongs to this process now, and not to a shell."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False


def has_keys(screen: TextIO) -> bool:
    """Return whether somebody who looks at a stream can press keys that this process reads."""
    try:
        same = os.ttyname(sys.stdin.fileno()) == os.ttyname(screen.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return same and termios is not None and threading.current_thread() is threading.main_thread()


class Keyboard:
    """Takes the keys of the terminal on stdin: no line is waited for, and nothing is echoed.

    Ctrl-C, Ctrl-Z and their like stay signals. The terminal is as before after `release`, and while
    the process is not in the foreground.
    """

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno()
        self._before: list[Any] | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._loop: AbstractEventLoop | None = None
        self._gone = False
        self._pasting = False

    @property
    def is_taken(self) -> bool:
        """Whether keys are read now."""
        return self._before is not None

    @property
    def is_there(self) -> bool:
        """Whether the terminal can still be read from."""
        return not self._gone

    def take(self) -> bool:
        """Begin to read keys, or see to it that they still are; return whether that is so."""
        if self._gone or not is_foreground(self._descriptor):
            self._before = None  # a shell has set its own state
            return False
        try:
            now = termios.tcgetattr(self._descriptor)
            flags = termios.ECHO | termios.ICANON
            if now[3] & flags or self._before is None:
                self._before = self._before or [*now[:6], list(now[6])]
                now[3] &= ~flags
                now[6][termios.VMIN], now[6][termios.VTIME] = 1, 0
                termios.tcsetattr(self._descriptor, termios.TCSANOW, now)
                self._write(_TAKE_PASTED)
        except (termios.error, OSError):
            self._gone = True
            self._before = None
        return self.is_taken

    def release(self) -> None:
        """Give the terminal back as it was; a second call does nothing."""
        before, self._before = self._before, None
        if before is not None and is_foreground(self._descriptor):
            self._write(_LEAVE_PASTED)
            with suppress(termios.error, OSError):
                termios.tcsetattr(self._descriptor, termios.TCSANOW, before)

    def _write(self, sequence: bytes) -> None:
        with suppress(OSError):
            os.write(self._descriptor, sequence)

    def read(self) -> list[str]:
        """Wait for a key; return those that were pressed, none once there is no terminal."""
        data = self._read_some()
        while _BEGUN.search(data) and select.select([self._descriptor], [], [], _ESCAPE_WAIT)[0]:
            more = self._read_some()
            if not more:
                break
            data += more
        return split_keys(self._drop_pasted(self._decoder.decode(data)))

    def _read_some(self) -> bytes:
        try:
            data = os.read(self._descriptor, 4096)
        except OSError:
            data = b""
        self._gone = self._gone or not data
        return data

    def _drop_pasted(self, text: str) -> str:
        """Return what was typed: pasted text is no keys."""
        typed = ""
        while text:
            part, mark, text = text.partition(_PASTED if self._pasting else _PASTE)
            typed += "" if self._pasting else part
            if mark:
                self._pasting = not self._pasting
        return typed

    def attach(self, loop: AbstractEventLoop, on_key: Callable[[str], None]) -> None:
        """Have a loop call `on_key` for each key, as long as the process has the terminal."""
        if self._loop is not None or not self.take():
            return
        self._loop = loop

        def read() -> None:
            # In the background reading would stop the process, and the keys are the shell's.
            if not is_foreground(self._descriptor):
                self.detach()
                return
            for key in self.read():
                on_key(key)
            if self._gone:
                self.detach()

        loop.add_reader(self._descriptor, read)

    def detach(self) -> None:
        """Have the loop read no more keys."""
        loop, self._loop = self._loop, None
        if loop is not None and not loop.is_closed():
            loop.remove_reader(self._descriptor)


class Suspension:
    """Gives a terminal back while the process is suspended (Ctrl-Z), and takes it afterwards.

    Only the main thread may handle signals; in any other this does nothing.

    Args:
        stream: The terminal.
        resumed: Called in a signal handler when the process continues in the foreground.
        suspended: Called in a signal handler before the process stops.
    """

    def __init__(
        self,
        stream: TextIO,
        resumed: Callable[[], object],
        suspended: Callable[[], object] = lambda: None,
    ) -> None:
        self._stream = stream
        self._resumed = resumed
        self._suspended = suspended
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
        self._suspended()
        self._write(SHOW_CURSOR)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)  # the process stops here
        self._resume()

    def _resume(self, *_: object) -> None:
        if not self._active:
            return
        signal.signal(signal.SIGTSTP, self._suspend)
        with suppress(OSError, ValueError):
            if is_foreground(self._stream.fileno()):  # in the background the shell owns the cursor
                self._write(HIDE_CURSOR)
                self._resumed()

    def _write(self, sequence: bytes) -> None:
        with suppress(OSError):
            os.write(self._stream.fileno(), sequence)


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end the process by an exception, so that all is cleaned up."""
    numbers = [n for n in (signal.SIGTERM, getattr(signal, "SIGHUP", None)) if n is not None]

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
