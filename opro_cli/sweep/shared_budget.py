"""The budget of a sweep over all processes that see its folder.

At every call that is let go: what was ever spent in the folder, plus the upper bounds of all calls
in flight, plus that of this call, is at most every ceiling; and the same of this session's shard
is at most its share. Each session keeps its part of the sum in a file that all of them read under
one lock (claims.py), and raises it there before the call goes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple

from opro_cli.calls.budget import Spent, add_up
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.errors import BudgetReached, OproError
from opro_cli.sweep.claims import NOTHING, Claim, ClaimsFile

LOCK_RETRY_S = 0.001
"""Seconds; others hold the lock for microseconds, or while they read journals at their start."""
LOWER_AFTER_S = 0.2
"""Seconds until a claim is lowered when no call raises it: others may wait for what is free."""
POLL_S = 0.2
"""Seconds between two looks at what other sessions have given back."""
MOST = 10**24
"""Counted of one call at most, whatever its provider says: more than any ceiling."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A budget over some calls.

    Attributes:
        before: The amount that counts against it from before this session.
        whose: Whose budget it is, in words that follow the limit; "" for the sweep's.
    """

    budget: BudgetSettings
    before: Spent = NOTHING
    whose: str = ""


class Obstacle(NamedTuple):
    """The ceiling that a call does not fit under; shared: other sessions may make room for it."""

    ceiling: str
    shared: bool


class SharedBudget:
    """A sweep's budget in one session.

    Args:
        ceilings: All of them hold: the first one over all sessions, others over this one.
        file: The claims of all sessions; without it no other process counts.
        works: Returns True while a session of another shard is at work.

    Attributes:
        spent: By this session's calls that are over.
    """

    def __init__(
        self,
        *ceilings: Ceiling,
        file: ClaimsFile | None = None,
        works: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.spent = self._in_flight = NOTHING
        self._whole, *self._shares = ceilings
        self._file, self._works = file, works
        self._others: tuple[Claim, ...] = ()
        self._of_others = NOTHING
        self._rewriting: asyncio.TimerHandle | None = None
        self._freed = asyncio.Event()

    @property
    def spent_by_all(self) -> Spent:
        """The amount spent by all sessions, as far as this one knows."""
        return add_up((self._whole.before, self._of_others, self.spent))

    async def reserve(self, cost: Cost) -> None:
        """Set aside the upper bound of a call, until `settle` or `release`.

        Waits while it may fit once a call in flight, of any session, has turned out cheaper.

        Raises:
            BudgetReached: Nothing in flight could make room.
            OproError: The claim cannot be kept.
        """
        while (obstacle := await self._claim(cost)) is not None:
            latest = {claim.shard: claim for claim in self._others}  # earlier ones are over
            others = [shard for shard, claim in latest.items() if claim.in_flight.calls]
            may_come = obstacle.shared and any(map(self._works, others))
            if not self._in_flight.calls and not may_come:
                raise BudgetReached(obstacle.ceiling)
            self._freed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S if may_come else None):
                    await self._freed.wait()

    def settle(self, cost: Cost, tokens: int | None, pico_usd: int | None) -> None:
        """Count a call that is over; None for an unknown amount counts its upper bound."""
        tokens = cost.tokens if tokens is None else min(max(0, tokens), MOST)
        pico_usd = cost.pico_usd if pico_usd is None else min(max(0, pico_usd), MOST)
        self.spent = add_up((self.spent, Spent(1, tokens, pico_usd)))
        self.release(cost)
        if tokens > cost.tokens or pico_usd > cost.pico_usd:
            self._rewrite()  # the claim is too low, and others go by it

    def release(self, cost: Cost) -> None:
        """Give back what was set aside for a call that cost nothing."""
        self._forget(cost)
        self._freed.set()
        if self._file is not None and self._rewriting is None:
            loop = asyncio.get_running_loop()
            self._rewriting = loop.call_later(LOWER_AFTER_S, self._rewrite)

    def close(self) -> None:
        """Leave only what was spent, and no more calls in flight, in the claim."""
        if self._file is not None:
            with suppress(OproError), hold_lock(self._file):  # else it stays higher than need be
                self._file.write(self.spent, self._in_flight)
            self._file.close()
            self._file = None

    async def _claim(self, cost: Cost) -> Obstacle | None:
        """Set a call's bound aside; return what is in its way where it does not fit."""
        file = self._file
        if file is None:
            return self._set_aside(cost)
        while not file.try_lock():
            await asyncio.sleep(LOCK_RETRY_S)
        try:
            others = file.read_others()
            if others != self._others:
                self._others = others
                self._of_others = add_up(claim.total for claim in others)
            obstacle = self._set_aside(cost)
            try:
                file.write(self.spent, self._in_flight)
            except OproError:
                if obstacle is None:
                    self._forget(cost)
                raise
        finally:
            file.unlock()
        return obstacle

    def _set_aside(self, cost: Cost) -> Obstacle | None:
        for share in self._shares:
            if reached := self._find_ceiling(share, NOTHING, cost):
                return Obstacle(reached, shared=False)
        if reached := self._find_ceiling(self._whole, self._of_others, cost):
            return Obstacle(reached, shared=True)
        self._in_flight = add_up((self._in_flight, Spent(1, cost.tokens, cost.pico_usd)))
        return None

    def _forget(self, cost: Cost) -> None:
        self._in_flight = add_up((self._in_flight, Spent(-1, -cost.tokens, -cost.pico_usd)))

    def _find_ceiling(self, ceiling: Ceiling, others: Spent, cost: Cost) -> str | None:
        """Return the ceiling that a call would break, in words; others: their claims under it."""
        budget = ceiling.budget
        used = add_up((ceiling.before, others, self.spent, self._in_flight))
        if budget.calls is not None and used.calls + 1 > budget.calls:
            return f"calls {budget.calls:,}{ceiling.whose} reached"
        if budget.tokens is not None and used.tokens + cost.tokens > budget.tokens:
            return (
                f"tokens {budget.tokens:,}{ceiling.whose} reached: {used.tokens:,} are spent or in "
                f"flight, and the next call may take {cost.tokens:,}"
            )
        if budget.usd is not None and used.pico_usd + cost.pico_usd > budget.usd * 1e12:
            return (
                f"usd {budget.usd:g}{ceiling.whose} reached: ${used.pico_usd / 1e12:.4f} are spent "
                f"or in flight, and the next call may cost ${cost.pico_usd / 1e12:.4f}"
            )
        return None

    def _rewrite(self) -> None:
        """Bring the claim up to date when no call does it."""
        if self._rewriting is not None:
            self._rewriting.cancel()
            self._rewriting = None
        if self._file is None:
            return
        with suppress(OproError):  # the next call that asks says so
            if self._file.try_lock():
                try:
                    self._file.write(self.spent, self._in_flight)
                finally:
                    self._file.unlock()
            else:
                loop = asyncio.get_running_loop()
                self._rewriting = loop.call_later(LOCK_RETRY_S, self._rewrite)


@contextmanager
def hold_lock(file: ClaimsFile) -> Iterator[None]:
    """Hold the lock, outside of an event loop; Ctrl-C ends the waiting."""
    while not file.try_lock():
        time.sleep(LOCK_RETRY_S)
    try:
        yield
    finally:
        file.unlock()
