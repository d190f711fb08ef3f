"""The lettered options of a question, and the one that a text names."""

from __future__ import annotations

import functools
import re

from opro_cli.metrics.reading.answer_text import occurs, same_text, text_key
from opro_cli.metrics.reading.reply_text import READ_LIMIT

_LINE = re.compile(
    r"^[ \t]*(?:[(\[]([A-Z])[)\]]|([A-Z])\)|([A-Z])[.:](?=[ \t]))(.*)$", re.MULTILINE
)
_INLINE = re.compile(r"\(([A-Z])\)([^\n(]*)")
_DENIAL = re.compile(r"\b(?:not|neither|nor|cannot)\b|n['’]t\b", re.IGNORECASE)
_SAYS_IS = re.compile(
    r"(?:(?<![^\W_])(?:is|are|was|were|be)\s|[=:]\s?)(?:the\s|an?\s)?[\W_]{0,3}\Z"
)
_ORDINALS = {
    word: place
    for place, words in enumerate(
        ("first 1st", "second 2nd", "third 3rd", "fourth 4th", "fifth 5th")
    )
    for word in words.split()
}
_ORDINAL = re.compile(
    rf"(?<![^\W_])(?:it['’]s|is|be|choose|pick|select|with)\sthe\s({'|'.join(_ORDINALS)})\s"
    r"(?:option|choice|answer|one|statement)(?![^\W_])",
    re.IGNORECASE,
)


@functools.lru_cache(maxsize=256)
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


def ending_letter(text: str, options: dict[str, str]) -> str | None:
    """The letter of the option that `text` ends with and says that something is.

    "Today is the 28th, so yesterday was the 27th."; not "the 27th or the 28th".
    """
    if _DENIAL.search(text):
        return None
    key = text_key(text).rstrip(".!")
    keys = {letter: text_key(option).rstrip(".!") for letter, option in options.items()}
    ending = [letter for letter, option in keys.items() if option and key.endswith(option)]
    if not ending:
        return None
    longest = max(ending, key=lambda letter: len(keys[letter]))
    return longest if _SAYS_IS.search(key[: -len(keys[longest])]) else None


def ordinal_letters(text: str, options: dict[str, str]) -> set[str]:
    """The letters of options that `text` chooses by their place: "it's the second option"."""
    letters = sorted(options)
    places = [_ORDINALS[match[1].lower()] for match in _ORDINAL.finditer(text)]
    return {letters[place] for place in places if place < len(letters)}


def _run(lettered: list[tuple[str, str]]) -> dict[str, str]:
    runs: list[dict[str, str]] = []
    for letter, text in lettered:
        if letter == "A":
            runs.append({})
        if runs and letter == chr(ord("A") + len(runs[-1])):
            runs[-1][letter] = text
    return next((run for run in reversed(runs) if len(run) > 1), {})
