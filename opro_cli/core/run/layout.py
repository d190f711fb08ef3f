"""Lay out a budget of calls: how many steps, how long the first looks, the shares of dev and test.

Everything follows from the settings and from what was recorded so far, so that a resume lays out
the same. Calls that were lost with a killed process count against the budget all the same: the last
looks have so many fewer, and all before them are those of the unbroken run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from opro_cli.core.run.state import RunState

TEST_SHARE = 0.25
"""The most that the verdict may take of a budget; where it takes more, the search gets all."""
DEV_SHARE = 0.15
"""Of the search, what is kept for the last looks, on dev questions."""
FIRST_SHARE = 0.65
"""Of the search without these, what proposals and first looks take."""
STEPS_SHARE = 0.8
"""The same, what all looks take until the last step's candidates have joined."""
SHORTEST, LONGEST = 3, 10
"""Questions of a first look, at least and at most."""
FEW, LENGTHENING = 40, 1.25
"""From so many calls on, a first look has so many questions more for every tenfold.

The more candidates there are, the more of them are right by luck on a few questions. Chosen with
`python -m tests.bench.small_budgets 20 --recorded --dev`, among lengths of 3 to 8.
"""
OWN_LOOKS = 2
"""The first looks of a step are so many times shorter than its allowance lets them be."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The shares of a budget of calls.

    Attributes:
        steps: Steps of the search.
        first: Train questions that every candidate is asked.
        own: Calls of a step's proposals and first looks.
        steps_until: Calls that may be spent when the race of the last step but one ends, and of
            those before it in proportion.
        search: Calls that may be spent when the choice of a winner begins on dev.
        dev: Calls that may be spent when it ends.
        test: Calls kept for test; 0 where the verdict is too dear.
        listed: Of `search.candidates`, those that all get a first look.
    """

    steps: int
    first: int
    own: float
    steps_until: float
    search: float
    dev: float
    test: float
    listed: int = 0

    def until(self, step: int) -> float:
        """Return the calls of the run that may be spent when the race of a step ends."""
        if step < self.steps:
            return self.steps_until * step / self.steps
        return min(self.search, self.dev)


def count_spent(state: RunState) -> int:
    """Count the answers of models so far, without those of test.

    Those from the answer cache count too: a run asks the same whatever the cache happens to have.
    """
    everyone = [*state.candidates.values(), *state.baselines.values(), *state.again.values()]
    test = sum(len(each.answers["test"].by_question) for each in everyone)
    calls = sum(spend.calls + spend.cached for spend in state.spend.values())
    return calls - test * state.calls_per_question


def count_test(state: RunState, *, everything: bool) -> int:
    """Count the calls of the verdict, or of all that is asked on test beside it."""
    others = len(state.baselines) + bool(state.search.noise_check) if everything else 0
    return (2 + others) * state.sizes["test"] * state.calls_per_question


def count_for_verdict(state: RunState) -> int:
    """Return the least budget of calls that keeps enough of them for the verdict."""
    return math.ceil(count_test(state, everything=False) / TEST_SHARE)


def affords_test(state: RunState, *, everything: bool) -> bool:
    """Return True if the calls left buy the verdict, or all that is asked on test beside it."""
    if not state.looks or state.most_calls is None:
        return True
    return count_test(state, everything=everything) <= state.most_calls - count_spent(state)


def lay_out(state: RunState) -> Layout:
    """Lay out what a budget of calls buys; all that there is, where it was taken away since."""
    most = state.count_everything() if state.most_calls is None else state.most_calls
    search, sizes = state.search, state.sizes
    test = next(
        (
            cost
            for all in (True, False)
            if (cost := count_test(state, everything=all)) <= TEST_SHARE * most
        ),
        0,
    )
    calls = most - test
    starts = len(state.of_step(0))
    dev = (search.finalists + starts) * sizes["dev"] * state.calls_per_question
    kept = min(DEV_SHARE * calls, float(dev))
    racing = calls - kept
    proposals, joining = _expect_step(state)
    question = state.calls_per_question
    longer = max(0, round(LENGTHENING * math.log10(max(1.0, racing / question) / FEW)))
    least = min(SHORTEST + longer, LONGEST, sizes["train"])
    # Those of a probe join once, in the first step.
    whole = FIRST_SHARE * (racing - (starts + state.drafts) * least * question)
    listed = 0
    if search.candidates and state.began_with(10):  # those that it buys are raced together
        listed = max(1, min(len(search.candidates), math.floor(whole / (least * question))))
        joining = min(joining, float(listed))
    steps = max(1, min(search.steps, round(whole / (proposals + joining * least * question))))
    if listed:
        steps = 1
    if not state.is_searching:
        steps = max(1, state.step)
    joining += 0 if state.step else state.drafts
    own = (STEPS_SHARE * racing / steps - proposals) / max(1.0, joining) / OWN_LOOKS / question
    first = min(max(least, math.floor(own)), LONGEST, sizes["train"])
    whole_step = proposals + joining * first * question
    until = STEPS_SHARE * racing
    lost = sum(spend.uncounted.unanswered for spend in state.spend.values())
    end = float(calls - lost)
    return Layout(steps, first, whole_step, until, racing, end, float(test), listed)


def _expect_step(state: RunState) -> tuple[float, float]:
    """Return the calls for the proposals of a step, and how many new candidates it brings.

    Those of a probe are not among the latter.
    """
    wanted = len(state.search.candidates or ()) or state.search.candidates_per_step
    if not state.step:
        asks = 0 if state.search.candidates else wanted
        return float(asks), float(wanted)
    joined = len(state.candidates) - len(state.of_step(0)) - state.drafts
    spend = state.spend_of("optimizer")
    calls = spend.calls + spend.cached - state.probed.get("optimizer", 0)
    calls -= len(state.checked & {"optimizer"})
    return max(0, calls) / state.step, max(1.0, joined / state.step)
