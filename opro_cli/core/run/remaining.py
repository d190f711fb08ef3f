"""The rest of a run: the calls that are likely to come, and the time that they take.

Everything is read off the state. A run learns from its own last steps how many proposals are new,
how many questions a race leaves a candidate, and how many answers the cache has; until there is a
step to learn from, it expects what `PRIOR_NEW` says and no help from races or the cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.deciding import measure_mean
from opro_cli.core.run.progress import count_calls, count_spared_calls, estimate_calls
from opro_cli.core.run.selection import (
    find_baseline,
    find_winner,
    is_decided,
    is_untried,
    select_compared,
    select_finalists,
    select_for_dev,
)
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import Split

PRIOR_NEW = 0.75
"""The share of proposals that are expected to be new, before any were made."""
RECENT = 4
"""Steps to learn from: later proposals repeat themselves more, and lose their races sooner."""
FIRST_CALLS = 5
"""Before so many calls were answered, a pace says nothing: models are loaded, servers wake up."""


@dataclass(frozen=True, slots=True)
class CallsLeft:
    """The calls that are likely to come.

    Attributes:
        search: Of the steps: proposals, and train questions under them.
        questions: With nothing else under way: initial instructions, dev and test.
    """

    search: float
    questions: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.search + self.questions


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """Seconds until a run is finished; at_most: where every proposal is new and loses no race."""

    likely: float
    at_most: float


def estimate_time_left(state: RunState) -> TimeLeft | None:
    """Estimate the time that a run still takes; None before it shows a pace, and at its end."""
    done, paces = count_calls(state), state.paces
    if state.ended is not None or done < FIRST_CALLS or not state.working_seconds:
        return None
    left = estimate_calls_left(state)
    # One call less, since those that were before weigh a little less than one.
    known = [p.rate for p in (paces.questions, paces.search) if p.calls > FIRST_CALLS - 1]
    if not known:
        return None
    # Questions alone are answered no slower than those between which a step waits for proposals;
    # where they seem to be, the models were still being loaded.
    asking = max(known)
    searching = paces.search.rate if paces.search.calls > FIRST_CALLS - 1 else asking
    if not asking or not searching:
        return None
    likely = left.search / searching + left.questions / asking
    most = max(left.total, estimate_calls(state) - count_spared_calls(state) - done)
    return TimeLeft(likely, max(likely, most / (searching if left.search else asking)))


def estimate_calls_left(state: RunState) -> CallsLeft:
    """Estimate the calls that are likely to come until the run is finished."""
    if is_untried(state):
        return CallsLeft(0.0, float(_count_missing(state, state.of_step(0), "train")))
    if state.looks and not state.race_is_over:  # which lays out all calls that there are
        left = max(0, (state.most_calls or 0) - sum(each.calls for each in state.spend.values()))
        return CallsLeft(float(left), 0.0)
    asked = 1 - _share_of_cache(state)
    if not state.sizes["train"]:
        everyone = state.candidates.values()
        fresh = 1.0 if state.compares_on_test else asked
        return CallsLeft(
            0.0, _count_missing(state, everyone, "test") * state.calls_per_question * fresh
        )
    step, new = _expect_step(state)
    initial = _count_missing(state, state.of_step(0), "train")
    train = _count_present(state, step) + new * step.new * step.questions
    dev = _expect_dev(state, step, new * step.new)
    test = _expect_test(state)
    fresh = test if state.compares_on_test else test * asked
    proposals = new * step.proposals + _count_awaited(state, step)
    return CallsLeft(
        proposals + train * state.calls_per_question * asked,
        (initial + dev) * state.calls_per_question * asked + fresh * state.calls_per_question,
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """A step to come, by the last ones: calls for proposals, new candidates, questions of each."""

    proposals: float
    new: float
    questions: float
    finished: tuple[int, ...]
    """Train questions that each of the candidates of these steps was asked."""


def _expect_step(state: RunState) -> tuple[_Step, float]:
    """Return what a step to come is like, and how many are to come besides one under way."""
    size, wanted = state.sizes["train"], state.search.candidates_per_step
    recent = [state.of_step(n) for n in range(max(1, state.step - RECENT + 1), state.step + 1)]
    joined = [candidate for candidates in recent for candidate in candidates]
    # A question that a prompt shows is as good as asked.
    finished = tuple(
        len(c.answers["train"].by_question) + len(c.excluded_rows)
        for c in joined
        if state.is_done(c)
    )
    # As if one step before had gone as expected, with one candidate that was asked everything.
    new = (len(joined) + PRIOR_NEW * wanted) / (len(recent) + 1)
    questions = (sum(finished) + size) / (len(finished) + 1)
    open_steps = state.search.steps - state.step if state.is_searching else 0
    under_way = bool(state.proposals.arrived)
    step = _Step(_expect_proposals(state), new, questions, finished)
    return step, max(0, open_steps - under_way)


def _expect_proposals(state: RunState) -> float:
    """Return the calls for the proposals of a step; several may come with one."""
    if not state.step:
        return float(state.search.candidates_per_step)
    here = sum(reply.via == "call" for reply in state.proposals.arrived.values())
    checks = len(state.checked & {"optimizer"})
    before = state.probed.get("optimizer", 0)
    return max(0, state.spend_of("optimizer").calls - before - checks - here) / state.step


def _count_awaited(state: RunState, step: _Step) -> float:
    """Return the calls for the proposals that the step under way still waits for."""
    arrived = len(state.proposals.arrived)
    if not arrived:
        return 0.0
    share = step.proposals / max(1, state.search.candidates_per_step)
    return max(0, state.samples - arrived) * min(1.0, share)


def _count_present(state: RunState, step: _Step) -> float:
    """Return the train questions of the step under way, those of proposals to come among them."""
    last = state.of_step(state.step) if state.step else []
    present = [c for c in [*last, *state.pending.values()] if not state.is_done(c)]
    asked = (len(each.answers["train"].by_question) + len(each.excluded_rows) for each in present)
    left = sum(_expect_left(state, step, count) for count in asked)
    if not state.proposals.arrived:
        return left
    awaited = max(0, state.samples - len(state.proposals.arrived))
    return left + awaited / max(1, state.planned_samples) * step.new * step.questions


def _expect_left(state: RunState, step: _Step, asked: int) -> float:
    """Return the questions left of a candidate, as those had that went further than it has."""
    further = [count - asked for count in step.finished if count > asked]
    return fmean([*further, state.sizes["train"] - asked])


def _expect_dev(state: RunState, step: _Step, new: float) -> float:
    """Return the dev questions to come, where so many new candidates are.

    A candidate that was stopped is no finalist. The initial instructions are asked in any case,
    and take a finalist's place where none is better.
    """
    size, search = state.sizes["dev"], state.search
    if not size:
        return 0.0
    due = float(_count_missing(state, select_for_dev(state), "dev"))
    if search.eval_interval is not None and state.is_searching:
        steps = range(state.step + 1, search.steps + 1)
        share = sum((step - 1) % search.eval_interval == 0 for step in steps) / max(1, len(steps))
        due += share * new * size
    if not state.is_searching and all(map(state.is_done, state.candidates.values())):
        return float(_count_missing(state, select_finalists(state), "dev"))
    whole = sum(count == state.sizes["train"] for count in step.finished)
    known = sum(c.step > 0 and state.is_scored(c, "train") for c in state.candidates.values())
    others = known + new * (whole + 1) / (len(step.finished) + 1)
    initial = len(state.of_step(0))
    finalists = search.finalists
    if state.step and not _is_start_beaten(state):
        finalists = max(0, finalists - initial)
    return due + (initial + min(finalists, others)) * size


def _expect_test(state: RunState) -> float:
    """Return the test questions to come.

    A start prompt that stays the winner is asked none. While no candidate has done better on
    train than it, the chance that one still will is taken to be the share of steps to come.
    """
    search, size = state.search, state.sizes["test"]
    if is_decided(state):
        start, best = find_baseline(state), find_winner(state)
        compared = select_compared(state, start, best) if start and best else []
        return float(_count_missing(state, compared, "test"))
    baselines = state.baselines.keys() - {candidate.id for candidate in state.of_step(0)}
    everyone = 2 + len(baselines) + bool(search.noise_check)
    if not state.spares_test or _is_start_beaten(state):
        return float(everyone * size)
    kept = bool(search.test_unbeaten_start)
    share = (search.steps - state.step) / search.steps if state.is_searching else 0.0
    return size * (share * everyone + (1 - share) * kept)


def _is_start_beaten(state: RunState) -> bool:
    """Return True if a candidate that was asked all train questions did better than the start."""
    scored = [c for c in state.candidates.values() if state.is_scored(c, "train")]
    start = max((measure_mean(c, "train") for c in scored if not c.step), default=None)
    return start is not None and any(measure_mean(c, "train") > start for c in scored if c.step)


def _share_of_cache(state: RunState) -> float:
    """Return the share of the scorer's answers so far that the cache had.

    Those of the probe before the run are none of its: no later prompt finds any.
    """
    spend = state.spend_of("scorer")
    found = spend.cached - spend.taken
    replies = max(0, spend.calls - state.probed.get("scorer", 0)) + found
    return found / replies if replies else 0.0


def _count_missing(
    state: RunState, candidates: Sequence[Candidate] | Iterable[Candidate], split: Split
) -> int:
    return sum(state.count_missing(candidate, split) for candidate in candidates)
