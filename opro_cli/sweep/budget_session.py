"""The spending of the runs in a sweep's folder, read from their journals."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from opro_cli import wiring
from opro_cli.app.run_settings import list_part_folders
from opro_cli.calls.budget import Spent, add_up, price_in_pico_usd, sum_spend
from opro_cli.calls.ledger import PROMPT_OVERHEAD
from opro_cli.core.run.progress import Role
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.errors import OproError
from opro_cli.models.prices import list_prices
from opro_cli.reports.costs import KINDS, measure_longest_prompts
from opro_cli.reports.recorded import RecordedRun
from opro_cli.store.folders import is_sweep, list_runs
from opro_cli.store.run_folder import read_run
from opro_cli.store.sweep_folder import hold_sweep, is_at_work, read_sweep
from opro_cli.sweep.claims import NOTHING, Claim, ClaimsFile, excess, larger
from opro_cli.sweep.limits import Limits, has_ceiling
from opro_cli.sweep.shared_budget import Ceiling, SharedBudget, hold_lock

BYTES_A_TOKEN, _ = KINDS["expected"]


class Journals(Protocol):
    """The spending of a sweep's runs, by their journals."""

    def spent_by_all(self) -> Spent:
        """Add up all runs in the folder, also of cells that the sweep no longer has."""

    def spent_by_shard(self) -> Spent:
        """Add up the runs of this session's cells."""


class RunJournals:
    """The spending of the runs in a sweep's folder, each journal read once.

    Args:
        folder: The sweep's.
        cells: The names of all its cells.
        mine: The names of the shard's cells.
    """

    def __init__(self, folder: Path, cells: Iterable[str], mine: Iterable[str]) -> None:
        self._folder = folder
        self._cells, self._mine = set(cells), set(mine)
        self._spent: dict[str, Spent] = {}

    def spent_by_all(self) -> Spent:
        """Add up all runs in the folder; raises RunFolderError or JournalError."""
        return self._spent_by(self._cells.union(path.name for path in list_runs(self._folder)))

    def spent_by_shard(self) -> Spent:
        """Add up the runs of this session's cells; raises RunFolderError or JournalError."""
        return self._spent_by(self._mine)

    def _spent_by(self, names: Iterable[str]) -> Spent:
        return add_up(self._spent_in(name) for name in names if (self._folder / name).exists())

    def _spent_in(self, name: str) -> Spent:
        if name not in self._spent:
            run = read_run(self._folder / name)
            settings = wiring.parse_settings(run.settings)
            prices = list_prices(settings) if settings else {}
            largest = _largest_calls(run, settings) if settings else {}
            self._spent[name] = sum_spend(run.state, prices, largest, in_flight=True)
        return self._spent[name]


def _largest_calls(run: RecordedRun, settings: Settings) -> dict[Role, Cost]:
    """Bound a call of each role, for answers that an older opro left without token counts."""
    if not any(spend.uncounted_answers for spend in run.state.spend.values()):
        return {}
    strategy = wiring.build_strategy(settings, list_part_folders(run.identity))
    prompts = measure_longest_prompts(settings, run.examples, strategy)
    prices = list_prices(settings)
    largest: dict[Role, Cost] = {}
    for role, tokens in prompts.items():
        prompt = round(tokens * BYTES_A_TOKEN) + PROMPT_OVERHEAD
        reply, price = getattr(settings, role).reply_limit, prices.get(role)
        dollars = price_in_pico_usd(price, prompt, reply) if price else 0
        largest[role] = Cost(prompt + reply, dollars)
    return largest


@dataclass(frozen=True, slots=True)
class Terms:
    """The folder and the budget of a sweep, and the shard that a session works on.

    Attributes:
        share: The part of the budget for this shard; None where the shard is the whole.
    """

    folder: Path
    shard: str
    whole: BudgetSettings
    share: BudgetSettings | None = None


@contextmanager
def open_budget(terms: Terms, journals: Journals, notes: list[str]) -> Iterator[SharedBudget]:
    """Take part in a sweep's budget that has a ceiling; the caller holds the shard's lock.

    Args:
        terms: The budget and the session's part of it.
        journals: What the runs have spent already.
        notes: Collects sentences for people about anything that is not as it should be.

    Raises:
        OproError: The claims cannot be kept, or a journal cannot be read.
    """
    file = ClaimsFile(terms.folder)

    def works(shard: str) -> bool:
        return shard != terms.shard and is_at_work(terms.folder, shard)

    try:
        with hold_lock(file):
            lines = file.read_all()
            ceiling = _begin(file, lines, terms, works, journals, notes)
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
    """Begin a session's claim; return the sweep's ceiling with what no longer changes."""
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


@contextmanager
def open_limits_of_cell(run: Path, notes: list[str]) -> Iterator[Limits | None]:
    """Open the limits that a run shares with its sweep; None where no sweep's ceiling holds.

    Args:
        run: The folder of the run.
        notes: Collects sentences for people about anything that is not as it should be.

    Raises:
        OproError: The budget of the sweep cannot be kept.
    """
    folder = run.resolve().parent
    sweep = read_sweep(folder) if is_sweep(folder) else None
    names = [] if sweep is None else [cell.name for cell in sweep.cells]
    if sweep is None or run.name not in names or not has_ceiling(sweep.budget):
        yield None
        return
    label = f"cell-{hashlib.sha256(run.name.encode()).hexdigest()[:12]}"
    journals = RunJournals(folder, names, [run.name])
    terms = Terms(folder, label, sweep.budget)
    with hold_sweep(folder, label), open_budget(terms, journals, notes) as budget:
        yield Limits(budget, {})
