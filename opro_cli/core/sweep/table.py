"""The state of every cell of a sweep, as its process reports it: shown, never saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from opro_cli.core.settings.settings import BudgetSettings

Status = Literal["waiting", "running", "finished", "stopped", "failed", "elsewhere"]
"""elsewhere: another process works on the cell, and this session leaves it alone."""


@dataclass(slots=True)
class CellRow:
    """A cell.

    Attributes:
        phase: The phase of its run.
        expected: Calls of the whole run at most; 0 before the run reports it.
        best: The split and the mean of the best candidate so far.
        spend: Over all sessions, as in `result.json`; None before the first report.
        result: As in `result.json`.
        stopped_by: The ceiling that ended it.
        calls_before: Calls of earlier sessions.
        finish_order: 1 for the first cell that ended in this session; 0 for all that did not.
    """

    name: str
    status: Status = "waiting"
    phase: str = ""
    expected: int = 0
    best: tuple[str, float] | None = None
    spend: Mapping[str, Any] | None = None
    result: dict[str, Any] | None = None
    stopped_by: str = ""
    error: str = ""
    hint: str = ""
    calls_before: int = 0
    finish_order: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the row as `opro sweep --json` prints it."""
        keys = ("name", "status", "calls", "expected", "best", "stopped_by", "error", "hint")
        return {**{key: getattr(self, key) for key in keys}, "result": self.result}

    @property
    def calls(self) -> int:
        """Calls answered so far, over all sessions."""
        return self.spend["calls"] if self.spend else 0

    def recall(self, result: dict[str, Any] | None) -> None:
        """Restore the outcome of earlier sessions from their `result.json`, if there is one."""
        if result is None:
            return
        self.spend = result.get("spend")
        self.calls_before = self.calls
        if result.get("status") == "finished":
            self.status, self.result = "finished", result


@dataclass(frozen=True, slots=True)
class SweepSpend:
    """The spend of all cells over all sessions; None for an unknown figure.

    Attributes:
        tokens: Metered tokens.
        usd: Metered dollars.
        uncounted: Bounds of the unmetered calls, as in the spend of a result.
    """

    calls: int
    tokens: int | None
    usd: float | None
    uncounted: Mapping[str, Any]


@dataclass(slots=True)
class SweepTable:
    """All cells of a sweep in their order. budget: over all of them together."""

    name: str
    rows: dict[str, CellRow] = field(default_factory=dict)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    stopping: bool = False

    def update(self, name: str, report: Mapping[str, Any]) -> CellRow:
        """Apply a report from the process of a cell; return the cell's row."""
        row = self.rows[name]
        if "error" in report:
            row.status, row.error, row.hint = "failed", report["error"], report.get("hint") or ""
        elif "ended" in report:
            ended = report["ended"]
            row.status = ended if ended in ("finished", "elsewhere") else "stopped"
            row.stopped_by, row.result = report.get("stopped_by") or "", report.get("result")
            if row.result is not None:
                row.spend = row.result["spend"]
        else:
            row.phase, row.expected = report["phase"], report["expected"]
            row.spend, row.best = report["spend"], report["best"] and tuple(report["best"])
            if row.status != "running":
                row.status, row.calls_before = "running", row.calls
        if row.status != "running":
            row.finish_order = 1 + max(other.finish_order for other in self.rows.values())
        return row

    def count(self, status: Status) -> int:
        """Count the cells of this status."""
        return len(self.list_rows(status))

    def list_rows(self, status: Status) -> list[CellRow]:
        """Return the cells of this status: the last to end first, the others in their order."""
        rows = [row for row in self.rows.values() if row.status == status]
        return sorted(rows, key=lambda row: -row.finish_order)

    def count_session_calls(self) -> int:
        """Count the calls answered since this session began."""
        return sum(row.calls - row.calls_before for row in self.rows.values())

    def sum_spend(self) -> SweepSpend:
        """Sum the spend of all cells."""
        reports = [row.spend for row in self.rows.values() if row.spend]
        counted = [spend.get("counted", spend) for spend in reports]  # missing in older results
        bounds = [spend["uncounted"] for spend in reports if "uncounted" in spend]
        kinds = ("prompt_tokens", "completion_tokens")
        return SweepSpend(
            sum(row.calls for row in self.rows.values()),
            _sum_known(spend[kind] for spend in counted for kind in kinds),
            _sum_known(spend["usd"] for spend in counted),
            {key: _sum_known(b[key] for b in bounds) for key in ("calls", "tokens", "usd")},
        )

    def estimate_calls(self) -> int | None:
        """Estimate the calls of all cells; None before any cell has reported.

        A cell without an estimate counts with the mean of the others.
        """
        calls = [
            row.calls if row.status == "finished" else max(row.calls, row.expected)
            for row in self.rows.values()
            if row.status == "finished" or row.expected
        ]
        return round(sum(calls) / len(calls) * len(self.rows)) if calls else None


def _sum_known(numbers: Iterable[Any]) -> Any:
    """Return the sum; None as soon as one number is unknown."""
    known = list(numbers)
    return None if None in known else sum(known)
