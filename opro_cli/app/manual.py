"""The manual that ships with opro: Markdown pages, listed by `docs/index.md`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

from opro_cli.core.settings.schema import nearest
from opro_cli.errors import UsageError

_GROUP = re.compile(r"## (?P<group>.+)")
_ENTRY = re.compile(r"- \[(?P<topic>[\w-]+)\]\((?P=topic)\.md\): (?P<summary>.+)")


@dataclass(frozen=True, slots=True)
class Topic:
    """A page of the manual: its name, one line about it, and the part that it belongs to."""

    name: str
    summary: str
    group: str


def list_topics() -> tuple[Topic, ...]:
    """Return the pages in the order of the table of contents."""
    topics: list[Topic] = []
    group = ""
    for line in _read("index").splitlines():
        if match := _GROUP.fullmatch(line):
            group = match["group"]
        elif match := _ENTRY.fullmatch(line):
            topics.append(Topic(match["topic"], match["summary"], group))
    return tuple(topics)


def read_topic(name: str) -> str:
    """Return a page as Markdown.

    Raises:
        UsageError: There is no such page.
    """
    names = [topic.name for topic in list_topics()]
    if name not in names:
        guess = nearest(name, names)
        hint = f"did you mean {guess}?" if guess else "`opro docs` lists the topics"
        raise UsageError(f'no topic "{name}" in the manual; there are {", ".join(names)}', hint)
    return _read(name)


def _read(name: str) -> str:
    return (resources.files("opro_cli") / "docs" / f"{name}.md").read_text("utf-8")
