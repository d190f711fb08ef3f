"""Two runs compared: their best prompts, scores, flipped questions, settings and spend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opro_cli.core.answers import Outcome, Score
from opro_cli.core.changes import Change, changes_between
from opro_cli.core.model import SPLITS, Split
from opro_cli.core.selection import winner
from opro_cli.core.state import Candidate
from opro_cli.core.stats import mcnemar_exact
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import score_data, spend_of, steps_done
from opro_cli.reports.words import Piece, compare_words


@dataclass(frozen=True, slots=True)
class Side:
    """One run's best prompt. scores: None for a split that it did not answer."""

    run: str
    status: str
    instruction: str
    step: int
    steps_done: int
    scores: Mapping[Split, Score | None]
    spend: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that one best prompt answers right and the other does not."""

    question: str
    target: str
    before: Outcome
    after: Outcome


@dataclass(frozen=True, slots=True)
class Flips:
    """Questions of one split that both best prompts answered.

    gained: wrong under the first, right under the second; lost: the other way round.
    p_value: exact McNemar on them.
    """

    split: Split
    shared: int
    gained: tuple[Flip, ...]
    lost: tuple[Flip, ...]
    p_value: float


@dataclass(frozen=True, slots=True)
class RunDiff:
    """All that differs between two runs.

    before, after: None for a run without any scored candidate. flips: None when the runs
    share no answered question. caveats: why their figures must not be compared as they stand.
    """

    before: Side | None
    after: Side | None
    prompt: tuple[Piece, ...]
    flips: Flips | None
    settings: tuple[Change, ...]
    caveats: tuple[str, ...]


def diff_runs(before: RecordedRun, after: RecordedRun) -> RunDiff:
    """Compare the best prompts of two runs, over whatever they have in common."""
    left, right = winner(before.state), winner(after.state)
    prompt = compare_words(left.instruction, right.instruction) if left and right else ()
    return RunDiff(
        before=_side(before, left),
        after=_side(after, right),
        prompt=prompt,
        flips=_flips(before, left, after, right) if left and right else None,
        settings=changes_between(before.settings, after.settings),
        caveats=_caveats(before, after),
    )


def _side(run: RecordedRun, best: Candidate | None) -> Side | None:
    if best is None:
        return None
    return Side(
        run=run.name,
        status=run.status,
        instruction=best.instruction,
        step=best.step,
        steps_done=steps_done(run.state),
        scores={split: best.score(split) for split in SPLITS},
        spend=spend_of(run.state),
    )


def _flips(
    before: RecordedRun, left: Candidate, after: RecordedRun, right: Candidate
) -> Flips | None:
    """On the least seen split on which both answered some of the same questions."""
    for split in reversed(SPLITS):
        old, new = _answers(before, left, split), _answers(after, right, split)
        shared = [asked for asked in old if asked in new]
        if not shared:
            continue
        flips = [
            Flip(question, target, old[question, target], new[question, target])
            for question, target in shared
        ]
        gained = tuple(f for f in flips if _value(f.before) < _value(f.after))
        lost = tuple(f for f in flips if _value(f.before) > _value(f.after))
        p_value = mcnemar_exact(len(gained), len(lost))
        return Flips(split, len(shared), gained, lost, p_value)
    return None


def _answers(
    run: RecordedRun, candidate: Candidate, split: Split
) -> dict[tuple[str, str], Outcome]:
    """Outcomes by (question, gold answer): indices mean nothing outside their run."""
    examples = run.examples[split]
    return {
        (examples[index].input, examples[index].target): outcome
        for index, outcome in sorted(candidate.answers[split].by_question.items())
    }


def _value(outcome: Outcome) -> float:
    return outcome.score or 0.0


def _caveats(before: RecordedRun, after: RecordedRun) -> tuple[str, ...]:
    caveats = []
    if before.identity.get("data_fingerprint") != after.identity.get("data_fingerprint"):
        caveats.append("they were scored on different questions: compare prompts, not scores")
    for path, what in (
        ("task.answer", "answers are graded by different metrics"),
        ("scorer.model", "different models answered"),
        ("scorer.temperature", "answers were drawn at different temperatures"),
        ("task.instruction_position", "the instruction stands in different places"),
        ("task.qa_markers", "only one of them frames questions with Q: and A:"),
    ):
        old, new = _setting(before, path), _setting(after, path)
        if old != new:
            caveats.append(f"{what} ({old} / {new})")
    for run in (before, after):
        if run.status != "finished":
            caveats.append(f"{run.name} is {run.status}, so its best prompt is the best so far")
    return tuple(caveats)


def _setting(run: RecordedRun, path: str) -> Any:
    part, name = path.split(".")
    return run.settings.get(part, {}).get(name)


def as_data(diff: RunDiff) -> dict[str, Any]:
    """The comparison as plain data for `--json`."""
    return {
        "before": _side_data(diff.before),
        "after": _side_data(diff.after),
        "prompt": [{"kind": piece.kind, "text": piece.text} for piece in diff.prompt],
        "flips": _flips_data(diff.flips),
        "settings": [{"path": c.path, "before": c.before, "after": c.after} for c in diff.settings],
        "caveats": list(diff.caveats),
    }


def _side_data(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "run": side.run,
        "status": side.status,
        "instruction": side.instruction,
        "step": side.step,
        "steps_done": side.steps_done,
        "scores": {split: score_data(score) for split, score in side.scores.items()},
        "spend": dict(side.spend),
    }


def _flips_data(flips: Flips | None) -> dict[str, Any] | None:
    if flips is None:
        return None

    def rows(some: tuple[Flip, ...]) -> list[dict[str, Any]]:
        return [
            {
                "question": flip.question,
                "target": flip.target,
                "before": flip.before.answer,
                "after": flip.after.answer,
            }
            for flip in some
        ]

    return {
        "split": flips.split,
        "shared": flips.shared,
        "wrong_to_right": rows(flips.gained),
        "right_to_wrong": rows(flips.lost),
        "p_value": flips.p_value,
    }
