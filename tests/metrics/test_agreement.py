"""The table that the README shows is the one that is measured."""

from __future__ import annotations

from pathlib import Path

from tests.metrics.agreement import by_kind, labelled_cases, table


def test_the_readme_tells_the_figures() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert table(by_kind(labelled_cases())) in readme
