"""The accounts of a run: reserves budget for each call and records what it cost.

The journal has the upper bound of all calls in flight before a call is sent, and its cost, or that
it was not metered, before anything else is sent. A resume knows as much as the killed process did.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from opro_cli.calls.budget import (
    BudgetGuard,
    Spent,
    add_up,
    price_in_pico_usd,
    read_clock,
    sum_spend,
)
from opro_cli.core.run.events import Event, InFlight, LimitExceeded, PromptsCut, Uncounted
from opro_cli.core.run.progress import ROLES, Role
from opro_cli.core.run.spend import Cost, RoleSpend
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.models import ASSUMED_REPLY, PriceSettings
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.core.task.example import MOST_USD, ChatReply, ChatRequest, Took
from opro_cli.core.text import count_bytes
from opro_cli.errors import BudgetReached, ModelError
from opro_cli.reports.request_words import name_role

BYTES_A_TOKEN = 3.0
"""An estimate for limits a minute: English has about 4, digits 1 to 3."""
PROMPT_OVERHEAD = 64
"""Tokens that a chat template may add to the bytes of its texts: a token has at least one byte."""
HEADROOM = 1.25
"""Factor on the recorded bound of calls in flight, so that not every call has to record it."""
LOWERED_AT = 0.5
"""The bound is recorded again once the calls in flight fall below this share of it."""
EQUAL_PROMPTS = 3
"""So many different prompts of an equal number of tokens, more than which none has, are cut."""
WINDOWS_OF = 256
"""Windows are multiples of it; prompts that end up at one by chance are rare."""
SMALLEST_WINDOW = 512
UNEQUAL = 1.25
"""The longest of prompts with equal counts is this much longer than the shortest, if the number
is no window by its looks."""
BEYOND = 100
"""Tokens for each byte sent, or for each token allowed, beyond which a count is none."""
BELIEVED = 1_000_000
"""Tokens up to which a count is believed in any case."""
FEW = 4
"""Up to this many calls in flight, their number is recorded without headroom."""


@dataclass(slots=True)
class _Widest:
    """The different prompts of the largest number of tokens so far, with their bytes."""

    tokens: int = 0
    sizes: dict[int, int] = field(default_factory=dict)

    def add(self, tokens: int, request: ChatRequest) -> None:
        """Add the prompt of a request.

        Args:
            tokens: As the provider counted them.
            request: Whose prompt it is.
        """
        if tokens > self.tokens:
            self.tokens, self.sizes = tokens, {}
        if tokens == self.tokens:
            self.sizes[hash(request.messages)] = _count_bytes(request)

    @property
    def is_window(self) -> bool:
        """The prompts were most likely longer, and cut to a window of this many tokens."""
        if self.tokens < SMALLEST_WINDOW or len(self.sizes) < EQUAL_PROMPTS:
            return False
        unequal = max(self.sizes.values()) >= UNEQUAL * min(self.sizes.values())
        return unequal or self.tokens % WINDOWS_OF == 0


@dataclass(slots=True, eq=False)
class Reservation:
    """Budget reserved for one call."""

    role: Role
    request: ChatRequest
    cost: Cost


class Ledger:
    """The accounts of a run."""

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
        """Open the accounts of a run.

        Args:
            budget: Its ceilings.
            state: Of the run.
            prices: By role, None where unknown; under a ceiling in dollars such a price is learnt
                from what answers are said to have cost.
            own_prices: Prices of the config, which go before the price that comes with an answer.
            record: Writes events down and applies them to the state.
            clock: Returns seconds.
        """
        self._budget, self._state = budget, state
        self._own_prices = own_prices or {}
        self._roles = (*ROLES, *(role for role in self._own_prices if role not in ROLES))
        own = self._own_prices
        self._prices = {role: prices.get(role) or own.get(role) for role in self._roles}
        self._learns = budget.usd is not None and None in self._prices.values()
        self._released = asyncio.Event()
        self._record, self._clock = record, clock
        self._began = clock() - state.working_seconds
        self._ceilings = BudgetGuard(budget, self.spent)
        self._tokens_a_byte: dict[Role, float] = {}
        self._largest: dict[Role, Cost] = {role: Cost(0, 0) for role in self._roles}
        self._reserved: dict[Role, set[Reservation]] = {role: set() for role in self._roles}
        self._in_flight: dict[Role, Spent] = {role: Spent(0, 0, 0) for role in self._roles}
        self._widest: dict[Role, _Widest] = {role: _Widest() for role in self._roles}

    async def reserve(self, role: Role, request: ChatRequest) -> Reservation:
        """Reserve the upper bound of a call and record that it may be in flight.

        Raises:
            BudgetReached: The call does not fit under a ceiling.
            ModelError: The ceiling is in dollars, or prompts are compared by them, and nobody says
                what calls cost.
        """
        if self._learns:
            await self._wait_for_price(role, "budget.usd", "budget.calls or budget.tokens instead")
        elif role == "scorer" and self._weighs_usd():
            remedy = "search.objectives: {cost: tokens_per_1000}"
            await self._wait_for_price(role, "search.objectives.cost usd_per_1000", remedy)
        cost = self.cost_of(role, request)
        await self._ceilings.reserve(cost, self.require_time)
        reservation = Reservation(role, request, cost)
        self._reserved[role].add(reservation)
        self._in_flight[role] = self._in_flight[role].plus(1, cost.tokens, cost.pico_usd)
        try:
            self._record_in_flight(role)
        except BaseException:
            self._remove(reservation)
            raise
        return reservation

    def _weighs_usd(self) -> bool:
        """Return whether prompts are compared by dollars that only answers can tell.

        A run that began before journal format 10 goes on without a word of them, as it began.
        """
        search = self._state.search
        asked = search.objectives is not None and search.objectives.cost == "usd_per_1000"
        return asked and search.steps > 0 and self._state.began_with(10)

    def _knows_price(self, role: Role) -> bool:
        return self._prices[role] is not None or bool(learn_price(self._state.spend_of(role)))

    async def _wait_for_price(self, role: Role, key: str, remedy: str) -> None:
        """Wait until the price of a model is learnt, or nothing is in flight: then one call may go.

        Args:
            role: The model.
            key: That needs the price.
            remedy: What may be set in place of it.

        Raises:
            ModelError: Its answers do not say what they cost.
        """
        while not self._knows_price(role) and not self._state.spend_of(role).calls:
            if not self._reserved[role]:
                return
            self._released.clear()
            await self._released.wait()
            self.require_time()
        if not self._knows_price(role):
            raise ModelError(
                f"{key}: the price of the {role} is not known, and its answers do not say what "
                "they cost",
                f"set {name_role(role)}.price: {{input: …, output: …}} (US dollars per million "
                f"tokens), or {remedy}",
                transient=False,
                about="config",
            )

    def _find_rate(self, role: Role) -> PriceSettings | None:
        """Return the price by which calls are bounded, None while it is not known."""
        price = self._prices[role]
        if price is None and self._learns:
            price = learn_price(self._state.spend_of(role))
        return price

    def release(self, reservation: Reservation) -> None:
        """Give back a reservation; the call is over and its cost, if any, recorded."""
        self._remove(reservation)
        self._record_in_flight(reservation.role)

    def price(self, reservation: Reservation, reply: ChatReply) -> ChatReply:
        """Price a reply: by the config if it gives a price, else as the reply says.

        An unmetered answer has no known price under the config's rates, even from a free server.
        Counts and a price that no such call can have are taken for none.
        """
        role, reply = reservation.role, _drop_nonsense(reservation.request, reply)
        price = self._own_prices.get(role)
        if price is None and reply.usd is None:
            price = self._prices[role]
        if price is None:
            return reply
        if count_tokens(reply) is None:
            return replace(reply, usd=None)
        cost = price_in_pico_usd(price, reply.prompt_tokens or 0, reply.completion_tokens or 0)
        return replace(reply, usd=cost / 1e12)

    def price_known(self, role: Role, took: Took) -> Took:
        """Price what a known answer took, as `price` does: the cache may have another run's."""
        price = self._own_prices.get(role)
        if price is None and took.usd is None:
            price = self._prices[role]
        if price is None:
            return took
        if took.prompt is None or took.completion is None:
            return took._replace(usd=None)
        return took._replace(usd=price_in_pico_usd(price, took.prompt, took.completion) / 1e12)

    def record_usage(self, reservation: Reservation, reply: ChatReply) -> None:
        """Record an answer without token counts, or one that exceeded its bound."""
        if count_tokens(reply) is None:
            why = "no token counts came with the answer"
            self._record_uncounted(reservation, why, answered=True, usd=reply.usd)
        self._watch_window(reservation, reply)
        exceeded = self._check_limits(reservation, reply)
        if exceeded is not None:
            self._record(exceeded)
            self._bound_anew(reservation.role)

    def record_unused(self, reservation: Reservation, reply: ChatReply, why: str) -> None:
        """Record a reply that is no answer: a failed call whose cost may be known."""
        role, tokens = reservation.role, count_tokens(reply)
        usd = reply.usd if tokens is not None else None
        if usd is None and self._find_rate(role) is not None:
            usd = reservation.cost.pico_usd / 1e12
        bound = reservation.cost.tokens if tokens is None else tokens
        self._record(Uncounted(read_clock(), role, answered=False, tokens=bound, usd=usd, why=why))

    def record_failure(self, reservation: Reservation, error: ModelError) -> None:
        """Record the upper bound of a failed call that may be billed."""
        if error.maybe_billed:
            self._record_uncounted(reservation, error.message, answered=False, usd=None)

    def cost_of(self, role: Role, request: ChatRequest) -> Cost:
        """Bound the cost of a call by everything that is known of the model."""
        size, known = _count_bytes(request), self._state.spend_of(role)
        prompt = size + max(PROMPT_OVERHEAD, known.prompt_overhead)
        limit = request.max_tokens or ASSUMED_REPLY
        completion = request.choices * max(limit, known.longest_reply)
        price = self._find_rate(role)
        dollars = price_in_pico_usd(price, prompt, completion) if price else 0
        likely = math.ceil(size * self._tokens_a_byte.get(role, 1 / BYTES_A_TOKEN)) + 1
        cost = Cost(prompt + completion, dollars, likely + request.choices * limit)
        largest = self._largest[role]
        most = max(largest.tokens, cost.tokens), max(largest.pico_usd, cost.pico_usd)
        self._largest[role] = Cost(*most)
        return cost

    def spent(self) -> Spent:
        """Add up the run's spend, unmetered calls at their upper bounds."""
        rates = {role: self._find_rate(role) for role in self._roles}
        return sum_spend(self._state, rates, self._largest)

    def seconds_left(self) -> float:
        """Return the seconds until time is up, all sessions counted; infinite without a ceiling."""
        minutes = self._budget.minutes
        return math.inf if minutes is None else minutes * 60 - (self._clock() - self._began)

    def require_time(self) -> None:
        """Raise BudgetReached once time is up."""
        if self.seconds_left() <= 0:
            raise self.time_is_up()

    def time_is_up(self) -> BudgetReached:
        """Build the exception for a run that is out of time."""
        return BudgetReached(f"minutes {self._budget.minutes:g} reached")

    def _remove(self, reservation: Reservation) -> None:
        role, cost = reservation.role, reservation.cost
        self._reserved[role].remove(reservation)
        self._in_flight[role] = self._in_flight[role].plus(-1, -cost.tokens, -cost.pico_usd)
        self._ceilings.release(cost)
        self._released.set()

    def _record_in_flight(self, role: Role) -> None:
        """Record the bound of the calls in flight, where the recorded one is no longer good.

        It is good while it covers the calls in flight and is neither far above them nor above
        what is left of the budget.
        """
        actual = self._in_flight[role]
        known = _get_recorded_in_flight(self._state.spend_of(role))
        is_close = actual.tokens >= LOWERED_AT * known.tokens
        if known.covers(actual) and is_close and self._is_left(role, known):
            return
        calls, tokens, pico_usd = (math.ceil(HEADROOM * each) for each in actual)
        roomy = Spent(actual.calls if actual.calls <= FEW else calls, tokens, pico_usd)
        risk = roomy if self._is_left(role, roomy) else actual
        if risk != known:
            usd = None if self._find_rate(role) is None else risk.pico_usd / 1e12
            self._record(InFlight(read_clock(), role, risk.calls, risk.tokens, usd))

    def _is_left(self, role: Role, risk: Spent) -> bool:
        """Return True if losing this much to a kill would stay within the ceilings."""
        if not self._ceilings.any:
            return True
        others = (
            _get_recorded_in_flight(spend)
            for name, spend in self._state.spend.items()
            if name != role
        )
        return not self._ceilings.is_exceeded_by(add_up([self.spent(), risk, *others]))

    def _record_uncounted(
        self, reservation: Reservation, why: str, *, answered: bool, usd: float | None
    ) -> None:
        role, cost = reservation.role, reservation.cost
        if usd is None and self._find_rate(role) is not None:
            usd = cost.pico_usd / 1e12
        self._record(Uncounted(read_clock(), role, answered, cost.tokens, usd, why))

    def _check_limits(self, reservation: Reservation, reply: ChatReply) -> LimitExceeded | None:
        """Build the event for a reply that exceeded its bound; None for any other."""
        role, request = reservation.role, reservation.request
        prompt, completion = reply.prompt_tokens, reply.completion_tokens
        if prompt is None or completion is None:
            return None
        size, known = _count_bytes(request), self._state.spend_of(role)
        if size:
            most = max(self._tokens_a_byte.get(role, 0.0), prompt / size)
            self._tokens_a_byte[role] = most
        overhead, longest = prompt - size, -(-completion // request.choices)
        beyond_prompt = overhead > max(PROMPT_OVERHEAD, known.prompt_overhead)
        limit = request.max_tokens
        beyond_reply = limit is not None and longest > max(limit, known.longest_reply)
        if not (beyond_prompt or beyond_reply):
            return None
        return LimitExceeded(
            read_clock(),
            role,
            overhead if beyond_prompt else known.prompt_overhead,
            longest if beyond_reply else known.longest_reply,
            limit or ASSUMED_REPLY,
        )

    def _watch_window(self, reservation: Reservation, reply: ChatReply) -> None:
        """Record once for each model that prompts look as if they had been cut to a window."""
        role, widest = reservation.role, self._widest[reservation.role]
        if not reply.prompt_tokens or role in self._state.prompts_cut:
            return
        widest.add(reply.prompt_tokens, reservation.request)
        if widest.is_window:
            sizes = widest.sizes.values()
            bytes_from_to = min(sizes), max(sizes)
            self._record(PromptsCut(read_clock(), role, widest.tokens, len(sizes), *bytes_from_to))

    def _bound_anew(self, role: Role) -> None:
        """Raise the reservations of calls in flight to a bound that was just learnt."""
        for reservation in self._reserved[role]:
            cost = self.cost_of(role, reservation.request)
            old, reservation.cost = reservation.cost, cost
            self._ceilings.change(old, cost)
            more_tokens, more_usd = cost.tokens - old.tokens, cost.pico_usd - old.pico_usd
            self._in_flight[role] = self._in_flight[role].plus(0, more_tokens, more_usd)
        self._record_in_flight(role)


def learn_price(spend: RoleSpend) -> PriceSettings | None:
    """Return the price of a model by what its answers have cost; None while none has said.

    All of the cost is laid on either kind of token, so that no other split makes a call dearer.
    """
    if spend.calls <= spend.unpriced_answers:
        return None
    prompt = spend.counted_prompt - spend.unpriced_prompt
    completion = spend.counted_completion - spend.unpriced_completion
    dollars = spend.counted_pico_usd / 1e6  # for a million tokens
    return PriceSettings(dollars / max(prompt, 1), dollars / max(completion, 1))


def _get_recorded_in_flight(spend: RoleSpend) -> Spent:
    recorded = spend.in_flight
    return Spent(recorded.unanswered, recorded.tokens, recorded.pico_usd)


def count_tokens(reply: ChatReply) -> int | None:
    """Add up prompt and completion tokens; None where the provider did not report both."""
    if reply.prompt_tokens is None or reply.completion_tokens is None:
        return None
    return reply.prompt_tokens + reply.completion_tokens


def _drop_nonsense(request: ChatRequest, reply: ChatReply) -> ChatReply:
    """Return the reply without counts and a price that no call like this one has.

    Thoughts beyond max_tokens are honest, and raise the bounds of all later calls; a broken counter
    must not.
    """
    most_prompt = max(BELIEVED, BEYOND * _count_bytes(request))
    most_reply = max(BELIEVED, BEYOND * request.choices * (request.max_tokens or ASSUMED_REPLY))
    prompt, completion, usd = reply.prompt_tokens, reply.completion_tokens, reply.usd or 0.0
    if (prompt or 0) > most_prompt or (completion or 0) > most_reply:
        # A price may have been computed from the counts.
        reply = replace(reply, prompt_tokens=None, completion_tokens=None, reasoning_tokens=None)
        return replace(reply, usd=reply.usd if usd == 0.0 else None)
    return reply if 0.0 <= usd <= MOST_USD else replace(reply, usd=None)


def _count_bytes(request: ChatRequest) -> int:
    return sum(count_bytes(message.content) for message in request.messages)
