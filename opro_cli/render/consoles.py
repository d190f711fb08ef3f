"""Where text goes: results to stdout, everything else to stderr; and who shows a run there."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, cast

from rich.console import Console

if TYPE_CHECKING:
    from opro_cli.ports import Observer


def make_console(stream: TextIO) -> Console:
    """A console that takes no text for markup and breaks on no letter its encoding lacks.

    In a pipe or a file no line ends in the blanks that rich fills its tables with.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.file = cast(TextIO, _Trimmed(stream))
    return console


class _Trimmed:
    """A stream without blanks at the ends of lines; a console writes whole lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, trimmed."""
        return self._stream.write(re.sub(r" +$", "", text, flags=re.MULTILINE))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def make_observer(
    stream: TextIO | None = None,
    *,
    plain: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Observer:
    """The live view where a terminal can show it, else the plain log; both on stderr.

    clock: what `Activity.started` is a time of.
    """
    stream = stream or sys.stderr
    console = make_console(stream)
    # Only a run is looked on at; a table needs neither of them, nor asyncio.
    if plain or not console.is_terminal or console.is_dumb_terminal:
        from opro_cli.render.plain import PlainLog

        return PlainLog(stream)
    from opro_cli.render.live import LiveView

    return LiveView(console, clock)
