"""How often a parser says what a person said: `python -m tests.metrics.agreement`.

The answers under `labelled/` are labelled by hand: right, wrong, or unreadable for a reply
from which a careful reader takes no answer. The reference's parser knows no unreadable answer;
it agrees with that label when it gives no credit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from opro_cli.core.task.example import Example, Grade
from opro_cli.core.task.prompt import PromptFormat, format_question
from opro_cli.evaluators import takes_cut
from opro_cli.metrics import create_metric
from opro_cli.metrics.label import LabelMetric
from opro_cli.metrics.paper import PaperKind, PaperMetric
from opro_cli.ports import Metric

LABELLED = Path(__file__).parent / "labelled"
Verdict = Literal["right", "wrong", "unreadable"]

REFERENCE_KINDS: dict[str, PaperKind] = {
    "number": "number",
    "choice": "choice",
    "boolean": "boolean",
    "exact": "text",
}
"""Our metric -> how the reference is told to read such answers."""


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled reply; `kind` is the metric that reads it."""

    id: str
    kind: str
    question: str
    target: str
    reply: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of `cases`, the ones in which each parser says something else than the label."""

    cases: tuple[Case, ...]
    ours_differs: tuple[Case, ...]
    reference_differs: tuple[Case, ...]


def labelled_cases(folder: Path = LABELLED) -> list[Case]:
    """The cases of every `<kind>_<n>.jsonl`, in the order of their files."""
    return [
        Case(
            row["id"],
            path.stem.partition("_")[0],
            row["question"],
            row["target"],
            row["reply"],
            row["verdict"],
        )
        for path in sorted(folder.glob("*.jsonl"))
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    ]


def agreement(cases: Iterable[Case]) -> Agreement:
    """Both parsers against the labels of `cases`."""
    listed = tuple(cases)
    return Agreement(
        listed,
        tuple(case for case in listed if our_verdict(case) != case.verdict),
        tuple(case for case in listed if (reference_score(case) == 1.0) != is_right(case)),
    )


def our_verdict(case: Case) -> Verdict:
    """What the default parser makes of `case`."""
    score = _score(create_metric(case.kind), case)
    if score is None:
        return "unreadable"
    return "right" if score == 1.0 else "wrong"


def reference_score(case: Case) -> float | None:
    """What the reference's parser gives for `case`; the question stands for its prompt."""
    return _score(PaperMetric(REFERENCE_KINDS[case.kind]), case)


def is_right(case: Case) -> bool:
    """Whether a person gave credit."""
    return case.verdict == "right"


def _score(metric: Metric, case: Case) -> float | None:
    example = Example(case.question, metric.target(case.target), case.id)
    return metric.grade(case.reply, example, prompt=case.question).score


def table(found: dict[str, Agreement]) -> str:
    """One row per kind and one over all: cases, and in how many each parser agrees."""
    total = Agreement(
        tuple(case for one in found.values() for case in one.cases),
        tuple(case for one in found.values() for case in one.ours_differs),
        tuple(case for one in found.values() for case in one.reference_differs),
    )
    lines = [f"{'kind':<9}{'cases':>6}  {'ours':>13}  {'reference':>13}"]
    for kind, one in {**found, "all": total}.items():
        count = len(one.cases)
        ours = _share(count - len(one.ours_differs), count)
        reference = _share(count - len(one.reference_differs), count)
        lines.append(f"{kind:<9}{count:>6}  {ours:>13}  {reference:>13}")
    return "\n".join(lines)


def by_kind(cases: Iterable[Case]) -> dict[str, Agreement]:
    """Kind -> the agreement on its cases, for every kind of the reference."""
    listed = list(cases)
    return {
        kind: agreement(case for case in listed if case.kind == kind) for kind in REFERENCE_KINDS
    }


def _share(count: int, total: int) -> str:
    return f"{count:>4} {count / total:>7.1%}" if total else f"{count:>4}       –"


RECORDED = Path(__file__).parent / "recorded"
"""Replies of real models, and the labels of two readers who saw no verdict."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A reply of a real model with its label.

    unseen: one of the third that nobody looked at while the readers were first written.
    once: labelled by one reader, to develop on.
    sealed: one of those that nobody looks at while a reader is changed; totals are all that is
        known of them.
    """

    row: Mapping[str, Any]
    verdict: Verdict
    unseen: bool
    once: bool = False
    sealed: bool = False

    @property
    def is_further(self) -> bool:
        """Whether it is of the tasks and wordings that were recorded later."""
        return not str(self.row["id"]).startswith("r")

    @property
    def prompt(self) -> str:
        """What the scorer was asked."""
        form = PromptFormat(self.row["position"], self.row["frame"] == "qa")
        return format_question(self.row["question"], self.row["instruction"], form)


def recorded_cases(folder: Path = RECORDED) -> list[Recorded]:
    """The labelled recordings, in the order of their ids; then those labelled once, and sealed."""
    rows = {row["id"]: row for row in _read_lines(folder / "replies.jsonl")}
    unseen = set(json.loads((folder / "split.json").read_text(encoding="utf-8"))["unseen"])
    labels = sorted(_read_lines(folder / "labels.jsonl"), key=lambda label: str(label["id"]))
    once = _read_lines(folder / "labels_once.jsonl")
    sealed = _read_lines(folder / "labels_sealed.jsonl")
    return [
        *(Recorded(rows[x["id"]], x["verdict"], x["id"] in unseen) for x in labels),
        *(Recorded(rows[x["id"]], x["verdict"], unseen=False, once=True) for x in once),
        *(Recorded(rows[x["id"]], x["verdict"], unseen=False, sealed=True) for x in sealed),
    ]


def recorded_groups(cases: Sequence[Recorded]) -> dict[str, list[Recorded]]:
    """The labelled recordings by what has become of them, with a name for people."""
    return {
        "sealed": [case for case in cases if case.sealed and not case.is_further],
        "sealed, further tasks": [case for case in cases if case.sealed and case.is_further],
        "seen": [case for case in cases if not (case.unseen or case.once or case.sealed)],
        "unseen at first": [case for case in cases if case.unseen],
        "labelled once": [case for case in cases if case.once],
    }


def grade_recorded(case: Recorded) -> Grade:
    """What the product's reader of this kind makes of a recording."""
    row = case.row
    metric: Any
    if row["kind"] == "label":
        metric = LabelMetric(tuple(row["labels"]))
    else:
        metric = create_metric(f"json:{row['field']}" if row["kind"] == "json" else row["kind"])
    example = Example(row["question"], metric.target(row["gold"]), row["id"])
    told = row["finish_reason"] == "length" and takes_cut(metric.__class__)
    cut = {"cut": True} if told else {}
    grade: Grade = metric.grade(row["reply"], example, case.prompt, **cut)
    return grade


def verdict_of(grade: Grade) -> Verdict:
    """A grade in the words of a label."""
    if grade.score is None:
        return "unreadable"
    return "right" if grade.score == 1.0 else "wrong"


def recorded_table(cases: Sequence[Recorded]) -> str:
    """A row for each kind: agreement, and the two mistakes that cost most, of all its replies.

    Credit agrees where both say right, or neither does: it is all that a score shows.
    """
    titles = (
        f"{'kind':<9}{'cases':>6}{'agree':>13}{'no answer, graded':>19}{'right, missed':>14}"
        f"{'credit agrees':>14}"
    )
    lines = [titles]
    for kind in (*dict.fromkeys(str(case.row["kind"]) for case in cases), "all"):
        own = [case for case in cases if kind in ("all", case.row["kind"])]
        found = [(case.verdict, verdict_of(grade_recorded(case))) for case in own]
        agreed = sum(label == ours for label, ours in found)
        graded = sum(label == "unreadable" != ours for label, ours in found)
        missed = sum(label == "right" != ours for label, ours in found)
        credited = sum((label == "right") == (ours == "right") for label, ours in found)
        counts = (agreed, graded, missed, credited)
        agree, no_answer, right, credit = (_share(number, len(own)).strip() for number in counts)
        lines.append(f"{kind:<9}{len(own):>6}{agree:>13}{no_answer:>19}{right:>14}{credit:>14}")
    return "\n".join(lines)


def _read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    print("written for it")
    print(table(by_kind(labelled_cases())))
    if (RECORDED / "labels.jsonl").is_file():
        for name, group in recorded_groups(recorded_cases()).items():
            print(f"\nrecorded, {name}")
            print(recorded_table(group))
