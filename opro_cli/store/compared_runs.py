"""The prompts that a comparison names, and what the scorer said under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import cache
from pathlib import Path
from typing import NamedTuple

from opro_cli.core.run.events import Answered, FirstReply
from opro_cli.core.task.example import Split
from opro_cli.errors import UsageError
from opro_cli.reports.comparison import PromptComparison
from opro_cli.reports.diff import (
    BEST,
    PromptSelector,
    SelectedPrompt,
    parse_selector,
    select_prompt,
)
from opro_cli.reports.paired import Replies
from opro_cli.store.find import Note, find_matching_runs, find_run
from opro_cli.store.journal import read_events
from opro_cli.store.run_folder import read_run


class PromptLocation(NamedTuple):
    """A prompt that was named: a place in a run."""

    folder: Path
    place: PromptSelector


def find_prompt(runs_dir: Path, wanted: str, note: Note | None = None) -> PromptLocation:
    """What RUN, or RUN@PLACE, names.

    An @ may be part of a run's name, so the whole text is tried as one first.
    """
    run, at, behind = wanted.rpartition("@")
    if not at or find_matching_runs(runs_dir, wanted):
        return PromptLocation(find_run(runs_dir, wanted, note), BEST)
    place = parse_selector(behind)
    if place is None and find_matching_runs(runs_dir, run):
        raise UsageError(
            f'"@{behind}" names no prompt of {run}',
            "what there is: @best, @start, @3 (the best of step 3), @3.2 (its second candidate)",
        )
    return PromptLocation(find_run(runs_dir, run if place else wanted, note), place or BEST)


def select_prompts(
    runs_dir: Path, names: Sequence[str], note: Note | None = None
) -> list[SelectedPrompt]:
    """The prompts of these names (RUN or RUN@PLACE); each run is read once.

    note: as in `find_run`.
    """
    read_once = cache(read_run)
    wanted = [find_prompt(runs_dir, name, note) for name in names]
    return [select_prompt(read_once(each.folder), each.place) for each in wanted]


def read_flipped_replies(
    chosen: Sequence[SelectedPrompt], compared: PromptComparison
) -> list[Replies]:
    """For each prompt the whole replies to the questions that flipped.

    They are in the journals alone, which are read again for this and only for this.
    """
    return [
        read_replies(Path(each.run.folder), each.candidate.id, asked) if each.candidate else {}
        for each, asked in zip(chosen, compared.list_flipped(), strict=True)
    ]


def read_replies(
    folder: Path, candidate: str, asked: Mapping[Split, Set[int]]
) -> dict[tuple[Split, int], tuple[str, ...]]:
    """Replies to these questions under one candidate (its id), a text for each round."""
    replies: dict[tuple[Split, int], tuple[str, ...]] = {}
    for event in read_events(folder / "events.jsonl"):
        if not isinstance(event, FirstReply | Answered) or event.candidate != candidate:
            continue
        if event.question not in asked[event.split]:
            continue
        place = (event.split, event.question)
        earlier = replies.get(place, ())
        # A reply that was kept ungraded comes again with its grade.
        if earlier[-1:] != (event.text,):
            replies[place] = (*earlier, event.text)
    return replies
