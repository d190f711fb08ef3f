"""Long prompts compared: what is the same is folded, and nothing that changed is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opro_cli.reports.text_diff import (
    Fold,
    Piece,
    compare_words,
    fold_lines,
    fold_pieces,
    split_lines,
)

TEN = "\n".join(f"line {n}" for n in range(10))
TEXTS = st.text("ab\n ", max_size=30)


def test_what_is_far_from_a_change_is_folded() -> None:
    pieces = compare_words(f"{TEN}\nold\n{TEN}", f"{TEN}\nnew\n{TEN}")
    assert fold_pieces(pieces) == [
        Fold(8),
        Piece("same", "\nline 8\nline 9\n"),
        Piece("removed", "old"),
        Piece("added", "new"),
        Piece("same", "\nline 0\nline 1\n"),
        Fold(8),
    ]
    assert fold_lines(split_lines(pieces)) == [
        Fold(8),
        Piece("same", "line 8"),
        Piece("same", "line 9"),
        Piece("removed", "old"),
        Piece("added", "new"),
        Piece("same", "line 0"),
        Piece("same", "line 1"),
        Fold(8),
    ]


def test_between_two_changes_both_ends_are_kept() -> None:
    folded = fold_pieces(compare_words(f"a\n{TEN}\nb", f"c\n{TEN}\nd"))
    assert folded[2:5] == [
        Piece("same", "\nline 0\nline 1\n"),
        Fold(6),
        Piece("same", "\nline 8\nline 9\n"),
    ]


def test_a_few_lines_are_not_worth_it() -> None:
    pieces = compare_words("a\nb\nc\nd\nold", "a\nb\nc\nd\nnew")
    assert fold_pieces(pieces) == list(pieces)


def test_the_same_prompt_keeps_both_ends() -> None:
    assert fold_pieces(compare_words(TEN, TEN)) == [
        Piece("same", "line 0\nline 1\nline 2\n"),
        Fold(4),
        Piece("same", "\nline 7\nline 8\nline 9"),
    ]
    assert fold_lines(split_lines(compare_words(TEN, TEN))) == split_lines(compare_words(TEN, TEN))


def test_added_lines_are_added_lines() -> None:
    assert split_lines(compare_words("one\nthree", "one\ntwo\nthree")) == [
        Piece("same", "one"),
        Piece("added", "two"),
        Piece("same", "three"),
    ]


@given(TEXTS, TEXTS)
def test_lines_hold_both_texts(before: str, after: str) -> None:
    lines = split_lines(compare_words(before, after))
    assert "\n".join(line.text for line in lines if line.kind != "added") == before
    assert "\n".join(line.text for line in lines if line.kind != "removed") == after


@given(TEXTS, TEXTS)
def test_folding_counts_what_it_hides_and_hides_no_change(before: str, after: str) -> None:
    pieces = compare_words(before, after)
    folded = fold_pieces(pieces)
    changed = [piece for piece in pieces if piece.kind != "same"]
    assert [p for p in folded if isinstance(p, Piece) and p.kind != "same"] == changed
    lines = fold_lines(split_lines(pieces))
    assert sum(each.lines if isinstance(each, Fold) else 1 for each in lines) == len(
        split_lines(pieces)
    )
