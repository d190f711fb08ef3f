"""The README tells the truth about the commands and the files."""

from __future__ import annotations

import re

from tests.readme import BLOCK, README, with_help

TEXT = README.read_text("utf-8")


def test_the_help_texts_are_those_of_the_program() -> None:
    commands = [match["command"] for match in BLOCK.finditer(TEXT)]
    verbs = [
        "optimize",
        "resume",
        "watch",
        "runs",
        "show",
        "diff",
        "report",
        "eval",
        "check",
    ]
    assert commands == [*verbs, "init", "cache info", "cache clear"]
    assert with_help(TEXT) == TEXT, "the help changed: run `make readme`"


def test_every_file_that_is_named_is_there() -> None:
    named = re.findall(r"\b(configs/[\w./-]+\.(?:yaml|jsonl|md|csv))", TEXT)
    assert len(named) >= 4
    for name in named:
        assert (README.parent / name).is_file(), name


def test_the_two_commands_stand_at_the_top() -> None:
    top = TEXT[: TEXT.index("\n## ")]
    assert "make quickstart" in top
    assert "make test" in top
