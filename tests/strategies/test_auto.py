"""Policies that take turns: who is drawn, by what, and who reads the replies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from msgspec import structs

from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.task.example import Message
from opro_cli.ports import Strategy
from opro_cli.strategies.auto import AutoStrategy, Record, describe_choice
from tests.core.runs import new_state, proposed
from tests.strategies.views import new_view, score

ROWS = 10


class Fixed(Strategy):
    """Proposes one text of its own, or ends."""

    def __init__(self, name: str, end: bool = False) -> None:
        self.name, self.end = name, end

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:
        return End("enough") if self.end else [Draft(f"{self.name} {step}", note="an aim")]

    def read(self, reply: str, ask: Ask) -> Sequence[str]:
        return (f"{self.name} reads {reply}",)

    def reject(self, candidate: object, view: SearchView) -> str:
        return f"{self.name} says no"


def auto(*ended: str) -> AutoStrategy:
    policies = {
        name: Fixed(name, name in ended) for name in ("place", "demos", "reflect", "evolve")
    }
    return AutoStrategy(policies, policies["evolve"])


def view_behind(*steps: tuple[str, float], seed: int = 0) -> SearchView:
    """A run with steps of these policies ("" for one without a text), of one candidate each.

    Args:
        steps: The policy, and the score of what it proposed.
        seed: Of the search.
    """
    state = new_state("start", train=ROWS, per_step=1, steps=99, seed=seed)
    score(state, "start", [1.0] * 3 + [0.0] * (ROWS - 3))
    for number, (name, share) in enumerate(steps, start=1):
        text = f"{name} {number}"
        if not name:
            state.apply(structs.replace(proposed(number, 0, "-"), instructions=(), text="?"))
            continue
        state.apply(structs.replace(proposed(number, 0, text), note=f"{name} (why): an aim"))
        right = round(share * ROWS)
        score(state, text, [1.0] * right + [0.0] * (ROWS - right))
    return replace(new_view({"start": [1.0]}), state=state)


def draw(view: SearchView, strategy: AutoStrategy | None = None) -> str:
    """The policy that is drawn, or why the search ends."""
    proposals = (strategy or auto()).propose(view, view.step)
    if isinstance(proposals, End):
        return proposals.reason
    (only,) = proposals
    assert isinstance(only, Draft)
    return str(only.content).partition(" ")[0]


def note(view: SearchView) -> str:
    proposals = auto().propose(view, view.step)
    assert not isinstance(proposals, End)
    return proposals[0].note


def test_those_not_tried_yet_come_first_in_their_order() -> None:
    assert draw(view_behind()) == "place"
    assert draw(view_behind(("place", 0.9))) == "demos"
    assert draw(view_behind(("place", 0.9), ("demos", 0.2))) == "reflect"


def test_what_a_policy_tries_and_why_is_said_with_the_proposal() -> None:
    assert note(view_behind()) == "place (its first turn): an aim"
    tried = view_behind(("place", 0.5), ("demos", 0.3), ("reflect", 0.3), ("evolve", 0.3))
    others = {
        f"{name} (+0.0 points a step so far): an aim" for name in ("demos", "reflect", "evolve")
    }
    # .5 - .3, times 10 / 12.
    assert note(tried) in {"place (+16.7 points a step so far): an aim"} | others


def test_gains_are_those_over_the_best_before_and_cost_answers() -> None:
    view = view_behind(("place", 0.5), ("demos", 0.4), ("reflect", 0.7), ("place", 0.6))
    records = auto()._read_records(view)
    shrunk = ROWS / (ROWS + 2)
    assert [records[name].steps for name in ("place", "demos", "reflect")] == [2, 1, 1]
    assert [records[name].cost for name in ("place", "demos", "reflect")] == [20, 10, 10]
    gains = [records[name].gain for name in ("place", "demos", "reflect")]
    assert gains == pytest.approx([0.2 * shrunk, 0.0, 0.2 * shrunk])
    assert records["evolve"] == Record()


def test_a_step_without_a_text_is_the_first_turn_of_one_that_asks_or_one_of_theirs() -> None:
    mute = [("place", 0.5)] + 3 * [("", 0.0)]
    records = auto()._read_records(view_behind(*mute[:2]))
    assert records["reflect"] == Record(1, 0.0, ROWS)
    assert records["evolve"] == records["demos"] == Record()
    records = auto()._read_records(view_behind(*mute))
    assert records["evolve"] == records["reflect"] == Record(2, 0.0, 1.5 * ROWS)


def test_a_step_without_a_text_does_not_take_the_first_turn_of_another() -> None:
    assert draw(view_behind(("place", 0.5), ("demos", 0.5), ("", 0.0))) == "evolve"


def test_the_policy_that_gains_most_for_its_calls_is_drawn_most_often() -> None:
    steps = (("place", 0.3), ("demos", 0.4), ("reflect", 0.3), ("evolve", 0.3))
    drawn = Counter(draw(view_behind(*steps, seed=seed)) for seed in range(200))
    assert 120 < drawn["demos"] < 195
    assert len(drawn) == 4  # and the others are not given up
    assert draw(view_behind(*steps, seed=3)) == draw(view_behind(*steps, seed=3))


def test_a_policy_at_its_end_is_passed_by() -> None:
    assert draw(view_behind(), auto("place")) == "demos"
    assert draw(view_behind(), auto("place", "demos", "reflect", "evolve")).startswith("every")


def test_the_policy_that_asked_reads_the_reply() -> None:
    ask = Ask((Message("user", "?"),), note="reflect (its first turn): root cause")
    assert auto().read("x", ask) == ("reflect reads x",)
    assert auto().read("x", replace(ask, note="")) == ("evolve reads x",)


def test_the_reason_is_in_points_a_step() -> None:
    assert describe_choice(Record()) == "its first turn"
    assert describe_choice(Record(4, 0.1, 50)) == "+2.5 points a step so far"
