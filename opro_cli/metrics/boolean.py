"""Answers that are one of two words: yes/no, true/false, valid/invalid."""

from __future__ import annotations

import re

from opro_cli.core.model import UNREADABLE, Example, Grade
from opro_cli.metrics.final_answer import FinalAnswer, final_answer

Family = tuple[str, str]

_FAMILIES: tuple[Family, ...] = (("yes", "no"), ("true", "false"), ("valid", "invalid"))
_OPPOSITE = {word: other for pair in _FAMILIES for word, other in (pair, pair[::-1])}
_FAMILY_OF = {word: family for family in _FAMILIES for word in family}

# "no-one", "yes'" and "untrue" are other words than "no", "yes" and "true".
_WORDS = {
    family: re.compile(rf"(?<![\w'’-])(?:{'|'.join(family)})(?![\w'’]|-\w)", re.IGNORECASE)
    for family in _FAMILIES
}
_NEGATED = re.compile(r"(?:\bnot|n['’]t)[\s*_\"'`(]{1,4}\Z", re.IGNORECASE)
_TRANSLATED = {"yes": "true", "no": "false", "true": "yes", "false": "no"}
_FOREIGN: dict[Family, Family] = {
    ("yes", "no"): ("true", "false"),
    ("true", "false"): ("yes", "no"),
}


class BooleanMetric:
    """One of two words, read by the family of the target only.

    The first word of the family on the line after the last marker wins, else the last one in
    the reply. "not true" reads as "false" after a marker and as nothing elsewhere, where it may
    be part of the working. For yes/no a reply may answer with true/false, and the other way
    round, when the line after the marker, or a reply without one, has no word of the family.
    """

    def target(self, raw: str) -> str:
        """One of yes, no, true, false, valid, invalid in lower case.

        Raises ValueError for anything else.
        """
        word = raw.strip().strip("\"'.()*- ").strip().lower()
        if word not in _FAMILY_OF:
            raise ValueError(f"expected {', '.join(_FAMILY_OF)}; found {raw.strip()[:80]!r}")
        return word

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """1.0 for the target's word, 0.0 for its opposite; another target is never read."""
        family = _FAMILY_OF.get(example.target)
        if family is None:
            return UNREADABLE
        final = final_answer(reply)
        answer = _word(final, family)
        return UNREADABLE if answer is None else Grade(answer, float(answer == example.target))


def _word(final: FinalAnswer, family: Family) -> str | None:
    """The word of `family` that the reply answers with, or None."""
    other = _FOREIGN.get(family)
    if final.marked:
        if word := _first_word(final.text, family):
            return word
        if other and (word := _first_word(final.text, other)):
            return _TRANSLATED[word]
    if _WORDS[family].search(final.reply):
        return _last_word(final.reply, family)
    word = _last_word(final.reply, other) if other else None
    return _TRANSLATED[word] if word else None


def _first_word(line: str, family: Family) -> str | None:
    found = _WORDS[family].search(line)
    if found is None:
        return None
    word = found[0].lower()
    return _OPPOSITE[word] if _negated(line, found.start()) else word


def _last_word(reply: str, family: Family) -> str | None:
    found = list(_WORDS[family].finditer(reply))
    if not found or _negated(reply, found[-1].start()):
        return None
    return found[-1][0].lower()


def _negated(text: str, start: int) -> bool:
    return bool(_NEGATED.search(text[max(0, start - 10) : start]))
