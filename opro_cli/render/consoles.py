"""Consoles on stdout and stderr, how rich draws blocks, and which view shows a run."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TextIO, cast

from rich import box
from rich import table as rich
from rich.console import Console
from rich.text import Text

from opro_cli.render.safe import measure_width, printable
from opro_cli.render.streams import take_any_text, take_sequences
from opro_cli.render.tables import (
    MOST_CELLS,
    Block,
    Heading,
    Paragraph,
    Styled,
    Table,
    Untrusted,
    stack_rows,
)

if TYPE_CHECKING:
    from opro_cli.ports import Observer
    from opro_cli.render.live import Actions, SweepLive
    from opro_cli.render.plain import PlainSweep

_MOST_OF_PARAGRAPH = 2000
"""Terminal cells of an untrusted part of a paragraph."""


def make_console(stream: TextIO) -> Console:
    """Return a console that reads no markup and has stand-ins for what its encoding lacks.

    In a pipe or a file, lines lose the trailing blanks with which rich pads its tables.
    """
    take_any_text(stream)
    # Rich asks about the console behind stdout, and this may be another stream.
    old = None if not take_sequences(stream) else False
    console = Console(file=stream, markup=False, emoji=False, highlight=False, legacy_windows=old)
    if not console.is_terminal:
        console.file = cast(TextIO, _Trimmed(stream))
    return console


class _Trimmed:
    """A stream that drops blanks at the ends of lines; a console writes whole lines."""

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
    verbose: bool = False,
    clock: Callable[[], float] = time.monotonic,
    actions: Actions | None = None,
) -> Observer:
    """Return the live view where a terminal can show it, else the plain log; both on stderr.

    `Progress.started` is a time of `clock`; `actions` are what keys of the live view can do.
    """
    plain = plain or verbose
    console = make_console(stream or sys.stderr)
    # Imported late: a table needs neither of them, nor asyncio.
    if _is_live(console, plain):
        from opro_cli.render.live import LiveView

        return LiveView(console, clock, actions=actions)
    from opro_cli.render.plain import PlainLog

    return PlainLog(stream or sys.stderr, verbose=verbose)


def make_sweep_observer(
    *, plain: bool, stream: TextIO | None = None, leave: Callable[[], object] | None = None
) -> SweepLive | PlainSweep:
    """Return the live view of a sweep where a terminal can show it, else its plain log.

    `leave`: called by `q`, where the sweep goes on without this process.
    """
    console = make_console(stream or sys.stderr)
    if _is_live(console, plain):
        from opro_cli.render.live import SweepLive

        return SweepLive(console, leave=leave)
    from opro_cli.render.plain import LineWriter, PlainSweep

    return PlainSweep(LineWriter(stream or sys.stderr))


def _is_live(console: Console, plain: bool) -> bool:
    shows_frames = console.is_terminal and not console.is_dumb_terminal
    return shows_frames and not plain and not console.legacy_windows


def print_blocks(console: Console, blocks: Iterable[Block]) -> None:
    """Print headings, paragraphs and tables, one below the other."""
    for block in blocks:
        match block:
            case Heading(title):
                print_heading(console, title)
            case Table():
                for part in block.split(console.width):
                    print_table(console, part)
            case Paragraph(parts, style, mark):
                text = "".join(
                    printable(part, _MOST_OF_PARAGRAPH) if isinstance(part, Untrusted) else part
                    for part in parts
                )
                colour = {"strong": "bold", "note": "dim"}.get(style, "")
                print_lines(console, f"{mark} " if mark else "", [text], colour)


def print_heading(console: Console, title: str, style: str = "bold") -> None:
    """Print the title of a section below a blank line."""
    console.print(Text(f"\n{title}", style=style))


def print_table(console: Console, table: Table, gap: int | None = None) -> None:
    """Print a table: its columns `gap` cells apart, or with a rule below their titles.

    Cells have no colours unless they are `Styled`. A terminal that would break words of a table
    gets its rows as lines one below the other.
    """
    apart = 3 if gap is None else gap
    if console.is_terminal and _measure_words(table, apart) > console.width:
        for line, style in stack_rows(table, console.width):
            console.print(Text(line, style=style))
        return
    drawn = rich.Table(
        box=box.SIMPLE_HEAD if gap is None else None,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1) if gap is None else (0, gap, 0, 0),
        show_header=any(column.title for column in table.columns),
    )
    for column in table.columns:
        drawn.add_column(
            _to_text(column.title),
            justify="right" if column.right else "left",
            no_wrap=not column.wrap,
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*map(_to_text, row))
    console.print(drawn)


def _measure_words(table: Table, gap: int) -> int:
    """Return the least cells of a table in which no word is broken."""
    columns = list(zip([column.title for column in table.columns], *table.rows, strict=True))
    widths = []
    for column, cells in zip(table.columns, columns, strict=True):
        lines = [line for cell in cells for line in _to_text(cell).plain.split("\n")]
        parts = lines if not column.wrap else [word for line in lines for word in line.split()]
        widths.append(max(map(measure_width, parts), default=0))
    return sum(widths) + gap * (len(widths) - 1)


def _to_text(cell: str) -> Text:
    if isinstance(cell, Styled):
        return Text.assemble(*cell.parts)
    return Text(printable(cell, MOST_CELLS) if isinstance(cell, Untrusted) else cell)


def print_lines(
    console: Console, mark: str, lines: Iterable[str], style: str = "", *, again: bool = False
) -> None:
    """Print printable lines behind a mark, wrapped, without the blanks that rich pads with.

    `again` repeats the mark before every line instead of indenting all but the first.
    """
    width = max(1, console.width - len(mark))
    for line in lines:
        for part in Text(line).wrap(console, width) or [Text()]:
            part.rstrip()
            console.print(Text(f"{mark}{part.plain}".rstrip(), style=style))
            mark = mark if again else " " * len(mark)
