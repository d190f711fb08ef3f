"""Pages of the manual on a terminal, in the reader's pager."""

from __future__ import annotations

import os
import re
import shutil
import sys

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, TableElement
from rich.table import Table

from opro_cli.render.consoles import make_console

_WIDEST = 100
"""Terminal cells of a line."""
_COMMENT = re.compile(r"<!--.*?-->\n*", re.DOTALL)
_PAGE = re.compile(r"\[([^\]]+)\]\(([\w-]+)\.md(?:#[\w-]*)?\)")
_FILE = re.compile(r"\[([^\]]+)\]\((?![a-z]+://)[^)]+\)")


class _WholeTable(TableElement):
    """A table that breaks long words instead of cutting them."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for table in super().__rich_console__(console, options):
            if isinstance(table, Table):
                for column in table.columns:
                    column.overflow = "fold"
            yield table


class _Page(Markdown):
    elements = {**Markdown.elements, "table_open": _WholeTable}  # noqa: RUF012 - as rich has it


def show_page(text: str) -> None:
    """Render Markdown through $PAGER, or `less` where there is one.

    A link to another page becomes the command that shows that page. A link to a file of the
    repository becomes its text, because an installation lacks the file.
    """
    console = make_console(sys.stdout)
    console.width = min(console.width, _WIDEST)
    # Keep colours, and skip the pager where the text fits on the screen, as git does.
    if "LESS" not in os.environ:
        os.environ["LESS"] = "FRX"
        if not (os.environ.get("PAGER") or os.environ.get("MANPAGER")) and shutil.which("less"):
            os.environ["PAGER"] = "less -FRX"  # since Python 3.13 pydoc has a LESS of its own
    text = _PAGE.sub(r"\1 (`opro docs \2`)", _COMMENT.sub("", text))
    text = _FILE.sub(r"\1", text)
    with console.pager(styles=True):
        console.print(_Page(text, code_theme="bw", hyperlinks=False))
