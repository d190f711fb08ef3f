"""`report.html`: the page about runs, with what only their journals tell; that about a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opro_cli.errors import RunFolderError
from opro_cli.files import write_atomically
from opro_cli.render.html.page import render_report
from opro_cli.reports.recorded import RecordedRun, build_history
from opro_cli.store.journal import read_events

if TYPE_CHECKING:
    from opro_cli.reports.sweeps.report import SweepReport

REPORT, SWEEP_REPORT = "report.html", "sweep.html"


def write_report(runs: Sequence[RecordedRun], place: Path) -> None:
    """Write one page about these runs to `place`, whole or not at all.

    A run that has just ended still has the status it was read with: replace it before.
    Raises JournalError when a journal cannot be read, RunFolderError when the page not be written.
    """
    histories = [build_history(run, read_events(Path(run.folder) / "events.jsonl")) for run in runs]
    _write(render_report(runs, histories), place)


def write_sweep_report(report: SweepReport, place: Path) -> None:
    """Write the page about a sweep. Raises RunFolderError when it cannot be written."""
    from opro_cli.render.html.sweep_page import render_sweep_report  # a run has no need of it

    _write(render_sweep_report(report), place)


def _write(page: str, place: Path) -> None:
    try:
        write_atomically(place, page.encode())
    except OSError as error:
        raise RunFolderError(
            f"{place}: the report cannot be written: {error.strerror}",
            "name a file in a folder that exists and can be written to with --output",
        ) from error
