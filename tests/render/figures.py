"""Figures by hand for tests, and eyes for what an SVG is made of."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from msgspec.structs import replace as change

from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import SPLITS, Example
from opro_cli.reports.figures import (
    ConfusionFigure,
    Figure,
    build_calibration,
    build_confusion_figure,
    build_curve,
    build_forest,
    build_front,
)
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.selected import select_prompt
from tests.core.runs import answered, new_state, proposed
from tests.reports.html.pages import recorded, run_saying, small_run
from tests.reports.runs import answer_all

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg.encode())


def paths(svg: str, **wanted: str) -> list[str]:
    """The paths with these attributes."""
    return [
        str(path.get("d"))
        for path in parsed(svg).iter(f"{SVG}path")
        if all(path.get(name.replace("_", "-")) == value for name, value in wanted.items())
    ]


def words(svg: str) -> list[str]:
    """All texts that are drawn."""
    return ["".join(text.itertext()) for text in parsed(svg).iter(f"{SVG}text")]


def labelled_run(golds: str = "nnnyyy", replies: str = "nny?ny", **changes: Any) -> RecordedRun:
    """A run over labels, a letter a question; `replies`: under the only prompt, ? is unreadable."""
    state = new_state("start", steps=0, train=len(golds))
    answer_labels(state, "start", golds, replies)
    examples = {
        split: [Example(f"q{n}", gold, f"t:{n}") for n, gold in enumerate(golds)]
        if split == "train"
        else []
        for split in SPLITS
    }
    run = recorded(state, examples=examples, **changes)
    return replace(run, settings={**run.settings, "task": {"answer": "exact"}})


def answer_labels(state: RunState, instruction: str, golds: str, replies: str) -> None:
    """Answer the train questions with these labels."""
    for question, (gold, reply) in enumerate(zip(golds, replies, strict=True)):
        score = None if reply == "?" else float(reply == gold)
        event = answered(instruction, question, score)
        state.apply(change(event, answer=None if reply == "?" else reply))


def finalists_run(name: str = "f", best: str = "rrrrrrrrrr") -> RecordedRun:
    """Start, b and c with ten questions a split; c wins, and b was asked dev alone."""
    state = new_state(
        "start", steps=1, per_step=2, train=10, dev=10, test=10, finalists=2, racing=False
    )
    answer_all(state, "start", "train", "rrrrrwwwww")
    for sample, text in enumerate(("b", "c")):
        state.apply(proposed(1, sample, text))
    answer_all(state, "b", "train", "rrrrrrrrww")
    answer_all(state, "c", "train", "rrrrrrrrrr")
    answer_all(state, "start", "dev", "rrrrwwwwww")
    answer_all(state, "b", "dev", "wwwwwwwwww")
    answer_all(state, "c", "dev", "rrrrrrrrrw")
    answer_all(state, "start", "test", "rrrrwwwwww")
    answer_all(state, "c", "test", best)
    return recorded(state, name=name)


def every_figure() -> Iterator[tuple[str, Figure]]:
    """One figure of each kind, and those of several runs, by name."""
    small, other = small_run(), replace(small_run(), name="sums-2")
    yield "curve", build_curve([small])
    yield "curves", build_curve([replace(small, name=f"run-{n}") for n in range(6)])
    yield "front", build_front(small)
    yield "forest", build_forest([small])
    yield "forests", build_forest([small, other, finalists_run()])
    yield "confusion", matrix_of(labelled_run())
    many = "abcdefghijkl"
    yield "confusion-of-twelve", matrix_of(labelled_run(many * 2, many[1:] * 2 + "??"))
    yield "calibration", build_calibration([finalists_run()])


def matrix_of(run: RecordedRun) -> ConfusionFigure:
    return build_confusion_figure(select_prompt(run))


def hostile_figures(texts: list[str]) -> Iterator[tuple[str, Figure]]:
    """Figures whose names and prompts are these texts."""
    run, _ = run_saying(texts)
    yield "curve", build_curve([run])
    yield "front", build_front(run)
    yield "forest", build_forest([replace(run, name=text) for text in texts])
    yield "calibration", build_calibration([run])
    for at in range(0, len(texts), 6):
        yield f"curves {at}", build_curve([replace(run, name=t) for t in texts[at : at + 6]])
