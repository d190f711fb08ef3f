"""Show the replies behind the scores of one prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from opro_cli.app.diff import find_prompt
from opro_cli.core.task.example import Split
from opro_cli.errors import UsageError
from opro_cli.reports.answers import ShownAnswers, list_answers
from opro_cli.reports.comparison import BEST, select_prompt
from opro_cli.store.folders import Note
from opro_cli.store.journal import read_events
from opro_cli.store.run_folder import read_run

Only = Literal["wrong", "unreadable"]


def read_answers(
    runs_dir: Path,
    name: str,
    *,
    only: Only | None = None,
    split: Split | None = None,
    note: Note | None = None,
) -> ShownAnswers:
    """Return the answers under the prompt that RUN or RUN@PLACE names.

    Args:
        runs_dir: Where runs are kept.
        name: RUN for its best prompt, RUN@start, RUN@STEP or RUN@STEP.NUMBER.
        only: Those that were read and are not right, or those that could not be read.
        split: Those to questions of this split; None for all.
        note: Gets which run a name means where several have it.

    Raises:
        UsageError: The run has no such prompt, or none with a score yet.
    """
    folder, selector = find_prompt(runs_dir, name, note)
    chosen = select_prompt(read_run(folder), selector)
    if chosen.candidate is None:
        raise UsageError(
            f"no prompt of {folder.name} has all its train answers yet",
            f"name one: opro show {folder.name}@0.1 --answers",
        )
    events = read_events(folder / "events.jsonl")
    answers = list_answers(chosen.run, chosen.candidate, events)
    answers = [answer for answer in answers if split in (None, answer.split)]
    wanted = {"wrong": ("wrong", "partly right"), "unreadable": ("unreadable",)}
    shown = [each for each in answers if only is None or each.judgement in wanted[only]]
    return ShownAnswers(
        prompt=f"{folder.name}@{BEST}" if selector == BEST else chosen.name,
        run=folder.name,
        instruction=chosen.candidate.instruction,
        step=chosen.candidate.step,
        answered=len(answers),
        answers=shown,
    )
