"""Read the sequence of brackets that a reply gives as its answer."""

from __future__ import annotations

import re

from opro_cli.reading import prose
from opro_cli.reading.final_answer import UNDECIDED, Mark, Undecided, decide, find_final_answer_in
from opro_cli.reading.reply_text import is_repetition

_SPELLED = (
    (re.compile(r"&lt;|\\langle(?![a-z])|[⟨〈‹＜]"), "<"),
    (re.compile(r"&gt;|\\rangle(?![a-z])|[⟩〉›＞]"), ">"),
    (re.compile(r"\\(?=[{}])"), ""),
)
_BETWEEN = r"[\s,;'\"`*“”‘’]"
# A run does not touch a word: "f(x)" and "item(s)" have none.
_RUN = re.compile(
    rf"(?<![\w)\]}}>])[(\[{{<)\]}}>](?:(?:{_BETWEEN}{{0,6}}(?:and\s)?)[(\[{{<)\]}}>]){{0,200}}(?!\w)"
)
_BOXED = re.compile(r"\\f?box(?:ed)?\s{0,2}\{([^\n]{0,400})\}")
_STYLED = re.compile(r"\\(?:text\w{0,6}|math\w{2,3}|verb)\s?\{([^\n]{0,400})\}")
_DELIMITERS = re.compile(r"\\[()\[\]](?=\s|\Z)|(?:(?<=\s)|\A)\\[(\[]|</?[a-z_]{1,12}>")
_REST = re.compile(r"[\s.,;:!'\"`*“”‘’$_]*")
# "12: ( ; stack: [ (" is an intermediate step.
_TRACED = re.compile(r"\W{0,4}(?:step\s)?\d{1,4}\s?[:;]", re.IGNORECASE)
_CLOSERS = frozenset(")]}>")


def normalize_brackets(text: str) -> str:
    """Return `text` without spaces; "" unless it is brackets only."""
    for pattern, plain in _SPELLED:
        text = pattern.sub(plain, text)
    key = "".join(text.split())
    return key if key and not key.strip("()[]{}<>") else ""


def read_brackets(text: str, question: str) -> str | None:
    """Return the brackets that `text` answers with, without spaces, or None.

    The first ones beside a marker, else the last line of nothing but brackets, else those at the
    end of the last line. Opening brackets alone are no answer.
    """
    if boxed := [match[1] for match in _BOXED.finditer(text)]:
        return next(iter(_find_runs(boxed[-1])), None)
    key = decide(find_final_answer_in(text).marks, _read_mark)
    if key is None:
        key = _read_conclusion(text, question)
    return None if isinstance(key, Undecided) else key


def _read_mark(mark: Mark) -> str | Undecided | None:
    for line in (mark.line, *prose.split_lines(mark.rest)):
        if runs := _find_runs(line):
            return runs[0]
    return UNDECIDED if mark.form == "sentence" else None


def _read_conclusion(text: str, question: str) -> str | None:
    if is_repetition(text, question):
        return None
    lines = prose.split_lines(prose.drop_closing(text))
    if alone := [runs[0] for line in lines if (runs := _find_runs(line, alone=True))]:
        return alone[-1]
    closing = _find_runs(lines[-1], closing=True) if lines else []
    return closing[-1] if closing else None


def _find_runs(line: str, *, alone: bool = False, closing: bool = False) -> list[str]:
    """Return the bracket sequences in `line`, only those that are all of it or that end it."""
    for pattern, plain in _SPELLED:
        line = pattern.sub(plain, line)
    line = _DELIMITERS.sub(" ", _STYLED.sub(r"\1", line))
    runs: list[str] = []
    for run in _RUN.finditer(line) if not _TRACED.match(line) else ():
        if alone and not _REST.fullmatch(line, 0, run.start()):
            continue
        if (alone or closing) and not _REST.fullmatch(line, run.end()):
            continue
        key = re.sub(r"[^()\[\]{}<>]", "", run[0])
        if _CLOSERS & set(key):
            runs.append(key)
    return runs
