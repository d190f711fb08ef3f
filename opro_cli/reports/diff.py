"""Two prompts compared: words, scores, flipped questions, settings and spend of their runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opro_cli.core.answers import Score
from opro_cli.core.changes import Change, changes_between
from opro_cli.core.model import SPLITS, Split
from opro_cli.reports.chosen import BEST, Chosen
from opro_cli.reports.paired import Flips, paired
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import spend_of, steps_done
from opro_cli.reports.words import Piece, compare_words


@dataclass(frozen=True, slots=True)
class Side:
    """One prompt and its run.

    name: RUN, or RUN@PLACE when it is not the best prompt. scores: None for a split that it did
    not answer.
    """

    name: str
    run: str
    place: str
    status: str
    instruction: str
    step: int
    steps_done: int
    scores: Mapping[Split, Score | None]
    spend: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PromptDiff:
    """All that differs between two prompts and their runs.

    before, after: None for a run without any scored candidate. by_split: the splits on which
    they share answered questions. caveats: why their figures must not be compared as they stand.
    """

    before: Side | None
    after: Side | None
    prompt: tuple[Piece, ...]
    by_split: tuple[Flips, ...]
    settings: tuple[Change, ...]
    caveats: tuple[str, ...]

    @property
    def flips(self) -> Flips | None:
        """Those on the least seen split; None when no answered question is shared."""
        return self.by_split[-1] if self.by_split else None


def diff_prompts(before: Chosen, after: Chosen) -> PromptDiff:
    """Compare two prompts, over whatever their runs have in common."""
    left, right = before.candidate, after.candidate
    return PromptDiff(
        before=side_of(before),
        after=side_of(after),
        prompt=compare_words(left.instruction, right.instruction) if left and right else (),
        by_split=paired(before.run, left, after.run, right) if left and right else (),
        settings=changes_between(before.run.settings, after.run.settings),
        caveats=_caveats(before, after),
    )


def side_of(chosen: Chosen) -> Side | None:
    """What is shown of one prompt; None when there is none yet."""
    run, candidate = chosen.run, chosen.candidate
    if candidate is None:
        return None
    return Side(
        name=chosen.name,
        run=run.name,
        place=str(chosen.place),
        status=run.status,
        instruction=candidate.instruction,
        step=candidate.step,
        steps_done=steps_done(run.state),
        scores={split: candidate.score(split) for split in SPLITS},
        spend=spend_of(run.state),
    )


def _caveats(before: Chosen, after: Chosen) -> tuple[str, ...]:
    caveats = []
    old_run, new_run = before.run, after.run
    if old_run.identity.get("data_fingerprint") != new_run.identity.get("data_fingerprint"):
        caveats.append(
            "they were scored on different questions: compare prompts, not scores; only the "
            "questions that both answered are a fair comparison"
        )
    for path, what in (
        ("task.answer", "answers are graded by different metrics"),
        ("scorer.model", "different models answered"),
        ("scorer.temperature", "answers were drawn at different temperatures"),
        ("scorer.stop", "answers ended at different stop strings"),
        ("task.instruction_position", "the instruction stands in different places"),
        ("task.qa_markers", "only one of them frames questions with Q: and A:"),
    ):
        old, new = _setting(old_run, path), _setting(new_run, path)
        if old != new:
            caveats.append(f"{what} ({old} / {new})")
    model = _setting(old_run, "scorer.model")
    if model == _setting(new_run, "scorer.model") and _weights(old_run) != _weights(new_run):
        caveats.append(f"{model} answered with different weights: opro brought others in between")
    unfinished = [chosen for chosen in (before, after) if chosen.run.status != "finished"]
    return (*caveats, *dict.fromkeys(map(_so_far, unfinished)))


def _so_far(chosen: Chosen) -> str:
    run = chosen.run
    if chosen.place == BEST:
        return f"{run.name} is {run.status}, so its best prompt is the best so far"
    return f"{run.name} is {run.status}, so answers may be missing"


def _setting(run: RecordedRun, path: str) -> Any:
    part, name = path.split(".")
    return run.settings.get(part, {}).get(name)


def _weights(run: RecordedRun) -> str | None:
    """Those of an embedded scorer; None for every other, and in runs that did not write it down."""
    weights = run.identity.get("weights")
    return weights.get(run.settings["scorer"]["model"]) if isinstance(weights, dict) else None
