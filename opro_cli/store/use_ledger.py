"""The ledger of test sets: draws the level of a run's verdict, and records what came of it.

It is the user's own, `ledger.jsonl` in the state folder, or a file of a repository that `--ledger`
names (store/ledger_file).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.uses import DrawnUse, plan_use
from opro_cli.core.task.content import digest_set
from opro_cli.errors import OproError, UsageError, reason_of
from opro_cli.store.ledger_file import (
    Began,
    Ended,
    Forgot,
    LedgerContent,
    Record,
    RowSet,
    open_ledger,
    read_ledger,
)

LEDGER = "ledger.jsonl"
_SHOWN = 80
"""Characters of a prompt that the ledger keeps for people."""


def find_ledger_path(given: Path | None = None, recorded: str | None = None) -> Path:
    """Return the ledger: the one given, that of OPRO_LEDGER, the one recorded, or the user's own.

    Args:
        given: By an option.
        recorded: The one that a run began with.
    """
    named = given or os.environ.get("OPRO_LEDGER") or recorded
    return Path(named).absolute() if named else _find_state() / LEDGER


def describe_trouble(path: Path) -> str:
    """Return why verdicts cannot know the earlier uses in a ledger, "" where they can."""
    try:
        read_ledger(path)
    except UsageError as error:
        level = "a verdict will have the level of a first use"
        return f"{error.message}; {level}; {error.hint}"
    return ""


def _find_state() -> Path:
    """Return OPRO_STATE_DIR, or the folder for opro's state of this system."""
    if given := os.environ.get("OPRO_STATE_DIR"):
        return Path(given).absolute()
    try:
        home = Path.home()
    except RuntimeError:  # a user without a name, as in some containers
        home = Path("~")
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "opro"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "opro"
    xdg = Path(os.environ.get("XDG_STATE_HOME", ""))
    # Relative paths are to be ignored (XDG Base Directory Specification).
    return (xdg if xdg.is_absolute() else home / ".local" / "state") / "opro"


@dataclass(frozen=True, slots=True)
class UseOrigin:
    """A run as the ledger names it, from its `run.json`.

    Attributes:
        id: Of its use.
        run: The name of its folder.
        data: Where its rows came from.
        group: Common to the cells of a sweep on the same data; "" for any other run.
        sharers: The number of these cells.
    """

    id: str
    run: str
    data: str
    group: str = ""
    sharers: int = 1


class FileTestLedger:
    """The `TestLedger` of one run, in a file that all runs share."""

    def __init__(self, path: Path, origin: UseOrigin) -> None:
        self.path, self._origin = path, origin

    def draw(self, start: Candidate, winner: Candidate, rows: Sequence[str]) -> DrawnUse:
        """Record the use of a set of rows, or find it where it is recorded; see `TestLedger`."""
        content = LedgerContent()
        try:
            with open_ledger(self.path) as file:
                content = file.read()
                if own := self._find_own(content, rows):
                    return self._recall(content, own)
                drawn = self._plan(content, start, winner, rows)
                file.append(*self._describe(content, drawn, start, winner, rows))
        except OSError as error:
            note = (
                f"the use of the test rows could not be recorded in {self.path} "
                f"({reason_of(error)}): later runs will not count it"
            )
            content = content if content.began else _read_if_possible(self.path)
            drawn = self._plan(content, start, winner, rows)
        else:
            note = content.describe_damage(self.path)
        return DrawnUse(drawn.number, drawn.level, drawn.known, drawn.use, drawn.sharers, note)

    def close(self, use: str, outcome: str, answers: str, *, repeats: bool) -> str:
        """Record what came of a use; see `TestLedger`."""
        try:
            with open_ledger(self.path) as file:
                content = file.read()
                if use in content.began and use not in content.ended:
                    file.append(Ended(use, outcome, answers, repeats, round(time.time(), 3)))
        except OSError as error:
            return (
                f"the verdict could not be recorded in {self.path} ({reason_of(error)}): an "
                "improvement passes nothing on to the next use of the test rows"
            )
        return ""

    def _find_own(self, content: LedgerContent, rows: Sequence[str]) -> Began | None:
        """Return the use that a killed session of this run has recorded and not come to use."""
        # The last id, not the latest time: two uses may share a millisecond, and clocks go back.
        recorded = tuple(takewhile(content.began.__contains__, self._list_ids()))
        own = content.began[recorded[-1]] if recorded else None
        if own is None or own.use in content.ended or own.use in content.forgotten:
            return None
        return own if own.set == digest_set(rows) else None

    def _list_ids(self) -> Iterator[str]:
        """Yield the ids of this run's uses: one, but for its copies, and cuts of its journal."""
        yield self._origin.id
        yield from (f"{self._origin.id}-{number}" for number in count(2))

    def _recall(self, content: LedgerContent, own: Began) -> DrawnUse:
        order = {use: at for at, use in enumerate(content.began)}
        before = [use for use in content.list_uses() if order[use.id] < order[own.use]]
        rows = content.sets.get(own.set, frozenset())
        planned = plan_use(before, rows, group=own.group, start=own.start, winner=own.winner)
        note = content.describe_damage(self.path)
        return DrawnUse(own.number, own.level, planned.known, own.use, own.sharers, note)

    def _plan(
        self, content: LedgerContent, start: Candidate, winner: Candidate, rows: Sequence[str]
    ) -> DrawnUse:
        origin = self._origin
        use = next(each for each in self._list_ids() if each not in content.began)
        group = origin.group if origin.group and use == origin.id else use
        planned = plan_use(
            content.list_uses(),
            frozenset(rows),
            group=group,
            sharers=origin.sharers,
            start=start.id,
            winner=winner.id,
        )
        return DrawnUse(planned.number, planned.level, planned.known, use, origin.sharers)

    def _describe(
        self,
        content: LedgerContent,
        drawn: DrawnUse,
        start: Candidate,
        winner: Candidate,
        rows: Sequence[str],
    ) -> Iterator[Record]:
        name = digest_set(rows)
        if name not in content.sets:
            yield RowSet(name, tuple(sorted(set(rows))))
        origin = self._origin
        yield Began(
            drawn.use,
            origin.group if drawn.use == origin.id and origin.group else drawn.use,
            name,
            drawn.number,
            drawn.level,
            drawn.sharers,
            start.id,
            winner.id,
            round(time.time(), 3),
            _clean(origin.run),
            _clean(origin.data),
            _clean(start.instruction[:_SHOWN]),
            _clean(winner.instruction[:_SHOWN]),
        )


def _clean(text: str) -> str:
    """Return a text that UTF-8 can spell."""
    return text.encode("utf-8", "replace").decode()


def _read_if_possible(path: Path) -> LedgerContent:
    try:
        return read_ledger(path)
    except UsageError:
        return LedgerContent()


def forget_uses(path: Path, choose: Callable[[LedgerContent], Sequence[str]]) -> tuple[str, ...]:
    """Record that uses count no more; return their ids.

    Args:
        path: The ledger.
        choose: Returns the ids, from the ledger as it is under the lock.

    Raises:
        OproError: The disk refuses.
    """
    try:
        with open_ledger(path) as file:
            ids = tuple(choose(file.read()))
            if ids:
                file.append(Forgot(ids, round(time.time(), 3)))
            return ids
    except OSError as error:
        raise OproError(
            f"{path}: cannot be written: {reason_of(error)}", "make room or fix the permissions"
        ) from None
