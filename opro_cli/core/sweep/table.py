"""Where every cell of a sweep stands, as the processes tell it: never saved, only shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from opro_cli.core.settings.settings import BudgetSettings

Status = Literal["waiting", "running", "finished", "stopped", "failed", "elsewhere"]
"""elsewhere: another process is at work on the cell, and this session leaves it alone."""

_BY_ENDING: Mapping[str, Status] = {"finished": "finished", "elsewhere": "elsewhere"}


@dataclass(slots=True)
class CellRow:
    """A cell.

    phase, expected: of its run while it goes; expected: calls of the whole run at most. best: the
    split and the mean of the best candidate so far. spend: of all sessions, as `result.json` has
    it; None before anything was told. result: as in `result.json`. stopped_by: the ceiling that
    ended it. calls_before: calls of earlier sessions. place: who ended how manieth in this
    session; 0 for who did not.
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
    place: int = 0

    def plain(self) -> dict[str, Any]:
        """What programs are told of it; the keys are a contract."""
        told = ("name", "status", "calls", "expected", "best", "stopped_by", "error", "hint")
        return {**{each: getattr(self, each) for each in told}, "result": self.result}

    @property
    def calls(self) -> int:
        """Calls answered so far, all sessions."""
        return self.spend["calls"] if self.spend else 0

    def recall(self, result: dict[str, Any] | None) -> None:
        """Take over what earlier sessions left in `result.json`, if they did."""
        if result is None:
            return
        self.spend = result.get("spend")
        self.calls_before = self.calls
        if result.get("status") == "finished":
            self.status, self.result = "finished", result


@dataclass(frozen=True, slots=True)
class SweepSpend:
    """What the cells have spent together, all sessions; unknown is None.

    tokens, usd: of what was counted. uncounted: beside it, as in `spend` of a result.
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

    def told(self, name: str, what: Mapping[str, Any]) -> CellRow:
        """Believe what a cell says of itself; its row."""
        row = self.rows[name]
        if "error" in what:
            row.status, row.error, row.hint = "failed", what["error"], what.get("hint") or ""
        elif "ended" in what:
            row.status = _BY_ENDING.get(what["ended"], "stopped")
            row.stopped_by, row.result = what.get("stopped_by") or "", what.get("result")
            if row.result is not None:
                row.spend = row.result["spend"]
        else:
            row.phase, row.expected = what["phase"], what["expected"]
            row.spend, row.best = what["spend"], what["best"] and tuple(what["best"])
            if row.status != "running":
                row.status, row.calls_before = "running", row.calls
        if row.status != "running":
            row.place = 1 + max(each.place for each in self.rows.values())
        return row

    def count(self, status: Status) -> int:
        """Cells of this status."""
        return len(self.of(status))

    def of(self, status: Status) -> list[CellRow]:
        """The cells of this status, those that ended last first, else in their order."""
        rows = [row for row in self.rows.values() if row.status == status]
        return sorted(rows, key=lambda row: -row.place)

    def count_session_calls(self) -> int:
        """Calls answered since this session began."""
        return sum(row.calls - row.calls_before for row in self.rows.values())

    def spent(self) -> SweepSpend:
        """What all cells have spent."""
        told = [row.spend for row in self.rows.values() if row.spend]
        counted = [each.get("counted", each) for each in told]  # results of before there was it
        bounds = [each["uncounted"] for each in told if "uncounted" in each]
        kinds = ("prompt_tokens", "completion_tokens")
        return SweepSpend(
            sum(row.calls for row in self.rows.values()),
            _sum_known(each[kind] for each in counted for kind in kinds),
            _sum_known(each["usd"] for each in counted),
            {
                name: _sum_known(each[name] for each in bounds)
                for name in ("calls", "tokens", "usd")
            },
        )

    def estimate_calls(self) -> int | None:
        """About how many calls all cells take; None while none has told.

        A cell that has not told of any is taken for one that takes as many as the others do.
        """
        told = [_estimate_calls(row) for row in self.rows.values() if _has_estimate(row)]
        return round(sum(told) / len(told) * len(self.rows)) if told else None


def _has_estimate(row: CellRow) -> bool:
    return row.status == "finished" or row.expected > 0


def _estimate_calls(row: CellRow) -> int:
    return row.calls if row.status == "finished" else max(row.calls, row.expected)


def _sum_known(numbers: Iterable[Any]) -> Any:
    known = list(numbers)
    return None if None in known else sum(known)
