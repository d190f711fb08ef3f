"""The prompts that a comparison names, and what the scorer said under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import cache
from pathlib import Path

from opro_cli.adapters.find_runs import find_prompt
from opro_cli.adapters.journal import read_events
from opro_cli.adapters.run_folder import read_run
from opro_cli.core.events import Answered, Reasoned
from opro_cli.core.model import Split
from opro_cli.reports.chosen import Chosen, choose
from opro_cli.reports.comparison import Comparison
from opro_cli.reports.paired import Replies


def choose_prompts(runs_dir: Path, names: Sequence[str]) -> list[Chosen]:
    """The prompts of these names (RUN or RUN@PLACE); each run is read once."""
    read_once = cache(read_run)
    wanted = [find_prompt(runs_dir, name) for name in names]
    return [choose(read_once(each.folder), each.place) for each in wanted]


def replies_to_flips(chosen: Sequence[Chosen], compared: Comparison) -> list[Replies]:
    """For each prompt the whole replies to the questions that flipped.

    They are in the journals alone, which are read again for this and only for this.
    """
    return [
        read_replies(Path(each.run.folder), each.candidate.id, asked) if each.candidate else {}
        for each, asked in zip(chosen, compared.flipped(), strict=True)
    ]


def read_replies(
    folder: Path, candidate: str, asked: Mapping[Split, Set[int]]
) -> dict[tuple[Split, int], tuple[str, ...]]:
    """Replies to these questions under one candidate (its id), a text for each round."""
    replies: dict[tuple[Split, int], tuple[str, ...]] = {}
    for event in read_events(folder / "events.jsonl"):
        if not isinstance(event, Reasoned | Answered) or event.candidate != candidate:
            continue
        if event.question not in asked[event.split]:
            continue
        place = (event.split, event.question)
        earlier = replies.get(place, ())
        # A reply that was kept ungraded comes again with its grade.
        if earlier[-1:] != (event.text,):
            replies[place] = (*earlier, event.text)
    return replies
