"""What `opro check` and `--dry-run` print of a run that has not begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from opro_cli.render.listings import INSTRUCTION
from opro_cli.render.safe import printable, printable_lines
from opro_cli.render.tables import print_block
from opro_cli.reports import formats
from opro_cli.reports.formats import format_count


def print_forecast(facts: Mapping[str, Any], console: Console) -> None:
    """What a run would do, with the first prompt that each model would get."""
    sizes = " · ".join(f"{split} {format_count(size)}" for split, size in facts["sizes"].items())
    grid = Table.grid(padding=(0, 2))
    for name, value in [
        ("config", f"{facts['name']}: fine"),
        ("scorer", facts["models"]["scorer"]),
        ("optimizer", facts["models"]["optimizer"]),
        *(("server", describe_server(server)) for server in facts["servers"]),
        ("answers", facts["answer"]),
        ("questions", sizes),
        (
            "calls",
            f"at most {format_count(facts['calls_at_most'])} in {format_count(facts['steps'])} steps",
        ),
        *(("note", note) for note in facts["notes"]),
    ]:
        grid.add_row(Text(name), Text(printable(value, INSTRUCTION)))
    console.print(grid)
    _print_prompt(console, "first prompt for the scorer", facts["scorer_prompt"])
    console.print(Text(f"  gold answer: {printable(facts['gold_answer'], INSTRUCTION)}"))
    _print_prompt(console, "first meta-prompt for the optimizer", facts["meta_prompt"])


def describe_server(server: Mapping[str, Any]) -> str:
    """Where the server of a model is, and whether a run can begin."""
    where = f"{server['model']} at {server['address']}"
    if not server["asked"]:
        return f"{where}: not on this machine, not asked"
    if server["problem"]:
        return f"{where}: not ready"
    if server["serves"] is None:
        return f"{where}: answers, and does not list this model"
    told = [f"{where}: ready"]
    if not server["model"].endswith(f"/{server['serves']}"):
        told.append(f"serves {server['serves']}")
    told += [f"context {format_count(server['context'])} tokens"] if server["context"] else []
    told += [f"{server['at_once']} requests at once"] if server["at_once"] else []
    return ", ".join(told)


def _print_prompt(console: Console, title: str, messages: Sequence[Mapping[str, str]]) -> None:
    console.print(Text(f"\n{title}:", style="bold"))
    for message in messages:
        if message["role"] != "user":
            print_block(console, "    ", [f"({message['role']})"])
        print_block(console, "  │ ", printable_lines(message["content"]), again=True)


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
                Text(formats.format_count(row[kind]["calls"])),
                Text(formats.format_tokens(row[kind]["prompt_tokens"])),
                Text(formats.format_tokens(row[kind]["completion_tokens"])),
                Text(formats.format_money(row[kind]["usd"])),
            )
    console.print(table)
    console.print(Text(told["assumptions"], style="dim"))
