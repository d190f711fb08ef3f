"""Paragraphs behind a mark, whose every line stays to the right of it."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text


def print_block(
    console: Console, mark: str, lines: Iterable[str], style: str = "", *, again: bool = False
) -> None:
    """Lines, printable already, behind a mark; `again`: it stands before each of them.

    Nothing is padded to the right: what is copied or piped has no spaces at its ends.
    """
    width = max(1, console.width - len(mark))
    for line in lines:
        for part in Text(line).wrap(console, width) or [Text()]:
            part.rstrip()
            console.print(Text(f"{mark}{part.plain}".rstrip(), style=style))
            mark = mark if again else " " * len(mark)
