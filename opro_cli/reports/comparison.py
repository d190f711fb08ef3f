"""Prompts compared with the first: their text, scores, flipped questions, settings and spend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from opro_cli.core.settings.differences import Change, find_changes
from opro_cli.core.stats.intervals import holm
from opro_cli.core.stats.paired import ALPHA
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.reports.paired import Flips, Replies, find_flips
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.selected import BEST, SelectedPrompt, Side
from opro_cli.reports.text_diff import Piece, compare_words


@dataclass(frozen=True, slots=True)
class PromptDiff:
    """The differences between two prompts and between their runs.

    Attributes:
        before: None for a run without any scored candidate, as is `after`.
        by_split: The splits on which the prompts share scored questions.
        caveats: Reasons why their figures must not be compared as they stand.
    """

    before: Side | None
    after: Side | None
    prompt: tuple[Piece, ...]
    by_split: tuple[Flips, ...]
    settings: tuple[Change, ...]
    caveats: tuple[str, ...]

    @property
    def flips(self) -> Flips | None:
        """The flips on the least seen split; None when no scored question is shared."""
        return self.by_split[-1] if self.by_split else None

    def to_json(self, adjusted: Mapping[Split, float]) -> dict[str, Any]:
        """Return the diff as `opro diff --json` prints it; adjusted: p-values by split."""
        flips = {flips.split: flips.to_json(adjusted[flips.split]) for flips in self.by_split}
        return {
            "before": self.before and self.before.to_json(),
            "after": self.after and self.after.to_json(),
            "prompt": [asdict(piece) for piece in self.prompt],
            "flips": flips[self.flips.split] if self.flips else None,
            "flips_by_split": {split: flips.get(split) for split in SPLITS},
            "settings": [asdict(change) for change in self.settings],
            "caveats": list(self.caveats),
        }


def diff_prompts(before: SelectedPrompt, after: SelectedPrompt) -> PromptDiff:
    """Compare two prompts of any two runs."""
    left, right = before.candidate, after.candidate
    return PromptDiff(
        before=before.side,
        after=after.side,
        prompt=compare_words(left.instruction, right.instruction) if left and right else (),
        by_split=find_flips(before.run, left, after.run, right) if left and right else (),
        settings=find_changes(before.run.settings, after.run.settings),
        caveats=_list_caveats(before, after),
    )


def _list_caveats(before: SelectedPrompt, after: SelectedPrompt) -> tuple[str, ...]:
    caveats = []
    old_run, new_run = before.run, after.run
    if old_run.identity.get("data_fingerprint") != new_run.identity.get("data_fingerprint"):
        caveats.append(
            "they were scored on different questions: compare prompts, not scores; only the "
            "questions that both answered are a fair comparison"
        )
    chats = [_get_setting(run, "task.prompt") for run in (old_run, new_run)]
    for path, difference in (
        ("task.answer", "answers are graded by different metrics"),
        ("scorer.model", "different models answered"),
        ("scorer.temperature", "answers were drawn at different temperatures"),
        ("scorer.stop", "answers ended at different stop strings"),
        *(() if any(chats) else _LAYOUT),
    ):
        old, new = _get_setting(old_run, path), _get_setting(new_run, path)
        if old != new:
            caveats.append(f"{difference} ({old} / {new})")
    if chats[0] != chats[1]:
        caveats.append("the frozen messages around them are others (task.prompt)")
    model = _get_setting(old_run, "scorer.model")
    same_model = model == _get_setting(new_run, "scorer.model")
    if same_model and _get_weights(old_run) != _get_weights(new_run):
        caveats.append(f"{model} answered with different weights: opro brought others in between")
    for chosen in (before, after):
        if chosen.run.status != "finished":
            is_best = chosen.selector == BEST
            missing = "its best prompt is the best so far" if is_best else "answers may be missing"
            caveats.append(f"{chosen.run.name} is {chosen.run.status}, so {missing}")
    return tuple(dict.fromkeys(caveats))


_LAYOUT = (
    ("task.instruction_position", "the instruction stands in different places"),
    ("task.qa_markers", "only one of them frames questions with Q: and A:"),
)
"""What runs without a chat of the user's own may do otherwise."""


def _get_setting(run: RecordedRun, path: str) -> Any:
    part, name = path.split(".")
    return run.settings.get(part, {}).get(name)


def _get_weights(run: RecordedRun) -> str | None:
    """Return the weights of an embedded scorer; None for others and for runs without a record."""
    weights = run.identity.get("weights")
    return weights.get(run.settings["scorer"]["model"]) if isinstance(weights, dict) else None


@dataclass(frozen=True, slots=True)
class SettingValues:
    """A setting that differs between runs; a value is None where a run lacks it."""

    path: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PromptComparison:
    """Two prompts or more.

    Attributes:
        against_first: Each further prompt compared with the first.
        adjusted: For each of these the p-values by split, after Holm's correction for the number
            of prompts compared with the first on that split.
    """

    columns: tuple[SelectedPrompt, ...]
    settings: tuple[SettingValues, ...]
    against_first: tuple[PromptDiff, ...]
    adjusted: tuple[Mapping[Split, float], ...]

    @property
    def verdicts(self) -> tuple[str | None, ...]:
        """The verdicts on the further prompts against the first, named as in `result.json`.

        None where two prompts share no test questions; those of other splits steered the search.
        """
        return tuple(
            next((_judge_flips(f, p["test"]) for f in diff.by_split if f.split == "test"), None)
            for diff, p in zip(self.against_first, self.adjusted, strict=True)
        )

    def with_replies(self, replies: Sequence[Replies]) -> PromptComparison:
        """Return the comparison with the scorer's replies under each prompt."""
        first, *others = replies
        diffs = tuple(
            replace(diff, by_split=tuple(flips.with_replies(first, own) for flips in diff.by_split))
            for diff, own in zip(self.against_first, others, strict=True)
        )
        return replace(self, against_first=diffs)

    def list_flipped(self) -> list[dict[Split, set[int]]]:
        """Return for each prompt the flipped questions by split, as indices in its run."""
        flipped: list[dict[Split, set[int]]] = [{s: set() for s in SPLITS} for _ in self.columns]
        for diff, own in zip(self.against_first, flipped[1:], strict=True):
            for flips in diff.by_split:
                of_first, of_other = flips.list_numbers()
                flipped[0][flips.split] |= of_first
                own[flips.split] |= of_other
        return flipped

    def to_json(self) -> dict[str, Any]:
        """Return two prompts as one diff, more as the columns and each diff with the first."""
        diffs = [
            diff.to_json(adjusted)
            for diff, adjusted in zip(self.against_first, self.adjusted, strict=True)
        ]
        if len(diffs) == 1:
            return diffs[0]
        return {
            "runs": [column.to_json() for column in self.columns],
            "settings": [{"path": s.path, "values": list(s.values)} for s in self.settings],
            "correction": "holm",
            "against_first": diffs,
        }


def _judge_flips(flips: Flips, p_value: float) -> str:
    if p_value >= ALPHA:
        return "not_distinguishable"
    return "improved" if flips.difference > 0 else "worse"


def compare_prompts(chosen: Sequence[SelectedPrompt]) -> PromptComparison:
    """Compare each prompt with the first."""
    first, *others = chosen
    diffs = tuple(diff_prompts(first, other) for other in others)
    return PromptComparison(
        columns=tuple(chosen),
        settings=_list_settings(chosen),
        against_first=diffs,
        adjusted=_adjust_p_values(diffs),
    )


def _list_settings(chosen: Sequence[SelectedPrompt]) -> tuple[SettingValues, ...]:
    first = chosen[0].run.settings
    changes = [{c.path: c for c in find_changes(first, prompt.run.settings)} for prompt in chosen]
    of_first = {path: change.before for some in changes for path, change in some.items()}
    return tuple(
        SettingValues(path, tuple(some[path].after if path in some else before for some in changes))
        for path, before in sorted(of_first.items())
    )


def _adjust_p_values(diffs: Sequence[PromptDiff]) -> tuple[Mapping[Split, float], ...]:
    adjusted: list[dict[Split, float]] = [{} for _ in diffs]
    for split in SPLITS:
        compared = [
            (of_diff, flips.p_value)
            for of_diff, diff in zip(adjusted, diffs, strict=True)
            for flips in diff.by_split
            if flips.split == split
        ]
        corrected = holm([p_value for _, p_value in compared])
        for (of_diff, _), p_value in zip(compared, corrected, strict=True):
            of_diff[split] = p_value
    return tuple(adjusted)
