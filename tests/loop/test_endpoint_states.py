"""What holds of a model's endpoints whatever happens to them, in any order."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from opro_cli.calls.endpoints import Admission
from tests.loop.test_endpoints import BUSY, DOWN, NO_KEY, TOO_LONG, Farm

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["enter", "enter", "move", "answer", "down", "busy", "401", "long", "drop"]
        ),
        st.integers(0, 50),
        st.sampled_from([0.0, 0.1, 1.0, 5.0, 70.0]),
    ),
    max_size=60,
)
ENDINGS = {"down": DOWN, "busy": BUSY, "401": NO_KEY, "long": TOO_LONG}


@given(
    places=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    weights=st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=3, max_size=3),
    steps=STEPS,
)
def test_whatever_happens(places: list[int], weights: list[float], steps: Any) -> None:
    """No more than its places in flight; at most one call at one that rests while another is
    well; every call gets a place and gives it back."""

    async def play() -> None:
        farm = Farm(tuple(places), tuple(weights[: len(places)]))
        calls: list[asyncio.Task[Admission]] = []
        inside: list[Admission] = []
        entered = Counter[str]()

        async def settle() -> None:
            for _ in range(3):
                await asyncio.sleep(0)
            well = [e for e in farm.each if e.is_well(farm.now) and not farm.all.is_dropped(e)]
            for task in [task for task in calls if task.done()]:
                calls.remove(task)
                if not task.cancelled():
                    inside.append(task.result())
                    entered[inside[-1].endpoint.label] += 1
            for endpoint in farm.each:
                here = [call for call in inside if call.endpoint is endpoint]
                assert endpoint.pace.in_flight == len(here) <= endpoint.pace.most
                assert sum(call.probe for call in here) <= 1
            if calls:
                assert not any(e.pace.has_room for e in well), "a place is free, and calls wait"

        for what, which, seconds in steps:
            farm.now += seconds
            if what in ("enter", "move"):
                before = {e.label: e for e in farm.each}
                well = [e for e in farm.each if e.is_well(farm.now)]
                resting = {e.label for e in farm.each if e.failures and not e.is_due(farm.now)}
                count = Counter(entered)
                calls.append(asyncio.create_task(farm.all.enter(1, moved=what == "move")))
                await settle()
                if any(not farm.all.is_dropped(e) for e in well):
                    went = {label for label in before if entered[label] > count[label]}
                    assert not went & resting
            elif what == "drop" and calls:
                calls[which % len(calls)].cancel()
            elif inside and what != "drop":
                call = inside.pop(which % len(inside))
                if what == "answer":
                    farm.answer(call)
                else:
                    farm.fail(call, ENDINGS[what])
            await settle()
        while inside or calls:
            assert inside, "somebody waits, and nobody is there to make room"
            farm.answer(inside.pop())
            await settle()
        assert all(endpoint.pace.in_flight == 0 for endpoint in farm.each)

    asyncio.run(play())
