"""What all tests here share: no waiting, one command tree, and eyes for what a terminal obeys."""

from __future__ import annotations

import functools
import unicodedata
from typing import Any

import pytest
import typer.main

from opro_cli.cli import app as command_line
from opro_cli.render.safe import JOINERS, is_spelling
from tests.cli.conftest import Said, folder, model, opro

__all__ = ["assert_harmless", "folder", "model", "opro"]

# Controls, formats (bidi, zero width, tags), halves, private use, no characters, line separators.
OBEYED_OR_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@functools.cache
def _commands() -> Any:
    return typer.main.get_command(command_line.app)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of commands: their tree is built once, and no retry is waited for."""
    monkeypatch.setattr(command_line, "app", _commands())
    monkeypatch.setattr("opro_cli.calls.attempts.wait_after", lambda *_: 0.0)


def obeyed_in(line: str) -> list[str]:
    """The characters of a line that a terminal obeys or hides, but those that spell a word."""
    if line.isascii() and line.isprintable():
        return []
    return [
        character
        for at, character in enumerate(line)
        if unicodedata.category(character) in OBEYED_OR_HIDDEN
        and not (character in JOINERS and is_spelling(line, at))
    ]


def assert_harmless(said: Said) -> None:
    """Nothing that a terminal obeys, and nothing that it hides, on either stream."""
    for stream in (said.out, said.err):
        for line in stream.split("\n"):
            assert not obeyed_in(line), line
