"""The ceiling over both models and all sessions of a run, checked before every call.

A call is sent only when what was spent, what the calls in flight may still cost at most, and what
this one may cost at most fit under every ceiling together. So nothing overshoots but by the error
of one estimate: prompt tokens are guessed from the text until a provider counts them.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opro_cli.core.cost import Cost
from opro_cli.core.model import ChatRequest
from opro_cli.core.session import Role, calls_done
from opro_cli.core.settings import BudgetSettings, PriceSettings
from opro_cli.core.state import RunState
from opro_cli.errors import BudgetReached

__all__ = ["BYTES_A_TOKEN", "Ceilings", "Cost", "Ledger", "Spent", "pico_usd", "spent_by"]

BYTES_A_TOKEN = 3.0
"""A guess on the careful side: English has about 4, code and other scripts less."""


@dataclass(frozen=True, slots=True)
class Spent:
    """By calls that were answered: how many, their tokens, and dollars in whole 1e-12."""

    calls: int
    tokens: int
    pico_usd: int


class Ceilings:
    """Which calls fit under the ceilings of a budget; its minutes are not looked at.

    spent: what was spent by now; a call that is released is in it, if it cost anything.
    """

    def __init__(self, budget: BudgetSettings, spent: Callable[[], Spent]) -> None:
        self._budget, self._spent = budget, spent
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

    def _too_much(self, cost: Cost) -> str | None:
        """The ceiling that the call would break, in words."""
        budget = self._budget
        if budget.calls is budget.tokens is budget.usd is None:
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


class Ledger:
    """Who may still call in a run.

    prices: by role, None where unknown (a ceiling in dollars is then refused before the run).
    """

    def __init__(
        self,
        budget: BudgetSettings,
        state: RunState,
        prices: Mapping[Role, PriceSettings | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget, self._state, self._prices = budget, state, prices
        self._clock = clock
        self._began = clock() - state.working_seconds
        self._ceilings = Ceilings(budget, lambda: spent_by(state))
        self._bytes_a_token: dict[Role, float] = {}

    async def reserve(self, role: Role, request: ChatRequest) -> Cost:
        """Set aside what the call may cost, for `release`. Raises BudgetReached."""
        cost = self.cost_of(role, request)
        await self._ceilings.reserve(cost, self.require_time)
        return cost

    def release(self, cost: Cost) -> None:
        """The call is over and, if it cost anything, recorded in the state."""
        self._ceilings.release(cost)

    def learn(self, role: Role, request: ChatRequest, prompt_tokens: int | None) -> None:
        """What a provider counted makes the next guess better."""
        if prompt_tokens:
            self._bytes_a_token[role] = _bytes(request) / prompt_tokens

    def cost_of(self, role: Role, request: ChatRequest) -> Cost:
        """What a call costs at most."""
        prompt = int(_bytes(request) / self._bytes_a_token.get(role, BYTES_A_TOKEN)) + 1
        price = self._prices.get(role)
        completion = request.choices * request.max_tokens
        dollars = pico_usd(price, prompt, completion) if price else 0
        return Cost(prompt + completion, dollars, prompt + completion)

    def seconds_left(self) -> float:
        """Until time is up, all sessions counted; infinite without a ceiling."""
        minutes = self._budget.minutes
        return math.inf if minutes is None else minutes * 60 - (self._clock() - self._began)

    def require_time(self) -> None:
        """BudgetReached once time is up."""
        if self.seconds_left() <= 0:
            raise self.time_is_up()

    def time_is_up(self) -> BudgetReached:
        """What to raise then."""
        return BudgetReached(f"minutes {self._budget.minutes:g} reached")


def spent_by(state: RunState) -> Spent:
    """What a run has spent, all sessions and both models; unknown is nothing."""
    spends = state.spend.values()
    return Spent(
        calls_done(state),
        sum((s.prompt_tokens or 0) + (s.completion_tokens or 0) for s in spends),
        sum(s.pico_usd or 0 for s in spends),
    )


def pico_usd(price: PriceSettings, prompt_tokens: int, completion_tokens: int) -> int:
    """What so many tokens cost, in whole 1e-12 dollars (a dollar a million tokens is 1e6 each)."""
    return round((price.input * prompt_tokens + price.output * completion_tokens) * 1e6)


def _bytes(request: ChatRequest) -> int:
    texts = [message.content for message in request.messages]
    return sum(len(t) if t.isascii() else len(t.encode("utf-8", "surrogatepass")) for t in texts)
