"""The examples in the README of the library are true."""

from __future__ import annotations

import doctest
from pathlib import Path

import opro_cli.reading

README = Path(opro_cli.reading.__file__).with_name("README.md")


def test_every_example_gives_what_it_shows() -> None:
    text = README.read_text("utf-8").replace("```", "")
    examples = doctest.DocTestParser().get_doctest(text, {}, README.name, str(README), 0)
    results = doctest.DocTestRunner().run(examples)
    assert results.attempted > 10
    assert results.failed == 0
