"""The choice of the winner: the questions whose scores count, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from opro_cli.core.run.candidates import Answers, Candidate, Score
from opro_cli.core.run.pairs import list_pairs
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import SHARE
from opro_cli.core.stats.groups import compute_design_effect, sum_groups
from opro_cli.core.stats.intervals import Z_95, wilson_interval
from opro_cli.core.stats.resamples import measure_win_share
from opro_cli.core.task.example import Split

Basis = Literal["train", "dev", "train+dev"]
"""The splits whose questions choose the winner."""

LEAST_SHARE = 0.75
"""The share of resamples in which a candidate must beat the start prompt to take its place.

`python -m tests.bench.winners` compares it with others, and with other ways to choose.
"""
LEAST_CHANCE = 0.65
"""The chance that a candidate is better than the start prompt, which it must have to take its place
where not both were asked everything.

It is less than the share of resamples, since estimates are drawn towards each other already.
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """How the winner of a search was chosen.

    Attributes:
        basis: The questions that decided.
        start: The best initial prompt.
        first: The prompt with the best score on them.
        share: The share of resamples in which `first` beats `start`; None where none is needed:
            before the end of a search, under rules without this test, and for the start itself.
        estimated: Not both were asked everything, so `share` is the chance that estimates give.
    """

    basis: Basis
    start: Candidate
    first: Candidate
    share: float | None = None
    estimated: bool = False

    @property
    def needed(self) -> float:
        """The share that `first` needs to take the place of `start`."""
        return LEAST_CHANCE if self.estimated else LEAST_SHARE

    @property
    def winner(self) -> Candidate:
        """The first, or the start prompt where that is not beaten reliably."""
        return self.start if self.is_unsure else self.first

    @property
    def is_unsure(self) -> bool:
        """The first is better than the start prompt, and not reliably."""
        return self.share is not None and self.share < self.needed


def is_resampled(state: RunState) -> bool:
    """Return True if a winner must beat the start prompt in most resamples.

    A run that began before journal format 8 chooses as it did then, and the paper's rules as the
    paper does. Values that are no shares have no verdict either.
    """
    return state.began_with(8) and state.search.rules != "paper" and state.scale == SHARE


def get_basis(state: RunState) -> Basis:
    """Return the questions that choose the winner: all that the finalists were asked before test.

    Train scores flatter the finalists, which were selected on them, all alike: to tell one of them
    from another they are worth as much as dev scores.
    """
    if not state.sizes["dev"]:
        return "train"
    return "train+dev" if is_resampled(state) else "dev"


def list_splits(basis: Basis) -> tuple[Split, ...]:
    """Return the splits of a basis."""
    return ("train", "dev") if basis == "train+dev" else (basis,)


def name_basis(basis: Basis) -> str:
    """Name the questions of a basis: "train and dev"."""
    return " and ".join(list_splits(basis))


def measure_mean(candidate: Candidate, basis: Basis | Split) -> float:
    """Return a mean for comparing, below every score before the first answer."""
    if basis != "train+dev":
        known = candidate.answers[basis].mean()
        if known is None or basis != "train" or not candidate.excluded_rows:
            return -math.inf if known is None else known
        return min(1.0, max(0.0, known + measure_handicap(candidate)))
    answers = [candidate.answers[split] for split in list_splits(basis)]
    parts = [_sum_up(each) for each in answers]
    shown = len(candidate.excluded_rows)
    if shown and answers[0].estimate is None:  # an estimate is one for all rows already
        count = parts[0][1] + shown
        parts[0] = measure_mean(candidate, "train") * count, count
    n = sum(count for _, count in parts)
    return sum(total for total, _ in parts) / n if n else -math.inf


MOST_PEERS = 16
"""Candidates that tell how hard the rows are that another one shows."""


def measure_handicap(candidate: Candidate) -> float:
    """Return what the rows that a prompt shows, and is not asked, would change in its train mean.

    They are taken to be as hard as they were for the start prompts, and for other prompts of
    earlier steps without examples, so that a prompt gains nothing by showing the hard rows. An
    estimate is one for all rows already.
    """
    train = candidate.answers["train"]
    if not train.shown or train.estimate is not None:
        return 0.0
    peers = (
        each.answers["train"]
        for each in candidate.peers.values()
        if not each.excluded_rows and (each.step < candidate.step or not each.step)
    )
    gaps = []
    for answers in islice((each for each in peers if each.estimate is None), MOST_PEERS):
        known = [answers.by_question[row] for row in sorted(train.shown & {*answers.by_question})]
        counted = [outcome.score or 0.0 for outcome in known if not outcome.excluded]
        rest = _count(answers) - len(counted)
        if counted and rest:
            own = math.fsum(counted)
            gaps.append(own / len(counted) - (answers.total() - own) / rest)
    share = len(train.shown) / (_count(train) + len(train.shown))
    return share * math.fsum(gaps) / len(gaps) if gaps else 0.0


def measure_score(candidate: Candidate, basis: Basis) -> Score | None:
    """Return the score on the questions of a basis; None before the first answer to each split."""
    parts = [candidate.score(split) for split in list_splits(basis)]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or len(known) == 1:
        return known[0] if len(parts) == len(known) else None
    n = sum(part.n for part in known)
    mean = measure_mean(candidate, basis)
    return Score(
        mean,
        n,
        sum(part.correct for part in known),
        sum(part.unreadable for part in known),
        wilson_interval(mean, _count_independent(candidate, basis, n)),
        refused=sum(part.refused for part in known),
        cut=sum(part.cut for part in known),
        cut_empty=sum(part.cut_empty for part in known),
    )


def _count_independent(candidate: Candidate, basis: Basis, n: int) -> float:
    """Return how many independent questions tell as much as those of a basis; they are `n`."""
    own = [
        (split, groups[question] if (groups := candidate.groups.get(split)) else question)
        for split in list_splits(basis)
        for question, outcome in candidate.answers[split].by_question.items()
        if not outcome.excluded
    ]
    return max(1.0, n / compute_design_effect(own))


def _count(answers: Answers) -> int:
    return len(answers.by_question) - answers.excluded


def _sum_up(answers: Answers) -> tuple[float, int]:
    """Return the sum of scores and their number; those expected, where they are estimated."""
    if answers.estimate is not None and (n := answers.estimate.questions):
        return answers.estimate.mean * n, n
    return answers.total(), _count(answers)


def measure_sureness(state: RunState, start: Candidate, first: Candidate, basis: Basis) -> float:
    """Return the share of resamples of the questions of a basis in which `first` beats `start`.

    Where one of them has an estimate it is the chance of a better score, by the estimates. What
    belongs together is drawn together: a group is resampled as a whole.
    """
    if is_estimated(start, basis) or is_estimated(first, basis):
        spread = math.hypot(_measure_spread(start, basis), _measure_spread(first, basis))
        lead = measure_mean(first, basis) - measure_mean(start, basis)
        return math.erfc(-lead / max(spread, 1e-9) / math.sqrt(2)) / 2
    pairs = list(list_pairs(start, first, list_splits(basis)))
    sums = sum_groups([pair.difference for pair in pairs], [pair.group for pair in pairs])
    return measure_win_share(sums, state.search.seed)


def is_estimated(candidate: Candidate, basis: Basis) -> bool:
    """Return True if the score on the questions of a basis is partly an estimate."""
    return any(candidate.answers[split].estimate is not None for split in list_splits(basis))


def _measure_spread(candidate: Candidate, basis: Basis) -> float:
    """Return the standard deviation of an estimated mean; what makes it so is one ability."""
    spread, n = 0.0, 0
    for answers in (candidate.answers[split] for split in list_splits(basis)):
        estimate = answers.estimate
        if estimate is not None:
            low, high = estimate.interval.low, estimate.interval.high
            spread += estimate.questions * (high - low) / 2 / Z_95
        n += _sum_up(answers)[1]
    return spread / max(1, n)
