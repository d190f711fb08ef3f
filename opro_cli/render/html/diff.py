"""Two prompts word by word, on a page."""

from __future__ import annotations

import re

from opro_cli.render.html.markup import Markup, element, join, paragraphs
from opro_cli.reports.text_diff import Fold, Piece, compare_words, fold_pieces

_TAGS = {"removed": "del", "added": "ins"}


def build_diff(before: str, after: str, limit: int) -> Markup:
    """Return what was removed and added, with long equal stretches folded.

    Args:
        before: The first text.
        after: The second text.
        limit: Bytes of the page for each piece.
    """
    pieces = fold_pieces(compare_words(before, after))
    return element("div", join(_build_piece(piece, limit) for piece in pieces), class_="diff text")


def _build_piece(piece: Piece | Fold, limit: int) -> Markup:
    if isinstance(piece, Fold):
        return element("i", f"… {piece.lines:,} lines as before …", class_="gap")
    text = paragraphs(piece.text, limit)
    return element(_TAGS[piece.kind], text) if piece.kind in _TAGS else text


def is_rewritten(before: str, after: str) -> bool:
    """Return whether so few words are shared that a diff would be hard to read."""
    shared = sum(
        _count(piece.text) for piece in compare_words(before, after) if piece.kind == "same"
    )
    return shared * 4 < max(_count(before), _count(after))


def _count(text: str) -> int:
    return len(re.findall(r"\w+", text))
