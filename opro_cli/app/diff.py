"""Compare prompts of runs, named RUN or RUN@PLACE, and read and compare sweeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from functools import cache
from pathlib import Path

from opro_cli.app.named_prompts import build_unscored_error, find_prompt
from opro_cli.core.run.events import Answered, FirstReply
from opro_cli.core.task.example import Split
from opro_cli.errors import OproError
from opro_cli.reports.comparison import PromptComparison, compare_prompts
from opro_cli.reports.paired import Replies
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.selected import SelectedPrompt, select_prompt
from opro_cli.reports.sweeps.data import serialize_sweep, serialize_sweep_diff
from opro_cli.reports.sweeps.measured import SweptCell
from opro_cli.reports.sweeps.report import SweepReport, build_sweep_report, diff_sweeps
from opro_cli.reports.sweeps.winners import build_transfer
from opro_cli.store.folders import Note
from opro_cli.store.journal import read_events
from opro_cli.store.run_folder import read_run
from opro_cli.store.sweep_folder import RecordedSweep, read_sweep

__all__ = ["compare", "diff_sweeps", "serialize_sweep", "serialize_sweep_diff"]


def compare(
    runs_dir: Path, names: Sequence[str], *, replies: bool = False, note: Note | None = None
) -> PromptComparison:
    """Compare the prompts of these names with the first.

    Args:
        runs_dir: Where runs are kept.
        names: Each RUN, RUN@start, RUN@STEP or RUN@STEP.NUMBER.
        replies: Read the scorer's replies to the questions that flipped, too.
        note: Gets which run a name means where several have it.

    Raises:
        UsageError: A run has no such prompt, or fewer than two of them have a score.
    """
    chosen = select_prompts(runs_dir, names, note)
    unscored = [each for each in chosen if each.candidate is None]
    if len(chosen) - len(unscored) < 2:
        raise build_unscored_error(unscored[0].run)
    compared = compare_prompts(chosen)
    return compared.with_replies(_read_flipped_replies(chosen, compared)) if replies else compared


def select_prompts(
    runs_dir: Path, names: Sequence[str], note: Note | None = None
) -> list[SelectedPrompt]:
    """Return the prompts of these names (RUN or RUN@PLACE); each run is read once.

    `note` is as in `find_run`.
    """
    read_once = cache(read_run)
    named = [find_prompt(runs_dir, name, note) for name in names]
    return [select_prompt(read_once(folder), selector) for folder, selector in named]


def _read_flipped_replies(
    chosen: Sequence[SelectedPrompt], compared: PromptComparison
) -> list[Replies]:
    """Read for each prompt the replies to the questions that flipped.

    Only the journals have them, so that each is read again.
    """
    return [
        read_replies(Path(c.run.folder), c.candidate.id, questions) if c.candidate else {}
        for c, questions in zip(chosen, compared.list_flipped(), strict=True)
    ]


def read_replies(
    folder: Path, candidate: str, questions: Mapping[Split, Set[int]]
) -> dict[tuple[Split, int], tuple[str, ...]]:
    """Read the replies to these questions under one candidate (its id), a text for each round."""
    replies: dict[tuple[Split, int], tuple[str, ...]] = {}
    ungraded: set[tuple[Split, int]] = set()
    for event in read_events(folder / "events.jsonl"):
        if not isinstance(event, FirstReply | Answered) or event.candidate != candidate:
            continue
        if event.question in questions[event.split]:
            key = (event.split, event.question)
            earlier = replies.get(key, ())
            # A reply journaled ungraded comes again with its grade.
            is_graded = isinstance(event, Answered) and key in ungraded
            if not (is_graded and earlier[-1:] == (event.text,)):
                replies[key] = (*earlier, event.text)
            if isinstance(event, FirstReply):
                ungraded.add(key)
    return replies


def read_cells(sweep: RecordedSweep) -> tuple[SweptCell, ...]:
    """Return all cells with their runs; one that cannot be read does not hide the others."""
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


def read_report(folder: Path, runs_dir: Path) -> SweepReport:
    """Read all that is known of a sweep, with the evaluations of its winners that there are."""
    from opro_cli.app.evaluate import list_evaluations  # what asks models: not for a diff of runs

    sweep = read_sweep(folder)
    report = build_sweep_report(sweep.name, read_cells(sweep))
    evaluated: dict[tuple[str, str], RecordedRun] = {}
    for target in report.targets:
        for cell in list_evaluations([target], report, runs_dir):
            if (cell.folder / "run.json").is_file():
                try:
                    evaluated[target.key] = read_run(cell.folder)
                except OproError:  # `opro eval`, which has to read it, reports it
                    continue
    return replace(report, transfer=build_transfer(report.winners, report.targets, evaluated))
