"""The judgement whether a search is worth it, by its probe and by what its splits could prove.

The score of each prompt is known from a few rows only, and the best of a dozen is partly the
luckiest; so is a start prompt that happens to do well. So all of them are shrunk towards their
mean, as far as chance explains their spread (empirical Bayes: B. Efron and C. Morris, JASA 70,
1975), the share of readable replies and the share of right ones among these by themselves. Prompts
that ask for the same thing are also taken together. From what remains the gain of the search is
drawn many times: the best of the prompts, or of a dozen more like them, over the start prompt.
Each such gain has a chance to be seen on the test split (R. Connor, Biometrics 43, 1987, as for
the power of the splits), and the mean of these chances is `chance`. It ranks, and is no frequency:
what follows a go, a no and neither is measured by `python -m tests.bench.headroom`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist, fmean
from typing import NamedTuple

from opro_cli.core.draws import Random, create_rng
from opro_cli.core.labels import ClosedSet
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.state import RunState
from opro_cli.core.spellings import is_same_label
from opro_cli.core.stats.groups import count_independent, find_provable_gain
from opro_cli.core.stats.intervals import Interval, wilson_interval
from opro_cli.core.task.example import Split
from opro_cli.reports.finding import Headroom, HeadroomKind, Outcome, Tried, build_unasked

GO, NO = 0.62, 0.20
"""The chance from which it is a go, and below which it is a no (tuned on simulated cells)."""
DRAWS = 400
FURTHER = 12
"""Further prompts of a search that count as drawn by themselves."""
OWN = 0.65
"""Share of the variance of an answer that is not the row's, which all prompts have in common."""
SPREAD, WEIGHT = 0.008, 3.0
"""The variance of true shares before any is seen, as a share of p (1 - p), and its weight in
prompts."""
FAULTS = 0.1
"""Share of replies from which a fault is called the kind of headroom."""
LEAST_ROWS = 4
"""Answers of the start prompt without which nothing is judged."""
ROWS_FOR_NO = 20
"""Answers of the start prompt without which it is no "no": ten right ones of ten are little."""
_UNSEEN: tuple[Split, ...] = ("dev", "test")
_ALL = 0.97
_normal = NormalDist()


class Decider(NamedTuple):
    """Limits to what splits can prove: groups of rows, and the threshold of the verdict.

    Attributes:
        groups: By split what each row belongs to, for splits that have groups of several.
        threshold: What the p-value on test must be below; lower after earlier verdicts on its rows.
    """

    groups: Mapping[Split, Sequence[int]] = {}
    threshold: float = 0.05

    def find_alpha(self, split: Split) -> float:
        """Return the two-sided level of a test on a split."""
        return self.threshold if split == "test" else 0.05


class PromptKind(NamedTuple):
    """The kind of a candidate of the probe.

    Attributes:
        name: For people.
        groups: What it has in common with others.
        wording: A search can write it.
    """

    name: str = ""
    groups: tuple[str, ...] = ()
    wording: bool = True


class _Counts(NamedTuple):
    """Rows that prompts were asked, the readable replies, and the sum of their scores."""

    asked: float
    read: float
    right: float


class _Belief(NamedTuple):
    """A share that is normally distributed, as far as is known."""

    mean: float
    deviation: float

    def draw(self, rng: Random) -> float:
        """Return a share at random, from 0 to 1."""
        return min(1.0, max(0.0, rng.gauss(self.mean, self.deviation)))


def judge_headroom(
    state: RunState,
    rows: int,
    sizes: Mapping[Split, int],
    kinds: Mapping[str, PromptKind],
    *,
    labels: ClosedSet | None = None,
    calls: int = 0,
    decider: Decider | None = None,
) -> Headroom:
    """Judge by the answers of a probe, also of one that a ceiling ended early.

    Args:
        state: Of the probe.
        rows: That it tries everything on: the first ones of train.
        sizes: Of the splits of the search.
        kinds: What candidates try, by id; proposals of the optimizer have none.
        labels: The gold answers, where these are a few.
        calls: That it made.
        decider: What the splits of the search can prove; None where each row is alone, and unused.
    """
    decider = decider or Decider()
    power = find_power(sizes, decider)
    asked = [each for each in state.of_step(0) if _count(each, rows).asked >= LEAST_ROWS]
    if not asked:
        return build_unasked("too few answers came in", power, calls)
    start = max(asked, key=lambda each: _mean(_count(each, rows)))
    everyone = (*state.of_step(1), *state.pending.values())
    tried = [each for each in everyone if _count(each, rows).asked]
    written = [each for each in tried if kinds.get(each.id, PromptKind()).wording]
    gains = _draw_gains(start, written, rows, kinds)
    score = _mean(_count(start, rows))
    chance = _compute_chance(gains, score, sizes, decider)
    gains.sort()
    n = int(_count(start, rows).asked)
    outcome: Outcome = "go" if chance >= GO else "no" if chance < NO else "cannot tell"
    came_first = not tried and score < _ALL  # a ceiling
    if came_first or (outcome == "no" and n < ROWS_FOR_NO):
        outcome = "cannot tell"
    # Where nothing failed, what may still fail is all there is to gain.
    unseen = 1 - wilson_interval(score, n).low if score == 1 else 0.0
    return Headroom(
        outcome,
        chance,
        fmean(gains),
        Interval(gains[len(gains) // 40], max(gains[-1 - len(gains) // 40], unseen)),
        _find_kind(outcome, start, score, rows, labels),
        score,
        n,
        power,
        _list_tried(tried, start, rows, kinds),
        _find_elsewhere(tried, start, rows, kinds),
        calls,
        kept=sum(int(_count(each, rows).asked) for each in asked) * state.calls_per_question,
    )


def find_power(sizes: Mapping[Split, int], decider: Decider) -> dict[Split, float | None]:
    """Return the least gain that dev and test tell from chance; None for an empty split."""
    return {
        split: find_provable_gain(
            sizes[split], decider.groups.get(split, ()), decider.find_alpha(split)
        )
        if sizes[split]
        else None
        for split in _UNSEEN
    }


def _count(candidate: Candidate, rows: int) -> _Counts:
    outcomes = candidate.answers["train"].by_question
    scores = [outcomes[row].score for row in range(rows) if row in outcomes]
    read = [score for score in scores if score is not None]
    return _Counts(len(scores), len(read), math.fsum(read))


def _mean(counts: _Counts) -> float:
    return counts.right / counts.asked if counts.asked else 0.0


def _add_up(counts: Iterable[_Counts]) -> _Counts:
    asked, read, right = map(math.fsum, zip(*counts, strict=True))
    return _Counts(asked, read, right)


def _draw_gains(
    start: Candidate, tried: Sequence[Candidate], rows: int, kinds: Mapping[str, PromptKind]
) -> list[float]:
    """Draw the gain of the search over the start prompt as often as DRAWS says."""
    seen = [_count(start, rows), *(_count(each, rows) for each in tried)]
    known = {each.id: kinds.get(each.id, PromptKind()).groups for each in tried}
    for group in dict.fromkeys(group for groups in known.values() for group in groups):
        members = [_count(each, rows) for each in tried if group in known[each.id]]
        if len(members) > 1:
            seen.append(_add_up(members))
    whole = _add_up(seen)
    read = _believe([(each.read, each.asked) for each in seen], whole.read, whole.asked)
    right = _believe([(each.right, each.read) for each in seen], whole.right, whole.read)
    rng = create_rng(0, "headroom")
    gains = []
    for _ in range(DRAWS):
        first, *others = [
            one.draw(rng) * other.draw(rng) for one, other in zip(read, right, strict=True)
        ]  # the last one is any other prompt
        further = (read[-1].draw(rng) * right[-1].draw(rng) for _ in range(FURTHER - 1))
        gains.append(max(*others, *further) - first)
    return gains


def _believe(shares: Sequence[tuple[float, float]], hits: float, of: float) -> list[_Belief]:
    """Return what is believed of each share after shrinkage, and last of any other one.

    Args:
        shares: Hits of each, and of how many.
        hits: Of all together.
        of: How many they all were.
    """
    overall = hits / of if of else 0.5
    if of and overall == 1:  # nothing has ever failed
        return [_Belief(1.0, 0.0)] * (len(shares) + 1)
    variance = max(overall * (1 - overall), 0.005)
    seen = [
        (part / whole if whole else overall, max(variance, 0.01) * OWN / max(whole, 0.5))
        for part, whole in shares
    ]
    mean, spread = _estimate_spread(seen, SPREAD * variance)
    beliefs = []
    for share, noise in seen:
        kept = spread / (spread + noise)
        beliefs.append(_Belief(mean + kept * (share - mean), math.sqrt(kept * noise)))
    return [*beliefs, _Belief(mean, math.sqrt(spread))]


def _estimate_spread(seen: Sequence[tuple[float, float]], before: float) -> tuple[float, float]:
    """Return the most likely mean and variance of true shares (by EM).

    Args:
        seen: Each share with the variance of its error.
        before: The variance that is expected, with the weight of WEIGHT prompts.
    """
    mean, spread = fmean(share for share, _ in seen), max(before, 1e-6)
    for _ in range(40):
        weights = [1 / (spread + noise) for _, noise in seen]
        pairs = list(zip(weights, seen, strict=True))
        mean = sum(weight * share for weight, (share, _) in pairs) / sum(weights)
        total = WEIGHT * before
        for weight, (share, noise) in pairs:
            shift = spread * weight * (share - mean)
            total += shift * shift + spread * noise * weight
        spread = max(1e-9, total / (len(seen) + WEIGHT))
    return mean, spread


def _compute_chance(
    gains: Sequence[float], score: float, sizes: Mapping[Split, int], decider: Decider
) -> float:
    """Return the chance that the search ends in "improved", on the split that its verdict is of.

    Args:
        gains: As they may be.
        score: Of the start prompt.
        sizes: Of the splits.
        decider: What these can prove.
    """
    split: Split = "test" if sizes["test"] else "dev" if sizes["dev"] else "train"
    n = count_independent(sizes[split], decider.groups.get(split, ()))
    z = _normal.inv_cdf(1 - decider.find_alpha(split) / 2)
    differing = 2 * OWN * score * (1 - score) + 0.02
    return fmean(_compute_power(gain, differing, n, z) for gain in gains)


def _compute_power(gain: float, differing: float, n: int, z: float) -> float:
    """Return the chance that a true gain is seen as one on `n` rows, beyond `z` deviations."""
    if gain <= 0:
        return _normal.cdf(-z)
    share = min(1.0, max(min(0.6, differing), gain + 0.01))
    off = gain * math.sqrt(n) - z * math.sqrt(share)
    return _normal.cdf(off / math.sqrt(max(1e-9, share - gain * gain)))


def _find_kind(
    outcome: Outcome, start: Candidate, score: float, rows: int, labels: ClosedSet | None
) -> HeadroomKind:
    """Return what there is to gain from."""
    answers = start.answers["train"]
    n = max(1, len(answers.by_question))
    if answers.cut / n >= FAULTS:
        return "room"
    if (answers.unreadable - answers.cut) / n >= FAULTS:
        return "format"
    if _is_biased(start, rows, labels):
        return "bias"
    if outcome == "go":
        return "wording"
    if outcome == "cannot tell":
        return "unknown"
    return "none" if score >= 0.9 or score <= 0.1 else "knowledge"


def _is_biased(start: Candidate, rows: int, labels: ClosedSet | None) -> bool:
    """Return whether one answer stands for nearly everything, and is not the gold one as often."""
    if labels is None:
        return False
    outcomes = start.answers["train"].by_question
    asked = [row for row in range(rows) if row in outcomes]
    given = [labels.match(answer) for row in asked if (answer := outcomes[row].answer)]
    if len(given) < 2 * LEAST_ROWS:
        return False
    (label, count), *_ = Counter(given).most_common(1)
    gold = labels.golds["train"]
    share = sum(label is not None and is_same_label(gold[row], label) for row in asked) / len(asked)
    return count / len(given) >= 0.75 and count / len(given) - share >= 0.2


def _list_tried(
    tried: Sequence[Candidate], start: Candidate, rows: int, kinds: Mapping[str, PromptKind]
) -> tuple[Tried, ...]:
    first = start.answers["train"].by_question
    listed = []
    for each in tried:
        counts = _count(each, rows)
        common = [row for row in each.answers["train"].by_question if row in first]
        before = fmean(first[row].score or 0.0 for row in common) if common else 0.0
        kind = kinds.get(each.id, PromptKind())
        unread = 1 - counts.read / counts.asked
        asked = int(counts.asked)
        listed.append(Tried(kind.name, each.instruction, asked, _mean(counts), before, unread))
    return tuple(sorted(listed, key=lambda t: (-t.rows, t.start_score - t.score)))


def _find_elsewhere(
    tried: Sequence[Candidate], start: Candidate, rows: int, kinds: Mapping[str, PromptKind]
) -> str:
    """Return the name of what no search writes, where it did better on all rows that it was asked.

    That is, better by two rows and more, and not worse on any: a hint, and no finding.
    """
    first = start.answers["train"].by_question
    for each in tried:
        kind = kinds.get(each.id, PromptKind())
        own = each.answers["train"].by_question
        gains = [
            (own[row].score or 0.0) - (first[row].score or 0.0)
            for row in own
            if row in first and row < rows
        ]
        if not kind.wording and sum(gains) >= 3 and min(gains) >= 0:
            return kind.name
    return ""
