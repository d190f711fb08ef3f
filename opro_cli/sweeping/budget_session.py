"""A session's part in the budget of a sweep, from its beginning to its end.

Cells that `opro resume` worked on, and sweeps begun before there were claims, are in no claim, but
in the journals. Journals lag behind the claims of sessions at work, and may not have what a killed
session had in flight. So a session that begins while no other is at work takes the larger of both
sums, and others go by the claims alone.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from opro_cli.adapters.sweep_folder import is_at_work
from opro_cli.core.settings import BudgetSettings
from opro_cli.engine.budget import Spent, add_up
from opro_cli.errors import OproError
from opro_cli.sweeping.claim import NOTHING, Claim, excess, larger
from opro_cli.sweeping.claims_file import ClaimsFile
from opro_cli.sweeping.shared_budget import Ceiling, SharedBudget, wait_for_lock


@dataclass(frozen=True, slots=True)
class Terms:
    """The folder and the budget of a sweep, and the part of it that a session is.

    share: of the budget, for this shard; None where the shard is the whole.
    """

    folder: Path
    shard: str
    whole: BudgetSettings
    share: BudgetSettings | None = None


class Journals(Protocol):
    """The spending of a sweep's runs, by their journals."""

    def spent_by_all(self) -> Spent:
        """All runs in the folder, also of cells that the sweep has no more."""
        ...

    def spent_by_shard(self) -> Spent:
        """Those of this session's cells."""
        ...


@contextmanager
def open_budget(terms: Terms, journals: Journals, notes: list[str]) -> Iterator[SharedBudget]:
    """Take part in a sweep's budget that has a ceiling; the caller holds the shard's lock.

    notes: gets a sentence for people where something is not as it should be.

    Raises OproError where the claims cannot be kept, or a journal cannot be read.
    """
    file = ClaimsFile(terms.folder)

    def works(shard: str) -> bool:
        return shard != terms.shard and is_at_work(terms.folder, shard)

    try:
        wait_for_lock(file)
        try:
            lines = file.read_all()
            ceiling = _begin(file, lines, terms, works, journals, notes)
        finally:
            file.unlock()
        ceilings = [ceiling]
        if terms.share is not None:
            mine = (claim for claim in lines if claim is not None and claim.shard == terms.shard)
            before = larger(add_up(claim.own for claim in mine), journals.spent_by_shard())
            ceilings.append(Ceiling(terms.share, before, f", the share of --shard {terms.shard},"))
        budget = SharedBudget(*ceilings, file=file, works=works)
    except BaseException:
        file.close()
        raise
    try:
        yield budget
    finally:
        budget.close()


def _begin(
    file: ClaimsFile,
    lines: Sequence[Claim | None],
    terms: Terms,
    works: Callable[[str], bool],
    journals: Journals,
    notes: list[str],
) -> Ceiling:
    """Begin a session's claim; the sweep's ceiling, with what does not change any more."""
    latest = {claim.shard: number for number, claim in enumerate(lines) if claim is not None}
    working = [number for shard, number in latest.items() if works(shard)]
    claimed = add_up(claim.total for claim in lines if claim is not None)
    if damaged := lines.count(None):
        what = f"{file.path}: {damaged} of {len(lines)} lines are damaged"
        if working:
            raise OproError(what, "wait until no other session of the sweep is at work")
        notes.append(
            f"{what}: what those sessions spent is taken from the journals of the cells, which "
            "may not have all that was in flight when a session was killed"
        )
    # The claims of sessions at work are ahead of their journals, which could only hide something.
    unclaimed = NOTHING if working else excess(journals.spent_by_all(), claimed)
    own = Claim(
        session=secrets.token_hex(4),
        shard=terms.shard,
        host=socket.gethostname(),
        pid=os.getpid(),
        began=datetime.now(UTC).isoformat(timespec="seconds"),
        unclaimed=unclaimed,
    )
    over = min(working, default=len(lines))  # the lines before it do not change any more
    file.append(own, over)
    before = add_up(claim.total for claim in lines[:over] if claim is not None)
    return Ceiling(terms.whole, add_up((before, unclaimed)))
