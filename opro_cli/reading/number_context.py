"""Rate a number by the words around it: stated, mentioned in passing, or an operand.

Patterns look at most CONTEXT characters around the number, and their repeats are bounded.
"""

from __future__ import annotations

import enum
import re

CONTEXT = 40


class Standing(enum.IntEnum):
    """How likely a number is the one that its sentence states, ascending."""

    OPERAND = 0  # "5 +", "× 3"
    EXPLAINED = 1  # in a reason or in brackets
    ASIDE = 2  # "in 8 days", "the 5 friends"
    MENTIONED = 3
    STATED = 4  # "has 18", "costs 18"
    RESULT = 5  # "= 18", "18 in total"


_MONTH = (
    r"(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![^\W_])\.?"
)
# Digits that are not quantities.
_NO_NUMBER = re.compile(
    rf"""
      (?<![\d.])\d{{1,3}}(?::\d{{1,3}}){{1,2}}(?!\d) | (?<!\d)\d{{1,2}}h\d\d(?!\d)   # times, ratios
    | (?<![\d/])\d{{1,4}}([-/.])\d{{1,2}}\1\d{{1,4}}(?![\d/])                       # dates
    | (?<![^\W_]){_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?(?!\d)
    | (?<![\d.,])\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:,?\s\d{{4}})?(?!\d)
    | (?<=[\w.,;!?])\[\d{{1,2}}\]                                                  # notes
    | (?<![^\W_])(?i:step|part|method|case|approach|question|problem|example|equation|eq\.|schritt
        |étape|paso|passo|шаг)\s?\#?\(?\d{{1,2}}(?![\d%]|[.,]\d)
    | (?<![^\W_])(?i:more|less|fewer|greater|larger|smaller|higher|lower)\sthan\s[$€£]?\d[\d.,]*+
    | (?<![^\W_])(?i:not|nicht|kein)\s(?:just\s|only\s)?[$€£]?\d[\d.,]*+
    """,
    re.VERBOSE,
)
# "3 hours and 30 minutes" is one quantity in two units: neither number is the answer.
_TWO_UNITS = re.compile(
    r"""(?<![\d.])\d{1,4}\s?(?i:hours?|hrs?|h|stunden?|heures?|feet|foot|ft|m|pounds?|lbs?|kg)
      \s(?:and\s)?\d{1,3}\s?(?i:minutes?|mins?|minuten|inch(?:es)?|in|cm|ounces?|oz|g)(?![^\W_])
    """,
    re.VERBOSE,
)
_OPERATOR_WORD = r"(?:plus|minus|times|(?:divided|multiplied)\sby|mal|fois|por|più|плюс|минус)"
_OPERATOR_BEFORE = re.compile(
    rf"""(?:
        [\w)%°\]}}]\s?[+*×÷·⋅^]
      | (?:[\d)%°\]]|\d\s?[^\W\d_]{{1,12}}|(?<![^\W_])[a-z])\s?[-/x]
      | (?<![^\W_]){_OPERATOR_WORD}(?=\s)
      | [√±]
    )\s?[($√{{]{{0,3}}\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_OPERATOR_AFTER = re.compile(
    rf"""\s?\)?\^ | \s?[π√±] | [xyz](?![^\W_])
    | \s?\)?(?:[^\W\d_]{{1,12}}(?:/[^\W\d_]{{1,8}})?)?\s?
      (?: [+*×÷·⋅]\s?[($√]{{0,3}}[\w\\]
        | (?:[/x]|-\s?|{_OPERATOR_WORD}\s)\s?[($√]{{0,3}}\d )""",
    re.IGNORECASE | re.VERBOSE,
)
_ASIDE_BEFORE = re.compile(
    r"""(?:
      (?<![^\W_])(?:in|within|during|from|since|until|per|every|each|than|with|at|among|between
        |before|after|all|both|for|other|first|last|next|out\sof|(?:divid|multipli)\w{2,3}\sby
        |am|pro|je|von|à|par|en|из)\s(?:(?:the|these|all|those|another|only|about)\s)?
    | (?<![^\W_])(?:the|these|those|his|her|its|their|our|your)\s
        (?:(?!answer|number|total|sum|result|value|price|cost)[^\W\d_]{3,12}\s)?
    | (?<![^\W_])to\s(?!get|be|have|make|give|obtain|find|equal|about)[^\W\d_]{2,12}\s
        (?:up\s|out\s)?
    | \d[\d.,%]{0,12}\s?(?:[^\W\d_]{1,12}\s)?of\s
    )\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_NOT_ASIDE = re.compile(
    r"(?<![^\W_])(?:needs?|needed|has|have|had|able|going|wants?|got|must)\sto\s[^\W\d_]{2,12}\s"
    r"(?:up\s|out\s)?\Z"
    r"|(?<![^\W_])(?:results?|resulting|resulted|ends?|ended|ending|left|up|arrives?|arrived"
    r"|stands?|remains?|stays?)\s(?:up\s)?(?:in|with|at)\s\Z",
    re.IGNORECASE,
)
_FOR = re.compile(r"(?<![^\W_])(?:for|pour|für|por|per)\s\Z", re.IGNORECASE)
_MONEY = re.compile(
    r"\s?(?:dollars?|euros?|pounds?|cents?|usd|eur|€|£|¢|rupees?|yen|francs?)", re.IGNORECASE
)
_ASIDE_AFTER = re.compile(
    r"""\s?(?:a\.?m\.?|p\.?m\.?|o['’]clock|uhr)(?![^\W_])
      | -[^\W\d_] | \s[^\W\d_]{1,12}\sago(?![^\W_])
      | (?:\s(?!(?:in|for|to|of|from|on|at)\s)[^\W\d_]{1,12}){0,2}\s
        (?:each|apiece|(?:more|less|fewer|[^\W\d_]{2,8}er)\sthan|times\sas)(?![^\W_])""",
    re.IGNORECASE | re.VERBOSE,
)
_ORDINAL = re.compile(r"(?:st|nd|rd|th)(?![^\W_])")
# "came in 6th" answers which place; "the 3rd number" does not.
_PLACED = re.compile(
    r"(?<![^\W_])(?:came|comes?|finish(?:es|ed)?|plac(?:es|ed)|ranks?|ranked|is|was|be|stands?)\s"
    r"(?:in\s)?(?:the\s)?\Z",
    re.IGNORECASE,
)
# "0.75 is the fraction of the nails that are size 2 or 4."
_IS_THE = re.compile(
    r"(?:\s[^\W\d_]{1,15}){0,2}\s(?:is|are)\s(?:the\s(?!same)|how\s|what\s)", re.IGNORECASE
)
_EQUALS = re.compile(r"[=≈]\s?\(?\Z")
_VERB = re.compile(
    r"""(?<![^\W_])(?<!would\s)(?:is|are|was|were|be|has|have|had|gets?|got|equals?|costs?
      |(?<!to\s)makes?|made|pays?|paid|earns?|needs?|takes?|took|contains?|holds?|leaves?|left\swith|totals?|gives?|remains?|becomes?
      |sells?|sold|spends?|spent|owes?|saves?|receives?|total\sof|to\sget|ist|sind|beträgt|kostet|hat
      |est|sont|coûte|es|son|cuesta|é|são|custa|è|sono|costa|равно|это|будет|да)
    \s(?:(?:about|approximately|approx\.|around|roughly|only|exactly|now|still|therefore|then|also
      |just|nearly|almost|a\stotal\sof|equal\sto|to|at\sleast|left|insgesamt|etwa|environ|donc|:)
      \s){0,3}\(?\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_ALTOGETHER = re.compile(
    r"(?:\s[^\W\d_]{1,15}){0,3}\s(?:in\s(?:total|all)|altogether|total(?=\s?(?:[.,;!]|\Z))"
    r"|left(?!\sover)|remain(?:ing|s)?|übrig)(?![^\W_])",
    re.IGNORECASE,
)


def drop_names(plain: str) -> str:
    """Return `plain` without digits that are not quantities: times, dates, "step 2", "not 5"."""
    return _NO_NUMBER.sub(" ", plain)


def drop_two_units(plain: str) -> str:
    """Return `plain` without quantities in two units: "3 hours and 30 minutes"."""
    return _TWO_UNITS.sub(" ", plain)


def rate_standing(plain: str, start: int, end: int) -> Standing:
    """Return the standing of the number at `start` to `end` in the sentence `plain`."""
    before = plain[max(0, start - CONTEXT) : start]
    if _OPERATOR_BEFORE.search(before) or _OPERATOR_AFTER.match(plain, end, end + CONTEXT):
        return Standing.OPERAND
    if _ORDINAL.match(plain, end):
        return Standing.STATED if _PLACED.search(before) else Standing.ASIDE
    if _EQUALS.search(before) or (not before.strip() and _IS_THE.match(plain, end)):
        return Standing.RESULT
    if _is_aside(plain, before, start, end):
        return Standing.ASIDE
    if _ALTOGETHER.match(plain, end, end + CONTEXT):
        return Standing.RESULT
    return Standing.STATED if _VERB.search(before) else Standing.MENTIONED


def _is_aside(plain: str, before: str, start: int, end: int) -> bool:
    if _ASIDE_AFTER.match(plain, end, end + CONTEXT):
        return True
    if not _ASIDE_BEFORE.search(before) or _NOT_ASIDE.search(before):
        return False
    price = not plain[start].isalnum() or _MONEY.match(plain, end)
    return not (price and _FOR.search(before))
