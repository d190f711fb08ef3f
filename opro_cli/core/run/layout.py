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


def affords_start(state: RunState) -> bool:
    """Return True if the calls left buy the test questions of the start prompt alone.

    A run that began before journal format 10 asks them only where they would buy a verdict.
    """
    if not state.began_with(10):
        return affords_test(state, everything=False)
    if not state.looks or state.most_calls is None:
        return True
    own = state.sizes["test"] * state.calls_per_question
    return own <= state.most_calls - count_spent(state)


def lay_out(state: RunState) -> Layout:
    """Lay out what a budget of calls buys; all that there is, where it was taken away since."""
    most = state.count_everything() if state.most_calls is None else state.most_calls
    test = _keep_for_test(state, most)
    calls = most - test
    racing = calls - _keep_for_dev(state, calls)
    proposals, joining = _expect_step(state)
    question = state.calls_per_question
    least = _find_shortest_look(state, racing)
    listed = _count_listed(state, racing)
    joining = min(joining, float(listed)) if listed else joining
    steps = _count_steps(state, racing, proposals, joining)
    if not state.is_searching:
        steps = max(1, state.step)
    joining += 0 if state.step else state.drafts
    own = (STEPS_SHARE * racing / steps - proposals) / max(1.0, joining) / OWN_LOOKS / question
    first = min(max(least, math.floor(own)), LONGEST, state.sizes["train"])
    whole_step = proposals + joining * first * question
    until = STEPS_SHARE * racing
    lost = sum(spend.uncounted.unanswered for spend in state.spend.values())
    end = float(calls - lost)
    return Layout(steps, first, whole_step, until, racing, end, float(test), listed)


def count_planned_steps(state: RunState) -> int:
    """Return the steps of a search as they are known before it: a budget may buy fewer than asked.

    What comes of them shows in `lay_out` alone, since a resume in the middle of a step is to have
    the same number as the step had.
    """
    if not state.looks or state.most_calls is None:
        return state.search.steps
    calls = state.most_calls - _keep_for_test(state, state.most_calls)
    return _count_steps(state, calls - _keep_for_dev(state, calls), *_expect_first_step(state))


def _count_steps(state: RunState, racing: float, proposals: float, joining: float) -> int:
    """Return the steps that these calls buy, of so many proposals and candidates each."""
    search, question = state.search, state.calls_per_question
    if search.candidates:
        return 1  # all of them are raced together
    least = _find_shortest_look(state, racing) * question
    # Those of a probe join once, in the first step.
    whole = FIRST_SHARE * (racing - (len(state.of_step(0)) + state.drafts) * least)
    return max(1, min(search.steps, round(whole / (proposals + joining * least))))


def _count_listed(state: RunState, racing: float) -> int:
    """Return how many prompts of a list these calls buy a first look at; 0 where there is none."""
    listed = len(state.search.candidates or ())
    if not listed or not state.began_with(10):
        return 0
    least = _find_shortest_look(state, racing) * state.calls_per_question
    whole = FIRST_SHARE * (racing - (len(state.of_step(0)) + state.drafts) * least)
    return max(1, min(listed, math.floor(whole / least)))


def _find_shortest_look(state: RunState, racing: float) -> int:
    calls = max(1.0, racing / state.calls_per_question)
    longer = max(0, round(LENGTHENING * math.log10(calls / FEW)))
    return min(SHORTEST + longer, LONGEST, state.sizes["train"])


def _keep_for_test(state: RunState, most: int) -> int:
    """Return the calls kept for test: all that is asked there, the verdict alone, or none."""
    costs = (count_test(state, everything=whole) for whole in (True, False))
    return next((cost for cost in costs if cost <= TEST_SHARE * most), 0)


def _keep_for_dev(state: RunState, calls: float) -> float:
    everyone = state.search.finalists + len(state.of_step(0))
    return min(DEV_SHARE * calls, float(everyone * state.sizes["dev"] * state.calls_per_question))


def _expect_first_step(state: RunState) -> tuple[float, float]:
    """Return the same as `_expect_step` before the first step."""
    wanted = len(state.search.candidates or ()) or state.search.candidates_per_step
    return 0.0 if state.search.candidates else float(wanted), float(wanted)


def _expect_step(state: RunState) -> tuple[float, float]:
    """Return the calls for the proposals of a step, and how many new candidates it brings.

    Those of a probe are not among the latter.
    """
    if not state.step:
        return _expect_first_step(state)
    joined = len(state.candidates) - len(state.of_step(0)) - state.drafts
    spend = state.spend_of("optimizer")
    calls = spend.calls + spend.cached - state.probed.get("optimizer", 0)
    calls -= len(state.checked & {"optimizer"})
    return max(0, calls) / state.step, max(1.0, joined / state.step)
