"""What `opro cache info` shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from opro_cli.reports.formats import count, megabytes
from opro_cli.ui.safe import printable


def print_cache(facts: Mapping[str, Any], console: Console) -> None:
    """How many answers there are, how large they may grow, and whose they are."""
    size = f"{megabytes(facts['bytes'])} of at most {megabytes(facts['limit_bytes'])}"
    rows = [("kept in", facts["path"]), ("answers", count(facts["answers"])), ("size", size)]
    if facts["answers"]:
        rows += [
            (end, f"{facts[end]:.16}".replace("T", " ") + " UTC") for end in ("oldest", "newest")
        ]
    rows += [(count(many), name) for name, many in facts["by_model"].items()]
    grid = Table.grid(padding=(0, 2))
    for name, value in rows:
        grid.add_row(Text(name), Text(printable(value), overflow="fold"))
    console.print(grid)
