"""Cost beside the score: tokens of candidates, the front, and what a cheaper prompt loses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

from opro_cli.core.run.candidates import CACHED, Candidate
from opro_cli.core.run.cheapest import (
    SEEN,
    NonInferiority,
    Point,
    find_front,
    get_cost_kind,
    get_cost_split,
    get_deciding_cost,
    get_margin,
    measure_cost,
    prunes,
    refute_loss_of,
)
from opro_cli.core.run.deciding import get_basis, list_splits, measure_mean
from opro_cli.core.run.selection import find_leader, select_finalists
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import SHARE
from opro_cli.core.settings.search import CostKind
from opro_cli.core.stats.intervals import POWER
from opro_cli.core.stats.paired import ALPHA
from opro_cli.core.task.example import SPLITS, Example, Split
from opro_cli.core.task.prompt import Prompt
from opro_cli.reports.formats import format_count, format_p, format_points, format_saving, pluralize
from opro_cli.reports.verdict import Verdict


def serialize_costs(candidate: Candidate) -> dict[str, Any]:
    """Return the key `costs` of a candidate, by split; nothing where no figure is known."""
    found = {}
    for split in SPLITS:
        answers = candidate.answers[split]
        costs = answers.costs
        if costs.metered or costs.priced:
            tokens, usd = (measure_cost(answers, kind) for kind in _KINDS)
            known = costs.tokens is not None
            found[split] = {
                "answers": costs.answers,
                "metered": costs.metered,
                "prompt_tokens": costs.prompt if known else None,
                "completion_tokens": costs.completion if known else None,
                "tokens_per_1000": tokens,
                "usd_per_1000": usd,
            }
    return {"costs": found} if found else {}


_KINDS: tuple[CostKind, ...] = ("tokens_per_1000", "usd_per_1000")


def weighs_cost(state: RunState) -> bool:
    """Return whether the run was asked to look at costs."""
    search = state.search
    asked = search.objectives is not None or search.prefer != "best" or prunes(state)
    return asked and state.scale == SHARE


def build_front(state: RunState, candidates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the keys `objectives` and `front` of a result; none for a run that ignores costs.

    Args:
        state: Of the run.
        candidates: All of them as plain data, in the order in which they joined.
    """
    if not weighs_cost(state):
        return {}
    basis = get_basis(state)
    known, unknown = list[Point](), list[Candidate]()
    for each in state.candidates.values():
        cost = get_deciding_cost(state, each)
        is_scored = all(state.is_scored(each, split) for split in list_splits(basis))
        if is_scored and cost is not None:
            known.append(Point(each, measure_mean(each, basis), cost))
        elif is_scored:
            unknown.append(each)
    plain = dict(zip(state.candidates, candidates, strict=True))
    return {
        "objectives": {
            "cost": get_cost_kind(state),
            "split": basis,
            "prefer": "cheapest_not_worse" if prunes(state) else state.search.prefer,
            "margin": state.search.margin,
            "unknown": len(unknown),
            **_explain_unknown(state, unknown),
        },
        "front": [
            {"mean": point.mean, "cost": point.cost, "candidate": plain[point.candidate.id]}
            for point in find_front(known)
        ],
    }


def _explain_unknown(state: RunState, unknown: Sequence[Candidate]) -> dict[str, Any]:
    """Return the key `without_cost`: why the cost of some prompts is unknown, and what of that."""
    if not unknown:
        return {}
    split, in_dollars = get_cost_split(state), get_cost_kind(state) == "usd_per_1000"
    each = [candidate.answers[split] for candidate in unknown]
    missing = sum(
        a.costs.answers - (a.costs.priced if in_dollars else a.costs.metered) for a in each
    )
    outcomes = [outcome for a in each for outcome in a.by_question.values()]
    cached = state.repeats * sum(outcome.session == CACHED for outcome in outcomes)
    spend = state.spend_of("scorer")
    tells = not (spend.unpriced_answers if in_dollars else spend.uncounted_answers)
    return {
        "without_cost": {
            "split": split,
            "answers": missing,
            "of": sum(a.costs.answers for a in each),
            "cached": tells and missing <= cached,
            "unweighed": _count_unweighed(state, unknown),
        }
    }


def _count_unweighed(state: RunState, unknown: Sequence[Candidate]) -> int:
    """Count the finalists that `search.prefer` had to pass over; all where the best has no cost."""
    leader = find_leader(state)
    if state.search.prefer == "best" or prunes(state) or leader is None:
        return 0
    others = [each for each in select_finalists(state) if each is not leader]
    return len(others) if leader in unknown else sum(each in unknown for each in others)


@dataclass(frozen=True, slots=True)
class Savings:
    """The length and cost of a winner against the start prompt, on test if both were asked it.

    Attributes:
        parts: Parts of the start prompt that were dropped, and all of its parts, in `unit`.
        unit: "tokens" as the scorer counts them, or "characters" where it does not.
        before: Cost of 1,000 answers under the start prompt; None if it is unknown.
        after: Under the winner.
    """

    parts: tuple[int, int]
    unit: str
    before: float | None
    after: float | None


def measure_savings(
    state: RunState, start: Candidate, best: Candidate, train: Sequence[Example]
) -> Savings:
    """Compare the lengths of two prompts, and the costs of their answers.

    The dropped tokens are counted: both prompts were asked the same questions. Those of the whole
    prompt follow from the share of its characters.

    Args:
        state: Of the run.
        start: The start prompt.
        best: The winner.
        train: The questions that worked examples show.
    """
    split: Split = "test" if best.answers["test"].by_question else get_cost_split(state)
    kind = get_cost_kind(state)
    before, after = (measure_cost(each.answers[split], kind) for each in (start, best))
    whole, left = (_count_characters(each, train) for each in (start, best))
    tokens = [each.answers[split].costs.tokens for each in (start, best)]
    same = start.answers[split].by_question.keys() == best.answers[split].by_question.keys()
    if tokens[0] is not None and tokens[1] is not None and same and left < whole:
        dropped = tokens[0][0] - tokens[1][0]
        if dropped > 0:
            parts = round(dropped), round(dropped * whole / (whole - left))
            return Savings(parts, "tokens", before, after)
    return Savings((whole - left, whole), "characters", before, after)


def _count_characters(candidate: Candidate, train: Sequence[Example]) -> int:
    content = candidate.content
    demos = content.demos if isinstance(content, Prompt) else ()
    shown = (train[demo.row] for demo in demos if demo.row < len(train))
    return len(content.text) + sum(len(each.input) + len(each.target) for each in shown)


def judge_costs(
    verdict: Verdict,
    state: RunState,
    pair: tuple[Candidate | None, Candidate | None],
    train: Sequence[Example] = (),
) -> tuple[Verdict, dict[str, Any]]:
    """Add to a verdict what a cheaper winner costs, and whether it is proven not to be worse.

    Args:
        verdict: On the winner against the start prompt.
        state: Of the finished run.
        pair: Start prompt and winner.
        train: The questions that worked examples show.

    Returns:
        The verdict, and further keys of the result.
    """
    start, best = pair
    if start is None or best is None or not weighs_cost(state):
        return verdict, {}
    if not prunes(state) and state.search.prefer == "best":
        return verdict, {}
    test = None
    if best is not start and verdict.comparison is not None:
        test = refute_loss_of(best, start, ("test",), get_margin(state))
    # The threshold of a worn test set moves what is claimed of a gain, not what this test refutes.
    proven = test is not None and test.p_value < ALPHA and verdict.outcome is not None
    savings = measure_savings(state, start, best, train)
    keys: dict[str, Any] = {"not_worse": _serialize_test(test, proven)}
    if prunes(state):
        keys["pruned"] = _serialize_savings(savings, state)
        costs = _word_costs(savings, state)
        return _word_pruned(verdict, savings, costs, test, proven), keys
    claim = test if proven and verdict.outcome != "improved" else None
    words = [*_word_choice(verdict, state, start, best, claim), _word_costs(savings, state)]
    return replace(verdict, sentence="; ".join(words)), keys


def _word_choice(
    verdict: Verdict,
    state: RunState,
    start: Candidate,
    best: Candidate,
    claim: NonInferiority | None,
) -> list[str]:
    """Return why a prompt that is not the best by score was chosen, behind the verdict.

    `claim` is the test that says it is not worse than the start prompt, None for none.
    """
    leader = find_leader(state)
    words = [verdict.sentence]
    if leader is not None and leader is not best and (seen := _test_seen(state, best, leader)):
        than = f"{_word_claim(seen)} than the best by score{_give_p(seen)} on train and dev"
        words = [f"the start prompt is kept for its cost, {than}"] if best is start else words
        words += [] if best is start else [f"chosen for its cost, {than}"]
    if claim is not None:
        than = f"{_word_claim(claim)} than the start prompt{_give_p(claim)}"
        words.append(f"{than}{_word_small_loss(verdict, claim)}")
    return words


def explain_preference(state: RunState, best: Candidate | None) -> dict[str, Any]:
    """Return the key `preferred` of a result whose winner is not the best by score."""
    leader = find_leader(state)
    if best is None or leader is None or best is leader or prunes(state):
        return {}
    test = _test_seen(state, best, leader)
    if test is None:
        return {}
    costs = [get_deciding_cost(state, each) for each in (leader, best)]
    return {
        "preferred": {
            "instead_of": leader.instruction,
            "cost": get_cost_kind(state),
            "before": costs[0],
            "after": costs[1],
            **_serialize_test(test, test.p_value < ALPHA),
        }
    }


def _test_seen(state: RunState, best: Candidate, leader: Candidate) -> NonInferiority | None:
    """Return the test by which a cheaper prompt was preferred to the best by score."""
    return refute_loss_of(best, leader, SEEN, get_margin(state))


def _serialize_test(test: NonInferiority | None, proven: bool) -> Any:
    if test is None:
        return None
    points = {"margin": 100 * test.margin, "difference": test.difference}
    return {**points, "p_value": test.p_value, "n": test.n, "proven": proven}


def _serialize_savings(savings: Savings, state: RunState) -> dict[str, Any]:
    dropped, whole = savings.parts
    return {
        "dropped": dropped,
        "of": whole,
        "unit": savings.unit,
        "share": dropped / whole if whole else 0.0,
        "cost": get_cost_kind(state),
        "before": savings.before,
        "after": savings.after,
    }


def _word_pruned(
    verdict: Verdict, savings: Savings, costs: str, test: NonInferiority | None, proven: bool
) -> Verdict:
    """Return the verdict on a pruned prompt; `costs` says what its answers cost."""
    if not savings.parts[0]:
        headline = "nothing was dropped"
        why = "every shorter prompt may be worse, as far as the train and dev questions tell"
        return Verdict(verdict.outcome, f"{headline}: {why}", None, headline)
    dropped, whole = savings.parts
    what = f"{format_count(dropped)} of {format_count(whole)} {savings.unit}"
    what += f" (-{100 * dropped / whole:.0f} %)" if whole else ""
    headline = "pruned" if proven else "not proven"
    if test is None or verdict.outcome is None:  # whose sentence says why nothing is claimed
        words = f"{what} dropped; {verdict.sentence}"
    else:
        questions = f"on {pluralize(test.n, 'unseen question')}"
        if proven:
            loss = _word_small_loss(verdict, test)
            words = f"{what}, {_word_claim(test)}{_give_p(test)} {questions}{loss}"
        else:
            points = f"{100 * test.margin:g} points"
            refuted = f"a loss of {points} is not refuted{_give_p(test)} {questions}"
            words = f"{what} dropped, and {refuted}{_word_need(verdict, test)}"
        words += f"; {verdict.sentence}" if verdict.outcome != "not_distinguishable" else ""
    return Verdict(verdict.outcome, f"{headline}: {words}; {costs}", verdict.comparison, headline)


def _word_claim(test: NonInferiority) -> str:
    return f"not worse by {100 * test.margin:g} points"


def _word_small_loss(verdict: Verdict, test: NonInferiority) -> str:
    """Say of what is not worse by the margin that it is a little worse, where that is certain."""
    compared = verdict.comparison
    if compared is None or compared.difference >= 0 or compared.p_value >= ALPHA:
        return ""
    points = format_points(test.difference)
    return f", though certainly a little worse ({points} points, p = {format_p(compared.p_value)})"


def _give_p(test: NonInferiority) -> str:
    return f" (p = {format_p(test.p_value)})"


def _word_need(verdict: Verdict, test: NonInferiority) -> str:
    """Say how many questions would refute the loss, if the difference is what it seems."""
    compared, short = verdict.comparison, test.difference + test.margin
    if compared is None or short <= 0:
        return ""
    normal = NormalDist()
    z = normal.inv_cdf(1 - ALPHA) + normal.inv_cdf(POWER)
    spread = (compared.gained + compared.lost) / compared.n - test.difference**2
    spread = max(spread, test.margin * (1 - test.margin))
    more = math.ceil((z / short) ** 2 * spread) - test.n
    return f"; some {more:,} more test questions would" if more > 0 else ""


def _word_costs(savings: Savings, state: RunState) -> str:
    """Say what answers cost before and after, or that it is unknown."""
    kind = get_cost_kind(state)
    if savings.before is None or savings.after is None:
        unit = "price" if kind == "usd_per_1000" else "number of tokens"
        return f"the {unit} of some answers is unknown"
    return format_saving(savings.before, savings.after, kind)
