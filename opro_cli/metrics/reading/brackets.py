"""Answers that are a sequence of brackets: only the brackets and their order count."""

from __future__ import annotations

import re

from opro_cli.metrics.reading.final_answer import (
    UNDECIDED,
    Mark,
    Undecided,
    decided,
    final_answer_in,
)
from opro_cli.metrics.reading.reply_text import repeats
from opro_cli.metrics.reading.sentences import lines, without_closing

_SPELLED = (
    (re.compile(r"&lt;|\\langle(?![a-z])|[⟨〈‹＜]"), "<"),
    (re.compile(r"&gt;|\\rangle(?![a-z])|[⟩〉›＞]"), ">"),
    (re.compile(r"\\(?=[{}])"), ""),
)
_BETWEEN = r"[\s,;'\"`*“”‘’]"
# A run does not touch a word: "f(x)" and "item(s)" hold none.
_RUN = re.compile(
    rf"(?<![\w)\]}}>])[(\[{{<)\]}}>](?:(?:{_BETWEEN}{{0,6}}(?:and\s)?)[(\[{{<)\]}}>]){{0,200}}(?!\w)"
)
_BOXED = re.compile(r"\\f?box(?:ed)?\s{0,2}\{([^\n]{0,400})\}")
_STYLED = re.compile(r"\\(?:text\w{0,6}|math\w{2,3}|verb)\s?\{([^\n]{0,400})\}")
_DELIMITERS = re.compile(r"\\[()\[\]](?=\s|\Z)|(?:(?<=\s)|\A)\\[(\[]|</?[a-z_]{1,12}>")
_REST = re.compile(r"[\s.,;:!'\"`*“”‘’$_]*")
# "12: ( ; stack: [ (" is a step on the way.
_TRACED = re.compile(r"\W{0,4}(?:step\s)?\d{1,4}\s?[:;]", re.IGNORECASE)
_CLOSERS = frozenset(")]}>")


def bracket_key(text: str) -> str:
    """`text` without spaces; "" unless it is brackets only."""
    for pattern, plain in _SPELLED:
        text = pattern.sub(plain, text)
    key = "".join(text.split())
    return key if key and not key.strip("()[]{}<>") else ""


def brackets_in(text: str, question: str) -> str | None:
    """The brackets that `text` answers with, without spaces, or None.

    Beside a marker: the first ones. Else the last line of nothing but brackets, else those that
    the last line ends with. Opening brackets alone close nothing, and are no answer.
    """
    boxed = [match[1] for match in _BOXED.finditer(text)]
    if boxed:
        return next(iter(_runs(boxed[-1])), None)
    key = decided(final_answer_in(text).marks, _beside)
    if key is None:
        key = _concluded(text, question)
    return None if isinstance(key, Undecided) else key


def _beside(mark: Mark) -> str | Undecided | None:
    for line in (mark.line, *lines(mark.rest)):
        if runs := _runs(line):
            return runs[0]
    return UNDECIDED if mark.form == "sentence" else None


def _concluded(text: str, question: str) -> str | None:
    if repeats(text, question):
        return None
    said = lines(without_closing(text))
    alone = [runs[0] for line in said if (runs := _runs(line, alone=True))]
    if alone:
        return alone[-1]
    closing = _runs(said[-1], closing=True) if said else []
    return closing[-1] if closing else None


def _runs(line: str, *, alone: bool = False, closing: bool = False) -> list[str]:
    """The bracket sequences in `line`; alone: that are all of it; closing: that end it."""
    for pattern, plain in _SPELLED:
        line = pattern.sub(plain, line)
    line = _STYLED.sub(r"\1", line)
    line = _DELIMITERS.sub(" ", line)
    found: list[str] = []
    for run in _RUN.finditer(line) if not _TRACED.match(line) else ():
        if alone and not _REST.fullmatch(line, 0, run.start()):
            continue
        if (alone or closing) and not _REST.fullmatch(line, run.end()):
            continue
        key = re.sub(r"[^()\[\]{}<>]", "", run[0])
        if _CLOSERS & set(key):
            found.append(key)
    return found
