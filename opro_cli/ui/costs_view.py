"""What a run will cost, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from opro_cli.reports import formats
from opro_cli.ui.safe import printable


def print_costs(told: Mapping[str, Any], console: Console) -> None:
    """Print what `reports.costs` says."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(Text(printable(told["name"])), overflow="fold")
    for name in ("", "calls", "tokens in", "tokens out", "cost"):
        table.add_column(Text(name), justify="right" if name else "left", no_wrap=True)
    rows = {f"{role} {printable(row['model'])}": row for role, row in told["roles"].items()}
    for who, row in {**rows, "both": told["total"]}.items():
        for name, kind in ((who, "expected"), ("", "at_most")):
            table.add_row(
                Text(name),
                Text(kind.replace("_", " ")),
                Text(formats.count(row[kind]["calls"])),
                Text(formats.tokens(row[kind]["prompt_tokens"])),
                Text(formats.tokens(row[kind]["completion_tokens"])),
                Text(formats.money(row[kind]["usd"])),
            )
    console.print(table)
    console.print(Text(told["assumptions"], style="dim"))
