"""Two texts compared word by word."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["same", "removed", "added"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that both have, or only the first (removed) or second (added) has."""

    kind: Kind
    text: str


def compare_words(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces that turn `before` into `after`, in reading order.

    Words, runs of white space and single signs are the units. Joining the pieces that are
    not added gives `before`, joining those that are not removed gives `after`.
    """
    left, right = _tokens(before), _tokens(after)
    # autojunk drops frequent tokens (spaces) in long texts and garbles the diff.
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    pieces: list[Piece] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(left[i1:i2])))
            continue
        if i2 > i1:
            pieces.append(Piece("removed", "".join(left[i1:i2])))
        if j2 > j1:
            pieces.append(Piece("added", "".join(right[j1:j2])))
    return tuple(pieces)


def _tokens(text: str) -> list[str]:
    return re.findall(r"\s+|\w+|[^\w\s]", text)
