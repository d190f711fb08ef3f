"""The clock of a run's events, and admission of calls under the ceilings of its budget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from opro_cli.core.run.progress import Role, count_calls
from opro_cli.core.run.spend import Cost, RoleSpend
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.models import PriceSettings
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.errors import BudgetReached

# Wall time when the process began, and steady from there on: a clock that is set anew, or jumps to
# summer time, then changes neither the order of events nor the minutes that a run was at work.
_STARTED = time.time() - time.monotonic()


def read_clock() -> float:
    """Return seconds since the epoch."""
    return _STARTED + time.monotonic()


class Spent(NamedTuple):
    """An amount spent: calls, tokens, and dollars in whole 1e-12."""

    calls: int
    tokens: int
    pico_usd: int

    def plus(self, calls: int, tokens: int, pico_usd: int) -> Spent:
        """Return the sum with another amount."""
        return Spent(self.calls + calls, self.tokens + tokens, self.pico_usd + pico_usd)

    def covers(self, other: Spent) -> bool:
        """Return True if no kind of another amount is larger."""
        return all(most >= amount for most, amount in zip(self, other, strict=True))


class BudgetGuard:
    """Admission of calls under a budget's ceilings on calls, tokens and dollars.

    `spent` returns the amount spent so far; a released call is in it, if it cost anything. `any`
    is True if there is a ceiling at all.
    """

    def __init__(self, budget: BudgetSettings, spent: Callable[[], Spent]) -> None:
        self._budget, self._spent = budget, spent
        self.any = not (budget.calls is budget.tokens is budget.usd is None)
        self._in_flight = Spent(0, 0, 0)  # at their most
        self._freed = asyncio.Event()

    async def reserve(self, cost: Cost, check: Callable[[], None] = lambda: None) -> None:
        """Reserve the bounds of a call, until `release`.

        Waits while it may fit once a call in flight has turned out cheaper than its bounds;
        `check` may raise to end the waiting. Raises BudgetReached when nothing in flight could
        make room.
        """
        check()
        while (ceiling := self._find_ceiling(cost)) is not None:
            if not self._in_flight.calls:
                raise BudgetReached(ceiling)
            self._freed.clear()
            await self._freed.wait()
            check()
        self._in_flight = self._in_flight.plus(1, cost.tokens, cost.pico_usd)

    def release(self, cost: Cost) -> None:
        """End a reservation; the call, if it cost anything, is among what was spent."""
        self._in_flight = self._in_flight.plus(-1, -cost.tokens, -cost.pico_usd)
        self._freed.set()

    def change(self, before: Cost, after: Cost) -> None:
        """Replace the amount reserved for a call."""
        more_tokens, more_usd = after.tokens - before.tokens, after.pico_usd - before.pico_usd
        self._in_flight = self._in_flight.plus(0, more_tokens, more_usd)

    def is_exceeded_by(self, spent: Spent) -> bool:
        """Return True if this amount exceeds a ceiling."""
        budget = self._budget
        return (
            (budget.calls is not None and spent.calls > budget.calls)
            or (budget.tokens is not None and spent.tokens > budget.tokens)
            or (budget.usd is not None and spent.pico_usd > budget.usd * 1e12)
        )

    def _find_ceiling(self, cost: Cost) -> str | None:
        """Return the ceiling that the call would break, in words."""
        budget = self._budget
        if not self.any:
            return None
        spent = self._spent()
        need = spent.plus(*self._in_flight).plus(1, cost.tokens, cost.pico_usd)
        if budget.calls is not None and need.calls > budget.calls:
            return f"calls {budget.calls:,} reached"
        if budget.tokens is not None and need.tokens > budget.tokens:
            return (
                f"tokens {budget.tokens:,} reached: {spent.tokens:,} are spent, and the next "
                f"call may take {cost.tokens:,}"
            )
        if budget.usd is not None and need.pico_usd > budget.usd * 1e12:
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
        state: Of the run.
        prices: For calls recorded while the price was unknown.
        largest: The largest call of each role, charged for answers that an older opro recorded
            without token counts.
        in_flight: Include the calls in flight, as last recorded by a process that is at work or
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
    total = Spent(0, 0, 0)
    for amount in amounts:
        total = total.plus(*amount)
    return total


def _sum_role(spend: RoleSpend, price: PriceSettings | None, largest: Cost | None) -> Spent:
    bounds = spend.uncounted
    # Before journal format 5 uncounted answers have no bound beside them.
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
