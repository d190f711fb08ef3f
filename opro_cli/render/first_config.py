"""Show what `opro init --data` chose, and the first rows as the model will see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opro_cli.render.consoles import print_heading, print_lines, print_table
from opro_cli.render.safe import printable, printable_lines
from opro_cli.render.tables import Column, Table

if TYPE_CHECKING:
    from rich.console import Console

_MOST_CELLS = 400
_FREE_TEXT = (
    "no kind of answer grades free text exactly: the function written beside the config scores "
    "shared words, a rough stand-in to be edited"
)


def print_first_config(chosen: Mapping[str, Any], console: Console) -> None:
    """Print each choice with its reason, the prompt, and the first questions."""
    rows = [
        (each["key"], printable(each["value"], _MOST_CELLS), printable(each["reason"], _MOST_CELLS))
        for each in chosen["choices"]
    ]
    notes = [*chosen["notes"], *([] if chosen["graded_exactly"] else [_FREE_TEXT])]
    rows += [("note", printable(note, _MOST_CELLS), "") for note in notes]
    print_table(console, Table((Column(wrap=False), Column(), Column()), tuple(rows)), gap=2)
    print_heading(console, "as the model will see them:")
    print_lines(console, "    ", ["(system)"])
    print_lines(console, "  │ ", printable_lines(chosen["start_prompt"]), again=True)
    for each in chosen["questions"]:
        print_lines(console, "    ", [f"({printable(each['source'])})"])
        print_lines(console, "  │ ", printable_lines(each["input"]), again=True)
        gold = printable(each["target"], _MOST_CELLS)
        print_lines(console, "", [f"  gold answer: {gold}"])
