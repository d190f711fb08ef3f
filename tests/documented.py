"""The README and the manual as text: their code blocks, links and commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.manual import DOCS, README, ROOT

GENERATED = ("commands.md", "config.md")
PAGES = (README, *sorted(path for path in DOCS.glob("*.md")))
WRITTEN = tuple(page for page in PAGES if page.name not in GENERATED)

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_INLINE = re.compile(r"`(opro [^`\n]+)`")
_NAMED = re.compile(r"`((?:tests|opro_cli|configs)/[\w./-]+)`")
_ENDS = {"&&", "|", ">", "#", "&"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A command that a page shows: the words after `opro`."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return [text for kind, text in _BLOCK.findall(page.read_text("utf-8")) if kind == language]


def links(page: Path) -> list[str]:
    """Return the targets of links, those into the web excepted."""
    return [target for target in _LINK.findall(page.read_text("utf-8")) if "://" not in target]


def named_files(page: Path) -> list[Path]:
    """Return the files of the repository that a page names in its text."""
    return [ROOT / name for name in _NAMED.findall(page.read_text("utf-8"))]


def shown_in_blocks(page: Path) -> Iterator[Shown]:
    """Yield the opro commands of the console blocks, those of other programs left out."""
    for block in blocks(page, "console"):
        for line in block.splitlines():
            if not line.startswith(("opro ", "uvx ")):
                continue
            for command in re.split(r" && | \| ", line):
                words = shlex.split(command, comments=True)
                if words[:3] == ["uvx", "--from", "."]:
                    words = words[3:]
                if words[0] == "opro":
                    yield Shown(page.name, _arguments(words))


def shown_in_text(page: Path) -> Iterator[Shown]:
    """Yield the opro commands that stand between backticks in the text."""
    text = _BLOCK.sub("", page.read_text("utf-8"))
    for command in _INLINE.findall(text):
        yield Shown(page.name, _arguments(shlex.split(command)))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _arguments(words: list[str]) -> tuple[str, ...]:
    end = next((index for index, word in enumerate(words) if word in _ENDS), len(words))
    return tuple(words[1:end])
