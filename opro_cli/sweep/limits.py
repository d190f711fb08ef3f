"""Limits that all cells of a sweep share: its budget, and those of every model's provider.

Every cell asks before a call and reports after it. The budget is that of all sessions of the sweep
(shared_budget.py): a call is let go when what they have spent, the upper bounds of their calls in
flight, and that of this call fit under it together. A call whose end nobody knows, since its cell
was killed or did not wait any longer, counts at its upper bound, and one that took more than its
bound counts as it is. So the sum exceeds a ceiling only by what calls in flight take beyond bounds
that their providers were given.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import TypeVar

from opro_cli.calls.endpoints import ConcurrencyLimit, RateLimiter
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.models import ModelSettings, is_computed_here
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.errors import BudgetReached, OproError
from opro_cli.sweep.shared_budget import SharedBudget

CEILINGS = ("usd", "calls", "tokens")
"""The limits that a sweep may have: minutes of cells that run side by side are no sum."""

OVER_ALL = "(over all cells of the sweep)"
"""Follows the words of the ceiling when it stops a single cell."""

T = TypeVar("T", int, float)


class Permits:
    """The admission of calls to one endpoint of a model.

    Args:
        pace: How many calls may be in flight.
        turns: The limits a minute, shared with the model's other endpoints.
    """

    def __init__(self, pace: ConcurrencyLimit, turns: RateLimiter) -> None:
        self.pace, self.turns = pace, turns
        self._queue: deque[asyncio.Future[None]] = deque()

    async def enter(self, tokens: int) -> float:
        """Wait for a place in the order of asking; return the time of admission."""
        if self._queue or not self.pace.has_room:
            turn = asyncio.get_running_loop().create_future()
            self._queue.append(turn)
            try:
                await turn  # `leave` has counted the call in
            except BaseException:
                if turn.done() and not turn.cancelled():
                    self.leave()
                raise
        else:
            self.pace.in_flight += 1
        try:
            due, _ = self.turns.take(tokens, time.monotonic())
            while (now := time.monotonic()) < (until := max(due, self.pace.held_until)):
                await asyncio.sleep(until - now)
        except BaseException:
            self.leave()
            raise
        return now

    def leave(self) -> None:
        """Give the place back."""
        self.pace.in_flight -= 1
        while self._queue and self.pace.has_room:
            turn = self._queue.popleft()
            if not turn.done():
                self.pace.in_flight += 1
                turn.set_result(None)


def has_ceiling(budget: BudgetSettings) -> bool:
    """Whether a budget limits the cells of a sweep."""
    return any(getattr(budget, name) is not None for name in CEILINGS)


def share_settings(budget: BudgetSettings, parts: int) -> BudgetSettings:
    """Return the part of a budget that one of so many shards may spend."""
    return replace(
        budget,
        usd=budget.usd and budget.usd / parts,
        calls=budget.calls and budget.calls // parts,
        tokens=budget.tokens and budget.tokens // parts,
    )


def limit_budget(own: BudgetSettings, all_cells: BudgetSettings) -> BudgetSettings:
    """Return the budget of a cell: of its own ceilings and the sweep's, the lower ones.

    That of calls is its own alone. Its search is laid out by it (core/run/layout), which what all
    cells share cannot be; the sweep's own count keeps to the sweep's.
    """
    return replace(
        own,
        usd=_least((own.usd, all_cells.usd)),
        tokens=_least((own.tokens, all_cells.tokens)),
    )


def build_permits(models: Iterable[ModelSettings], parts: int = 1) -> dict[str, Permits]:
    """Return the permits of each endpoint by its address; where cells disagree, the lowest limit.

    Embedded models and controls have none, because each cell computes them for itself.

    Args:
        models: The models of all cells.
        parts: The number of shards that share the provider's limits; each gets an equal part.
    """
    served = [model for model in models if not is_computed_here(model.model)]
    turns = {
        name: RateLimiter(
            _part(_least(m.requests_per_minute for m in served if m.model == name), parts),
            _part(_least(m.tokens_per_minute for m in served if m.model == name), parts),
        )
        for name in {model.model for model in served}
    }
    endpoints: dict[str, list[ModelSettings]] = {}
    for model in served:
        for each in model.deployments:
            endpoints.setdefault(each.address, []).append(each)
    return {
        address: Permits(
            ConcurrencyLimit(max(1, min(each.concurrency for each in same) // parts)),
            turns[same[-1].model],
        )
        for address, same in endpoints.items()
    }


def _least(limits: Iterable[T | None]) -> T | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _part(limit: int | None, parts: int) -> int | None:
    return limit and max(1, limit // parts)


@dataclass(slots=True, eq=False)
class Permit:
    """The permission of one call: its upper bound, and the time of its admission at a door."""

    cost: Cost
    door: Permits | None
    since: float


class Limits:
    """`SharedLimits` in the process that keeps them: one budget, and a door for each endpoint.

    Attributes:
        over: The first ceiling that was reached, in words; "" before.
        broken: The error because of which no call may go any more; None while all is well.
        on_broken: Called once, when that is found.
    """

    def __init__(self, budget: SharedBudget, doors: Mapping[str, Permits]) -> None:
        self.budget = budget
        self.over = ""
        self.broken: OproError | None = None
        self.on_broken: Callable[[], None] = lambda: None
        self._doors = doors
        self._numbers = count(1)
        self._leaves: dict[int, Permit] = {}

    async def enter(self, address: str, cost: Cost) -> int:
        """Wait until a call to an endpoint of this address may go.

        Raises:
            BudgetReached: It does not fit under the budget any more.
            OproError: The budget cannot be kept.
        """
        try:
            await self.budget.reserve(cost)
        except BudgetReached as ceiling:
            self.over = self.over or str(ceiling)
            raise BudgetReached(f"{ceiling} {OVER_ALL}") from None
        except OproError as error:
            if self.broken is None:
                self.broken = error
                self.on_broken()
            raise
        door = self._doors.get(address)
        try:
            since = await door.enter(cost.expected_tokens) if door else 0.0
        except BaseException:
            self.budget.release(cost)
            raise
        permit = next(self._numbers)
        self._leaves[permit] = Permit(cost, door, since)
        return permit

    def record_answer(self, permit: int, tokens: int | None, pico_usd: int | None) -> None:
        """Count what the call took, its upper bound where nobody counted."""
        leave = self._leaves.pop(permit)
        self.budget.settle(leave.cost, tokens, pico_usd)
        if leave.door:
            leave.door.pace.widen()
            if tokens is not None:
                leave.door.turns.correct(leave.cost.expected_tokens, tokens)
            leave.door.leave()

    def record_loss(self, permit: int) -> None:
        """Count the call at its upper bound, as nobody knows what became of it."""
        leave = self._leaves.pop(permit)
        self.budget.settle(leave.cost, None, None)
        if leave.door:
            leave.door.leave()

    def record_failure(self, permit: int, wait: float | None, *, congested: bool) -> None:
        """Count nothing: the call came to nothing and cost nothing.

        Args:
            permit: The call's.
            wait: Seconds that the provider asks for, None where it does not.
            congested: It met a limit of the provider's.
        """
        leave = self._leaves.pop(permit)
        if leave.door and congested:
            leave.door.pace.narrow(leave.since, time.monotonic(), wait, "rate limit")
        self.budget.release(leave.cost)
        if leave.door:
            leave.door.leave()

    async def aclose(self) -> None:
        """Do nothing: the budget is closed by its opener."""
