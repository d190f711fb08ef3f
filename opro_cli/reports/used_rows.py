"""The use of a run's test rows by its verdict: its number, and the threshold that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.stats.paired import ALPHA
from opro_cli.core.stats.spending import compute_threshold
from opro_cli.core.task.content import digest_answers, digest_rows
from opro_cli.reports.formats import format_p, format_times
from opro_cli.reports.recorded import RecordedRun


@dataclass(frozen=True, slots=True)
class JudgedUse:
    """The use of a set of test rows by a verdict.

    Attributes:
        number: 1 for the first use of these rows.
        rows: Their number.
        set: What they are known by.
        threshold: The p-value must be below it.
        sharers: How many verdicts share the use.
        repeats: An earlier use had the same answers, so that its threshold holds.
        answers: A digest of both prompts' answers; "" before all are there.
        note: Why the ledger could not be read or written, "" where it could.
    """

    number: int
    rows: int
    set: str
    threshold: float
    sharers: int = 1
    repeats: bool = False
    answers: str = ""
    note: str = ""

    @property
    def earlier(self) -> int:
        """The uses before this one."""
        return self.number - 1

    @property
    def is_worn(self) -> bool:
        """Whether a result must be clearer than that of a first use."""
        return self.threshold < ALPHA

    def to_json(self) -> dict[str, Any]:
        """Return its part of `result.json`."""
        return {
            "set": self.set,
            "rows": self.rows,
            "number": self.number,
            "earlier": self.earlier,
            "sharers": self.sharers,
            "threshold": self.threshold,
            "repeats": self.repeats,
            "note": self.note or None,
        }


def read_test_use(run: RecordedRun) -> JudgedUse | None:
    """Return the use of a run's test rows; None where none was recorded."""
    used = run.state.test_use
    if used is None:
        return None
    start, winner = (run.state.get_candidate(id) for id in (used.start, used.winner))
    answers, level = _digest(run, start, winner), used.level
    repeats = answers in used.known
    if repeats:
        level = used.known[answers]
    return JudgedUse(
        used.number,
        used.rows,
        used.set,
        compute_threshold(level),
        used.sharers,
        repeats,
        answers,
        used.note,
    )


def _digest(run: RecordedRun, start: Candidate, winner: Candidate) -> str:
    """Return a digest of what both prompts answered; "" before all questions are answered."""
    if not all(run.state.is_scored(each, "test") for each in (start, winner)):
        return ""
    template = run.settings["task"]["data"].get("input", "")
    rows = digest_rows(run.examples["test"], template)
    sides = [each.answers["test"].by_question for each in (start, winner)]
    both = [
        tuple((side[at].answer, side[at].score, side[at].excluded) for side in sides)
        for at in range(len(rows))
    ]
    return digest_answers(rows, both)


def describe_wear(use: JudgedUse) -> str:
    """Say how often test rows were used before, and what p-value counts now."""
    parts = []
    if use.repeats:
        parts.append("the same answers had a verdict before")
    elif use.earlier:
        times = format_times(use.earlier)
        parts.append(f"verdicts have used these {use.rows:,} test rows {times} before")
    if use.sharers > 1:
        parts.append(f"{use.sharers:,} runs of this sweep share the use")
    return f"{' and '.join(parts)}, so that only p below {format_p(use.threshold)} counts"
