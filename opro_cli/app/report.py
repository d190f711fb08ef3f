"""The HTML pages: about runs, with the history in their journals, and about a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opro_cli.app.frozen_answers import PAGE_BYTES, freeze_answers
from opro_cli.app.open_prompts import list_whole_prompts
from opro_cli.errors import OproError, RunFolderError, UsageError
from opro_cli.files import write_atomically
from opro_cli.render.html.page import render_report
from opro_cli.reports.recorded import RecordedRun, build_history
from opro_cli.store.folders import Note
from opro_cli.store.journal import read_events
from opro_cli.store.run_folder import read_run

if TYPE_CHECKING:
    from opro_cli.reports.sweeps.report import SweepReport

REPORT, SWEEP_REPORT = "report.html", "sweep.html"


def report_on_runs(folders: Sequence[Path], output: Path | None) -> Path:
    """Write one page about runs and return its path.

    Args:
        folders: Of the runs.
        output: The page; None for report.html in the folder of a single run, or here.

    Raises:
        RunFolderError, JournalError: A run cannot be read, or the page cannot be written.
        UsageError: No page was named, and the file of its usual name is not one of opro's.
    """
    several = output is None and len(folders) > 1
    if several and Path(REPORT).exists() and not _is_own(Path(REPORT)):
        raise UsageError(
            f"{REPORT} is here already, and no page that opro wrote",
            "name another with --output, or this one to replace it",
        )
    page = output or (folders[0] / REPORT if len(folders) == 1 else Path(REPORT))
    write_report([read_run(folder) for folder in folders], page)
    return page


def write_report(runs: Sequence[RecordedRun], page: Path) -> None:
    """Write one page about these runs, whole or not at all.

    A run that has just ended still has the status it was read with: replace it before.

    Raises:
        JournalError: A journal cannot be read.
        RunFolderError: The page cannot be written.
    """
    histories = [build_history(run, read_events(Path(run.folder) / "events.jsonl")) for run in runs]
    answers = [freeze_answers(run, PAGE_BYTES // len(runs)) for run in runs]
    prompts = list(map(list_whole_prompts, runs))
    _write(render_report(runs, histories, answers, prompts), page)


def write_sweep_report(report: SweepReport, page: Path, note: Note) -> None:
    """Write the page about a sweep, and those about its cells.

    It links none of them, so that it can be sent alone.

    Args:
        report: On the sweep.
        page: About it.
        note: Gets which page of a cell could not be written.

    Raises:
        RunFolderError: The page about the sweep cannot be written.
    """
    from opro_cli.render.html.sweep_page import render_sweep_report  # a run has no need of it

    for cell in report.cells:
        if cell.run is None:
            continue
        own = Path(cell.run.folder) / REPORT
        try:
            write_report([cell.run], own)
        except OproError as error:
            note(f"{cell.name} has no page: {error.message}")
    _write(render_sweep_report(report), page)


def _is_own(page: Path) -> bool:
    """Return whether a page was written by opro, as its title says."""
    try:
        with page.open("rb") as file:
            return b"opro report</title>" in file.read(20_000)
    except OSError:
        return False


def _write(text: str, page: Path) -> None:
    try:
        write_atomically(page, text.encode())
    except OSError as error:
        raise RunFolderError(
            f"{page}: the report cannot be written: {error.strerror}",
            "name a file in a folder that exists and can be written to with --output",
        ) from error
