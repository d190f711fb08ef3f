"""Long texts compared, with the stretches that are the same folded away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opro_cli.reports.words import Kind, Piece, equal_at_start

CONTEXT = 2
"""Whole lines kept on either side of a change."""
LEAST = 3
"""Fewer lines than that are not worth folding."""


@dataclass(frozen=True, slots=True)
class Folded:
    """So many lines that are the same in both."""

    lines: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line that both texts have, or only the first (removed) or second (added) has."""

    kind: Kind
    text: str


def fold_pieces(pieces: Sequence[Piece]) -> list[Piece | Folded]:
    """Pieces with a fold, on a line of its own, inside of the long ones that are the same."""
    folded: list[Piece | Folded] = []
    for index, piece in enumerate(pieces):
        lines = piece.text.split("\n")
        # A line that is only in part in this piece does not count as context.
        first, last = index == 0 < len(pieces) - 1, index == len(pieces) - 1 > 0
        head, tail = (0 if first else CONTEXT + 1), (0 if last else CONTEXT + 1)
        hidden = len(lines) - head - tail - (last and not lines[-1])
        if piece.kind != "same" or hidden < LEAST:
            folded.append(piece)
            continue
        before = "".join(f"{line}\n" for line in lines[:head])
        after = "".join(f"\n{line}" for line in lines[len(lines) - tail :])
        around = (Piece("same", before), Folded(hidden), Piece("same", after))
        folded += [part for part in around if isinstance(part, Folded) or part.text]
    return folded


def as_lines(pieces: Sequence[Piece]) -> list[Line]:
    """The pieces as whole lines, as diffs of source code show them."""
    lines: list[Line] = []
    old, new = "", ""
    for piece in pieces:
        if piece.kind == "removed":
            old += piece.text
        elif piece.kind == "added":
            new += piece.text
        else:
            # A newline that both have ends what came before in both.
            *whole, rest = piece.text.split("\n")
            for text in whole:
                lines += _changed_lines(old + text, new + text)
                old = new = ""
            old, new = old + rest, new + rest
    return [*lines, *_changed_lines(old, new)]


def _changed_lines(old: str, new: str) -> list[Line]:
    gone, come = old.split("\n"), new.split("\n")
    before = equal_at_start(gone, come)
    behind = equal_at_start(gone[before:][::-1], come[before:][::-1])
    return [
        *(Line("same", text) for text in gone[:before]),
        *(Line("removed", text) for text in gone[before : len(gone) - behind]),
        *(Line("added", text) for text in come[before : len(come) - behind]),
        *(Line("same", text) for text in gone[len(gone) - behind :]),
    ]


def fold_lines(lines: Sequence[Line]) -> list[Line | Folded]:
    """Lines with those folded that are the same and far from any change."""
    near = {
        close
        for index, line in enumerate(lines)
        if line.kind != "same"
        for close in range(index - CONTEXT, index + CONTEXT + 1)
    }
    folded: list[Line | Folded] = []
    far: list[Line] = []

    def close() -> None:
        folded.extend([Folded(len(far))] if len(far) >= LEAST else far)
        far.clear()

    for index, line in enumerate(lines):
        if near and index not in near:
            far.append(line)
            continue
        close()
        folded.append(line)
    close()
    return folded
