"""A prompt as text, and the change of a file line by line."""

from __future__ import annotations

import sys

from opro_cli.core.text import encode_text
from opro_cli.render.consoles import make_console
from opro_cli.render.safe import printable, printable_lines
from opro_cli.reports.formats import pluralize
from opro_cli.reports.text_diff import Fold, compare_words, fold_lines, split_lines

_SIGNS = {"same": ("  ", ""), "removed": ("- ", "red"), "added": ("+ ", "green")}


def print_text(text: str) -> None:
    """Print a text: into a pipe byte for byte, on a terminal without what would steer it."""
    if sys.stdout.isatty():
        for line in printable_lines(text):
            print(line)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(encode_text(text))
    sys.stdout.flush()


def print_change(before: str, after: str, title: str) -> None:
    """Print on stderr which lines of a text have changed."""
    from rich.text import Text

    from opro_cli.render.consoles import print_heading, print_lines

    console = make_console(sys.stderr)
    print_heading(console, printable(f"{title}:"))
    plain = (text.replace("\r\n", "\n") for text in (before, after))
    for line in fold_lines(split_lines(compare_words(*plain))):
        if isinstance(line, Fold):
            console.print(Text(f"  … {pluralize(line.lines, 'line')} the same …", style="dim"))
            continue
        sign, style = _SIGNS[line.kind]
        print_lines(console, sign, printable_lines(line.text), style, again=True)
