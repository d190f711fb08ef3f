"""Choices among what a run has scored: trajectory, finalists, winner."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.cheapest import choose_cheapest, prunes, select_pruned
from opro_cli.core.run.deciding import (
    Basis,
    Decision,
    get_basis,
    is_estimated,
    is_resampled,
    list_splits,
    measure_mean,
    measure_sureness,
)
from opro_cli.core.run.layout import affords_start, affords_test
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import SHARE
from opro_cli.core.task.example import Split


def select_trajectory(state: RunState) -> list[Candidate]:
    """Return the candidates, done on train, that the next meta-prompt shows."""
    scored = (candidate for _, candidate in state.history if state.is_done(candidate))
    threshold = state.search.score_threshold if state.scale == SHARE else -math.inf
    return sort_best_last(scored, state.search.history, threshold)


def sort_best_last(
    candidates: Iterable[Candidate], history: int | None, threshold: float
) -> list[Candidate]:
    """Sort by train score, ascending: the best `history` of them, none below `threshold`.

    Ties keep the order in which they entered (the reference sorts stably and cuts from the
    front; opt_utils.gen_ins_and_score_pairs_substr).
    """
    scored = [(measure_mean(candidate, "train"), candidate) for candidate in candidates]
    scored.sort(key=lambda pair: pair[0])
    shown = scored if history is None else scored[-history:]
    return [candidate for score, candidate in shown if score >= threshold]


def spread_out(order: Iterable[int], labels: Sequence[str]) -> list[int]:
    """Sort questions so that each label comes in every part as often as in the whole.

    Of a label with n questions the k-th stands where a share of (k - 1/2) / n of all has come;
    ties keep the order.
    """
    order = list(order)
    counts = Counter(labels[question] for question in order)
    times: Counter[str] = Counter()
    shares: dict[int, float] = {}
    for question in order:
        label = labels[question]
        shares[question] = (times[label] + 0.5) / counts[label]
        times[label] += 1
    return sorted(shares, key=lambda question: shares[question])


def rank(candidates: Iterable[Candidate], basis: Basis) -> list[Candidate]:
    """Sort best first; ties go to the earlier step, fewer worked examples, the shorter text.

    Of those still equal the earlier sample comes first.
    """
    return sorted(
        candidates,
        key=lambda each: (
            -measure_mean(each, basis),
            each.step,
            len(each.excluded_rows),
            len(each.instruction),
        ),
    )


def count_no_gain(state: RunState) -> int:
    """Return how many steps have passed since the best candidate on train joined."""
    everyone = state.candidates.values()
    done = [each for each in everyone if state.is_done(each) and may_lead(state, each)]
    return state.step - rank(done, "train")[0].step if done else 0


def find_stop(state: RunState) -> str:
    """Return why `search.stop_when` ends the search instead of its next step; "" where not."""
    most = state.search.stop_when.no_gain_steps
    if most is None or count_no_gain(state) < most:
        return ""
    steps = "step" if most == 1 else f"{most} steps"
    return f"no better prompt in the last {steps} (search.stop_when.no_gain_steps)"


def select_for_dev(state: RunState) -> list[Candidate]:
    """Return the proposals of the present step, if it is one whose proposals are scored on dev.

    Instructions that were candidates before count too (run_evolution in the reference).
    """
    interval = state.search.eval_interval
    if interval is None or state.step == 0 or (state.step - 1) % interval:
        return []
    ids = dict.fromkeys(p.id for p in state.proposals.texts if p.step == state.step)
    known = [state.candidates[id] for id in ids if id in state.candidates]
    return [candidate for candidate in known if candidate.answers["train"].estimate is None]


def select_finalists(state: RunState) -> list[Candidate]:
    """Return the candidates that are scored on dev: the initial ones and the best on train.

    Of pruned prompts those that are likely no worse, the shortest ones.
    """
    if prunes(state):
        return select_pruned(state)
    if state.look is not None and state.look.finalists:
        return [state.candidates[id] for id in state.look.finalists]
    scored = [c for c in state.candidates.values() if is_ranked(state, c, "train")]
    best = rank([c for c in scored if may_win(state, c)], "train")
    best = [c for c in best if _may_be_best(c, best[0])][: state.search.finalists]
    initial = [c for c in state.of_step(0) if c not in best]
    return [*initial, *best]


def _may_be_best(candidate: Candidate, first: Candidate) -> bool:
    """Return False for a candidate that was stopped and cannot be the first, as its interval says.

    Only looks let a candidate that was not asked everything come so far.
    """
    estimate = candidate.answers["train"].estimate
    return estimate is None or estimate.interval.high >= measure_mean(first, "train")


def may_win(state: RunState, candidate: Candidate) -> bool:
    """Return False for a proposal that quotes a train question under `leaks: keep_out`."""
    kept_out = state.search.leaks == "keep_out" and candidate.step > 0
    return not (kept_out and state.leaks_of(candidate.instruction))


def may_lead(state: RunState, candidate: Candidate) -> bool:
    """Return False for a prompt that nobody is compared with, since it may not win.

    A run that began before journal format 10 compares with all.
    """
    return not state.began_with(10) or may_win(state, candidate)


def list_rivals(state: RunState) -> tuple[Basis, list[Candidate]]:
    """Return what ranks the candidates now, and those that it ranks, best first.

    That is train alone until all finalists have their dev scores: a search that was stopped before
    has nothing else to go by.
    """
    if state.sizes["dev"] and not state.is_searching:
        # `eval_interval` scores others too; they were not good enough on train to be chosen.
        finalists = select_finalists(state)
        if all(is_ranked(state, c, "dev") for c in finalists):
            return get_basis(state), _rank_scored(state, finalists, get_basis(state))
    return "train", _rank_scored(state, state.candidates.values(), "train")


def _rank_scored(state: RunState, candidates: Iterable[Candidate], basis: Basis) -> list[Candidate]:
    splits = list_splits(basis)
    scored = (c for c in candidates if all(is_ranked(state, c, split) for split in splits))
    return rank((c for c in scored if may_win(state, c)), basis)


def is_ranked(state: RunState, candidate: Candidate, split: Split) -> bool:
    """Return True if a score may win: one of all questions of a split, or in looks an estimate."""
    return (state.is_settled if state.looks else state.is_scored)(candidate, split)


def sort_best_first(state: RunState) -> list[Candidate]:
    """Sort all candidates that have their train answers: the winner, the finalists, the others."""
    _, rivals = list_rivals(state)
    everyone = (c for c in state.candidates.values() if is_ranked(state, c, "train"))
    winner = find_winner(state)
    first = [*([winner] if winner else []), *rivals, *rank(everyone, "train")]
    return list({candidate.id: candidate for candidate in first}.values())


def is_decided(state: RunState) -> bool:
    """Return True once no answer to come can change the winner."""
    if state.looks:
        return state.race_is_over
    if state.is_searching or not all(map(state.is_done, state.candidates.values())):
        return False
    finalists = select_finalists(state) if state.sizes["dev"] else []
    return all(state.is_scored(candidate, "dev") for candidate in finalists)


def decide(state: RunState) -> Decision | None:
    """Return how the best candidate so far was chosen; None before any has its train answers."""
    basis, rivals = list_rivals(state)
    if not rivals:
        return None
    first = rivals[0]
    start = next((candidate for candidate in rivals if candidate.step == 0), first)
    if first is start or not is_resampled(state) or not is_decided(state):
        return Decision(basis, start, first)
    share = measure_sureness(state, start, first, basis)
    estimated = is_estimated(start, basis) or is_estimated(first, basis)
    return Decision(basis, start, first, share, estimated)


def find_leader(state: RunState) -> Candidate | None:
    """Return the best candidate so far by score; None before any has its train answers.

    At the end of a search it is the start prompt, unless another beats that one reliably. Pruned
    prompts win by their length, so that their leader is only what they are compared with.
    """
    decision = decide(state)
    if decision is None:
        return None
    return decision.first if prunes(state) else decision.winner


def find_winner(state: RunState) -> Candidate | None:
    """Return the best candidate so far, None before any has all its train answers.

    It is the best by score (`find_leader`) or, once that is decided, a cheaper one.
    """
    leader = find_leader(state)
    if leader is None or not is_decided(state):
        return leader
    return choose_cheapest(state, leader, select_finalists(state))


def select_compared(state: RunState, start: Candidate, best: Candidate) -> list[Candidate]:
    """Return the prompts for test: start, winner, baselines, and the start prompt once more.

    Where the start prompt is the winner there is no gain to prove, and none of them is asked:
    only the start prompt itself where `search.test_unbeaten_start` wants its score, and the budget
    has the calls left. What was begun is finished all the same, so that no score is one of half
    the questions.
    """
    everyone = _list_comparable(state, start, best)
    if best is not start or not state.spares_test:
        return everyone
    if any(
        candidate.answers["test"].by_question for candidate in everyone if candidate is not start
    ):
        return everyone
    wanted = state.search.test_unbeaten_start and affords_start(state)
    return [start] if wanted or start.answers["test"].by_question else []


def _list_comparable(state: RunState, start: Candidate, best: Candidate) -> list[Candidate]:
    if not affords_test(state, everything=True):
        return list({each.id: each for each in (start, best)}.values())
    everyone = [start, best, *map(state.get_candidate, state.baselines)]
    if state.search.noise_check:
        everyone.append(state.second_time(start))
    return list({candidate.id: candidate for candidate in everyone}.values())


def select_spared(state: RunState, start: Candidate, best: Candidate) -> list[Candidate]:
    """Return the prompts that test is not asked of, since there is no gain to prove."""
    asked = {candidate.id for candidate in select_compared(state, start, best)}
    everyone = _list_comparable(state, start, best) if state.sizes["test"] else []
    return [candidate for candidate in everyone if candidate.id not in asked]


def select_judged(state: RunState) -> tuple[Candidate, Candidate] | None:
    """Return the start prompt and the winner where a verdict will compare them on test."""
    start, best = find_baseline(state), find_winner(state)
    asks = state.sizes["train"] and state.sizes["test"] and state.scale == SHARE
    if not asks or start is None or best is None or best is start:
        return None
    return start, best


def is_untried(state: RunState) -> bool:
    """Return True if a search for prompts is over and has scored none: there is nothing to compare.

    A run that has asked dev or test already, as an older opro did, goes on to its end, and so does
    one from before journal format 6. A paper's rules know no such end, and the solutions of a
    problem need neither split.
    """
    search = state.search
    over = search.steps and not state.is_searching
    if not over or search.rules == "paper" or not state.rounds or not state.began_with(6):
        return False
    everyone = [*state.candidates.values(), *state.baselines.values(), *state.again.values()]
    begun = any(each.answers[s].by_question for each in everyone for s in ("dev", "test"))
    return not begun and not has_tried(state)


def has_tried(state: RunState) -> bool:
    """Return True if the search has any candidate but the initial ones."""
    return bool(state.pending) or any(each.step for each in state.candidates.values())


def find_baseline(state: RunState) -> Candidate | None:
    """Return the best initial instruction, which the winner is measured against."""
    _, rivals = list_rivals(state)
    return next((candidate for candidate in rivals if candidate.step == 0), None)
