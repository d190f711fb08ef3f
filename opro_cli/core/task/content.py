"""Rows known by their content, whatever file, order, split or spelling they come in.

What a row is known by is its question, with the further fields that the scorer may see. The gold
answer is no part of it: one that is corrected, or read as an answer of another kind, leaves the
question as it was.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence

from opro_cli.core.task.example import Example
from opro_cli.core.task.template import parse_template
from opro_cli.core.text import encode_text

DIGITS = 12
"""Of a digest, in hex: 48 bits, so that a million rows collide once in 600 such sets."""

# Brackets and signs stay: in some tasks a question is nothing else.
_LIGHT = re.compile(r"[\s\"'`´‘’“”.,;:!?]+")


def normalize_content(text: str) -> str:
    """Return a text without case, spaces, quotes and the marks between words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _LIGHT.sub("", folded) or folded.strip()


def digest_rows(examples: Iterable[Example], template: str = "") -> tuple[str, ...]:
    """Return what each row is known by, in order.

    Args:
        examples: The rows.
        template: `task.data.input`; what it puts before and behind every question does not count.
    """
    before, behind = _find_frame(template)
    return tuple(_digest_row(example, before, behind) for example in examples)


def digest_set(rows: Iterable[str]) -> str:
    """Return what a set of rows is known by; order and repetition do not count."""
    return _digest("\n".join(sorted(set(rows))))


def digest_answers(rows: Sequence[str], answers: Sequence[object]) -> str:
    """Return a digest of the answers to rows, whatever their order; one of them for each row."""
    pairs = zip(rows, answers, strict=True)
    return _digest("\n".join(sorted(f"{row} {answer!r}" for row, answer in pairs)))


def _digest_row(example: Example, before: str, behind: str) -> str:
    question = example.input
    if before or behind:
        question = question.removeprefix(before).removesuffix(behind)
    more = (text for text in example.fields.values() if text not in example.input)
    return _digest(normalize_content("\n".join((question, *more))))


def _find_frame(template: str) -> tuple[str, str]:
    """Return the words of a template before its first field and behind its last."""
    try:
        parts = parse_template(template).parts if template else ()
    except ValueError:  # one of an older opro
        return "", ""
    before, behind = parts[:1], parts[-1:]
    return (
        "".join(each for each in before if isinstance(each, str)),
        "".join(each for each in behind if isinstance(each, str)),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(encode_text(text)).hexdigest()[:DIGITS]
