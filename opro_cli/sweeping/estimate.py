"""What the open cells of a sweep would cost, summed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opro_cli import wiring
from opro_cli.adapters.sweep_file import SweepCell
from opro_cli.core.model import Example, Split
from opro_cli.core.settings import TaskSettings
from opro_cli.core.sweep_table import Table
from opro_cli.reports.costs import ASSUMPTIONS, KINDS, costs, summed


def estimate(cells: Sequence[SweepCell], table: Table) -> dict[str, Any]:
    """By cell and in all, expected and at most: calls, tokens and dollars as `costs` tells them.

    A finished cell costs nothing; one that was begun is told as a whole, since most of it may be
    left. Asks no model.
    """
    data: dict[TaskSettings, Mapping[Split, Sequence[Example]]] = {}
    rows: list[dict[str, Any]] = []
    for cell in cells:
        status = table.rows[cell.name].status
        if status == "finished":
            rows.append({"cell": cell.name, "status": status, "total": None})
            continue
        settings = cell.settings
        if settings.task not in data:  # read once for all cells of a task
            data[settings.task] = wiring.data_for(settings).examples
        told = costs(
            settings,
            data[settings.task],
            wiring.strategy_for(settings),
            wiring.list_prices(settings),
        )
        rows.append({"cell": cell.name, "status": status, "total": told["total"]})
    open_rows = [row["total"] for row in rows if row["total"] is not None]
    return {
        "name": table.name,
        "cells": rows,
        "total": {kind: summed([row[kind] for row in open_rows]) for kind in KINDS},
        "assumptions": ASSUMPTIONS,
    }
