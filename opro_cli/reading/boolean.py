"""Yes/no answers: their words, what negates them, and questions answered by restating them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

Family = tuple[str, str]

FAMILIES: tuple[Family, ...] = (("yes", "no"), ("true", "false"), ("valid", "invalid"))
FAMILY_OF = {word: family for family in FAMILIES for word in family}
OTHER: dict[Family, Family] = {FAMILIES[0]: FAMILIES[1], FAMILIES[1]: FAMILIES[0]}
"""The family whose words serve as well: a question with "yes" may be answered with "true"."""

# "no-one", "yes'" and "untrue" are other words than "no", "yes" and "true". "No" before a noun
# denies the noun: "there is no doubt".
_AFTER = r"(?![\w'’]|-\w)"
_WORDS = {
    ("yes", "no"): re.compile(
        rf"(?<![\w'’-])(?:yes{_AFTER}|no(?=[\s*_\"'”’)\]}}`]*(?:[.,;:!?—–)。，、！-]|\Z|\n)"
        rf"|\s(?:because|since|as|you|it|he|she|they|we|i|this|that|not)(?![^\W_])){_AFTER})",
        re.IGNORECASE,
    ),
    ("true", "false"): re.compile(rf"(?<![\w'’-])(?:true|false){_AFTER}", re.IGNORECASE),
    ("valid", "invalid"): re.compile(rf"(?<![\w'’-])(?:valid|invalid){_AFTER}", re.IGNORECASE),
}
_PAIRS = {
    family: re.compile(
        rf"(?<![^\W_])[*\"'“]?(?:{left}[*\"'”]?(?:\s?/\s?|,?\s(?P<both>and)\s|,?\sor\s(?:else\s)?)[*\"'“]?{right}"
        rf"|{right}[*\"'”]?(?:\s?/\s?|,?\s(?:and|or)\s)[*\"'“]?{left}){_AFTER}",
        re.IGNORECASE,
    )
    for family in FAMILIES
    for left, right in [family]
}
_NEGATED = re.compile(
    r"(?:(?<![^\W_])(?:not|never|cannot|hardly)|n['’]t)[\s*_\"'`(]{1,4}"
    r"(?:(?:be|a|an|the|really|quite|necessarily|always|deductively|logically|actually|entirely"
    r"|strictly|formally|answer|considered|both)\s){0,3}[*_\"'`(]{0,3}\Z",
    re.IGNORECASE,
)
# What is weighed is not yet said: "whether it is valid", "if the premises are true".
_WEIGHED = re.compile(
    r"(?<![^\W_])(?:whether|if|when|whenever|suppose|supposing|assume|assuming|unless|could|might"
    r"|may|were|would(?!\s(?:say|answer|be|go|guess|conclude|have)))(?![^\W_])[^,;:.]{0,200}\Z",
    re.IGNORECASE,
)
# "The statement is incorrect": said of what the question states.
_JUDGED = re.compile(
    r"(?<![^\W_])(?:statement|claim|sentence|assertion|that|this|it|which|everything)"
    r"(?:\s(?:is|are|was)|['’]s)(?P<denied>n['’]t|\snot)?(?:\s(?:therefore|thus|indeed|clearly|actually"
    r"|factually|completely|entirely|also))?\s(?P<in>in)?(?:correct|accurate|(?P<wrong>wrong)|right)"
    r"(?=\s?(?:[.,;:!—–*]|\Z|because|since|as))",
    re.IGNORECASE,
)
_POSITIVE = (
    "yep|yeah|yup|ja|jawohl|oui|sí|sì|sim|да|evet|हाँ|हां|نعم|是的?|对的?|對的?|正确|正確|はい|네|예"
    "|wahr|richtig|vrai|verdadero|verdadeiro|vero|верно|правда|истина|真|正しい|참|सत्य|सही|صحيح"
    "|صواب|gültig|valide|válido|válida|valido|valida|有效"
)
_NEGATIVE = (
    r"nope|nah|(?:absolutely|certainly|definitely|of\scourse)\snot|not\sat\sall|by\sno\smeans"
    "|nein|non|não|нет|hayır|नहीं|لا|不是的?|否|不对|不對|错误?|錯誤?|いいえ|아니요|아니오|아니다"
    "|falsch|faux|falso|неверно|ложь|неправда|假|偽|間違い|거짓|असत्य|गलत|خطأ"
    "|ungültig|invalide|inválido|inválida|invalido|invalida|无效"
)
_FOREIGN = re.compile(
    rf"[\s*_\"'“(¡«「]{{0,6}}(?:(?P<positive>{_POSITIVE})|(?P<negative>{_NEGATIVE}))"
    r"(?=[\s*_\"'”)»」]{0,6}(?:[.,;:!。，、！]|\Z|\n|[-–—]))",
    re.IGNORECASE,
)
_STOP = re.compile(r"[\s*_\"'”)]{0,4}(?:[.,;!]|\Z)")
_BIT = re.compile(r"[\s*_\"'`($]{0,6}([01])[\s*_\"'`)$.]{0,6}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of the two words in a text. word: what it comes to, negations applied."""

    word: str
    start: int
    end: int


def find_verdicts(text: str, family: Family) -> list[Verdict]:
    """The words of `family` that `text` asserts, the opposite where they are negated.

    Words that are only weighed and pairs ("valid or invalid") are left out.
    """
    pairs = [pair.span() for pair in _PAIRS[family].finditer(text)]
    found: list[Verdict] = []
    for match in _WORDS[family].finditer(text):
        start, end = match.span()
        if any(left <= start < right for left, right in pairs):
            continue
        before = text[max(0, start - 200) : start]
        if is_weighed(before):
            continue
        negative = match[0].lower() == family[1]
        if _NEGATED.search(before[-60:]):
            negative = not negative
        found.append(Verdict(family[negative], start, end))
    return found


def is_weighed(before: str) -> bool:
    """Whether what follows the text `before` is only weighed: "whether it is"."""
    return bool(_WEIGHED.search(before))


def has_both_words(text: str, family: Family) -> bool:
    """Whether `text` answers with both words: "Yes and no."."""
    pairs = _PAIRS[family].finditer(text)
    return any(pair["both"] and _STOP.match(text, pair.end()) for pair in pairs)


def read_foreign_verdict(text: str, family: Family) -> str | None:
    """The word of `family` that `text` begins with in another language, "Nein, …"."""
    found = _FOREIGN.match(text)
    if found is None:
        return None
    return family[found["negative"] is not None]


def read_judgement(text: str, family: Family) -> str | None:
    """The word of `family` for "the statement is (in)correct"; None for valid/invalid."""
    found = _JUDGED.search(text) if family in OTHER else None
    if found is None:
        return None
    negative = (found["in"] or found["wrong"]) is not None
    return family[negative != (found["denied"] is not None)]


def read_bit(text: str, family: Family) -> str | None:
    """The word of `family` where `text` is nothing but 1 or 0."""
    found = _BIT.fullmatch(text)
    return family[found[1] == "0"] if found else None


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


def read_restatement(sentence: str, question: str) -> bool | None:
    """Whether `sentence` affirms what `question` asks (True) or denies it (False); None neither.

    What is only weighed ("if you return") or reported ("Ann says you return") is neither.
    """
    pattern = _compile_statement(question[-QUESTION_LIMIT:])
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
def _compile_statement(question: str) -> re.Pattern[str] | None:
    """What matches a statement of what `question` asks; its groups are what denies it."""
    asked = list(_ASKED.finditer(question))
    if not asked:
        return None
    verb, words = asked[-1]["verb"].lower(), asked[-1]["what"].split()
    quality = _QUALITY.search(asked[-1]["what"])
    if quality:
        subject = r"(?:it|this|that|sentence|statement)"
        forms = [_build_statement(subject, verb, rf"(un|im|in)?{re.escape(quality['quality'])}")]
    else:
        # Where the subject ends is not known: every place is tried.
        places = range(1, min(len(words), MAX_SUBJECT + 1))
        splits = [(words[:at], words[at:]) for at in places if _says_much(words[at:])]
        forms = [
            _build_statement(_build_subject(who), verb, _build_predicate(what, verb))
            for who, what in splits
        ]
    if [word.lower() for word in words[-3:]] == ["tell", "the", "truth"]:
        forms.append(_build_subject(words[:-3]) + r"\s(lies|lied|is\slying)")
    return (
        re.compile(rf"(?<![^\W_])(?:{'|'.join(forms)})(?![^\W_])", re.IGNORECASE) if forms else None
    )


def _says_much(predicate: list[str]) -> bool:
    return any(len(word) > 3 for word in predicate)


def _build_subject(words: list[str]) -> str:
    name = _join_words(words)
    return "(?:you|we|i)" if name.lower() == "you" else f"(?:{name}|it|he|she|they)"


def _build_predicate(words: list[str], verb: str) -> str:
    if words[0].lower() in ("still", "also", "really", "ever") and len(words) > 1:
        words = words[1:]
    if verb in ("does", "do", "did"):
        inflected = rf"{re.escape(words[0])}(?:e?s|e?d)?"
        return r"\s".join([inflected, *map(re.escape, words[1:])])
    return _join_words(words)


def _build_statement(subject: str, verb: str, predicate: str) -> str:
    """A statement of it; its groups match only what denies it: "you (do not) return"."""
    if verb in ("does", "do", "did"):
        auxiliary = r"(?:\s(?:do|does|did)(\s?n['’]t|\snot)?|(\snever))?"
    else:
        form = {"can": "can|ca(?=n)", "will": "will|wo(?=n)"}.get(verb, verb)
        seems = "|seems?|sounds?|looks?" if verb in ("is", "are", "was", "were") else ""
        auxiliary = rf"\s(?:{form}|would{seems})(n['’]t|\s?not|\snever|\sno\slonger)?"
    return rf"{subject}{auxiliary}{_ADVERBS}\s{predicate}"


def _join_words(words: list[str]) -> str:
    return r"\s".join(map(re.escape, words))
