"""The best instruction of each task under each scorer, chosen without a look at test scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opro_cli.core.answers import Score
from opro_cli.core.candidates import Candidate
from opro_cli.core.model import Split
from opro_cli.core.selection import deciding_split
from opro_cli.reports.head_to_head import Comparison, compare
from opro_cli.reports.sweeps.measured import Measured

RULE = (
    "A task's winner is the run whose chosen instruction scored highest on what the runs "
    "themselves chose by: dev questions, or train questions where there is no dev split "
    "(then behind all that have one). Ties go to the earlier cell. Test scores have no say, so "
    "they tell honestly what the winner is worth."
)


@dataclass(frozen=True, slots=True)
class Winner:
    """The best finished run of a task under one scorer.

    chosen_by, chosen_score: the split that decided and the score on it. of: finished runs that it
    was chosen among. test: its score there, start: that of the start prompt; gain: one against the
    other, None for the start prompt itself and where nothing is shared. is_first: no other scorer
    has a better one on this task.
    """

    cell: Measured
    scorer: str
    chosen_by: Split
    chosen_score: Score
    of: int
    start: Score | None
    test: Score | None
    gain: Comparison | None
    is_first: bool

    @property
    def task(self) -> str:
        return self.cell.place.task

    @property
    def instruction(self) -> str:
        if self.cell.best is None:
            raise AssertionError("a winner that chose nothing")
        return self.cell.best.instruction


def winners(cells: Sequence[Measured]) -> tuple[Winner, ...]:
    """One for each task and scorer that has a finished run, in the order of the cells."""
    finished = [c for c in cells if c.status == "finished" and _chosen(c) is not None]
    tasks = dict.fromkeys(c.place.task for c in finished)
    found: list[Winner] = []
    for task in tasks:
        own = [c for c in finished if c.place.task == task]
        first = max(own, key=_rank)  # the earliest of equal ones
        for scorer in dict.fromkeys(c.scorer for c in own):
            rivals = [c for c in own if c.scorer == scorer]
            best = max(rivals, key=_rank)
            found.append(_winner(best, len(rivals), is_first=best is first))
    return tuple(found)


def _chosen(cell: Measured) -> tuple[Split, Score] | None:
    """What its run chose its best by."""
    if cell.run is None or cell.best is None:
        return None
    split = deciding_split(cell.run.state)
    score = cell.best.score(split)
    return None if score is None else (split, score)


def _rank(cell: Measured) -> tuple[bool, float]:
    chosen = _chosen(cell)
    if chosen is None:
        raise AssertionError("only finished runs are ranked")
    split, score = chosen
    return split == "dev", score.mean


def _winner(cell: Measured, of: int, *, is_first: bool) -> Winner:
    chosen, start, best = _chosen(cell), cell.start, cell.best
    if chosen is None or best is None:
        raise AssertionError("only finished runs are ranked")
    return Winner(
        cell=cell,
        scorer=str(cell.scorer),
        chosen_by=chosen[0],
        chosen_score=chosen[1],
        of=of,
        start=start.score("test") if start else None,
        test=best.score("test"),
        gain=None if start is None or cell.kept_start else _gain(cell, start, best),
        is_first=is_first,
    )


def _gain(cell: Measured, start: Candidate, best: Candidate) -> Comparison | None:
    side_by_side = cell.run is None or cell.run.state.interleaves
    return compare(start, best, side_by_side=side_by_side)
