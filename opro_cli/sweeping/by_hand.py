"""The sweep's budget for a cell that is resumed on its own, by `opro resume`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from opro_cli.adapters.sweep_folder import held, is_sweep, read_sweep
from opro_cli.core.cost import Cost
from opro_cli.errors import BudgetReached
from opro_cli.sweeping.budget_session import Terms, open_budget
from opro_cli.sweeping.limits import Leave, Limits, has_ceiling
from opro_cli.sweeping.run_journals import RunJournals

OVER_ALL = "(over all cells of the sweep)"
"""What stands behind a ceiling of the sweep's, where a single cell is stopped by it."""


class OwnLimits:
    """`SharedLimits` within this process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._numbers = count(1)
        self._leaves: dict[int, Leave] = {}

    async def enter(self, address: str, cost: Cost) -> int:
        """As `SharedLimits`."""
        try:
            leave = await self._limits.enter(address, cost)
        except BudgetReached as ceiling:
            raise BudgetReached(f"{ceiling} {OVER_ALL}") from None
        number = next(self._numbers)
        self._leaves[number] = leave
        return number

    def answered(self, permit: int, tokens: int | None, pico_usd: int | None) -> None:
        """As `SharedLimits`."""
        self._limits.answered(self._leaves.pop(permit), tokens, pico_usd)

    def failed(self, permit: int, wait: float | None, *, congested: bool) -> None:
        """As `SharedLimits`."""
        self._limits.failed(self._leaves.pop(permit), wait, congested=congested)

    def lost(self, permit: int) -> None:
        """As `SharedLimits`."""
        self._limits.lost(self._leaves.pop(permit))

    async def aclose(self) -> None:
        """Do nothing: `limits_of_cell` closes the budget."""


@contextmanager
def limits_of_cell(run: Path, notes: list[str]) -> Iterator[OwnLimits | None]:
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
    with held(folder, label), open_budget(terms, journals, notes) as budget:
        yield OwnLimits(Limits(budget, {}))
