"""Two texts compared word by word, with long equal stretches folded."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

MAX_TOKENS = 3000
"""Longer texts are compared only at their ends."""
MAX_PAIRS = 20_000
"""So are texts with more pairs of equal words: "the the the …" would take minutes."""

Kind = Literal["same", "removed", "added"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch or line in both texts, or only in the first (removed) or second (added)."""

    kind: Kind
    text: str


def compare_words(before: str, after: str) -> tuple[Piece, ...]:
    """Return the pieces that turn `before` into `after`, in reading order.

    The units are words, runs of white space and single signs. Joining all pieces but the added
    ones gives `before`, all but the removed ones gives `after`. In texts that would take too long
    (MAX_TOKENS, MAX_PAIRS) everything between the equal ends counts as changed.
    """
    left, right = _tokenize(before), _tokenize(after)
    if _is_too_long(left, right):
        return _compare_ends(left, right)
    # autojunk drops frequent tokens (spaces) in long texts and garbles the diff.
    # White space alone is no match: there is too much of it to try every one.
    matcher = difflib.SequenceMatcher(str.isspace, left, right, autojunk=False)
    pieces: list[Piece] = []
    removed = added = ""
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        gone, new = "".join(left[i1:i2]), "".join(right[j1:j2])
        # A shared space does not separate two changes: "[-a b-]{+c d+}" reads better than
        # "[-a-]{+c+} [-b-]{+d+}". At the very end it stays shared.
        between = tag == "equal" and gone.isspace() and (removed or added) and i2 < len(left)
        if tag != "equal" or (between and j2 < len(right)):
            removed, added = removed + gone, added + new
            continue
        pieces += _list_changes(removed, added)
        removed = added = ""
        pieces.append(Piece("same", gone))
    return (*pieces, *_list_changes(removed, added))


def _is_too_long(left: Sequence[str], right: Sequence[str]) -> bool:
    if max(len(left), len(right)) > MAX_TOKENS:
        return True
    there = Counter(token for token in right if not token.isspace())
    return sum(there[token] for token in left) > MAX_PAIRS


def _compare_ends(left: list[str], right: list[str]) -> tuple[Piece, ...]:
    pieces = (Piece(kind, "".join(tokens)) for kind, tokens in _split_at_change(left, right))
    return tuple(piece for piece in pieces if piece.text)


def _split_at_change(left: list[str], right: list[str]) -> list[tuple[Kind, list[str]]]:
    """Return what is equal at the start, what was removed and added, what is equal at the end."""
    begin = count_equal_at_start(left, right)
    end = count_equal_at_start(left[begin:][::-1], right[begin:][::-1])
    return [
        ("same", left[:begin]),
        ("removed", left[begin : len(left) - end]),
        ("added", right[begin : len(right) - end]),
        ("same", left[len(left) - end :]),
    ]


def count_equal_at_start(left: Sequence[str], right: Sequence[str]) -> int:
    """Count the leading items that are equal in both."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(left), len(right)))


def _list_changes(removed: str, added: str) -> list[Piece]:
    pieces = (Piece("removed", removed), Piece("added", added))
    return [piece for piece in pieces if piece.text]


def _tokenize(text: str) -> list[str]:
    return re.findall(r"\s+|\w+|[^\w\s]", text)


CONTEXT = 2
"""Whole lines shown on either side of a change."""
MIN_FOLD = 3
"""Fewer lines are not worth a fold."""


@dataclass(frozen=True, slots=True)
class Fold:
    """A number of lines that are equal in both texts."""

    lines: int


def fold_pieces(pieces: Sequence[Piece]) -> list[Piece | Fold]:
    """Fold the middle of long equal pieces; each fold is on a line of its own."""
    folded: list[Piece | Fold] = []
    for index, piece in enumerate(pieces):
        lines = piece.text.split("\n")
        # A line that is only partly in this piece does not count as context.
        first, last = index == 0 < len(pieces) - 1, index == len(pieces) - 1 > 0
        head, tail = (0 if first else CONTEXT + 1), (0 if last else CONTEXT + 1)
        hidden = len(lines) - head - tail - (last and not lines[-1])
        if piece.kind != "same" or hidden < MIN_FOLD:
            folded.append(piece)
            continue
        before = "".join(f"{line}\n" for line in lines[:head])
        after = "".join(f"\n{line}" for line in lines[len(lines) - tail :])
        around = (Piece("same", before), Fold(hidden), Piece("same", after))
        folded += [part for part in around if isinstance(part, Fold) or part.text]
    return folded


def split_lines(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces as whole lines, as diffs of source code show them."""
    lines: list[Piece] = []
    old, new = "", ""
    for piece in pieces:
        if piece.kind == "removed":
            old += piece.text
        elif piece.kind == "added":
            new += piece.text
        else:
            # A shared newline ends a line in both texts.
            *whole, rest = piece.text.split("\n")
            for text in whole:
                lines += _diff_lines(old + text, new + text)
                old = new = ""
            old, new = old + rest, new + rest
    return [*lines, *_diff_lines(old, new)]


def _diff_lines(old: str, new: str) -> list[Piece]:
    parts = _split_at_change(old.split("\n"), new.split("\n"))
    return [Piece(kind, text) for kind, lines in parts for text in lines]


def fold_lines(lines: Sequence[Piece]) -> list[Piece | Fold]:
    """Fold the equal lines that are far from any change."""
    near = {
        close
        for index, line in enumerate(lines)
        if line.kind != "same"
        for close in range(index - CONTEXT, index + CONTEXT + 1)
    }
    folded: list[Piece | Fold] = []
    for is_far, group in groupby(enumerate(lines), lambda item: bool(near) and item[0] not in near):
        stretch = [line for _, line in group]
        folded += [Fold(len(stretch))] if is_far and len(stretch) >= MIN_FOLD else stretch
    return folded
