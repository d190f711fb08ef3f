"""When two texts are the same answer: Unicode form, case, whitespace and wrapping aside."""

from __future__ import annotations

import unicodedata

_WRAPPERS = (
    ("**", "**"),
    ("__", "__"),
    ("*", "*"),
    ("_", "_"),
    ("`", "`"),
    ('"', '"'),
    ("'", "'"),
    ("“", "”"),
    ("‘", "’"),
    ("«", "»"),
    ("$", "$"),
)


def collapsed(text: str) -> str:
    """`text` with every run of whitespace as one space and none around."""
    return " ".join(text.split())


def required_text(raw: str) -> str:
    """A gold answer that is any text; raises ValueError when there is none."""
    text = collapsed(raw)
    if not text:
        raise ValueError("expected a text, found an empty one")
    return text


def text_key(text: str) -> str:
    """`text` as it is compared: NFKC, casefolded, whitespace collapsed."""
    return collapsed(unicodedata.normalize("NFKC", text).casefold())


def same_text(answer: str, target: str) -> bool:
    """Whether `answer` is `target`, give or take one full stop, quotes or markdown around it.

    A target without a letter or digit ("] )", "*") keeps its quotes and markdown: there they
    may be the answer itself.
    """
    unwrap = any(character.isalnum() for character in target)
    return not _keys(answer, unwrap).isdisjoint(_keys(target, unwrap))


def occurs(needle: str, text: str) -> bool:
    """Whether `needle` stands in `text` with no letter or digit directly before or after it.

    Both are compared as they are: pass text keys.
    """
    start = text.find(needle) if needle else -1
    while start >= 0:
        end = start + len(needle)
        before, after = text[start - 1 : start], text[end : end + 1]
        if not before.isalnum() and not after.isalnum():
            return True
        start = text.find(needle, start + 1)
    return False


def _keys(text: str, unwrap: bool) -> set[str]:
    key = text_key(text)
    keys = {key, key.removesuffix(".").rstrip()}
    if unwrap:
        keys.add(_bare(key))
    # A text of nothing but a full stop has no shorter form.
    return keys - {""}


def _bare(key: str) -> str:
    """`key` without what wraps it and without one full stop, inside the wrapping or outside."""
    unwrapped = _unwrapped(key)
    stopped = unwrapped.removesuffix(".").rstrip()
    return unwrapped if stopped == unwrapped else _unwrapped(stopped)


def _unwrapped(key: str) -> str:
    opened = True
    while opened:
        opened = False
        for left, right in _WRAPPERS:
            inside = key[len(left) : -len(right)].strip()
            if inside and key.startswith(left) and key.endswith(right):
                key, opened = inside, True
                break
    return key
