"""Yes/no questions that are answered by restating them: "You do not return to the start."."""

from __future__ import annotations

import functools
import re

from opro_cli.metrics.reading.boolean_words import is_weighed

QUESTION_LIMIT = 4000
"""Characters of a question that are searched for what it asks, from its end."""

# The last question of a text: "Does Tess tell the truth?", "Is the coin still heads up?"
_ASKED = re.compile(
    r"(?<![^\W_])(?P<verb>does|do|did|is|are|was|were|can|could|will|would|should|has|have|had)\s"
    r"(?P<what>[^?\n.:]{3,160})\?",
    re.IGNORECASE,
)
# "Is the following sentence plausible?"
_QUALITY = re.compile(
    r"(?:following|this|statement|sentence)\s.*?(?P<quality>[^\W\d_]{4,20})\Z", re.I
)
MAX_SUBJECT = 10
"""Words of a subject that are tried."""

_ADVERBS = r"(?:\s(?:indeed|actually|really|also|therefore|thus|always|quite|still|likely)){0,2}"
_DENIED = re.compile(
    r"(?<![^\W_])(?:unlikely|impossible|doubtful|no\sevidence|not\s(?:likely|true|possible|the\scase))\s"
    r"(?:that\s)?(?:the\s|an?\s)?\Z",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"(?<![^\W_])(?:says?|said|saying|claims?|claimed|(?<!im)(?<!not\s)possible)\s"
    r"(?:that\s)?\Z",
    re.IGNORECASE,
)


def restated(sentence: str, question: str) -> bool | None:
    """Whether `sentence` affirms what `question` asks (True) or denies it (False); None neither.

    What is only weighed ("if you return") or reported ("Ann says you return") is neither.
    """
    pattern = _statement(question[-QUESTION_LIMIT:])
    if pattern is None or sentence.endswith("?"):
        return None
    said: bool | None = None
    for found in pattern.finditer(sentence):
        before = sentence[max(0, found.start() - 200) : found.start()]
        if not is_weighed(before) and not _REPORTED.search(before):
            denials = [denial for denial in found.groups() if denial is not None]
            said = (len(denials) % 2 == 1) == bool(_DENIED.search(before))
    return said


@functools.lru_cache(maxsize=1024)
def _statement(question: str) -> re.Pattern[str] | None:
    """What matches a statement of what `question` asks; its groups are what denies it."""
    asked = list(_ASKED.finditer(question))
    if not asked:
        return None
    verb, words = asked[-1]["verb"].lower(), asked[-1]["what"].split()
    quality = _QUALITY.search(asked[-1]["what"])
    if quality:
        subject = r"(?:it|this|that|sentence|statement)"
        forms = [_said(subject, verb, rf"(un|im|in)?{re.escape(quality['quality'])}")]
    else:
        # Where the subject ends is not known: every place is tried.
        places = range(1, min(len(words), MAX_SUBJECT + 1))
        splits = [(words[:at], words[at:]) for at in places if _says_much(words[at:])]
        forms = [_said(_subject(who), verb, _predicate(what, verb)) for who, what in splits]
    if [word.lower() for word in words[-3:]] == ["tell", "the", "truth"]:
        forms.append(_subject(words[:-3]) + r"\s(lies|lied|is\slying)")
    return (
        re.compile(rf"(?<![^\W_])(?:{'|'.join(forms)})(?![^\W_])", re.IGNORECASE) if forms else None
    )


def _says_much(predicate: list[str]) -> bool:
    return any(len(word) > 3 for word in predicate)


def _subject(words: list[str]) -> str:
    name = _words(words)
    return "(?:you|we|i)" if name.lower() == "you" else f"(?:{name}|it|he|she|they)"


def _predicate(words: list[str], verb: str) -> str:
    if words[0].lower() in ("still", "also", "really", "ever") and len(words) > 1:
        words = words[1:]
    if verb in ("does", "do", "did"):
        inflected = rf"{re.escape(words[0])}(?:e?s|e?d)?"
        return r"\s".join([inflected, *map(re.escape, words[1:])])
    return _words(words)


def _said(subject: str, verb: str, predicate: str) -> str:
    """A statement of it; its groups match only what denies it: "you (do not) return"."""
    if verb in ("does", "do", "did"):
        auxiliary = r"(?:\s(?:do|does|did)(\s?n['’]t|\snot)?|(\snever))?"
    else:
        form = {"can": "can|ca(?=n)", "will": "will|wo(?=n)"}.get(verb, verb)
        seems = "|seems?|sounds?|looks?" if verb in ("is", "are", "was", "were") else ""
        auxiliary = rf"\s(?:{form}|would{seems})(n['’]t|\s?not|\snever|\sno\slonger)?"
    return rf"{subject}{auxiliary}{_ADVERBS}\s{predicate}"


def _words(words: list[str]) -> str:
    return r"\s".join(map(re.escape, words))
