"""The budget of a sweep over all processes that see its folder.

At every call that is let go: what was ever spent in the folder, plus the upper bounds of all calls
in flight, plus that of this call, is at most every ceiling; and the same of this session's shard
is at most its share. Each session keeps its part of the sum in a file that all of them read under
one lock (claims_file.py), and raises it there before the call goes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from opro_cli.calls.budget import Spent, add_up
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.errors import BudgetReached, OproError
from opro_cli.sweep.claims import NOTHING, Claim, ClaimsFile

LOCK_RETRY_S = 0.001
"""Others hold the lock for some microseconds, or while they read journals at their beginning."""
LOWER_AFTER_S = 0.2
"""Until a claim is lowered when no call raises it: others may wait for what has become free."""
POLL_S = 0.2
"""Between two looks at what other sessions have given back."""
MOST = 10**24
"""Of one call, whatever its provider says: more than any ceiling."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A budget, what counts against it from before this session, and whose it is, in words."""

    budget: BudgetSettings
    before: Spent = NOTHING
    whose: str = ""


class Obstacle(NamedTuple):
    """Why a call does not fit, in words; shared: other sessions may make room for it."""

    ceiling: str
    shared: bool


class Tally:
    """A sum of spending that changes with every call, where a new `Spent` each time would cost."""

    __slots__ = ("calls", "pico_usd", "tokens")

    def __init__(self) -> None:
        self.calls = self.tokens = self.pico_usd = 0

    def add(self, calls: int, tokens: int, pico_usd: int) -> None:
        """Add to it, or subtract what is negative."""
        self.calls += calls
        self.tokens += tokens
        self.pico_usd += pico_usd


class SharedBudget:
    """A sweep's budget in one session. Without a file no other process counts.

    ceilings: all of them hold, the first one over all sessions, others over this one. works: is a
    session of another shard at work?
    """

    def __init__(
        self,
        *ceilings: Ceiling,
        file: ClaimsFile | None = None,
        works: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._spent, self._in_flight = Tally(), Tally()
        self._whole, *self._shares = ceilings
        self._file, self._works = file, works
        self._others: tuple[Claim, ...] = ()
        self._of_others = NOTHING
        self._rewriting: asyncio.TimerHandle | None = None
        self._freed = asyncio.Event()

    @property
    def spent(self) -> Spent:
        """By this session's calls that are over."""
        return Spent(self._spent.calls, self._spent.tokens, self._spent.pico_usd)

    @property
    def spent_by_all(self) -> Spent:
        """By all sessions, as far as this one knows."""
        return add_up((self._whole.before, self._of_others, self.spent))

    async def reserve(self, cost: Cost) -> None:
        """Set aside the upper bound of a call, until `settle` or `release`.

        Waits while it may fit once a call in flight, of any session, has turned out cheaper.
        Raises BudgetReached when nothing in flight could make room, OproError when the claim
        cannot be kept.
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
        """Count a call that is over; None where nobody counted: then its upper bound."""
        tokens = cost.tokens if tokens is None else min(max(0, tokens), MOST)
        pico_usd = cost.pico_usd if pico_usd is None else min(max(0, pico_usd), MOST)
        self._spent.add(1, tokens, pico_usd)
        self.release(cost)
        if self._file is not None and (tokens > cost.tokens or pico_usd > cost.pico_usd):
            self._rewrite(self._file)  # the claim is too low, and others go by it

    def release(self, cost: Cost) -> None:
        """Give back what was set aside for a call that cost nothing."""
        self._in_flight.add(-1, -cost.tokens, -cost.pico_usd)
        self._freed.set()
        if self._file is not None and self._rewriting is None:
            loop = asyncio.get_running_loop()
            self._rewriting = loop.call_later(LOWER_AFTER_S, self._rewrite, self._file)

    def close(self) -> None:
        """Leave only what was spent, and no more calls in flight, in the claim."""
        if self._file is not None:
            with suppress(OproError):  # then it stays higher than it need be
                wait_for_lock(self._file)
                try:
                    self._file.write(self._spent, self._in_flight)
                finally:
                    self._file.unlock()
            self._file.close()
            self._file = None

    async def _claim(self, cost: Cost) -> Obstacle | None:
        """Set a call's bound aside if it fits; else what is in its way."""
        file = self._file
        if file is None:
            return self._set_aside(cost)
        while not file.try_lock():
            await asyncio.sleep(LOCK_RETRY_S)
        try:
            others = file.read_others()
            if others is not self._others:
                self._others = others
                self._of_others = add_up(claim.total for claim in others)
            obstacle = self._set_aside(cost)
            try:
                file.write(self._spent, self._in_flight)
            except OproError:
                if obstacle is None:
                    self._in_flight.add(-1, -cost.tokens, -cost.pico_usd)
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
        self._in_flight.add(1, cost.tokens, cost.pico_usd)
        return None

    def _find_ceiling(self, ceiling: Ceiling, others: Spent, cost: Cost) -> str | None:
        """The ceiling that a call would break, in words; others: their claims under it."""
        budget, before = ceiling.budget, ceiling.before
        spent, in_flight = self._spent, self._in_flight
        if budget.calls is not None:
            calls = before.calls + others.calls + spent.calls + in_flight.calls
            if calls + 1 > budget.calls:
                return f"calls {budget.calls:,}{ceiling.whose} reached"
        if budget.tokens is not None:
            tokens = before.tokens + others.tokens + spent.tokens + in_flight.tokens
            if tokens + cost.tokens > budget.tokens:
                return (
                    f"tokens {budget.tokens:,}{ceiling.whose} reached: {tokens:,} are spent or in "
                    f"flight, and the next call may take {cost.tokens:,}"
                )
        if budget.usd is not None:
            usd = before.pico_usd + others.pico_usd + spent.pico_usd + in_flight.pico_usd
            if usd + cost.pico_usd > budget.usd * 1e12:
                return (
                    f"usd {budget.usd:g}{ceiling.whose} reached: ${usd / 1e12:.4f} are spent or in "
                    f"flight, and the next call may cost ${cost.pico_usd / 1e12:.4f}"
                )
        return None

    def _rewrite(self, file: ClaimsFile) -> None:
        """Bring the claim up to date, where no call that asks does it."""
        if self._rewriting is not None:
            self._rewriting.cancel()
            self._rewriting = None
        if self._file is None:
            return
        with suppress(OproError):  # the next call that asks says so
            if file.try_lock():
                try:
                    file.write(self._spent, self._in_flight)
                finally:
                    file.unlock()
            else:
                loop = asyncio.get_running_loop()
                self._rewriting = loop.call_later(LOCK_RETRY_S, self._rewrite, file)


def wait_for_lock(file: ClaimsFile) -> None:
    """Take the lock, outside of an event loop; Ctrl-C ends the waiting."""
    while not file.try_lock():
        time.sleep(LOCK_RETRY_S)
