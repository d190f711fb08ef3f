"""The lettered options of a question, and the one that a text names."""

from __future__ import annotations

import re

from opro_cli.metrics.answer_text import occurs, same_text, text_key
from opro_cli.metrics.final_answer import READ_LIMIT

_LINE = re.compile(
    r"^[ \t]*(?:[(\[]([A-Z])[)\]]|([A-Z])\)|([A-Z])[.:](?=[ \t]))(.*)$", re.MULTILINE
)
_INLINE = re.compile(r"\(([A-Z])\)([^\n(]*)")
_DENIAL = re.compile(r"\b(?:not|neither|nor|cannot)\b|n['’]t\b", re.IGNORECASE)


def options_in(question: str) -> dict[str, str]:
    """Letter -> text of the last run A, B, C … in `question`; {} when fewer than two are listed."""
    # The options of a question close it, and a question may be longer than a reply is read.
    text = question[-READ_LIMIT:]
    lines = [(m[1] or m[2] or m[3], m[4].strip()) for m in _LINE.finditer(text)]
    inline = [(m[1], m[2].strip(" ,;\t")) for m in _INLINE.finditer(text)]
    return _run(lines) or _run(inline)


def text_letter(text: str, options: dict[str, str], *, whole: bool) -> str | None:
    """The letter of the only option whose text `text` is, or mentions when `whole` is False.

    An option inside another mentioned one ("red" in "dark red") is not mentioned itself, and
    a sentence with a denial mentions none.
    """
    equal = [letter for letter, option in options.items() if option and same_text(text, option)]
    if equal or whole or _DENIAL.search(text):
        return equal[0] if len(equal) == 1 else None
    key = text_key(text)
    keys = {letter: text_key(option).removesuffix(".") for letter, option in options.items()}
    mentioned = {letter: option for letter, option in keys.items() if occurs(option, key)}
    outermost = [
        letter
        for letter, option in mentioned.items()
        if not any(option != other and occurs(option, other) for other in mentioned.values())
    ]
    return outermost[0] if len(outermost) == 1 else None


def _run(lettered: list[tuple[str, str]]) -> dict[str, str]:
    runs: list[dict[str, str]] = []
    for letter, text in lettered:
        if letter == "A":
            runs.append({})
        if runs and letter == chr(ord("A") + len(runs[-1])):
            runs[-1][letter] = text
    return next((run for run in reversed(runs) if len(run) > 1), {})
