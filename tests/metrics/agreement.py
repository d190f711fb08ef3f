"""How often a parser says what a person said: `python -m tests.metrics.agreement`.

The answers under `labelled/` are labelled by hand: right, wrong, or unreadable for a reply
from which a careful reader takes no answer. The reference's parser knows no unreadable answer;
it agrees with that label when it gives no credit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from opro_cli.core.task.example import Example
from opro_cli.metrics import create_metric
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


if __name__ == "__main__":
    print(table(by_kind(labelled_cases())))
