"""A prompt cut into sentences and clauses, so that it can be tried without any of them.

The cut is by code and keeps whole what a cut would break: quotes, code, placeholders, brackets,
tagged passages, lists with the line that introduces them, and enumerations within a sentence.
Joined, the pieces are the text, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_WHOLE = re.compile(
    r"""```.{0,20000}?(?:```|\Z) | `[^`\n]{1,500}`
    | <([A-Za-z][\w.-]{0,50})(?:\s[^<>]{0,200})?>.{0,20000}?</\1> | </?[A-Za-z][^<>\n]{0,200}>
    | \{\{[^{}]{0,200}\}\} | \$?\{(?:[^{}]|\{[^{}]{0,500}\}){0,2000}\}
    | \((?:[^()\n]|\([^()\n]{0,200}\)){0,500}\) | \[[^\[\]\n]{0,500}\]
    | "[^"\n]{1,500}" | “[^”]{1,500}” | «[^»]{1,500}» | „[^“”]{1,500}[“”] | 「[^」]{1,500}」
    | (?<!\w)'[^'\n]{1,300}'(?!\w) | (?<!\w)‘[^’\n]{1,300}’(?!\w)""",
    re.DOTALL | re.VERBOSE,
)
"""Passages that no cut goes through."""
_ITEM = re.compile(r"[ \t]*(?:[-*•+>|]|\(?(?:\d{1,3}|[A-Za-z])[.)])(?:[ \t]|$)|[ \t]*\|")
"""The beginning of a line of a list, a table or a quoted block."""
_LINE = re.compile(r"[^\n]*(?:\n|\Z)")
_END = re.compile(
    r"""(?:[.!?…]+["'”’»)\]*_]*(?=\s|\Z)|[。！？]+[」”]?)\s*|\n\s*\n\s*|\n(?=[A-Z#])"""
)
"""The end of a sentence, with the white space behind it."""
_ABBREVIATED = re.compile(
    r"\b(?:(?i:e\.g|i\.e|etc|vs|cf|approx|fig|mr|mrs|ms|dr|prof)|z\.B|d\.h|[A-Z])\.\Z"
)
_SHORT_LINE = 60
"""Characters of a line that ends before the margin: without a mark, too, it ends a sentence."""
_INTRODUCED = re.compile(r":\s*\Z")
_DELIMITER = re.compile(r"[,;]\s+|\s+[–—-]\s+|:\s+(?=\S)|\s+(?=\()")
_TAIL = re.compile(r"""[.!?…。！？:]*["'”’»)\]*_]*\s*\Z""")
LEAST_WORDS = 3
"""A part of a sentence with fewer words may be an item of an enumeration."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a prompt.

    Attributes:
        body: Its text.
        gap: The white space behind it.
        sentence: The number of its sentence, from 0.
        is_clause: The sentence stands without it.
    """

    body: str
    gap: str
    sentence: int
    is_clause: bool = False


@dataclass(frozen=True, slots=True)
class Pieces:
    """A whole prompt in pieces; `lead` is the white space before the first."""

    lead: str
    pieces: tuple[Piece, ...]

    def join(self, dropped: Collection[int] = ()) -> str:
        """Return the text without these pieces.

        Of the gaps around what is dropped the widest stays: a paragraph remains one.
        """
        text, gaps = self.lead, [""]
        for index, piece in enumerate(self.pieces):
            if index in dropped:
                gaps.append(piece.gap)
                continue
            text += (_widest(gaps) if text.strip() else "") + piece.body
            gaps = [piece.gap]
        return text + (self.pieces[-1].gap if self.pieces else "")

    def list_units(self) -> list[frozenset[int]]:
        """Return what may be dropped, as numbers of pieces: clauses, then whole sentences.

        Of the same kind longer ones come first, and of the same length later ones.
        """
        sentences: dict[int, list[int]] = {}
        for index, piece in enumerate(self.pieces):
            sentences.setdefault(piece.sentence, []).append(index)
        whole = sorted(map(frozenset, sentences.values()), key=self._weigh)
        clauses = (frozenset({i}) for i, piece in enumerate(self.pieces) if piece.is_clause)
        return [*sorted(clauses, key=self._weigh), *whole]

    def _weigh(self, unit: frozenset[int]) -> tuple[int, int]:
        return -sum(len(self.pieces[index].body) for index in unit), -min(unit)


def _widest(gaps: list[str]) -> str:
    return max(gaps, key=lambda gap: (gap.count("\n"), len(gap)))


def split_prompt(text: str) -> Pieces:
    """Cut a prompt into its sentences, and these into the clauses that may go alone."""
    lead = text[: len(text) - len(text.lstrip())]
    pieces: list[Piece] = []
    for number, sentence in enumerate(_list_sentences(text[len(lead) :])):
        *before, last = list(_list_clauses(sentence)) or [(sentence, False)]
        pieces += [Piece(body, "", number, clause) for body, clause in before]
        body, clause = last
        bare = body.rstrip()
        pieces.append(Piece(bare, body[len(bare) :], number, clause))
    return Pieces(lead, tuple(pieces))


def _list_sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text with the white space behind them, lists as one."""
    held = ""
    for is_list, block in _list_blocks(text):
        parts = [block] if is_list else list(_cut_sentences(block))
        for part in parts:
            held += part
            if not _INTRODUCED.search(part):  # else it belongs to what follows
                yield held
                held = ""
    if held:
        yield held


def _list_blocks(text: str) -> Iterator[tuple[bool, str]]:
    """Yield lists and what stands between them, each as True or False and its text."""
    spans = [match.span() for match in _WHOLE.finditer(text)]
    block, in_list = "", False
    for match in _LINE.finditer(text):
        line = match.group()
        if not line:
            continue
        inside = any(start < match.start() < end for start, end in spans)
        is_item = bool(_ITEM.match(line)) and not inside
        is_more = in_list and (inside or line[0] in " \t" or not line.strip())
        if (is_item or is_more) != in_list and block:
            yield in_list, block
            block = ""
        in_list = is_item or is_more
        block += line
    if block:
        yield in_list, block


def _cut_sentences(text: str) -> Iterator[str]:
    spans = [match.span() for match in _WHOLE.finditer(text)]
    start = 0
    for match in _END.finditer(text):
        # The mark itself may stand at the end of a quote; the gap behind it may not be in one.
        if any(low < match.end() < high for low, high in spans):
            continue
        words = text[start : match.end()].rstrip()
        if match.group().startswith(".") and _ABBREVIATED.search(words):
            continue
        if "\n" not in match.group() and text[match.end() : match.end() + 1].islower():
            continue
        if match.group() == "\n" and len(words.rpartition("\n")[2]) > _SHORT_LINE:
            continue
        if text[start : match.end()].strip() and match.end() > start:
            yield text[start : match.end()]
            start = match.end()
    if start < len(text):
        yield text[start:]


def _list_clauses(sentence: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a sentence, each with whether it may go alone; none for a whole one."""
    tail = _TAIL.search(sentence)
    end = tail.start() if tail else len(sentence)
    spans = [match.span() for match in _WHOLE.finditer(sentence)]
    cuts = [
        match.start()
        for match in _DELIMITER.finditer(sentence, 0, end)
        if not any(low < match.start() < high for low, high in spans)
    ]
    if not cuts or cuts[0] == 0 or "\n" in sentence[:end]:
        return
    parts = [sentence[a:b] for a, b in zip([0, *cuts], [*cuts, end], strict=True)]
    if any(len(part.strip(" ,;–—-:").split()) < LEAST_WORDS for part in parts[1:]):
        return
    yield parts[0], False
    for part in parts[1:]:
        yield part, not part.startswith(":")
    yield sentence[end:], False
