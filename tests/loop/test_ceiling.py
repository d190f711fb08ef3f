"""A ceiling is a ceiling: random histories of a run against a provider that keeps its own books.

What the provider bills is the truth, whatever it says of it. At every send: what it has billed, and
the bounds that it was given for all calls in flight, are at most the ceiling of the session; beyond
it is only what calls took beyond the bounds that they were given.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from opro_cli.calls.budget import sum_spend
from opro_cli.core.run.events import Answered, Event, Proposed
from opro_cli.core.run.records import MalformedEvent
from opro_cli.core.run.state import RunState, replay
from opro_cli.core.settings.models import PriceSettings
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import JournalError, ModelError, RunError
from opro_cli.strategies.opro import OproStrategy
from opro_cli.testing.session import ScriptedModel
from tests.loop.runs import MemoryJournal, new_runner, say

FRAME = 64
"""Tokens that a chat's frame takes beyond the bytes of its texts, but where it is "framed"."""
PRICE = PriceSettings(3.0, 7.0)
LONGEST = 100

Behaviour = Literal["counted", "uncounted", "half", "beyond", "framed", "late", "down", "refused"]
"""How a provider answers: with counts; without; with one of the two; with more tokens than allowed;
with a prompt of more tokens than bytes; not in time, but billed; not at all; never."""
BEHAVIOURS: tuple[Behaviour, ...] = Behaviour.__args__  # type: ignore[attr-defined]


class Killed(BaseException):
    """kill -9: nothing after it happens in this process."""


@dataclass
class MortalJournal(MemoryJournal):
    """Dies instead of writing a certain event, and writes nothing more."""

    dies_at: int | None = None
    dead: bool = False

    def append(self, *events: Event) -> None:
        for event in events:
            if self.dead or len(self.events) == self.dies_at:
                self.dead = True
                raise Killed
            super().append(event)


@dataclass
class Amount:
    calls: int = 0
    tokens: int = 0
    pico_usd: int = 0

    def add(self, prompt: int, completion: int, sign: int = 1) -> None:
        self.calls += sign
        self.tokens += sign * (prompt + completion)
        self.pico_usd += sign * round((PRICE.input * prompt + PRICE.output * completion) * 1e6)


@dataclass
class Provider:
    """Answers as it is told to, and keeps the books: billed, in flight as promised, beyond that."""

    behaviours: list[Behaviour]
    seed: int
    ceilings: dict[str, float] = field(default_factory=dict)
    billed: Amount = field(default_factory=Amount)
    in_flight: Amount = field(default_factory=Amount)
    beyond: Amount = field(default_factory=Amount)
    journal: MortalJournal = field(default_factory=lambda: MortalJournal())
    sent: int = 0
    broken: list[str] = field(default_factory=list)

    def model(self) -> ScriptedModel:
        provider = self

        class Model(ScriptedModel):
            async def reply(self, request: ChatRequest) -> ChatReply:
                return await provider.reply(request)

        return Model(say, name="provider")

    async def reply(self, request: ChatRequest) -> ChatReply:
        if self.journal.dead:
            raise Killed  # the dead send nothing, though their tasks take a moment to go
        chance = random.Random(f"{self.seed} {self.sent}")
        behaviour = self.behaviours[self.sent % len(self.behaviours)]
        self.sent += 1
        size = sum(len(message.content.encode()) for message in request.messages)
        most = request.choices * (request.max_tokens or 0)
        promised = size + FRAME, most
        self.in_flight.add(*promised)
        self.check(self.in_flight)
        prompt, completion = chance.randint(1, size + FRAME), chance.randint(0, most)
        if behaviour == "beyond":
            completion = most + chance.randint(1, 5 * most)
        if behaviour == "framed":
            prompt = size + FRAME + chance.randint(1, 500)
        try:
            for _ in range(chance.randint(0, 6)):
                await asyncio.sleep(0)
            if behaviour == "down":
                raise ModelError("500", transient=True, status=500)
            if behaviour == "refused":
                raise ModelError("too long", transient=False, unanswerable=True)
            self.bill(promised, prompt, completion)
        except asyncio.CancelledError:  # we were killed: the server goes on, and bills
            self.bill(promised, prompt, completion)
            raise
        finally:
            self.in_flight.add(*promised, sign=-1)
        if behaviour == "late":
            error = ModelError("no answer within 3 s", transient=True)
            error.maybe_billed = True
            raise error
        counts: tuple[int | None, int | None] = prompt, completion
        if behaviour == "uncounted":
            counts = None, None
        if behaviour == "half":
            counts = prompt, None
        return ChatReply(say(request), "stop", *counts, None)

    def bill(self, promised: tuple[int, int], prompt: int, completion: int) -> None:
        self.billed.add(prompt, completion)
        before, more = Amount(), Amount()
        before.add(*promised)
        more.add(prompt, completion)
        self.beyond.tokens += max(0, more.tokens - before.tokens)
        self.beyond.pico_usd += max(0, more.pico_usd - before.pico_usd)

    def check(self, in_flight: Amount) -> None:
        """Is it all within the ceilings of the session?"""
        sums = {
            "calls": (self.billed.calls + in_flight.calls, 0),
            "tokens": (self.billed.tokens + in_flight.tokens, self.beyond.tokens),
            "usd": (self.billed.pico_usd + in_flight.pico_usd, self.beyond.pico_usd),
        }
        for name, (total, beyond) in sums.items():
            ceiling = self.ceilings.get(name, float("inf")) * (10**12 if name == "usd" else 1)
            if total > ceiling + beyond:
                said = f"call {self.sent}: {name} {total} of {ceiling}, {beyond} beyond"
                self.broken.append(said)


@dataclass(frozen=True)
class Session:
    """ceilings: those of this session. dies_at: how many events it lives to write."""

    ceilings: dict[str, float]
    dies_at: int | None
    clock: float


OPTIONS: dict[str, Any] = {
    "scoring": {"price": PRICE, "max_tokens": LONGEST},
    "proposing": {"price": PRICE, "max_tokens": LONGEST},
}


def live(provider: Provider, sessions: list[Session], concurrency: int) -> list[Event]:
    """All sessions of one run, each from what the one before it wrote."""
    past: list[Event] = []
    for session in sessions:
        provider.ceilings = session.ceilings
        journal = provider.journal = MortalJournal(dies_at=session.dies_at)
        past = [replace(event, at=event.at + session.clock) for event in past]
        runner = new_runner(
            journal,
            past=past,
            concurrency=concurrency,
            scorer=provider.model(),
            budget=session.ceilings,
            **OPTIONS,
        )
        # A provider that is down, or refuses everything, ends a session as well.
        with suppress(Killed, BaseExceptionGroup, ModelError, RunError):
            asyncio.run(runner.run())
        past = [*past, *journal.events]
    return past


ceilings = st.dictionaries(
    st.sampled_from(["calls", "tokens", "usd"]), st.floats(0.02, 1.0), min_size=1
).map(
    lambda shares: {
        name: {"calls": round(120 * share), "tokens": round(30_000 * share), "usd": 0.15 * share}[
            name
        ]
        for name, share in shares.items()
    }
)
sessions = st.lists(
    st.builds(
        Session,
        ceilings,
        st.one_of(st.none(), st.integers(1, 120)),
        st.sampled_from([0.0, 0.0, -1e6, 1e6]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(BEHAVIOURS), min_size=1, max_size=9),
    sessions,
    st.sampled_from([1, 3, 16]),
    st.integers(0, 10**6),
)
def test_no_send_breaks_a_ceiling(
    behaviours: list[Behaviour], lives: list[Session], concurrency: int, seed: int
) -> None:
    provider = Provider(behaviours, seed)
    live(provider, lives, concurrency)
    assert provider.broken == []


@pytest.mark.parametrize("concurrency", [1, 8])
def test_who_went_beyond_max_tokens_once_is_counted_with_it_from_then_on(concurrency: int) -> None:
    provider = Provider(["counted"], 0)

    async def reply(request: ChatRequest) -> ChatReply:
        """Hidden reasoning: 50 times of what was allowed, each time."""
        await asyncio.sleep(0)
        provider.sent += 1
        provider.billed.add(100, 50 * LONGEST * request.choices)
        return ChatReply(say(request), "stop", 100, 50 * LONGEST * request.choices, None)

    model = ScriptedModel(say)
    model.reply = reply  # type: ignore[method-assign]
    ceiling = 200_000
    runner = new_runner(
        MemoryJournal(),
        scorer=model,
        concurrency=concurrency,
        budget={"tokens": ceiling},
        **OPTIONS,
    )
    assert asyncio.run(runner.run()) == "budget"
    # Within the ceiling: the calls that flew with the first one are bounded anew as it arrives.
    assert provider.billed.tokens <= ceiling
    assert provider.sent > 20


def test_one_answer_without_counts_does_not_lift_the_ceiling_for_good() -> None:
    """As it was found: $1.43 spent of $0.10, over resumes."""
    once: list[Behaviour] = ["counted"] * 1000
    once[29] = "uncounted"
    provider = Provider(once, 1)
    live(provider, [Session({"tokens": 10_000}, None, 0.0)] * 5, 4)
    assert provider.broken == []
    provider = Provider(["uncounted"], 1)
    events = live(provider, [Session({"tokens": 10_000}, None, 0.0)] * 3, 4)
    assert provider.broken == []
    assert sum(type(event).__name__ == "Answered" for event in events) > 5


@dataclass
class FullDisk(MemoryJournal):
    """Has room for small lines, and for no proposal."""

    def append(self, *events: Event) -> None:
        if any(isinstance(event, Proposed) for event in events):
            raise JournalError("no space left")
        super().append(*events)


def test_what_no_journal_could_take_is_spent_all_the_same() -> None:
    """As it was found: resumes on a full disk paid again and again for what was never counted."""
    provider = Provider(["counted"], 3)
    provider.ceilings = {"tokens": 40_000}
    past: list[Event] = []
    for _ in range(12):
        journal = FullDisk()
        runner = new_runner(
            journal, past=past, scorer=provider.model(), budget=provider.ceilings, **OPTIONS
        )
        with suppress(BaseExceptionGroup, JournalError):
            asyncio.run(runner.run())
        past = [*past, *journal.events]
    assert provider.broken == []
    state = RunState.at_start(runner.settings.search, runner.examples, runner.settings.task)
    replay(state, past)
    assert sum_spend(state, in_flight=True).tokens >= provider.billed.tokens > 0
    assert sum_spend(state, in_flight=True).calls >= provider.billed.calls


@dataclass
class Defective(MemoryJournal):
    """Cannot take a certain answer, as with a number that could not be read back."""

    def append(self, *events: Event) -> None:
        if any(isinstance(event, Answered) and event.question == 2 for event in events):
            raise MalformedEvent("a number beyond all")
        super().append(*events)


def refuse_to_read(*_: object, cut: bool) -> list[str]:
    raise ValueError("a mistake of the strategy's author")


@pytest.mark.parametrize("fault", ["the journal", "the strategy"])
def test_an_answer_that_nothing_is_made_of_is_paid_for_all_the_same(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was found: its reservation was given back, and 25 calls were made under a limit of 20.

    One call at a time, so that none is in flight beside it whose bound would cover it.
    """
    provider = Provider(["counted"], 3)
    provider.ceilings = {"tokens": 60_000}
    past: list[Event] = []
    for _ in range(4):
        journal = Defective() if fault == "the journal" else MemoryJournal()
        runner = new_runner(
            journal,
            past=past,
            scorer=provider.model(),
            concurrency=1,
            budget=provider.ceilings,
            **OPTIONS,
        )
        if fault == "the strategy":
            monkeypatch.setattr(OproStrategy, "read", refuse_to_read)
        with suppress(BaseExceptionGroup, ValueError, MalformedEvent):
            asyncio.run(runner.run())
        past = [*past, *journal.events]
    assert provider.broken == []
    state = RunState.at_start(runner.settings.search, runner.examples, runner.settings.task)
    replay(state, past)
    spent = sum_spend(state, in_flight=True)
    assert (spent.tokens, spent.calls) == (provider.billed.tokens, provider.sent)


def test_a_price_that_no_call_has_is_unknown() -> None:
    def answer(request: ChatRequest) -> ChatReply:
        return ChatReply(say(request), "stop", 9, 9, 1e300)

    runner = new_runner(MemoryJournal(), scorer=ScriptedModel(answer), steps=0)
    assert asyncio.run(runner.run()) == "finished"
    assert runner.state.spend_of("scorer").usd is None


@pytest.mark.parametrize("counts", [(9, 10**8), (10**8, 9)])
def test_a_broken_counter_does_not_raise_the_bounds_for_good(counts: tuple[int, int]) -> None:
    """As it was found: one answer of 10^8 tokens, and no other call fitted under the ceiling."""
    sent = 0

    async def reply(request: ChatRequest) -> ChatReply:
        nonlocal sent
        sent += 1
        told = counts if sent == 5 else (9, 9)
        return ChatReply(say(request), "stop", *told, sum(told) * 1e-6)

    model = ScriptedModel(say)
    model.reply = reply  # type: ignore[method-assign]
    options = {**OPTIONS, "scoring": {"max_tokens": LONGEST}, "proposing": {"max_tokens": LONGEST}}
    runner = new_runner(MemoryJournal(), scorer=model, budget={"tokens": 200_000}, **options)
    assert asyncio.run(runner.run()) == "finished"
    spend = runner.state.spend_of("scorer")
    assert (spend.longest_reply, spend.prompt_overhead, spend.uncounted_answers) == (0, 0, 1)
    assert spend.usd is None
    assert sum_spend(runner.state).tokens < 200_000
