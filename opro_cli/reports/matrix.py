"""Prompts × datasets × models: scores with intervals, and who is told apart from the first.

Only prompts that were asked at the same time are told apart: a server changes from day to day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opro_cli.core.run.answers import CACHED, Score
from opro_cli.core.run.candidates import Candidate, candidate_id
from opro_cli.core.stats.intervals import holm
from opro_cli.core.stats.paired import ALPHA
from opro_cli.reports.formats import format_moment
from opro_cli.reports.paired import PairedComparison, compare_candidates
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import serialize_score

SCORE_KEYS = ("mean", "n", "correct", "unreadable", "refused", "interval")
"""Of `serialize_score`: every row of the matrix has them, also one of which all was refused."""


@dataclass(frozen=True, slots=True)
class MatrixEntry:
    """One prompt in one column.

    against_first: the paired comparison with the first prompt, None for itself and where nothing
    is shared. adjusted: its p-value after Holm's correction over the prompts of the column.
    asked: when its last answers were asked for, seconds since the epoch; None where nobody knows.
    """

    score: Score | None
    against_first: PairedComparison | None
    adjusted: float | None
    asked: float | None = None

    @property
    def mark(self) -> str:
        """ "better", "worse" or "" for not told apart from the first prompt."""
        if self.against_first is None or self.adjusted is None or self.adjusted >= ALPHA:
            return ""
        return "better" if self.against_first.difference > 0 else "worse"

    @property
    def verdict(self) -> str | None:
        """As `verdict` of a result; None for the first prompt, and where nothing is shared."""
        if self.against_first is None:
            return None
        return {"better": "improved", "worse": "worse"}.get(self.mark, "not_distinguishable")


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """One dataset under one model. questions: how many. entries: one a prompt, in their order."""

    dataset: str
    model: str
    run: str
    questions: int
    entries: tuple[MatrixEntry, ...]


def build_column(dataset: str, run: RecordedRun, prompts: Sequence[str]) -> MatrixColumn:
    """The scores of all prompts in one evaluation."""
    asked = [run.state.candidates[candidate_id(prompt)] for prompt in prompts]
    beside = run.state.interleaves
    meetings = [compare_candidates(asked[0], each, side_by_side=beside) for each in asked[1:]]
    adjusted = holm([max(each.p_value, each.guarded_p) if each else 1.0 for each in meetings])
    entries = [MatrixEntry(asked[0].score("test"), None, None, _find_time_asked(run, asked[0]))]
    for candidate, meeting, p_value in zip(asked[1:], meetings, adjusted, strict=True):
        known = p_value if meeting else None
        when = _find_time_asked(run, candidate)
        entries.append(MatrixEntry(candidate.score("test"), meeting, known, when))
    model = run.settings["scorer"]["model"]
    return MatrixColumn(dataset, model, run.name, run.state.sizes["test"], tuple(entries))


def _find_time_asked(run: RecordedRun, candidate: Candidate) -> float | None:
    """The start of the last session that asked it."""
    outcomes = candidate.answers["test"].by_question.values()
    last = max((outcome.session for outcome in outcomes), default=CACHED)
    sessions = run.state.sessions
    return sessions[last - 1].at if 0 < last <= len(sessions) else None


def list_rows(prompts: Sequence[str], columns: Sequence[MatrixColumn]) -> list[dict[str, Any]]:
    """The matrix as plain data, a row for each prompt in each column."""
    return [
        {
            "prompt": prompt,
            "dataset": each.dataset,
            "model": each.model,
            "run": each.run,
            **(serialize_score(entry.score) or dict.fromkeys(SCORE_KEYS)),
            "difference": entry.against_first.difference if entry.against_first else None,
            "p_value": entry.against_first.p_value if entry.against_first else None,
            "p_guarded": entry.against_first.guarded_p if entry.against_first else None,
            "p_adjusted": entry.adjusted,
            "mark": entry.mark,
            "asked": None if entry.asked is None else format_moment(entry.asked),
            "asked_with_first": entry.against_first.together if entry.against_first else None,
        }
        for each in columns
        for prompt, entry in zip(prompts, each.entries, strict=True)
    ]
