"""Prompts compared: which prompt is meant, scores, flipped questions, settings and spend."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from opro_cli.core.run.answers import Score
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.selection import baseline, mean, winner
from opro_cli.core.settings.differences import Change, changes_between
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.errors import UsageError
from opro_cli.reports.paired import Flips, find_flips
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import count_steps_done, serialize_spend
from opro_cli.reports.text_diff import Piece, compare_words

_SELECTOR = re.compile(r"(?P<name>best|start)|(?P<step>[0-9]{1,9})(\.(?P<number>[0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class PromptSelector:
    """Where in a run a prompt stands.

    best: the winner so far. start: the initial instruction that the winner is measured against.
    step: the best of that step on train, or its candidate number `number`, counted from 1.
    """

    kind: Literal["best", "start", "step"]
    step: int = 0
    number: int | None = None

    def __str__(self) -> str:
        if self.kind != "step":
            return self.kind
        return str(self.step) if self.number is None else f"{self.step}.{self.number}"


BEST = PromptSelector("best")


def parse_selector(text: str) -> PromptSelector | None:
    """What stands behind the @ of RUN@3.2; None for what names no place."""
    match = _SELECTOR.fullmatch(text)
    if match is None:
        return None
    if match["name"]:
        return PromptSelector("best" if match["name"] == "best" else "start")
    return PromptSelector(
        "step", int(match["step"]), int(match["number"]) if match["number"] else None
    )


@dataclass(frozen=True, slots=True)
class SelectedPrompt:
    """One prompt of a run; candidate: None where best or start is not known yet."""

    run: RecordedRun
    place: PromptSelector
    candidate: Candidate | None

    @property
    def name(self) -> str:
        """How a person names it: RUN for its best prompt, else RUN@PLACE."""
        return self.run.name if self.place == BEST else f"{self.run.name}@{self.place}"


def select_prompt(run: RecordedRun, place: PromptSelector = BEST) -> SelectedPrompt:
    """The prompt at a place; UsageError when the run has no such step or candidate."""
    match place.kind:
        case "best":
            return SelectedPrompt(run, place, winner(run.state))
        case "start":
            return SelectedPrompt(run, place, baseline(run.state))
        case "step":
            return SelectedPrompt(run, place, _select_from_step(run, place))


def _select_from_step(run: RecordedRun, place: PromptSelector) -> Candidate:
    last = run.state.step
    if place.step > last:
        steps = f"steps 0-{last}" if last else "only step 0"
        raise UsageError(
            f"no step {place.step}: {run.name} has {steps}",
            "`opro show` lists its candidates with their steps",
        )
    joined = run.state.of_step(place.step)
    if not joined:
        raise UsageError(
            f"step {place.step} of {run.name} brought no new candidate", "name another step"
        )
    if place.number is not None:
        if not 1 <= place.number <= len(joined):
            raise UsageError(
                f"step {place.step} of {run.name} has no candidate {place.number}",
                f"it has {len(joined)}, counted from 1 in the order in which they joined",
            )
        return joined[place.number - 1]
    scored = [candidate for candidate in joined if run.state.is_done(candidate)]
    if not scored:
        raise UsageError(
            f"no candidate of step {place.step} of {run.name} has all its train answers yet",
            f"name one of its {len(joined)}: {run.name}@{place.step}.1",
        )
    return max(scored, key=lambda candidate: mean(candidate, "train"))  # ties: the earlier


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


def diff_prompts(before: SelectedPrompt, after: SelectedPrompt) -> PromptDiff:
    """Compare two prompts, over whatever their runs have in common."""
    left, right = before.candidate, after.candidate
    return PromptDiff(
        before=build_side(before),
        after=build_side(after),
        prompt=compare_words(left.instruction, right.instruction) if left and right else (),
        by_split=find_flips(before.run, left, after.run, right) if left and right else (),
        settings=changes_between(before.run.settings, after.run.settings),
        caveats=_list_caveats(before, after),
    )


def build_side(chosen: SelectedPrompt) -> Side | None:
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
        steps_done=count_steps_done(run.state),
        scores={split: candidate.score(split) for split in SPLITS},
        spend=serialize_spend(run.state),
    )


def _list_caveats(before: SelectedPrompt, after: SelectedPrompt) -> tuple[str, ...]:
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
        old, new = _get_setting(old_run, path), _get_setting(new_run, path)
        if old != new:
            caveats.append(f"{what} ({old} / {new})")
    model = _get_setting(old_run, "scorer.model")
    if model == _get_setting(new_run, "scorer.model") and _get_weights(old_run) != _get_weights(
        new_run
    ):
        caveats.append(f"{model} answered with different weights: opro brought others in between")
    unfinished = [chosen for chosen in (before, after) if chosen.run.status != "finished"]
    return (*caveats, *dict.fromkeys(map(_so_far, unfinished)))


def _so_far(chosen: SelectedPrompt) -> str:
    run = chosen.run
    if chosen.place == BEST:
        return f"{run.name} is {run.status}, so its best prompt is the best so far"
    return f"{run.name} is {run.status}, so answers may be missing"


def _get_setting(run: RecordedRun, path: str) -> Any:
    part, name = path.split(".")
    return run.settings.get(part, {}).get(name)


def _get_weights(run: RecordedRun) -> str | None:
    """Those of an embedded scorer; None for every other, and in runs that did not write it down."""
    weights = run.identity.get("weights")
    return weights.get(run.settings["scorer"]["model"]) if isinstance(weights, dict) else None
