"""The runs of a sweep, as its reports want them."""

from __future__ import annotations

from opro_cli.adapters.run_folder import read_run
from opro_cli.adapters.sweep_folder import RecordedSweep
from opro_cli.errors import OproError
from opro_cli.reports.sweeps.tasks import SweptCell


def read_cells(sweep: RecordedSweep) -> tuple[SweptCell, ...]:
    """All cells with their runs; one that cannot be read must not hide the others."""
    found = []
    for cell in sweep.cells:
        folder = sweep.folder / cell.name
        if not (folder / "run.json").is_file():
            found.append(SweptCell(cell, None))
            continue
        try:
            found.append(SweptCell(cell, read_run(folder)))
        except OproError as error:
            found.append(SweptCell(cell, None, error.message))
    return tuple(found)
