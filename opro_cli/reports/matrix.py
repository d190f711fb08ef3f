"""Prompts × datasets × models: scores with intervals, each prompt compared with the first.

Only prompts that were asked at the same time are compared: a server changes from day to day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opro_cli.core.run.candidates import CACHED, Candidate, Score, make_candidate_id
from opro_cli.core.scale import Scale
from opro_cli.core.stats.intervals import holm
from opro_cli.core.stats.paired import ALPHA
from opro_cli.reports.formats import format_moment
from opro_cli.reports.paired import PairedComparison, compare_candidates
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import serialize_score

SCORE_KEYS = ("mean", "n", "correct", "unreadable", "refused", "interval")
"""Keys of `serialize_score` in every row, also where the scorer refused every question."""


@dataclass(frozen=True, slots=True)
class MatrixEntry:
    """One prompt in one column.

    Attributes:
        against_first: None for the first prompt itself, and where no question is shared.
        adjusted: The p-value after Holm's correction over the prompts of the column.
        asked: The time of the last session that asked it, in seconds since the epoch.
    """

    score: Score | None
    against_first: PairedComparison | None
    adjusted: float | None
    asked: float | None = None

    @property
    def mark(self) -> str:
        """Better or worse than the first prompt; "" for not distinguishable."""
        if self.against_first is None or self.adjusted is None or self.adjusted >= ALPHA:
            return ""
        return "better" if self.against_first.difference > 0 else "worse"

    @property
    def verdict(self) -> str | None:
        """The verdict as in `result.json`; None for the first prompt or with nothing shared."""
        if self.against_first is None:
            return None
        return {"better": "improved", "worse": "worse"}.get(self.mark, "not_distinguishable")


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """One dataset under one model, with an entry for each prompt, in their order."""

    dataset: str
    model: str
    run: str
    questions: int
    entries: tuple[MatrixEntry, ...]
    scale: Scale


@dataclass(frozen=True, slots=True)
class Matrix:
    """Prompts, and their scores in each column."""

    prompts: tuple[str, ...]
    columns: tuple[MatrixColumn, ...]

    @property
    def verdicts(self) -> list[str | None]:
        """The verdict on each prompt but the first, in each column."""
        return [entry.verdict for column in self.columns for entry in column.entries[1:]]

    def to_json(self) -> list[dict[str, Any]]:
        """Return the matrix as plain data, a row for each prompt in each column."""
        return list_rows(self.prompts, self.columns)


def build_column(dataset: str, run: RecordedRun, prompts: Sequence[str]) -> MatrixColumn:
    """Return the scores of all prompts in one evaluation."""
    first, *others = [run.state.candidates[make_candidate_id(prompt)] for prompt in prompts]
    scale, side_by_side = run.state.scale, run.state.interleaves
    comparisons = [
        compare_candidates(first, other, side_by_side=side_by_side, scale=scale) for other in others
    ]
    adjusted = holm([max(c.p_value, c.guarded_p) if c else 1.0 for c in comparisons])
    entries = [MatrixEntry(first.score("test"), None, None, _find_time_asked(run, first))]
    for candidate, comparison, p_value in zip(others, comparisons, adjusted, strict=True):
        corrected = p_value if comparison else None
        asked = _find_time_asked(run, candidate)
        entries.append(MatrixEntry(candidate.score("test"), comparison, corrected, asked))
    model = run.settings["scorer"]["model"]
    questions = run.state.sizes["test"]
    return MatrixColumn(dataset, model, run.name, questions, tuple(entries), scale)


def _find_time_asked(run: RecordedRun, candidate: Candidate) -> float | None:
    """Return the start of the last session that asked it; None if unknown."""
    outcomes = candidate.answers["test"].by_question.values()
    last = max((outcome.session for outcome in outcomes), default=CACHED)
    sessions = run.state.sessions
    return sessions[last - 1].at if 0 < last <= len(sessions) else None


def list_rows(prompts: Sequence[str], columns: Sequence[MatrixColumn]) -> list[dict[str, Any]]:
    """Return the matrix as plain data, a row for each prompt in each column."""
    return [
        {
            "prompt": prompt,
            "dataset": column.dataset,
            "model": column.model,
            "run": column.run,
            **(serialize_score(entry.score) or dict.fromkeys(SCORE_KEYS)),
            "difference": comparison.difference if comparison else None,
            "p_value": comparison.p_value if comparison else None,
            "p_guarded": comparison.guarded_p if comparison else None,
            "p_adjusted": entry.adjusted,
            "mark": entry.mark,
            "asked": None if entry.asked is None else format_moment(entry.asked),
            "asked_with_first": comparison.together if comparison else None,
            "groups": comparison.groups if comparison else None,
        }
        for column in columns
        for prompt, entry in zip(prompts, column.entries, strict=True)
        for comparison in (entry.against_first,)
    ]
