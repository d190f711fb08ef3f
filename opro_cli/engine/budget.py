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

from opro_cli.core.model import ChatRequest
from opro_cli.core.session import Role, calls_done
from opro_cli.core.settings import BudgetSettings, PriceSettings
from opro_cli.core.state import RunState

BYTES_A_TOKEN = 3.0
"""A guess on the careful side: English has about 4, code and other scripts less."""


class BudgetReached(Exception):
    """No call fits under a ceiling any more; the text says which one."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one call at most: tokens of prompt and reply, and dollars in whole 1e-12."""

    tokens: int
    pico_usd: int


class Ledger:
    """Who may still call.

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
        self._flying: dict[int, Cost] = {}
        self._number = 0
        self._freed = asyncio.Event()
        self._bytes_a_token: dict[Role, float] = {}

    async def reserve(self, role: Role, request: ChatRequest) -> int:
        """Set aside what the call may cost; a ticket for `release`.

        Waits while it may fit once a call in flight has turned out cheaper than feared. Raises
        BudgetReached when nothing in flight could make room.
        """
        cost = self.cost_of(role, request)
        self.require_time()
        while (ceiling := self._too_much(cost)) is not None:
            if not self._flying:
                raise BudgetReached(ceiling)
            self._freed.clear()
            await self._freed.wait()
            self.require_time()
        self._number += 1
        self._flying[self._number] = cost
        return self._number

    def release(self, ticket: int) -> None:
        """The call is over and, if it cost anything, recorded in the state."""
        self._flying.pop(ticket, None)
        self._freed.set()

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
        return Cost(prompt + completion, dollars)

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

    def _too_much(self, cost: Cost) -> str | None:
        """The ceiling that the call would break, in words."""
        budget, flying = self._budget, self._flying.values()
        if budget.calls is not None:
            calls = calls_done(self._state) + len(flying) + 1
            if calls > budget.calls:
                return f"calls {budget.calls:,} reached"
        spent = self._state.spend.values()
        if budget.tokens is not None:
            tokens = sum((s.prompt_tokens or 0) + (s.completion_tokens or 0) for s in spent)
            need = tokens + sum(each.tokens for each in flying) + cost.tokens
            if need > budget.tokens:
                return (
                    f"tokens {budget.tokens:,} reached: {tokens:,} are spent, and the next call "
                    f"may take {cost.tokens:,}"
                )
        if budget.usd is not None:
            pico = sum(s.pico_usd or 0 for s in spent)
            if pico + sum(each.pico_usd for each in flying) + cost.pico_usd > budget.usd * 1e12:
                return (
                    f"usd {budget.usd:g} reached: ${pico / 1e12:.4f} are spent, and the next "
                    f"call may cost ${cost.pico_usd / 1e12:.4f}"
                )
        return None


def pico_usd(price: PriceSettings, prompt_tokens: int, completion_tokens: int) -> int:
    """What so many tokens cost, in whole 1e-12 dollars (a dollar a million tokens is 1e6 each)."""
    return round((price.input * prompt_tokens + price.output * completion_tokens) * 1e6)


def _bytes(request: ChatRequest) -> int:
    texts = [message.content for message in request.messages]
    return sum(len(t) if t.isascii() else len(t.encode("utf-8", "surrogatepass")) for t in texts)
