"""Who may still call in a run, and what each call cost or may have cost, written down.

Before a call is sent, the journal knows what all calls in flight may take; after it, what it took,
or that nobody counted it. So a resume knows as much as the process that was killed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from opro_cli.core.cost import Cost
from opro_cli.core.events import Event, InFlight, LimitExceeded, Uncounted
from opro_cli.core.model import ChatReply, ChatRequest
from opro_cli.core.session import ROLES, Role
from opro_cli.core.settings import BudgetSettings, PriceSettings
from opro_cli.core.state import RunState
from opro_cli.engine.budget import Ceilings, Spent, pico_usd, spent_by, total
from opro_cli.engine.clock import now
from opro_cli.errors import BudgetReached, ModelError

BYTES_A_TOKEN = 3.0
"""What a prompt probably takes, for limits a minute: English has about 4, digits 1 to 3."""
PROMPT_OVERHEAD = 64
"""Tokens that a chat's frame may add to the bytes of its texts: no token is less than a byte."""
HEADROOM = 1.25
"""What is in flight is written down as so many times as much, for not every call to be written."""
LOWERED_AT = 0.5
"""It is written down anew once it is less than this share of what was written."""
FEW = 4
"""So few calls are written down as they are."""


@dataclass(slots=True, eq=False)
class Reservation:
    """What is set aside for a call."""

    role: Role
    request: ChatRequest
    cost: Cost


class Ledger:
    """The accounts of a run.

    prices: by role, None where unknown (a ceiling in dollars is then refused before the run).
    own_prices: those that the config gives, which count whatever comes with an answer. record:
    writes events down and applies them to the state.
    """

    def __init__(
        self,
        budget: BudgetSettings,
        state: RunState,
        prices: Mapping[Role, PriceSettings | None],
        *,
        own_prices: Mapping[Role, PriceSettings | None] | None = None,
        record: Callable[[Event], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget, self._state = budget, state
        self._own_prices = own_prices or {}
        self._prices = {role: prices.get(role) or self._own_prices.get(role) for role in ROLES}
        self._record, self._clock = record, clock
        self._began = clock() - state.working_seconds
        self._ceilings = Ceilings(budget, self.spent)
        self._tokens_a_byte: dict[Role, float] = {}
        self._largest: dict[Role, Cost] = {role: Cost(0, 0) for role in ROLES}
        self._reserved: dict[Role, set[Reservation]] = {role: set() for role in ROLES}
        self._in_flight: dict[Role, Spent] = {role: Spent(0, 0, 0) for role in ROLES}

    async def reserve(self, role: Role, request: ChatRequest) -> Reservation:
        """Set aside what a call may cost, and write down that it may be in flight.

        Raises BudgetReached.
        """
        cost = self.cost_of(role, request)
        await self._ceilings.reserve(cost, self.require_time)
        reservation = Reservation(role, request, cost)
        self._reserved[role].add(reservation)
        self._count(role, 1, cost.tokens, cost.pico_usd)
        try:
            self._record_in_flight(role)
        except BaseException:
            self._remove(reservation)
            raise
        return reservation

    def release(self, reservation: Reservation) -> None:
        """The call is over and, if it cost anything, recorded."""
        self._remove(reservation)
        self._record_in_flight(reservation.role)

    def price(self, role: Role, reply: ChatReply) -> ChatReply:
        """The reply at the price that the config gives, else at that which came with it.

        At the config's price an answer that nobody counted costs an unknown sum, also where the
        server is free.
        """
        price = self._own_prices.get(role)
        if price is None and reply.usd is None:
            price = self._prices[role]
        if price is None:
            return reply
        if counted_tokens(reply) is None:
            return replace(reply, usd=None)
        cost = pico_usd(price, reply.prompt_tokens or 0, reply.completion_tokens or 0)
        return replace(reply, usd=cost / 1e12)

    def record_usage(self, reservation: Reservation, reply: ChatReply) -> None:
        """Write down what an answer does not say of its cost, and what it says beyond its bound."""
        if counted_tokens(reply) is None:
            why = "no token counts came with the answer"
            self._record_uncounted(reservation, why, answered=True, usd=reply.usd)
        exceeded = self._exceeded(reservation, reply)
        if exceeded is not None:
            self._record(exceeded)
            self._bound_anew(reservation.role)

    def record_failure(self, reservation: Reservation, error: ModelError) -> None:
        """Write down what a call without an answer may cost all the same."""
        if error.maybe_billed:
            self._record_uncounted(reservation, error.message, answered=False, usd=None)

    def cost_of(self, role: Role, request: ChatRequest) -> Cost:
        """What a call costs at most, by all that is known of the model."""
        size, known = _bytes(request), self._state.spend[role]
        prompt = size + max(PROMPT_OVERHEAD, known.prompt_overhead)
        completion = request.choices * max(request.max_tokens, known.longest_reply)
        price = self._prices[role]
        dollars = pico_usd(price, prompt, completion) if price else 0
        likely = math.ceil(size * self._tokens_a_byte.get(role, 1 / BYTES_A_TOKEN)) + 1
        cost = Cost(prompt + completion, dollars, likely + request.choices * request.max_tokens)
        largest = self._largest[role]
        most = max(largest.tokens, cost.tokens), max(largest.pico_usd, cost.pico_usd)
        self._largest[role] = Cost(*most)
        return cost

    def spent(self) -> Spent:
        """By the run, all sessions and both models; what nobody counted at its upper bound."""
        return spent_by(self._state, self._prices, self._largest)

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

    def _remove(self, reservation: Reservation) -> None:
        role, cost = reservation.role, reservation.cost
        self._reserved[role].remove(reservation)
        self._count(role, -1, -cost.tokens, -cost.pico_usd)
        self._ceilings.release(cost)

    def _count(self, role: Role, calls: int, tokens: int, pico_usd: int) -> None:
        before = self._in_flight[role]
        self._in_flight[role] = Spent(
            before.calls + calls, before.tokens + tokens, before.pico_usd + pico_usd
        )

    def _record_in_flight(self, role: Role) -> None:
        """Write down what calls in flight may take, where the journal's word is not good any more.

        It is good while it bounds what is in flight, and is neither far more than that nor more
        than there is left to spend.
        """
        actual, said = self._in_flight[role], self._state.spend[role].in_flight
        known = Spent(said.unanswered, said.tokens, said.pico_usd)
        bounds = (
            actual.calls <= known.calls
            and actual.tokens <= known.tokens
            and actual.pico_usd <= known.pico_usd
        )
        is_close = actual.tokens >= LOWERED_AT * known.tokens
        if bounds and is_close and self._is_left(role, known):
            return
        calls, tokens, pico_usd = (math.ceil(HEADROOM * each) for each in actual)
        roomy = Spent(actual.calls if actual.calls <= FEW else calls, tokens, pico_usd)
        risk = roomy if self._is_left(role, roomy) else actual
        if risk != known:
            usd = None if self._prices[role] is None else risk.pico_usd / 1e12
            self._record(InFlight(now(), role, risk.calls, risk.tokens, usd))

    def _is_left(self, role: Role, risk: Spent) -> bool:
        """Is there so much left to lose, were the process killed now?"""
        if not self._ceilings.any:
            return True
        others = [
            Spent(spend.in_flight.unanswered, spend.in_flight.tokens, spend.in_flight.pico_usd)
            for name, spend in self._state.spend.items()
            if name != role
        ]
        return not self._ceilings.are_below(total([self.spent(), risk, *others]))

    def _record_uncounted(
        self, reservation: Reservation, why: str, *, answered: bool, usd: float | None
    ) -> None:
        role, cost = reservation.role, reservation.cost
        if usd is None and self._prices[role] is not None:
            usd = cost.pico_usd / 1e12
        self._record(Uncounted(now(), role, answered, cost.tokens, usd, why))

    def _exceeded(self, reservation: Reservation, reply: ChatReply) -> LimitExceeded | None:
        """What a provider counted, where it is more than the bound of the call."""
        role, request = reservation.role, reservation.request
        prompt, completion = reply.prompt_tokens, reply.completion_tokens
        if prompt is None or completion is None:
            return None
        size, known = _bytes(request), self._state.spend[role]
        if size:
            most = max(self._tokens_a_byte.get(role, 0.0), prompt / size)
            self._tokens_a_byte[role] = most
        overhead, longest = prompt - size, -(-completion // request.choices)
        beyond_prompt = overhead > max(PROMPT_OVERHEAD, known.prompt_overhead)
        beyond_reply = longest > max(request.max_tokens, known.longest_reply)
        if not (beyond_prompt or beyond_reply):
            return None
        return LimitExceeded(
            now(),
            role,
            overhead if beyond_prompt else known.prompt_overhead,
            longest if beyond_reply else known.longest_reply,
            request.max_tokens,
        )

    def _bound_anew(self, role: Role) -> None:
        """Bound the calls in flight by what was learnt about their model."""
        for reservation in self._reserved[role]:
            cost = self.cost_of(role, reservation.request)
            old, reservation.cost = reservation.cost, cost
            self._ceilings.change(old, cost)
            self._count(role, 0, cost.tokens - old.tokens, cost.pico_usd - old.pico_usd)
        self._record_in_flight(role)


def counted_tokens(reply: ChatReply) -> int | None:
    """Of prompt and reply; None where the provider did not count both."""
    if reply.prompt_tokens is None or reply.completion_tokens is None:
        return None
    return reply.prompt_tokens + reply.completion_tokens


def _bytes(request: ChatRequest) -> int:
    texts = [message.content for message in request.messages]
    return sum(len(t) if t.isascii() else len(t.encode("utf-8", "surrogatepass")) for t in texts)
