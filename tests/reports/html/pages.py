"""Runs made by hand for the page, and eyes for what a page is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Answered, Event
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import SPLITS, Example
from opro_cli.render.html.page import render_report
from opro_cli.reports.recorded import History, RecordedRun, Status, build_history
from tests.core.runs import new_state, proposed, score_all

VOID = {"meta", "br"}


@dataclass
class Node:
    """An element of a page. texts: in it and in all below it, in reading order."""

    tag: str
    attributes: dict[str, str | None]
    children: list[Node] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def all(self, tag: str, **attributes: str) -> list[Node]:
        """Elements below with that tag, those attributes, and those among their classes."""
        return [node for node in self if node.tag == tag and node.has(attributes)]

    def one(self, tag: str, **attributes: str) -> Node:
        (node,) = self.all(tag, **attributes)
        return node

    def has(self, wanted: dict[str, str]) -> bool:
        there = self.attributes
        return all(
            value in (there.get("class") or "").split()
            if name == "class_"
            else there.get(name.replace("_", "-")) == value
            for name, value in wanted.items()
        )

    def __iter__(self) -> Iterator[Node]:
        for child in self.children:
            yield child
            yield from child


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        node = Node(tag, dict(attrs))
        self._open[-1].children.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for node in self._open:
            node.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")

    def close(self) -> None:
        super().close()
        assert self._open == [self.root]


def parsed(page: str) -> Node:
    """A page as a tree; every element must be closed, in order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.root


def shape(node: Node) -> list[tuple[str, tuple[str, ...]]]:
    """Every tag with the names of its attributes, in order: all that is not text."""
    return [(each.tag, tuple(each.attributes)) for each in node]


def recorded(
    state: RunState, status: Status = "finished", *, name: str = "sums-1", **changes: Any
) -> RecordedRun:
    """A run with plain questions around a state."""
    told: dict[str, Any] = {
        "name": name,
        "folder": f"runs/{name}",
        "settings": {"scorer": {"model": "openai/a"}, "optimizer": {"model": "openai/b"}},
        "identity": {"created": "2026-11-23T10:00:00+00:00", "data_fingerprint": "f"},
        "examples": {
            split: [Example(f"{split} {n}?", str(n), f"t:{n}") for n in range(state.sizes[split])]
            for split in SPLITS
        },
        "state": state,
        "status": status,
    }
    return RecordedRun(**{**told, **changes})


def small_run() -> RecordedRun:
    """Two steps of two: start 1/4, then a 2/4 and b 3/4, then c 4/4 and d 2/4; c wins on test."""
    state = new_state(steps=2, per_step=2, train=4, test=10)
    score_all(state, "start", 1)
    for step, names in ((1, "ab"), (2, "cd")):
        for sample, name in enumerate(names):
            state.apply(proposed(step, sample, name))
    for name, right in zip("abcd", (2, 3, 4, 2), strict=True):
        score_all(state, name, right)
    score_all(state, "start", 2, "test")
    score_all(state, "c", 9, "test")
    return recorded(state)


def run_saying(texts: Sequence[str]) -> tuple[RecordedRun, History]:
    """A run with these texts as instruction, question, gold answer, answer and reply."""
    count = len(texts)
    state = new_state(
        steps=1, per_step=count, train=count, test=count, max_instruction_chars=10_000
    )
    events: list[Event] = []

    def answer(instruction: str, split: Any, question: int, score: float | None) -> None:
        said = texts[question]
        events.append(
            Answered(
                at=1.0 + len(events),
                candidate=make_candidate_id(instruction),
                split=split,
                question=question,
                text=said,
                answer=None if score is None else said,
                score=score,
                finish_reason="stop",
                prompt_tokens=5,
                completion_tokens=2,
                usd=0.1,
                seconds=0.1,
            )
        )

    for question in range(count):
        answer("start", "train", question, None)
    news = [f"New: {text}" for text in texts]
    events += [proposed(1, sample, text, at=1.0 + count) for sample, text in enumerate(news)]
    for new in dict.fromkeys(news):
        for question in range(count):
            answer(new, "train", question, 1.0 if new == news[0] else 0.5)
    for question in range(count):
        answer("start", "test", question, 0.0)
        answer(news[0], "test", question, 1.0)
    for event in events:
        state.apply(event)
    examples = {
        split: [Example(f"{split}: {text}", text, "t") for text in texts if state.sizes[split]]
        for split in SPLITS
    }
    settings = {
        "task": {"description": texts[0], "list": list(texts), texts[0]: texts[-1]},
        "scorer": {"model": texts[0]},
        "optimizer": {"model": texts[-1]},
    }
    identity = {"created": texts[0], "data_fingerprint": texts[0]}
    run = recorded(state, name=texts[0], examples=examples, settings=settings, identity=identity)
    return run, build_history(run, events)


def page_of(*runs: RecordedRun) -> Node:
    """The page about some runs, as a tree."""
    return parsed(render_report(runs))
