"""The words of an answer of two: yes/no, true/false, valid/invalid, and what negates them."""

from __future__ import annotations

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


def verdicts(text: str, family: Family) -> list[Verdict]:
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


def says_both(text: str, family: Family) -> bool:
    """Whether `text` answers with both words: "Yes and no."."""
    pairs = _PAIRS[family].finditer(text)
    return any(pair["both"] and _STOP.match(text, pair.end()) for pair in pairs)


def foreign_verdict(text: str, family: Family) -> str | None:
    """The word of `family` that `text` begins with in another language, "Nein, …"."""
    found = _FOREIGN.match(text)
    if found is None:
        return None
    return family[found["negative"] is not None]


def judged(text: str, family: Family) -> str | None:
    """The word of `family` for "the statement is (in)correct"; None for valid/invalid."""
    found = _JUDGED.search(text) if family in OTHER else None
    if found is None:
        return None
    negative = (found["in"] or found["wrong"]) is not None
    return family[negative != (found["denied"] is not None)]


def bit_verdict(text: str, family: Family) -> str | None:
    """The word of `family` where `text` is nothing but 1 or 0."""
    found = _BIT.fullmatch(text)
    return family[found[1] == "0"] if found else None
