"""Asking what the winners of a sweep are worth elsewhere, and reading what was asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from opro_cli import evaluating, wiring
from opro_cli.adapters.run_folder import read_run
from opro_cli.adapters.sweep_folder import read_sweep
from opro_cli.adapters.swept_runs import read_cells
from opro_cli.errors import OproError, UsageError
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.sweeps.report import SweepReport, report_on
from opro_cli.reports.sweeps.transfer import Target, prompts_of, transfer


def read_report(folder: Path, runs_dir: Path) -> SweepReport:
    """All that is known of a sweep, with the evaluations of its winners that there are."""
    sweep = read_sweep(folder)
    report = report_on(sweep.name, read_cells(sweep))
    evaluated: dict[tuple[str, str], RecordedRun] = {}
    for target in report.targets:
        for cell in evaluations([target], report, runs_dir):
            if (cell.folder / "run.json").is_file():
                try:
                    evaluated[target.key] = read_run(cell.folder)
                except OproError:  # told by `opro eval`, which has to read it
                    continue
    return replace(report, transfer=transfer(report.winners, report.targets, evaluated))


def prompts_to_ask(report: SweepReport) -> tuple[str, ...]:
    """The start prompts and the winners. UsageError where there is nothing to ask."""
    prompts = prompts_of(report.winners, report.targets)
    if not report.winners or not prompts:
        raise UsageError(
            f"{report.name}: no finished run with test questions, so no winner to ask about",
            "`opro sweep` goes on with it",
        )
    return prompts


def evaluations(
    targets: Sequence[Target],
    report: SweepReport,
    runs_dir: Path,
    budget: Sequence[str] = (),
    *,
    fresh: bool = False,
) -> Iterator[evaluating.Cell]:
    """What is to be asked: the test questions of each target of its model, under all prompts.

    fresh: as in `evaluating.cells`.
    """
    prompts = prompts_of(report.winners, report.targets)
    for target in targets:
        dataset = _dataset(target)
        if dataset is not None and prompts:
            yield from evaluating.cells(prompts, [dataset], [], runs_dir, budget, fresh=fresh)


def _dataset(target: Target) -> evaluating.Dataset | None:
    """The test questions of a task, to be asked as the sweep asked this model."""
    task = wiring.settings_of(target.data.settings)
    asked = wiring.settings_of(target.scorer.settings)
    if task is None or asked is None:
        return None
    settings = replace(task, scorer=asked.scorer)
    name = f"{target.task}/test"
    return evaluating.Dataset(name, settings, tuple(target.data.examples["test"]))
