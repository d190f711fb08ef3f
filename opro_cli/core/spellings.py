"""Spellings of one label: "(B)" and "b", "Not_Sure" and "not sure"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_AROUND = " \t\n()[]{}\"'`.,;:!“”‘’"
_PAIRED = ("<>", "**")
"""Signs that are dropped on both sides at once: of ">50" and "A*" they are a part."""
_BETWEEN = re.compile(r"[\s_]+|(?<=[^\W\d_])-(?=[^\W\d_])")


@lru_cache(maxsize=4096)
def normalize_label(text: str) -> str:
    """Return a text in the form that equal labels share: "(B)" and "b", "Not_Sure" and "not sure".

    Signs around a label are dropped unless it has nothing else, or they tell it from another one.
    """
    plain = _BETWEEN.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
    bare = plain.strip(_AROUND)
    while bare[:1] + bare[-1:] in _PAIRED and any(map(str.isalnum, bare)):
        bare = bare[1:-1].strip(_AROUND)
    return bare or plain


def is_same_label(text: str, label: str) -> bool:
    """Return whether a text is a label; see `normalize_label`."""
    return normalize_label(text) == normalize_label(label)


def fold_spellings(texts: Iterable[str]) -> dict[str, str]:
    """Return for each spelling the one of its label that comes first: "BILLING" is "billing"."""
    first: dict[str, str] = {}
    return {text: first.setdefault(normalize_label(text), text) for text in texts}
