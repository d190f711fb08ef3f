"""One line of the table of figures, and how it is printed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """One figure. target: in words, "" for none. ok: whether it is met."""

    label: str
    value: float
    unit: str
    target: str = ""
    ok: bool = True


def at_most(label: str, value: float, unit: str, most: float) -> Row:
    """A figure with a ceiling."""
    return Row(label, value, unit, f"≤ {most:g}", value <= most)


def at_least(label: str, value: float, unit: str, least: float) -> Row:
    """A figure with a floor."""
    return Row(label, value, unit, f"≥ {least:g}", value >= least)


def printed(rows: Iterable[Row]) -> int:
    """Print each line as soon as it is measured; how many targets were missed."""
    missed = 0
    for row in rows:
        told = f"{row.target:<12}{'met' if row.ok else 'MISSED'}" if row.target else ""
        print(f"{row.label:<50}{row.value:>10,.2f} {row.unit:<6}{told}".rstrip(), flush=True)
        missed += not row.ok
    return missed
