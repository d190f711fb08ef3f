"""Random histories of a sweep's sessions: at every call that is let go, all fits under the ceiling.

Sessions of several shards begin, ask, are answered less, as much or more than the bound, or
without a count; they end, or are killed with calls in flight and answers that no journal has.
Cells are resumed by hand in between. What must fit: what was billed or, where nobody knows that,
its upper bound; and the bounds of all calls in flight.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.calls.budget import Spent, add_up
from opro_cli.core.run.spend import Cost
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.errors import BudgetReached
from opro_cli.store.sweep_folder import hold_sweep
from opro_cli.sweep.budget_session import Terms, open_budget
from opro_cli.sweep.claims import NOTHING
from opro_cli.sweep.limits import share_settings
from opro_cli.sweep.shared_budget import SharedBudget
from tests.sweep.sweeps import FixedJournals

TOKEN_PICO_USD = 1_000_000_000


@dataclass
class Call:
    """billed: None until its provider says, and for good where it does not."""

    bound: Spent
    billed: Spent | None = None
    over: bool = False
    journaled: bool = False

    @property
    def counts(self) -> Spent:
        return self.billed or self.bound


@dataclass
class Session:
    """calls: all that were let go."""

    shard: str
    budget: SharedBudget
    exits: ExitStack
    calls: list[Call] = field(default_factory=list)

    def in_flight(self) -> list[Call]:
        return [call for call in self.calls if not call.over]


@dataclass
class World:
    """A sweep's folder, and who works there.

    bounding: a journal counts calls that it does not have an answer of at their upper bounds.
    seen: what had been spent by hand when a session began last while no other was at work.
    """

    folder: Path
    budget: BudgetSettings
    bounding: bool
    working: dict[str, Session] = field(default_factory=dict)
    calls: dict[str, list[Call]] = field(default_factory=dict)
    by_hand: Spent = NOTHING
    seen: Spent = NOTHING

    def journals(self, shard: str) -> FixedJournals:
        by_shard = {
            each: add_up(call.counts for call in calls if call.journaled or self.bounding)
            for each, calls in self.calls.items()
        }
        by_all = add_up((self.by_hand, *by_shard.values()))
        return FixedJournals(by_all, by_shard.get(shard, NOTHING))

    def begin(self, shard: str) -> None:
        exits = ExitStack()
        exits.enter_context(hold_sweep(self.folder, shard))
        parts = int(shard[-1])
        share = share_settings(self.budget, parts) if parts > 1 else None
        terms = Terms(self.folder, shard, self.budget, share)
        budget = exits.enter_context(open_budget(terms, self.journals(shard), []))
        if not self.working:
            self.seen = self.by_hand
        self.working[shard] = Session(shard, budget, exits)
        self.calls.setdefault(shard, [])

    def end(self, shard: str, *, killed: bool) -> None:
        session = self.working.pop(shard)
        if killed:
            file = session.budget._file
            assert file is not None
            file.close()
            session.budget._file = None
        else:
            for call in session.in_flight():
                settle(session, call, None)
        session.exits.close()

    async def ask(self, session: Session, tokens: int) -> None:
        bound = spent_on(tokens)
        asking = asyncio.ensure_future(session.budget.reserve(Cost(tokens, bound.pico_usd)))
        for _ in range(4):
            await asyncio.sleep(0)
        if not asking.done():  # it waits for calls in flight
            asking.cancel()
            await asyncio.wait([asking])
        elif asking.exception() is None:
            call = Call(bound)
            session.calls.append(call)
            self.calls[session.shard].append(call)
            self.check(session.shard)
        else:
            assert isinstance(asking.exception(), BudgetReached)

    def check(self, shard: str) -> None:
        calls = [call for each in self.calls.values() for call in each]
        counted = add_up((self.seen, *(call.counts for call in calls)))
        assert fits(counted, self.budget), f"{counted} of {self.budget}"
        parts = int(shard[-1])
        own = add_up(call.counts for call in self.calls[shard])
        assert fits(own, share_settings(self.budget, parts)), f"{own} of a share of {self.budget}"


def spent_on(tokens: int) -> Spent:
    return Spent(1, tokens, tokens * TOKEN_PICO_USD)


def settle(session: Session, call: Call, billed: int | None) -> None:
    """A call is over; None: nobody says what it took."""
    cost = Cost(call.bound.tokens, call.bound.pico_usd)
    call.over = True
    if billed is None:
        session.budget.settle(cost, None, None)
    else:
        call.billed = spent_on(billed)
        session.budget.settle(cost, call.billed.tokens, call.billed.pico_usd)


def fits(amount: Spent, budget: BudgetSettings) -> bool:
    return (
        (budget.calls is None or amount.calls <= budget.calls)
        and (budget.tokens is None or amount.tokens <= budget.tokens)
        and (budget.usd is None or amount.pico_usd <= budget.usd * 1e12 + 1)
    )


ASK = st.tuples(st.just("ask"), st.integers(1, 20))
ANSWERED = st.tuples(st.just("answered"), st.integers(0, 200))  # per cent of the bound
OTHER = st.tuples(
    st.sampled_from(["uncounted", "failed", "journaled", "ended", "killed"]), st.just(0)
)
BY_HAND = st.tuples(st.just("by hand"), st.integers(0, 40))
STEP = st.one_of(*[ASK] * 6, ANSWERED, ANSWERED, OTHER, OTHER, BY_HAND)
SHARDS = st.lists(st.sampled_from(["1/1", "1/2", "2/2", "3/3"]), min_size=1, max_size=3)
STEPS = SHARDS.flatmap(
    lambda shards: st.lists(st.tuples(st.sampled_from(shards), STEP), min_size=6, max_size=50)
)
BUDGETS = st.one_of(
    st.builds(BudgetSettings, calls=st.integers(1, 6)),
    st.builds(BudgetSettings, tokens=st.integers(20, 120)),
    st.builds(BudgetSettings, usd=st.floats(20, 120).map(lambda usd: usd * TOKEN_PICO_USD / 1e12)),
    st.builds(BudgetSettings, calls=st.integers(1, 6), tokens=st.integers(20, 120)),
)


Steps = list[tuple[str, tuple[str, int]]]


async def live(world: World, steps: Steps) -> None:
    for shard, (what, amount) in steps:
        session = world.working.get(shard)
        if what == "by hand":
            # Older journals do not have what a killed session had in flight, and what is spent by
            # hand hides behind it: of them, only what was spent before the first session counts.
            if world.bounding or not world.calls:
                world.by_hand = add_up((world.by_hand, spent_on(amount)))
            continue
        if session is None:
            if what != "ask":
                continue
            world.begin(shard)
            session = world.working[shard]
        flying = session.in_flight()
        match what:
            case "ask":
                await world.ask(session, amount)
            case "answered" if flying:
                settle(session, flying[0], flying[0].bound.tokens * amount // 100)
            case "uncounted" if flying:
                settle(session, flying[0], None)
            case "failed" if flying:
                session.budget.release(Cost(flying[0].bound.tokens, flying[0].bound.pico_usd))
                session.calls.remove(flying[0])
                world.calls[shard].remove(flying[0])
            case "journaled":
                for call in session.calls:
                    call.journaled = call.over
            case "ended" | "killed":
                world.end(shard, killed=what == "killed")
    for shard in list(world.working):
        world.end(shard, killed=True)


def holds(steps: Steps, budget: BudgetSettings, *, bounding: bool) -> None:
    with TemporaryDirectory() as place:
        asyncio.run(live(World(Path(place), budget, bounding), steps))


@settings(deadline=None, max_examples=60)
@given(STEPS, BUDGETS, st.booleans())
def test_at_every_call_let_go_all_that_counts_fits_under_the_ceiling(
    steps: Steps, budget: BudgetSettings, bounding: bool
) -> None:
    holds(steps, budget, bounding=bounding)


@pytest.mark.slow
@settings(deadline=None, max_examples=800)
@given(STEPS, BUDGETS, st.booleans())
def test_the_same_over_many_histories(steps: Steps, budget: BudgetSettings, bounding: bool) -> None:
    holds(steps, budget, bounding=bounding)
