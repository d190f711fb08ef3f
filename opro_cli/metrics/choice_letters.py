"""The option letter that a reply gives, and the letters that are only words."""

from __future__ import annotations

import re
import string

from opro_cli.metrics.choice_options import text_letter
from opro_cli.metrics.final_answer import FinalAnswer, last_sentence, unmarked

# Stands for a letter where several are given or an unlisted one; no option is chosen.
_UNDECIDED = "?"

_LONE = re.compile(r"[\s\"'`*_$({\[]{0,8}([A-Za-z])[\s\"'`*_$)}\].:,]{0,8}")
_POSITION = re.compile(
    r"""[\W_]{0,12}
    (?:(?:the|clearly|likely|most|therefore|thus|simply)\s{1,3}){0,3}
    (?P<noun>(?:correct\s)?(?:option|choice|letter|answer|statement)[\s:*_"'(]{1,6})?
    (?P<letter>[A-Za-z])(?![\w'’]|-\w)
    """,
    re.IGNORECASE | re.VERBOSE,
)
# "is", "because": what follows a letter that is the subject, not an article.
_GOES_ON = re.compile(r"\s{1,3}(?:is|because|since|as|for|and|or)(?![^\W_])", re.IGNORECASE)
_HEDGE = re.compile(
    r"[)\]}*_\"'.\s]{0,4}(?:or|and|/|,|&)\s{0,2}(?:option\s)?[(\[*\"']{0,3}"
    r"(?P<letter>[A-Z])(?=\s{0,3}(?:[)\]*_.,\"']|\Z))"
)
_STRONG = re.compile(
    r"""(?<![^\W_])(?:
        [(\[]\s?([A-Za-z])\s?[)\]]
      | \*\*\(?([A-Z])[).:]{0,2}\*\*
      | (?i:option|choice|letter)\s{1,3}[(*"']{0,3}([A-Z])(?![\w'’])
    )""",
    re.VERBOSE,
)
_NEGATED = re.compile(r"(?:\bnot|n['’]t)\s{1,3}(?:option\s{1,3})?\Z", re.IGNORECASE)


def lone_letter(text: str) -> str | None:
    """The letter, in upper case, that `text` is apart from brackets, markdown and a stop."""
    lone = _LONE.fullmatch(text.strip())
    return lone[1].upper() if lone else None


def letter_in(final: FinalAnswer, options: dict[str, str]) -> str | None:
    """The option that a reply chooses, or None; never a letter that is not in `options`.

    After a marker: the letter in answer position, else the only one in brackets on that line.
    Without one: the last line if it is or begins with a letter, else the only letter in
    brackets of the reply, else of its last sentence, else a first line that is a letter.
    Where no letter is given at all: the option whose text that line gives. A line that is the
    text of an option and nothing else is that option before all of this. A marked line that
    gives nothing ("Answer: let's think") leaves the reply to be read as one without a marker.
    """
    letter = _letter_or_text(final, options)
    if letter is None and final.marked:
        letter = _letter_or_text(unmarked(final), options)
    return None if letter == _UNDECIDED else letter


def _letter_or_text(final: FinalAnswer, options: dict[str, str]) -> str | None:
    allowed = set(options) or set(string.ascii_uppercase)
    # "C++" and "I. Newton" begin with a letter and are not one.
    if lone_letter(final.text) not in allowed:
        named = text_letter(final.text, options, whole=True)
        if named:
            return named
    letter = _marked_letter(final, allowed) if final.marked else _unmarked_letter(final, allowed)
    if letter is None:
        return text_letter(final.text, options, whole=False)
    return letter if letter in allowed else _UNDECIDED


def _marked_letter(final: FinalAnswer, allowed: set[str]) -> str | None:
    line = final.text
    return _position_letter(line, allowed, eager=True) or _only(_strong_letters(line, allowed))


def _unmarked_letter(final: FinalAnswer, allowed: set[str]) -> str | None:
    line = final.text
    position = _position_letter(line, allowed, eager=False)
    listed = position is None or position in allowed | {_UNDECIDED}
    if not listed or _only(_strong_letters(line, allowed)) == _UNDECIDED:
        # "X is 5" is about something called X; "(A) is red. So (B)." goes through the options.
        position = None
    strong = _only(_strong_letters(final.reply, allowed))
    if strong == _UNDECIDED:
        strong = _only(_strong_letters(last_sentence(line), allowed))
    first_line = final.reply.partition("\n")[0]
    return lone_letter(line) or position or strong or lone_letter(first_line)


def _position_letter(line: str, allowed: set[str], *, eager: bool) -> str | None:
    """The letter that `line` begins with; two of them joined by "or" are none.

    eager: an upper-case letter other than A and I counts whatever follows it.
    """
    match = _POSITION.match(line)
    if match is None:
        return None
    start, end = match.span("letter")
    letter = match["letter"]
    before, after = line[start - 1 : start] if start else "", line[end:].lstrip()[:1]
    enclosed = before in tuple("([{*_`\"'$") and line[end : end + 1] in tuple(")]}*_`\"'$.")
    closed = line[end : end + 1] in tuple(").:,;") or not after or after in "–—-"
    spoken = letter.isupper() and (bool(match["noun"]) or bool(_GOES_ON.match(line, end)))
    plain = eager and letter.isupper() and letter not in "AI"
    if not (enclosed or closed or spoken or plain):
        return None
    hedge = _HEDGE.match(line, end)
    if hedge and hedge["letter"] in allowed - {letter.upper()}:
        return _UNDECIDED
    return letter.upper()


def _strong_letters(text: str, allowed: set[str]) -> set[str]:
    """Letters in brackets or bold, or called options; "(s)" in "dog(s)" and "not (A)" are not."""
    found: set[str] = set()
    for match in _STRONG.finditer(text):
        letter: str = match[1] or match[2] or match[3]
        listed = letter.upper() in allowed or letter.isupper()
        if listed and not _NEGATED.search(text[max(0, match.start() - 16) : match.start()]):
            found.add(letter.upper())
    return found


def _only(letters: set[str]) -> str | None:
    if len(letters) > 1:
        return _UNDECIDED
    return next(iter(letters), None)
