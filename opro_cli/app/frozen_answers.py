"""The answers inside a report: those under start prompt and winner, as many as a page can carry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from opro_cli.app.view import RunsViewer
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.selection import find_baseline, find_winner
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.errors import OproError
from opro_cli.reports.formats import pluralize
from opro_cli.reports.recorded import RecordedRun

PAGE_BYTES = 1_500_000
"""Of answers in a page, which is to be sent on: the more runs, the less of each."""
_MOST_TEXT = 20_000
"""Characters of a single text."""
MOST_ANSWERS = 1_500
"""Reading them takes a few seconds at the end of a run."""
_KNOWN = frozenset({"run", "prompt", "split", "question", "rounds", "read_each"})
_ENOUGH = 3
"""Answers in a row that find no room before no further one is tried."""


class _Wanted(NamedTuple):
    """An answer that a page is to hold."""

    split: Split
    question: int
    candidate: str


def freeze_answers(run: RecordedRun, room: int = PAGE_BYTES) -> dict[str, Any]:
    """Return the answers of a run for the view of answers, and what was left out.

    Flipped test questions come first, then what the winner got wrong, then the others; and test
    before dev and train.

    Args:
        run: At rest; its folder holds the replies.
        room: Bytes that they may take.

    Returns:
        `grid`, `questions` and `answers` by split, and a `note`; {} without any answer.
    """
    start, best = find_baseline(run.state), find_winner(run.state)
    pair = [start] if start else []
    pair += [best] if best and best is not start else []
    wanted = list(_list_wanted(pair))
    if not wanted or (run.settings.get("task") or {}).get("problem"):
        return {}
    viewer, name = RunsViewer(Path(run.folder).parent), Path(run.folder).name
    try:
        frozen: dict[str, Any] = {
            split: _freeze_grid(viewer, name, split, pair)
            for split in SPLITS
            if run.state.sizes[split]
        }
    except OproError:  # the page does without what cannot be read again
        return {}
    taken = 0
    with suppress(OproError):
        taken = _fill(frozen, wanted, viewer.read_answers(name, wanted[:MOST_ANSWERS]), room)
    return {**frozen, "note": _describe_rest(len(wanted), taken)}


def _fill(
    frozen: dict[str, Any],
    wanted: Sequence[_Wanted],
    answers: Iterator[Mapping[str, Any]],
    room: int,
) -> int:
    """Add answers with their questions while there is room; return how many found some."""
    left = room - len(json.dumps(frozen))
    taken = missed = 0
    for each, given in zip(wanted, answers, strict=False):
        if missed >= _ENOUGH:
            break
        part, answer = frozen[each.split], _shorten(given)
        question = {"input": answer.pop("input"), "target": answer.pop("target")}
        size = len(json.dumps(answer)) + len(json.dumps(question))
        if size > left:
            missed += 1
            continue
        missed = 0
        left -= size
        taken += 1
        part["questions"][str(each.question)] = question
        part["answers"].setdefault(each.candidate, {})[str(each.question)] = answer
    return taken


def _list_wanted(pair: Sequence[Candidate]) -> Iterator[_Wanted]:
    """Yield the answers under start prompt and winner, those first that are looked at first."""
    for split in reversed(SPLITS):
        by_prompt = [candidate.answers[split].by_question for candidate in pair]
        ranked = []
        for question in sorted(set().union(*by_prompt)):
            scores = [own[question].score for own in by_prompt if question in own]
            flipped, failed = len(set(scores)) > 1, scores[-1] != 1.0
            ranked.append((0 if flipped else 1 if failed else 2, question))
        for _, question in sorted(ranked):
            for candidate, own in zip(pair, by_prompt, strict=True):
                if question in own:
                    yield _Wanted(split, question, candidate.id)


def _freeze_grid(
    viewer: RunsViewer, name: str, split: Split, pair: Sequence[Candidate]
) -> dict[str, Any]:
    grid = viewer.build_grid(name, split)
    ids = {candidate.id for candidate in pair}
    marks = {id: text for id, text in grid["prompts"].items() if id in ids}
    return {"grid": {"size": grid["size"], "prompts": marks}, "questions": {}, "answers": {}}


def _shorten(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer without what the page knows already, its texts cut where they are long."""
    answer = {key: value for key, value in given.items() if key not in _KNOWN}
    stretch = answer["read_from"]
    if stretch and stretch[1] > _MOST_TEXT:
        answer["read_from"] = None
    return {key: _cut(value) for key, value in answer.items()}


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _MOST_TEXT:
        return f"{value[:_MOST_TEXT]}… and {len(value) - _MOST_TEXT:,} more characters"
    if isinstance(value, list):
        return [_cut(each) for each in value]
    if isinstance(value, dict):
        return {key: _cut(each) for key, each in value.items()}
    return value


def _describe_rest(wanted: int, taken: int) -> str:
    """Return what a page holds, in a sentence."""
    if taken == wanted:
        return f"This page holds all {pluralize(taken, 'answer')} under start prompt and winner."
    return (
        f"This page holds {taken:,} of {pluralize(wanted, 'answer')} under start prompt and "
        "winner, the flipped and the wrong ones first; `opro view` shows all."
    )
