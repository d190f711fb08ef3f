"""The outcome of a run as plain data: `result.json`, the candidates of `show`, a row of `runs`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from opro_cli.core.run.answers import Score
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.progress import calls_done
from opro_cli.core.run.selection import baseline, deciding_split, winner
from opro_cli.core.run.spend import Bounds, RoleSpend
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import SPLITS
from opro_cli.reports.formats import sum_known
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.verdict import compare_with_start, judge, measure_noise, withhold_verdict


def build_result(run: RecordedRun, *, finished: bool) -> dict[str, Any]:
    """What `result.json` holds; a run that is not finished gets no verdict."""
    state = run.state
    start, best = baseline(state), winner(state)
    verdict = judge(state, start, best) if finished else withhold_verdict("the run is not finished")
    return {
        "format_version": 2,
        "run": run.name,
        "status": "finished" if finished else "stopped",
        "initial": serialize_candidate(start, state) if start else None,
        "best": serialize_candidate(best, state) if best else None,
        "chosen_by": deciding_split(state) if finished else "train",
        **verdict,
        "baselines": [
            {**serialize_candidate(each, state), "against_start": compare_with_start(start, each)}
            for each in map(state.asked, state.baselines)
            if start is not None and finished
        ],
        "noise": measure_noise(state, start) if start and finished else None,
        "spend": serialize_spend(state),
        "steps_done": count_steps_done(state),
        "candidates": len(state.candidates),
        "proposals": {
            "replies": state.proposals.replies,
            "nothing_new": state.proposals.empty,
            "skipped": count_skipped(state),
        },
        "stopped_early": count_stopped_early(state),
        "unanswerable": "exclude" if state.exclude_refused else "wrong",
        "models": {role: run.settings[role]["model"] for role in ("scorer", "optimizer")},
        "seed": state.search.seed,
        "started": run.identity.get("created"),
        "seconds": _working_seconds(state),
    }


def serialize_candidates(state: RunState) -> list[dict[str, Any]]:
    """All candidates in the order in which they joined."""
    return [serialize_candidate(candidate, state) for candidate in state.candidates.values()]


def count_skipped(state: RunState) -> dict[str, int]:
    """Proposed texts that were not scored, by reason, the most frequent first."""
    return dict(Counter(p.skipped for p in state.proposals.texts if p.skipped).most_common())


def count_stopped_early(state: RunState) -> dict[str, int]:
    """Candidates that lost their race, and the train questions that they were not asked."""
    train = [c.answers["train"] for c in state.candidates.values()]
    left = [state.sizes["train"] - len(a.by_question) for a in train if a.estimate is not None]
    return {"candidates": len(left), "questions_not_asked": sum(left)}


def count_steps_done(state: RunState) -> int:
    """Steps whose candidates have all their train answers."""
    return state.step if state.is_step_done(state.step) else max(0, state.step - 1)


def serialize_spend(state: RunState) -> dict[str, Any]:
    """Both models together; unknown (null) as soon as one answer's figure is unknown.

    counted: the figures of the answers that have one. uncounted: beside them, calls that nobody
    counted, at their upper bound: answers without token counts, and calls without an answer that
    the provider may bill. beyond_limits: the most that a model took beyond what it was allowed.
    """
    roles = list(state.spend.values())
    prices = [role.usd for role in roles]
    return {
        "usd": None if None in prices else sum(role.counted_pico_usd for role in roles) / 1e12,
        "prompt_tokens": sum_known([role.prompt_tokens for role in roles]),
        "completion_tokens": sum_known([role.completion_tokens for role in roles]),
        "calls": calls_done(state),
        "cached_calls": sum(role.cached for role in roles),
        "counted": count_metered(roles),
        "uncounted": bound_unmetered(roles),
        "beyond_limits": find_excess(state.spend),
    }


def count_metered(roles: Iterable[RoleSpend]) -> dict[str, Any]:
    """Tokens and dollars of what was counted; null where an answer has neither count nor bound."""
    known = list(roles)
    pairs = [role.known_tokens for role in known]
    return {
        "usd": (
            None
            if any(role.known_usd is None for role in known)
            else sum(role.counted_pico_usd for role in known) / 1e12
        ),
        "prompt_tokens": sum_known([prompt for prompt, _ in pairs]),
        "completion_tokens": sum_known([completion for _, completion in pairs]),
    }


def find_excess(spend: Mapping[str, RoleSpend]) -> dict[str, dict[str, int]]:
    """By role, what a model took at most beyond max_tokens or the bytes of a prompt."""
    return {
        role: {"longest_reply": each.longest_reply, "prompt_overhead": each.prompt_overhead}
        for role, each in spend.items()
        if each.longest_reply or each.prompt_overhead
    }


def bound_unmetered(roles: Iterable[RoleSpend]) -> dict[str, Any]:
    """Calls, and their tokens and dollars at most; dollars null where a price is unknown."""
    bounds = Bounds()
    for role in roles:
        bounds.add_all(role.uncounted)
    return {
        "calls": bounds.answered + bounds.unanswered,
        "unanswered": bounds.unanswered,
        "tokens": bounds.tokens,
        "usd": None if bounds.unpriced_tokens else bounds.pico_usd / 1e12,
    }


def serialize_candidate(candidate: Candidate, state: RunState) -> dict[str, Any]:
    """A candidate as plain data: instruction, step, and a score or null for each split.

    leaks: what it quotes of the train questions (index of the question in examples.jsonl).
    """
    leaks = state.leaks_of(candidate.instruction)
    return {
        "instruction": candidate.instruction,
        "step": candidate.step,
        "leaks": [asdict(leak) for leak in leaks],
        "scores": {split: serialize_score(candidate.score(split)) for split in SPLITS},
    }


def serialize_score(score: Score | None) -> dict[str, Any] | None:
    """A score as plain data; null where nothing was answered."""
    if score is None:
        return None
    return {
        "mean": score.mean,
        "n": score.n,
        "correct": score.correct,
        "unreadable": score.unreadable,
        "refused": score.refused,
        # Only where it says something: of candidates that were stopped early.
        **({"estimated": True} if score.estimated else {}),
        "interval": [score.interval.low, score.interval.high],
    }


def _working_seconds(state: RunState) -> float | None:
    """Wall time with a process at work; the time between a kill and the resume not counted."""
    return None if state.last_at is None else round(state.working_seconds, 1)


def summarize_run(run: RecordedRun) -> dict[str, Any]:
    """One run as a row; `best` is null before any candidate has all its train answers."""
    best = winner(run.state)
    return {
        "run": run.name,
        "folder": run.folder,
        "status": run.status,
        "created": run.identity.get("created"),
        "steps_done": count_steps_done(run.state),
        "steps": run.state.search.steps,
        "candidates": len(run.state.candidates),
        "best": serialize_candidate(best, run.state) if best else None,
        "spend": serialize_spend(run.state),
        "models": {role: run.settings[role]["model"] for role in ("scorer", "optimizer")},
    }
