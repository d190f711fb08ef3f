"""The ledger of test sets: what verdicts have used which rows, and what a next one would have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opro_cli.core.run.uses import plan_use, select_earlier
from opro_cli.core.settings.task import HUB
from opro_cli.core.stats.groups import find_provable_gain
from opro_cli.core.stats.spending import compute_threshold
from opro_cli.core.task.content import digest_rows, digest_set
from opro_cli.core.task.example import Example, Split, list_groups
from opro_cli.errors import UsageError
from opro_cli.ports import TestLedger
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.used_rows import read_test_use
from opro_cli.store.ledger_file import Began, LedgerContent, read_ledger
from opro_cli.store.use_ledger import (
    FileTestLedger,
    UseOrigin,
    describe_trouble,
    find_ledger_path,
    forget_uses,
)


@dataclass(frozen=True, slots=True)
class UseRow:
    """One use of a set, as people and programs read it; the fields are those of the ledger."""

    began: Began
    outcome: str
    repeats: bool
    level: float
    """That of the verdict: of a repeat, the one that the same answers had at first."""

    def to_json(self) -> dict[str, Any]:
        """Return the row as `opro ledger --json` prints it."""
        began = self.began
        return {
            "use": began.use,
            "run": began.run,
            "at": datetime.fromtimestamp(began.at, UTC).isoformat(timespec="seconds"),
            "number": began.number,
            "threshold": compute_threshold(self.level),
            "sharers": began.sharers,
            "start": began.before,
            "winner": began.after,
            "outcome": self.outcome or None,
            "repeats": self.repeats,
        }


@dataclass(frozen=True, slots=True)
class UsedSet:
    """A set of test rows with its uses.

    Attributes:
        name: What it is known by.
        data: Where its rows came from when it was first used.
        rows: Their number.
        uses: On exactly these rows, in their order.
        counted: Verdicts that count for the next one: those on other sets that share rows, too.
        next_threshold: What the p-value of the next verdict must be below.
    """

    name: str
    data: str
    rows: int
    uses: tuple[UseRow, ...]
    counted: int
    next_threshold: float

    def to_json(self) -> dict[str, Any]:
        """Return the set as `opro ledger --json` prints it."""
        return {
            "set": self.name,
            "data": self.data,
            "rows": self.rows,
            "counted": self.counted,
            "next_threshold": self.next_threshold,
            "uses": [use.to_json() for use in self.uses],
        }


@dataclass(frozen=True, slots=True)
class LedgerView:
    """A ledger. note: a sentence about damaged lines, "" where there are none."""

    path: Path
    sets: tuple[UsedSet, ...]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what `opro ledger --json` prints."""
        sets = [each.to_json() for each in self.sets]
        return {"ledger": str(self.path), "sets": sets, "note": self.note or None}


def list_sets(ledger: Path | None = None) -> LedgerView:
    """Return the sets of test rows that verdicts have used, the latest last.

    Args:
        ledger: The file; None for the user's own.

    Raises:
        UsageError: It cannot be read.
    """
    path = find_ledger_path(ledger)
    content = read_ledger(path)
    by_set: dict[str, list[UseRow]] = {}
    first: dict[tuple[str, str, str, str], float] = {}
    for use in content.list_uses():
        began = content.began[use.id]
        level = first.setdefault((began.set, use.start, use.winner, use.answers), use.level)
        row = UseRow(began, use.outcome, use.repeats, level if use.repeats else use.level)
        by_set.setdefault(began.set, []).append(row)
    sets = [_build_set(name, uses, content) for name, uses in by_set.items()]
    sets.sort(key=lambda each: each.uses[-1].began.at)
    return LedgerView(path, tuple(sets), content.describe_damage(path))


def _build_set(name: str, uses: Sequence[UseRow], content: LedgerContent) -> UsedSet:
    rows = content.sets[name]
    everything = content.list_uses()
    counted = {use.group for use in select_earlier(everything, rows)}
    planned = plan_use(everything, rows, group="")
    return UsedSet(
        name,
        uses[0].began.data,
        len(rows),
        tuple(uses),
        len(counted),
        compute_threshold(planned.level),
    )


@dataclass(frozen=True, slots=True)
class NextUse:
    """The next use of some test rows, as a verdict would have it.

    Attributes:
        set: What the rows are known by.
        rows: Their number.
        earlier: Verdicts that have used them.
        threshold: What the p-value must be below.
        least_gain: The smallest gain that they tell from chance at it, 4 times in 5, when answers
            differ on 3 questions of 10; 1.0 for none.
        note: A sentence about a ledger that is damaged, or cannot be read; "" for none.
    """

    set: str
    rows: int
    earlier: int
    threshold: float
    least_gain: float
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return its part of `opro check --json`."""
        keys = ("set", "rows", "earlier", "threshold", "least_gain")
        return {key: getattr(self, key) for key in keys}


def find_next_use(
    examples: Mapping[Split, Sequence[Example]], template: str, ledger: Path | None = None
) -> NextUse | None:
    """Return what a verdict on these test rows would find; None without any.

    Args:
        examples: By split.
        template: `task.data.input`.
        ledger: The file; None for the user's own.
    """
    rows = digest_rows(examples["test"], template)
    if not rows:
        return None
    path, content, note = find_ledger_path(ledger), LedgerContent(), ""
    try:
        content = read_ledger(path)
        note = content.describe_damage(path)
    except UsageError as error:
        note = error.message
    planned = plan_use(content.list_uses(), frozenset(rows), group="")
    threshold = compute_threshold(planned.level)
    groups = list_groups(examples).get("test", ())
    least = find_provable_gain(len(examples["test"]), groups, threshold)
    return NextUse(digest_set(rows), len(rows), planned.number - 1, threshold, least, note)


def find_set(name: str, ledger: Path | None = None) -> UsedSet:
    """Return the set of a name, or of the beginning of one.

    Raises:
        UsageError: There is none, or several begin so.
    """
    view = list_sets(ledger)
    found = [each for each in view.sets if name and each.name.startswith(name)]
    if len(found) != 1:
        count = f"{len(found)} sets of test rows begin" if found else "no set of test rows begins"
        raise UsageError(f"{view.path}: {count} with {name!r}", "`opro ledger` lists them")
    return found[0]


def forget(used: UsedSet, ledger: Path | None = None) -> int:
    """Let all uses of a set count no more; return how many there were.

    Raises:
        OproError: The disk refuses.
    """

    def choose(content: LedgerContent) -> list[str]:
        return [use.id for use in content.list_uses() if content.began[use.id].set == used.name]

    return len(forget_uses(find_ledger_path(ledger), choose))


def note_unread_ledger(run: RecordedRun, ledger: TestLedger | None) -> str:
    """Return why the uses of the test rows cannot be known, before they cost anything; "" if so."""
    compares = run.state.search.steps and run.state.sizes["test"] and run.state.test_use is None
    return describe_trouble(ledger.path) if compares and isinstance(ledger, FileTestLedger) else ""


def open_test_ledger(run: RecordedRun, given: Path | None = None) -> FileTestLedger:
    """Return the ledger of test sets for a run; `given` wins over the one that it began with."""
    about = run.identity.get("test_use", {})
    data = run.settings["task"].get("data") or {}  # a problem has none
    origin = UseOrigin(
        about.get("id") or f"{run.name} {run.identity.get('created')}",
        run.name,
        _name_source(str(data.get("test") or data.get("train") or "")),
        about.get("group", ""),
        about.get("sharers", 1),
    )
    return FileTestLedger(find_ledger_path(given, about.get("ledger")), origin)


def _name_source(source: str) -> str:
    """Return a source of rows without its folders, which may be named after people."""
    return source if source.startswith(HUB) or "://" in source else Path(source).name


def close_use(run: RecordedRun, result: Mapping[str, Any], ledger: TestLedger) -> str:
    """Record what came of a run's use of its test rows; return why it could not be, or ""."""
    used, judged = run.state.test_use, read_test_use(run)
    if used is None or judged is None or not judged.answers:
        return ""
    outcome = result["verdict"] or "none"
    return ledger.close(used.use, outcome, judged.answers, repeats=judged.repeats)
