"""Word-by-word comparison."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opro_cli.reports.text_diff import Piece, compare_words


def test_one_word_changed() -> None:
    assert compare_words("Think step by step.", "Think word by word.") == (
        Piece("same", "Think "),
        Piece("removed", "step"),
        Piece("added", "word"),
        Piece("same", " by "),
        Piece("removed", "step"),
        Piece("added", "word"),
        Piece("same", "."),
    )


def test_changes_with_only_a_space_between_are_one() -> None:
    assert compare_words("Update your work now.", "Note out now.") == (
        Piece("removed", "Update your work"),
        Piece("added", "Note out"),
        Piece("same", " now."),
    )


def test_nothing_against_something() -> None:
    assert compare_words("", "New.") == (Piece("added", "New."),)
    assert compare_words("", "") == ()


@given(st.text(), st.text())
def test_both_texts_can_be_read_off_the_pieces(before: str, after: str) -> None:
    pieces = compare_words(before, after)
    assert "".join(p.text for p in pieces if p.kind != "added") == before
    assert "".join(p.text for p in pieces if p.kind != "removed") == after
