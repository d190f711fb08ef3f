"""Prompts of runs by their names: RUN, RUN@start, RUN@3, RUN@3.2."""

from __future__ import annotations

from pathlib import Path

from opro_cli.errors import UsageError
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.selected import BEST, PromptSelector, parse_selector
from opro_cli.reports.verdict import is_evaluation
from opro_cli.store.folders import Note, find_matching_runs, find_run


def build_unscored_error(run: RecordedRun) -> UsageError:
    """Return the refusal of a run whose best prompt is not known, and of one that has none."""
    name, named = run.name, run.argument
    if is_evaluation(run.state):
        return UsageError(
            f"{name} is an evaluation of given prompts: none is its start prompt, none its best",
            f"name one by number, such as {named}@0.1; `opro show {named}` lists them",
        )
    return UsageError(
        f"no prompt of {name} has all its train answers yet",
        f"`opro resume {named}` goes on; {named}@0.1 is its first start prompt",
    )


def find_prompt(runs_dir: Path, name: str, note: Note | None = None) -> tuple[Path, PromptSelector]:
    """Return the run folder and the prompt that RUN or RUN@PLACE names.

    An @ may be part of a run's name, so the whole name is tried first; `note` as in `find_run`.
    """
    run, at, suffix = name.rpartition("@")
    if not at or find_matching_runs(runs_dir, name):
        return find_run(runs_dir, name, note), BEST
    selector = parse_selector(suffix)
    if selector is None and find_matching_runs(runs_dir, run):
        raise UsageError(
            f'"@{suffix}" names no prompt of {run}',
            "what there is: @best, @start, @3 (the best of step 3), @3.2 (its second candidate)",
        )
    return find_run(runs_dir, run if selector else name, note), selector or BEST
