"""The table that the manual shows is the one that is measured."""

from __future__ import annotations

from tests.manual import DOCS
from tests.metrics.agreement import by_kind, labelled_cases, table


def test_the_manual_has_the_figures() -> None:
    page = (DOCS / "answers.md").read_text("utf-8")
    assert table(by_kind(labelled_cases())) in page
