"""The outcome of a run as plain data: `result.json`, the candidates of `show`, a row of `runs`."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from typing import Any

from opro_cli.core.labels import ClosedSet
from opro_cli.core.run.candidates import Candidate, Score, is_again
from opro_cli.core.run.cheapest import prunes
from opro_cli.core.run.deciding import Decision, get_basis
from opro_cli.core.run.selection import (
    decide,
    find_baseline,
    find_winner,
    is_untried,
    select_spared,
)
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import SHARE, Scale
from opro_cli.core.task.example import SPLITS
from opro_cli.reports.cheaper import (
    build_front,
    explain_preference,
    judge_costs,
    serialize_costs,
    weighs_cost,
)
from opro_cli.reports.labels import (
    answer_always,
    build_confusion,
    find_labels,
    find_majority,
    find_one_answer,
    qualify,
)
from opro_cli.reports.paired import compare_candidates, measure_shared
from opro_cli.reports.problem import describe_problem, read_problem
from opro_cli.reports.prompts import serialize_form
from opro_cli.reports.proposals import NOTHING_TRIED, describe_untried, serialize_proposals
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.requests import blame_limit, describe_requests
from opro_cli.reports.spend import serialize_spend
from opro_cli.reports.used_rows import JudgedUse, read_test_use
from opro_cli.reports.verdict import Verdict, compare_with_start, find_rivals, judge, measure_noise


def build_result(run: RecordedRun, *, finished: bool) -> dict[str, Any]:
    """Return the content of `result.json`; an unfinished run gets no verdict."""
    state = run.state
    start, best = find_baseline(state), find_winner(state)
    closed = find_labels(run)
    ended = state.ended
    failed = ended is not None and ended.reason == "failed"
    why = f"the run failed: {ended.detail}" if ended and failed else "the run is not finished"
    verdict, costs = Verdict(None, why), dict[str, Any]()
    use = read_test_use(run) if finished else None
    if finished:
        verdict, costs = _judge_finished(run, start, best, closed, use)
    if untried := find_untried(run, finished=finished):
        verdict = Verdict(None, untried, headline=NOTHING_TRIED)
    problem = read_problem(run.settings, run.examples)
    if problem is not None:
        verdict = Verdict(None, "the value of a solution is exact, so there is nothing to test")
    return {
        "format_version": 2,
        "run": run.name,
        "status": "finished" if finished else "stopped",
        **serialize_scale(state.scale),
        **({"problem": describe_problem(problem, state)} if problem else {}),
        **({"failure": {"reason": ended.detail, "hint": ended.hint}} if ended and failed else {}),
        "initial": serialize_candidate(start, state) if start else None,
        "best": serialize_candidate(best, state) if best else None,
        **_describe_shared(start, best),
        "chosen_by": get_basis(state) if finished else "train",
        **({} if prunes(state) else serialize_choice(decide(state))),  # length chooses there
        "nothing_tried": bool(untried),
        **verdict.to_json(),
        "test_use": use and use.to_json(),
        **costs,
        **(explain_preference(state, best) if finished else {}),
        **build_front(state, serialize_candidates(state) if weighs_cost(state) else ()),
        "baselines": _serialize_baselines(state, start) if finished else [],
        **({"closed_set": describe_closed_set(closed, start, best)} if closed else {}),
        "noise": measure_noise(state, start) if start and finished else None,
        "not_asked": describe_spared(state, start, best) if finished else None,
        "spend": serialize_spend(state),
        "requests": describe_requests(state, read_limits(run)),
        "steps_done": count_steps_done(state),
        "candidates": len(state.candidates),
        "proposals": serialize_proposals(state, run.settings["optimizer"].get("max_tokens")),
        "stopped_early": _count_stopped_early(state),
        **({"untried": untried_count} if (untried_count := count_untried(state)) else {}),
        "unanswerable": "exclude" if state.exclude_refused else "wrong",
        "models": list_models(run),
        "seed": state.search.seed,
        "started": run.identity.get("created"),
        # At work: the time between a kill and the resume does not count.
        "seconds": None if state.last_at is None else round(state.working_seconds, 1),
    }


def _judge_finished(
    run: RecordedRun,
    start: Candidate | None,
    best: Candidate | None,
    closed: ClosedSet | None,
    use: JudgedUse | None,
) -> tuple[Verdict, dict[str, Any]]:
    """Return the verdict on a finished search, and the keys of the result on what answers cost."""
    state = run.state
    verdict = qualify(judge(state, start, best, use), best, closed)
    verdict = blame_limit(verdict, read_limits(run), start, best)
    verdict, costs = judge_costs(verdict, state, (start, best), run.examples.get("train", ()))
    if best is not None and (rivals := find_rivals(state, best)):
        verdict = replace(verdict, sentence="; ".join([verdict.sentence, *rivals]))
    return verdict, costs


def _serialize_baselines(state: RunState, start: Candidate | None) -> list[dict[str, Any]]:
    """Return the well-known instructions, each compared with the start prompt."""
    if start is None:
        return []
    return [
        {
            **serialize_candidate(other, state),
            "against_start": compare_with_start(start, other, state.scale),
        }
        for other in map(state.get_candidate, state.baselines)
    ]


def _describe_shared(start: Candidate | None, best: Candidate | None) -> dict[str, Any]:
    """Return the means on the questions that start and best both answered, where these differ."""
    if start is None or best is None:
        return {}
    found = ((split, measure_shared(start, best, split)) for split in SPLITS)
    shared = {split: asdict(each) for split, each in found if each is not None}
    return {"shared": shared} if shared else {}


def serialize_choice(decision: Decision | None) -> dict[str, Any]:
    """Return how sure the choice of the winner is, {} where no resample was asked."""
    if decision is None or decision.share is None:
        return {}
    return {
        "choice": {
            "first": decision.first.instruction,
            "step": decision.first.step,
            "share": decision.share,
            "needed": decision.needed,
            **({"estimated": True} if decision.estimated else {}),
        }
    }


def find_untried(run: RecordedRun, *, finished: bool) -> str:
    """Return the sentence about a search that has tried no candidate; "" for any other."""
    ended = run.state.ended
    if ended is not None and ended.reason == "fruitless":
        return ended.detail
    if finished and is_untried(run.state):
        return describe_untried(run.state, run.settings["optimizer"].get("max_tokens"))
    return ""


def describe_closed_set(
    closed: ClosedSet, start: Candidate | None, best: Candidate | None
) -> dict[str, Any]:
    """Return the labels of a closed set, what always giving the commonest is worth, and confusion.

    Args:
        closed: The labels.
        start: The start prompt, which the constant answer is compared with on test: of rows that
            its score leaves out there is none of the constant answer either.
        best: The winner, whose answers are counted.
    """
    label = find_majority(closed)
    golds = {split: Counter(closed.golds[split]) for split in SPLITS}
    always = answer_always(label, closed, beside=start)
    one = find_one_answer(best, closed) if best else None
    confusion = build_confusion(best, closed) if best else None
    return {
        "labels": [
            {"label": each, **{split: golds[split][each] for split in SPLITS}}
            for each in closed.labels
        ],
        "majority": {
            "answer": label,
            "scores": {split: serialize_score(always.score(split)) for split in SPLITS},
            "against_start": _compare_constant(label, closed, start),
            "against_best": _compare_constant(label, closed, best),
        },
        "one_answer": asdict(one) if one else None,
        "confusion": confusion.to_json() if confusion else None,
    }


def _compare_constant(label: str, closed: ClosedSet, other: Candidate | None) -> Any:
    """Return the comparison of always answering with a label with a prompt on test."""
    if other is None:
        return None
    comparison = compare_candidates(other, answer_always(label, closed, other))
    return None if comparison is None else comparison.to_json()


def describe_spared(
    state: RunState, start: Candidate | None, best: Candidate | None
) -> dict[str, int | bool] | None:
    """Count the test questions that a run without a gain to prove did not ask; None for none.

    prompts: that were not asked. again: of the questions, those of the start prompt's second time.
    unaffordable: true where the start prompt's own were wanted, and the budget left too few calls.
    """
    if start is None or best is None or not (spared := select_spared(state, start, best)):
        return None
    left = {each.id: len(state.missing(each, "test")) for each in spared}
    again = sum(left[each.id] for each in spared if is_again(each))
    prompts = sum(not is_again(each) for each in spared)
    counts = {"prompts": prompts, "questions": sum(left.values()), "again": again}
    dear = state.search.test_unbeaten_start and any(each is start for each in spared)
    return counts | ({"unaffordable": True} if dear else {})


def serialize_scale(scale: Scale) -> dict[str, Any]:
    """Return the key `scale` of a result or row, as in run.json; nothing for shares."""
    return {} if scale == SHARE else {"scale": asdict(scale)}


def read_limits(run: RecordedRun) -> dict[str, int | None]:
    """Return the max_tokens of each role, as the run began."""
    sections = {
        **{role: run.settings[role] for role in ("scorer", "optimizer")},
        **run.settings.get("roles", {}),
    }
    return {role: section.get("max_tokens") for role, section in sections.items()}


def list_models(run: RecordedRun) -> dict[str, str]:
    """Return the model names by role."""
    return {role: run.settings[role]["model"] for role in ("scorer", "optimizer")}


def serialize_candidates(state: RunState) -> list[dict[str, Any]]:
    """Return all candidates as plain data, in the order in which they joined.

    parents: those that one was made from, each as RUN@3.2 has it behind the @.
    """
    counts: Counter[int] = Counter()
    numbers: dict[str, str] = {}
    rows = []
    for candidate in state.candidates.values():
        counts[candidate.step] += 1
        numbers[candidate.id] = f"{candidate.step}.{counts[candidate.step]}"
        parents = [numbers[parent] for parent in candidate.parents if parent in numbers]
        row = serialize_candidate(candidate, state)
        rows.append(row | ({"parents": parents} if parents else {}))
    return rows


def _count_stopped_early(state: RunState) -> dict[str, int]:
    """Count the candidates that lost their race and the train questions this saved."""
    stopped = [
        candidate
        for candidate in state.candidates.values()
        if candidate.answers["train"].estimate is not None
    ]
    return {
        "candidates": len(stopped),
        "questions_not_asked": sum(state.count_missing(each, "train") for each in stopped),
        "never_asked": sum(not each.answers["train"].by_question for each in stopped),
    }


def count_untried(state: RunState) -> int:
    """Count the prompts of a list that a budget did not buy a first look at."""
    listed = len(state.search.candidates or ())
    return max(0, listed - state.proposals.replies) if state.looks and state.step else 0


def count_steps_done(state: RunState) -> int:
    """Count the steps whose candidates have all their train answers."""
    return state.step if state.is_step_done(state.step) else max(0, state.step - 1)


def serialize_candidate(candidate: Candidate, state: RunState) -> dict[str, Any]:
    """Return a candidate as plain data, with its score or null for each split.

    leaks: quotes of train questions, by index in examples.jsonl.
    """
    leaks = state.leaks_of(candidate.instruction)
    return {
        "instruction": candidate.instruction,
        **serialize_form(candidate),
        "step": candidate.step,
        **({"note": candidate.note} if candidate.note else {}),
        "leaks": [asdict(leak) for leak in leaks],
        "scores": {split: serialize_score(candidate.score(split)) for split in SPLITS},
        **serialize_costs(candidate),
    }


def serialize_score(score: Score | None) -> dict[str, Any] | None:
    """Return a score as plain data; None where nothing was answered."""
    if score is None:
        return None
    return {
        "mean": score.mean,
        "n": score.n,
        "correct": score.correct,
        "unreadable": score.unreadable,
        "refused": score.refused,
        # Of the unreadable ones.
        **({"cut": score.cut, "cut_empty": score.cut_empty} if score.cut else {}),
        # Only for candidates that were stopped early.
        **({"estimated": True} if score.estimated else {}),
        "interval": [score.interval.low, score.interval.high],
    }


def summarize_run(run: RecordedRun) -> dict[str, Any]:
    """Return a run as a row of `opro runs`; `best` is null before a candidate has a train score."""
    best = find_winner(run.state)
    return {
        "run": run.name,
        "folder": run.folder,
        "status": run.status,
        "created": run.identity.get("created"),
        "steps_done": count_steps_done(run.state),
        "steps": run.state.search.steps,
        "candidates": len(run.state.candidates),
        **serialize_scale(run.state.scale),
        "best": serialize_candidate(best, run.state) if best else None,
        "spend": serialize_spend(run.state),
        "models": list_models(run),
        "config": run.settings.get("name"),
        "spark": list_best_by_step(run.state),
    }


def list_best_by_step(state: RunState) -> list[float]:
    """Return the best train score so far after each step, the start being step 0.

    A candidate counts once all its train answers are known, or estimated.
    """
    best: list[float] = []
    means: dict[int, float] = {}
    for candidate in state.candidates.values():
        mean = candidate.answers["train"].mean() if state.is_done(candidate) else None
        if mean is not None:
            means[candidate.step] = max(mean, means.get(candidate.step, mean))
    for step in range(state.step + 1):
        if known := [*best[-1:], *([means[step]] if step in means else [])]:
            best.append(max(known))
    return best
