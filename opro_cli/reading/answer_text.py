"""Compare texts as answers, regardless of Unicode form, case, whitespace and wrapping."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from opro_cli.reading.reply_text import SPACELESS, normalize_characters

MAX_WRAPPING = 60
"""Characters around an answer that may be dropped."""

_WRAPPERS = (
    ("**", "**"), ("__", "__"), ("*", "*"), ("_", "_"), ("`", "`"), ('"', '"'), ("'", "'"),
    ("“", "”"), ("‘", "’"), ("«", "»"), ("$", "$"),
)  # fmt: skip
_STOPS = (".", "!", "。", "।")
MAX_NAMES = 4
_WHO = re.compile(r"(?<![^\W_])(?:who|whose|whom|qui|quién|wer|chi)(?![^\W_])", re.IGNORECASE)
_JOINED = re.compile(rf"[^\W_{SPACELESS}]")
_PICTURES = re.compile(r"[\s\u2600-\u27bf\U0001f000-\U0001faff\ufe0f\u200d]+\Z")
_WHOLE = re.compile(r"([+-]?\d{1,30})\.0+\.?")
"""A whole number as tables of floats have it: 1.0 is the label 1."""
_TITLE = re.compile(
    r"\A[\W_]{0,3}(?:mrs?|dr|doctor|prof|professor|sir|herr|frau|monsieur|madame|señora?)\.?\s"
    r"(?=\S)"
)
_ARTICLE = re.compile(r"(?:the|an?)\s(?=\S)")


def collapse_spaces(text: str) -> str:
    """Return `text` stripped, with every run of whitespace as one space."""
    return " ".join(text.split())


def require_text(raw: str) -> str:
    """Return a gold answer with whitespace collapsed; raises ValueError if it is empty."""
    text = collapse_spaces(raw)
    if not text:
        raise ValueError("expected a text, found an empty one")
    return text


def normalize_text(text: str) -> str:
    """Return `text` in NFKC, casefolded, whitespace collapsed, without invisible characters.

    Digits of every script become ASCII digits.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", normalize_characters(text))
    return collapse_spaces(text.casefold())


def is_same_text(answer: str, target: str) -> bool:
    """Return whether `answer` is `target`, up to an article, a stop, quotes or markdown around it.

    A target without a letter or digit ("] )", "*") keeps its quotes and markdown, because they
    may be the answer itself.
    """
    unwrap = any(character.isalnum() for character in target)
    if len(normalize_text(answer)) > len(normalize_text(target)) + MAX_WRAPPING:
        return False
    return not _build_keys(answer, unwrap).isdisjoint(_build_keys(target, unwrap))


def is_surname_of(answer: str, target: str, question: str) -> bool:
    """Return whether `answer` is the last name of the person that `question` asks for."""
    names = target.split()
    return (
        2 <= len(names) <= MAX_NAMES
        and all(name[:1].isupper() for name in names)
        and bool(_WHO.search(question))
        and is_same_text(answer, names[-1])
    )


def is_titled(answer: str, target: str) -> bool:
    """Return whether one of two texts is the other with a title: "Dr. Ann Lee" and "Ann Lee"."""
    given, wanted = (normalize_text(text) for text in (answer, target))
    return any(
        _TITLE.match(titled) is not None
        and len(plain.split()) > 1  # "Mr. Bean" is no bean
        and is_same_text(_TITLE.sub("", titled), plain)
        for titled, plain in ((given, wanted), (wanted, given))
    )


def has_occurrence(needle: str, text: str) -> bool:
    """Return whether `needle` occurs in `text` as whole words; see `find_occurrences`."""
    return next(find_occurrences(needle, text), None) is not None


def find_occurrences(needle: str, text: str) -> Iterator[int]:
    """Yield where `needle` occurs in `text` with no letter or digit directly before or after it.

    Adjoining letters of scripts without spaces are allowed. Pass texts from `normalize_text`:
    both are compared unchanged.
    """
    start = text.find(needle) if needle else -1
    while start >= 0:
        end = start + len(needle)
        if not _JOINED.match(text, start - 1, start) and not _JOINED.match(text, end, end + 1):
            yield start
        start = text.find(needle, start + 1)


def _build_keys(text: str, unwrap: bool) -> set[str]:
    key = normalize_text(text)
    keys = {key, key.removesuffix(".").rstrip()}
    if whole := _WHOLE.fullmatch(_unwrap(key) if unwrap else key):
        keys.add(whole[1])
    if unwrap:
        bare = _unwrap(key)
        if bare.endswith(_STOPS):  # one stop, inside or outside the wrapping
            bare = _unwrap(bare[:-1].rstrip())
        keys |= {bare, _ARTICLE.sub("", bare)}
    return keys - {""}  # of a text that is only a full stop


def _unwrap(key: str) -> str:
    key = key if key.isascii() else _PICTURES.sub("", key) or key
    opened = not (key[:1].isalnum() and key[-1:].isalnum())
    while opened:
        opened = False
        for left, right in _WRAPPERS:
            inside = key[len(left) : -len(right)].strip()
            if inside and key.startswith(left) and key.endswith(right):
                key, opened = inside, True
                break
    return key


WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*+")
_ITEM = re.compile(
    r"[ \t>]*(?:[-*•·–+]|\d{1,3}[.):])[ \t]+(\S.*)|[\s*_`\"']*([^\W\d_][\w'’-]*)[\s*_`\"',;]*"
)
_NUMBERED = re.compile(r"(?<![^\W_])\d{1,3}[.)]\s")


NEAR_COPY_WORDS, NEAR_COPY_LENGTH, NEAR_COPY_RATIO = 6, 600, 0.65
"""Words of the shortest statement that is recognised with a few of them changed, characters of the
longest, and how like the two are; the time grows with the square of their length."""


def is_near_copy(text: str, sentence: str) -> bool:
    """Return whether `text` is a statement with a few words changed: nothing was asked there."""
    if sentence.endswith("?") or max(len(text), len(sentence)) > NEAR_COPY_LENGTH:
        return False
    given, stated = (WORD.findall(normalize_text(each)) for each in (text, sentence))
    if min(len(given), len(stated)) < NEAR_COPY_WORDS:
        return False
    return SequenceMatcher(None, given, stated, autojunk=False).ratio() >= NEAR_COPY_RATIO


def is_same_word_list(answer: str, target: str) -> bool:
    """Return whether `answer` is the words of `target` in order: "1. ant, 2. bee and cat".

    A `target` of one word, or with digits or punctuation, is no list of words.
    """
    words = target.split()
    if len(words) < 2 or not all(map(str.isalpha, words)):
        return False
    wanted = normalize_text(target).split()
    given = WORD.findall(_NUMBERED.sub("", normalize_text(answer)))
    return given in (wanted, [*wanted[:-1], "and", wanted[-1]])


_BETWEEN_ITEMS = re.compile(
    r"\s*[,;\n]\s*(?:(?:and|or)\s)?|\s+(?:and|&|\+|or|aka)\s+", re.IGNORECASE
)


def split_items(answer: str) -> list[str]:
    """Return the items of an answer on one line: "Ana, Ben and Cem"."""
    return [part for part in _BETWEEN_ITEMS.split(answer) if part.strip()]


def lists_some(answer: str, targets: Sequence[str]) -> bool:
    """Return whether `answer` is a list of several items, each of them one of `targets`."""
    items = split_items(answer)
    return len(items) > 1 and all(any(is_same_text(i, t) for t in targets) for i in items)


def join_last_list(lines: list[str]) -> str | None:
    """Return the items of the last list in `lines`, joined by commas; None without two items.

    An item is a line with a bullet or a number, or a line of one word.
    """
    runs = [(kind, [*run]) for kind, run in itertools.groupby(lines, _classify_item) if kind]
    return join_leading_list(runs[-1][1]) if runs else None


def join_leading_list(lines: list[str]) -> str | None:
    """Return the items of the list at the start of `lines`, joined by commas, or None."""
    kind = _classify_item(lines[0]) if lines else None
    if kind is None:
        return None
    listed = itertools.takewhile(lambda line: _classify_item(line) == kind, lines)
    items = [item[kind].strip() for line in listed if (item := _ITEM.fullmatch(line))]
    return ", ".join(items) if len(items) > 1 else None


def _classify_item(line: str) -> int | None:
    """Return 1 for an item with a bullet or number, 2 for a lone word, None for neither."""
    item = _ITEM.fullmatch(line)
    return item.lastindex if item else None
