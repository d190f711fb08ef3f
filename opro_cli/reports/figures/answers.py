"""Figures of answers: confusion of labels, and whether scores kept their promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from opro_cli.core.run.deciding import Basis, get_basis, list_splits, measure_score
from opro_cli.core.run.state import RunState
from opro_cli.core.scale import Scale
from opro_cli.core.task.example import Split
from opro_cli.errors import UsageError
from opro_cli.reports.figures.values import (
    Role,
    Value,
    find_roles,
    find_scale,
    is_alike,
    read_value,
    require_search,
)
from opro_cli.reports.labels import MOST_IN_MATRIX, Confusion, build_confusion, find_labels
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.selected import SelectedPrompt
from opro_cli.reports.verdict import is_evaluation


@dataclass(frozen=True, slots=True)
class ConfusionFigure:
    """Which gold labels one prompt answered with which."""

    prompt: str
    confusion: Confusion
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as `result.json` has it."""
        return {"prompt": self.prompt, **self.confusion.to_json()}


def build_confusion_figure(chosen: SelectedPrompt) -> ConfusionFigure:
    """Return the confusion matrix of a prompt.

    Raises:
        UsageError: Answers are no labels, there are too many, or none came yet.
    """
    run, closed = chosen.run, find_labels(chosen.run)
    if closed is None:
        raise UsageError(
            f"{run.name} has no confusion matrix: its answers are not a few labels",
            "task.answer: label, labels, boolean and choice have them: `opro docs answers`",
        )
    if len(closed.labels) > MOST_IN_MATRIX:
        raise UsageError(
            f"{run.name} has no confusion matrix: of {len(closed.labels)} labels nobody would "
            f"read it, more than {MOST_IN_MATRIX}",
            "`opro show RUN --json` counts them",
        )
    if chosen.candidate is None and is_evaluation(run.state):
        raise UsageError(
            f"{run.name} is an evaluation of given prompts: none is its best",
            f"name one by number, such as {run.argument}@0.1",
        )
    confusion = chosen.candidate and build_confusion(chosen.candidate, closed)
    if not confusion:
        raise UsageError(
            f"{chosen.name} has no answers yet", f"`opro resume {run.argument}` continues it"
        )
    return ConfusionFigure(chosen.name, confusion)


@dataclass(frozen=True, slots=True)
class Promise:
    """The score that the search had measured for a prompt, and its score on unseen questions.

    Attributes:
        chosen_on: The questions that the search went by.
        came_on: Those that had no part in it.
        kept: What came is what was promised, as far as chance explains: 0 is in the interval of
            the difference.
    """

    run: str
    instruction: str
    role: Role
    chosen_on: Basis
    came_on: Split
    promised: Value
    came: Value
    kept: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        values = {"promised": self.promised.to_json(), "came": self.came.to_json()}
        return {**asdict(self), **values}


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores that the search went by against those on questions that it had not seen."""

    promises: tuple[Promise, ...]
    scale: Scale
    runs: int
    notes: tuple[str, ...] = ()

    @property
    def change(self) -> float:
        """The mean of what came less what was promised."""
        return fmean(each.came.mean - each.promised.mean for each in self.promises)

    @property
    def kept(self) -> int | None:
        """How many came as promised; None for values without intervals."""
        known = [each.kept for each in self.promises if each.kept is not None]
        return sum(known) if known else None

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        points = [each.to_json() for each in self.promises]
        return {"kept": self.kept, "mean_change": self.change, "prompts": points}


def build_calibration(runs: Sequence[RecordedRun]) -> Calibration:
    """Return what the searches of these runs promised against what came.

    Winners and start prompts were measured on the questions that chose them, and then on test;
    other finalists on train, and then on dev.

    Raises:
        UsageError: No prompt was asked anything unseen.
    """
    scale = find_scale(runs)
    if len(runs) == 1:
        require_search(runs[0], "promise to hold it to")
    promises = [promise for run in runs for promise in _list_promises(run)]
    if not promises:
        names = runs[0].name if len(runs) == 1 else "none of these runs"
        raise UsageError(
            f"nothing to calibrate: {names} asked no prompt that the search had scored anything "
            "unseen",
            "a finished run with a dev or a test split has such prompts (task.data.split)",
        )
    return Calibration(tuple(promises), scale, len(runs))


def _list_promises(run: RecordedRun) -> list[Promise]:
    state, found = run.state, []
    roles = find_roles(state)
    for each in state.candidates.values():
        for basis, split in _list_stages(state):
            settled = all(state.is_settled(each, own) for own in list_splits(basis))
            before = measure_score(each, basis) if settled else None
            after = each.score(split) if state.is_scored(each, split) else None
            if before is None or after is None:
                continue
            promised, came = read_value(before, state.scale), read_value(after, state.scale)
            role, kept = roles.get(each.id, "other"), is_alike(promised, came)
            stage = (basis, split, promised, came, kept)
            found.append(Promise(run.name, each.instruction, role, *stage))
            break
    return found


def _list_stages(state: RunState) -> list[tuple[Basis, Split]]:
    """Return what prompts were chosen on, and what came next; the least seen first."""
    if not state.sizes["train"]:
        return []
    stages: list[tuple[Basis, Split]] = [(get_basis(state), "test")]
    return [*stages, ("train", "dev")] if state.sizes["dev"] else stages
