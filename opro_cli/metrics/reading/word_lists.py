"""Answers that are several words: what separates them does not count."""

from __future__ import annotations

import itertools
import re

from opro_cli.metrics.reading.answer_text import text_key

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*+")
_ITEM = re.compile(
    r"[ \t>]*(?:[-*•·–+]|\d{1,3}[.):])[ \t]+(\S.*)|[\s*_`\"']*([^\W\d_][\w'’-]*)[\s*_`\"',;]*"
)
_NUMBERED = re.compile(r"(?<![^\W_])\d{1,3}[.)]\s")


def is_word_list(target: str) -> bool:
    """Whether `target` is several words without digits and punctuation, as sorted words are."""
    words = target.split()
    return len(words) > 1 and all(_WORD.fullmatch(word) and word.isalpha() for word in words)


def same_words(answer: str, target: str) -> bool:
    """Whether `answer` gives the words of `target` in their order: "1. ant, 2. bee and cat"."""
    wanted = text_key(target).split()
    given = _WORD.findall(_NUMBERED.sub("", text_key(answer)))
    return given in (wanted, [*wanted[:-1], "and", wanted[-1]])


def listed(lines: list[str]) -> str | None:
    """The items of the last list in `lines`, joined by commas; None without two in a row.

    An item is a line with a bullet or a number, or a line of one word.
    """
    kinds = [_kind(line) for line in lines]
    end = len(lines)
    while end and kinds[end - 1] is None:
        end -= 1
    start = end
    while start and kinds[start - 1] == kinds[end - 1]:
        start -= 1
    return list_at(lines[start:end])


def list_at(lines: list[str]) -> str | None:
    """The items of the list that `lines` begin with, in the same form."""
    kind = _kind(lines[0]) if lines else None
    if kind is None:
        return None
    found = itertools.takewhile(lambda line: _kind(line) == kind, lines)
    items = [item[kind].strip() for line in found if (item := _ITEM.fullmatch(line))]
    return ", ".join(items) if len(items) > 1 else None


def _kind(line: str) -> int | None:
    """1 for an item with a bullet or number, 2 for one of a word alone, None for neither."""
    item = _ITEM.fullmatch(line)
    return item.lastindex if item else None
