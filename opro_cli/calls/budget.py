"""The time that events get: that of the wall when the process began, and steady from there on.

A clock that is set anew, or jumps to summer time, in the middle of a session then changes neither
the order of events nor the minutes that a run has been at work.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from opro_cli.core.run.progress import Role, count_calls
from opro_cli.core.run.spend import Cost, RoleSpend
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.settings import BudgetSettings, PriceSettings
from opro_cli.errors import BudgetReached

_STARTED = time.time() - time.monotonic()


def read_clock() -> float:
    """Seconds since the epoch."""
    return _STARTED + time.monotonic()


class Spent(NamedTuple):
    """An amount spent: calls, tokens, and dollars in whole 1e-12."""

    calls: int
    tokens: int
    pico_usd: int


class BudgetGuard:
    """Admission of calls under a budget's ceilings on calls, tokens and dollars.

    spent: returns the amount spent so far; a released call is in it, if it cost anything. any:
    whether there is a ceiling at all.
    """

    def __init__(self, budget: BudgetSettings, spent: Callable[[], Spent]) -> None:
        self._budget, self._spent = budget, spent
        self.any = not (budget.calls is budget.tokens is budget.usd is None)
        self._calls = self._tokens = self._pico_usd = 0  # in flight, at their most
        self._freed = asyncio.Event()

    async def reserve(self, cost: Cost, check: Callable[[], None] = lambda: None) -> None:
        """Set aside what a call may cost, until `release`.

        Waits while it may fit once a call in flight has turned out cheaper than feared; check: may
        raise to end the waiting. Raises BudgetReached when nothing in flight could make room.
        """
        check()
        while (ceiling := self._too_much(cost)) is not None:
            if not self._calls:
                raise BudgetReached(ceiling)
            self._freed.clear()
            await self._freed.wait()
            check()
        self._calls += 1
        self._tokens += cost.tokens
        self._pico_usd += cost.pico_usd

    def release(self, cost: Cost) -> None:
        """The call is over and, if it cost anything, among what was spent."""
        self._calls -= 1
        self._tokens -= cost.tokens
        self._pico_usd -= cost.pico_usd
        self._freed.set()

    def change(self, before: Cost, after: Cost) -> None:
        """Replace the amount reserved for a call."""
        self._tokens += after.tokens - before.tokens
        self._pico_usd += after.pico_usd - before.pico_usd

    def are_below(self, spent: Spent) -> bool:
        """Return True if this amount exceeds a ceiling."""
        budget = self._budget
        return (
            (budget.calls is not None and spent.calls > budget.calls)
            or (budget.tokens is not None and spent.tokens > budget.tokens)
            or (budget.usd is not None and spent.pico_usd > budget.usd * 1e12)
        )

    def _too_much(self, cost: Cost) -> str | None:
        """The ceiling that the call would break, in words."""
        budget = self._budget
        if not self.any:
            return None
        spent = self._spent()
        if budget.calls is not None and spent.calls + self._calls + 1 > budget.calls:
            return f"calls {budget.calls:,} reached"
        if budget.tokens is not None:
            need = spent.tokens + self._tokens + cost.tokens
            if need > budget.tokens:
                return (
                    f"tokens {budget.tokens:,} reached: {spent.tokens:,} are spent, and the next "
                    f"call may take {cost.tokens:,}"
                )
        if budget.usd is not None:
            need = spent.pico_usd + self._pico_usd + cost.pico_usd
            if need > budget.usd * 1e12:
                return (
                    f"usd {budget.usd:g} reached: ${spent.pico_usd / 1e12:.4f} are spent, and the "
                    f"next call may cost ${cost.pico_usd / 1e12:.4f}"
                )
        return None


def sum_spend(
    state: RunState,
    prices: Mapping[Role, PriceSettings | None] | None = None,
    largest: Mapping[Role, Cost] | None = None,
    *,
    in_flight: bool = False,
) -> Spent:
    """Add up the most that a run can have spent, over all sessions and both models.

    Args:
        state: of the run.
        prices: for calls recorded while the price was unknown.
        largest: the largest call of each role, charged for answers that an older opro recorded
            without token counts.
        in_flight: include the calls in flight, as last recorded by a process that is at work or
            was killed.
    """
    spent = [Spent(count_calls(state), 0, 0)]
    for role, spend in state.spend.items():
        price = (prices or {}).get(role)
        spent.append(_sum_role(spend, price, (largest or {}).get(role)))
        if in_flight:
            flying = spend.in_flight
            dollars = flying.pico_usd + _price_at_most(price, flying.unpriced_tokens)
            spent.append(Spent(flying.unanswered, flying.tokens, dollars))
    return add_up(spent)


def add_up(amounts: Iterable[Spent]) -> Spent:
    """Add amounts, kind by kind."""
    calls = tokens = pico_usd = 0
    for each in amounts:
        calls += each.calls
        tokens += each.tokens
        pico_usd += each.pico_usd
    return Spent(calls, tokens, pico_usd)


def _sum_role(spend: RoleSpend, price: PriceSettings | None, largest: Cost | None) -> Spent:
    bounds = spend.uncounted
    # Each uncounted answer has its bound beside it, but in a journal of before format 5.
    unbounded = max(0, spend.uncounted_answers - bounds.answered)
    dollars = (
        spend.counted_pico_usd + bounds.pico_usd + _price_at_most(price, bounds.unpriced_tokens)
    )
    if price is not None:
        dollars += price_in_pico_usd(price, spend.unpriced_prompt, spend.unpriced_completion)
    tokens = spend.counted_prompt + spend.counted_completion + bounds.tokens
    if unbounded and largest is not None:
        tokens += unbounded * largest.tokens
        dollars += unbounded * largest.pico_usd
    return Spent(bounds.unanswered, tokens, dollars)


def _price_at_most(price: PriceSettings | None, tokens: int) -> int:
    """Price tokens of unknown kind at the dearer of the two rates."""
    return 0 if price is None else round(max(price.input, price.output) * tokens * 1e6)


def price_in_pico_usd(price: PriceSettings, prompt_tokens: int, completion_tokens: int) -> int:
    """Return a cost in whole 1e-12 dollars; a dollar a million tokens is 1e6 a token."""
    return round((price.input * prompt_tokens + price.output * completion_tokens) * 1e6)
