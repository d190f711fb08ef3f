"""Find the lettered options of a question, and the letters in a reply that name one."""

from __future__ import annotations

import functools
import re

from opro_cli.reading.answer_text import (
    has_occurrence,
    is_near_copy,
    is_same_text,
    normalize_text,
)
from opro_cli.reading.reply_text import READ_LIMIT, SPACELESS

_JOINED = rf"(?:[^\W{SPACELESS}]|['’])"

_LONE = re.compile(r"[\s\"'`*_$({\[<]{0,8}([A-Za-z])[\s\"'`*_$)}\].:,>!。]{0,8}")
_LEAD = r"""[\W_]{0,12}
    (?:(?:the|clearly|likely|most|therefore|thus|simply|definitely|probably|obviously|indeed|so
      |it['’]s|it\sis|that\sis|die|la|le|el|il|a|o|l)[\s'’]{1,3}){0,3}
    (?P<noun>(?:(?:correct|right)\s)?(?:option|choice|letter|answer|statement|opción|opção|opzione
      |réponse|lettre|lettera|letra|antwort|buchstabe|вариант|выбор|选项|選項)[\s:*_"'(]{0,6})?"""
_POSITION = re.compile(rf"{_LEAD}(?P<letter>[A-Za-z])(?!{_JOINED}|-\w)", re.IGNORECASE | re.VERBOSE)
# "is", "because": what follows a letter that is the subject, not an article.
_GOES_ON = re.compile(
    r"\s{1,3}(?:is|because|since|as|for|and|or|weil|car|porque|perché|parce)(?![^\W_])",
    re.IGNORECASE,
)
_REJECTED = re.compile(
    r"""[)\]*_."'\s]{0,6}\s
    (?: (?:is|was|does|can|would|could)(?:n['’]t|\snot) | cannot | can['’]t | (?:is|was)\stoo
      | (?:is|was|(?:can|would|could)\sbe)\s(?:clearly\s)?
        (?:wrong|incorrect|false|unlikely|out|eliminated|ruled\sout|impossible)
    )(?![^\W_])""",
    re.IGNORECASE | re.VERBOSE,
)
_ALTERNATIVE = re.compile(
    r"[)\]}*_\"'.\s]{0,4}(?:or|and|/|,|&)\s{0,2}(?:option\s)?[(\[*\"']{0,3}"
    r"(?P<letter>[A-Z])(?=\s{0,3}(?:[)\]*_.,\"':]|\Z|or\s|and\s))"
)
_STRONG = re.compile(
    rf"""(?<![^\W_{SPACELESS}])(?:
        [(\[]\s?([A-Za-z])\s?[)\]]
      | \*\*\(?([A-Z])[).:]{{0,2}}(?:\*\*|\s[^*\n]{{1,80}}\*\*)
      | (?i:option|choice|letter)\s{{1,3}}[(*"']{{0,3}}([A-Z])(?!{_JOINED})
    )""",
    re.VERBOSE,
)
_NEGATED = re.compile(r"(?:\bnot|n['’]t)\s{1,3}(?:option\s{1,3})?\Z", re.IGNORECASE)
_CHOSEN = re.compile(
    rf"""(?<![^\W_])
    (?: choose|chose|pick|select|opt\sfor|go(?:ing)?\s(?:for|with)|went\swith|say
      | leaves?(?:\sus|\sme|\syou|\sonly)?(?:\swith)?
      | (?:must|should|would|will|has\sto)\sbe|it['’]s|that['’]s|is|answer|thus|therefore|so|hence
    )[\s,:]{{1,3}}(?:(?:probably|clearly|then|likely)\s)?
    (?:the\s)?(?:(?:option|choice|answer|letter)\s)?[(\[*"']{{0,4}}
    (?P<letter>[A-Z])(?!{_JOINED})
    (?=[)\]*"']{{0,4}}(?:[.,;:!]|\s?\Z|\n|\s(?:because|since|as|for)\s))""",
    re.VERBOSE | re.IGNORECASE,
)
_RIGHT = re.compile(
    rf"(?<!{_JOINED})(?P<letter>[A-Z])(?!{_JOINED})[)\]*\"'.]{{0,4}}\s(?:is|seems|looks|must\sbe)"
    r"\s(?:(?:therefore|clearly|thus|indeed|the|most|only|also)\s){0,3}"
    r"(?:right|correct|true|best|better|closest|likely|answer|plausible|one|fit)(?![^\W_])"
    rf"|(?<!{_JOINED})(?P<it>[B-HJ-Z])\sit\sis(?![^\W_])"
)
_BOTH = re.compile(r"(?<![^\W_])(?:both|neither|either|none|all)(?![^\W_])", re.IGNORECASE)
# Cyrillic letters that look like Latin ones; "В Риме" begins with a word.
_LOOKALIKE = re.compile(r"(?:(?<=[\s(*\[:\"«])|\A)[АВСЕНКМОРТХ](?=[)\].:,*\"»]|\s*\Z)")
_LATIN = str.maketrans("АВСЕНКМОРТХ", "ABCEHKMOPTX")


def read_lone_letter(text: str) -> str | None:
    """Return the letter, in upper case, if `text` is one in any brackets, markdown and stop."""
    lone = _LONE.fullmatch(text.strip())
    return lone[1].upper() if lone else None


def replace_lookalikes(text: str) -> str:
    """Return `text` with lone Cyrillic letters that look like Latin ones replaced by those."""
    if text.isascii():
        return text
    return _LOOKALIKE.sub(lambda letter: letter[0].translate(_LATIN), text)


def find_leading_letters(line: str, *, eager: bool) -> set[str]:
    """Return the letter that `line` begins with; several if they are joined by "or".

    Args:
        line: One line of a reply.
        eager: Count an upper-case letter other than A and I whatever follows it.
    """
    match = _POSITION.match(line)
    if match is None:
        return set()
    start, end = match.span("letter")
    letter = match["letter"]
    if _REJECTED.match(line, end):
        return set()
    before, after = line[start - 1 : start] if start else "", line[end:].lstrip()[:1]
    enclosed = before in tuple("([{*_`\"'$") and line[end : end + 1] in tuple(")]}*_`\"'$.")
    closed = line[end : end + 1] in tuple(").:,;!。，、；") or not after or after in "–—-"
    spaceless = bool(after) and not after.isascii() and after.isalpha() and line[end] == after
    spoken = letter.isupper() and (bool(match["noun"]) or bool(_GOES_ON.match(line, end)))
    plain = eager and letter.isupper() and letter not in "AI"
    if not (enclosed or closed or spoken or plain or (spaceless and letter.isupper())):
        return set()
    letters = {letter.upper()}
    while alternative := _ALTERNATIVE.match(line, end):
        letters.add(alternative["letter"])
        end = alternative.end()
    return letters


def find_strong_letters(text: str, allowed: set[str]) -> set[str]:
    """Return letters in brackets or bold, or called options; not those in "dog(s)", "not (A)"."""
    letters: set[str] = set()
    for match in _STRONG.finditer(text):
        letter: str = match[1] or match[2] or match[3]
        listed = letter.upper() in allowed or letter.isupper()
        denied = _NEGATED.search(text, max(0, match.start() - 16), match.start())
        if listed and not denied and not _REJECTED.match(text, match.end()):
            letters.add(letter.upper())
    return letters


def find_chosen_letters(text: str) -> set[str]:
    """Return letters that `text` chooses ("I pick C") or calls right ("C is correct")."""
    if _BOTH.search(text):
        return set()
    chosen = {match["letter"].upper() for match in _CHOSEN.finditer(text)}
    return chosen | {match["letter"] or match["it"] for match in _RIGHT.finditer(text)}


_LINE = re.compile(
    r"^[ \t]*(?:[(\[]([A-Z])[)\]]|([A-Z])\)|([A-Z])[.:](?=[ \t]))(.*)$", re.MULTILINE
)
_INLINE = re.compile(r"\(([A-Z])\)([^\n(]*)")
_DENIAL = re.compile(r"\b(?:not|neither|nor|cannot)\b|n['’]t\b", re.IGNORECASE)
_SAYS_IS = re.compile(
    r"(?:(?<![^\W_])(?:is|are|was|were|be)\s|[=:]\s?)(?:the\s|an?\s)?[\W_]{0,3}\Z"
)
_ORDINALS = {
    "first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3,
    "fifth": 4, "5th": 4,
}  # fmt: skip
_ORDINAL = re.compile(
    rf"(?<![^\W_])(?:it['’]s|is|be|choose|pick|select|with)\sthe\s({'|'.join(_ORDINALS)})\s"
    r"(?:option|choice|answer|one|statement)(?![^\W_])",
    re.IGNORECASE,
)


@functools.lru_cache(maxsize=256)
def find_options(question: str) -> dict[str, str]:
    """Return letter -> text of the last list A, B, C … in `question`; {} without two options."""
    text = question[-READ_LIMIT:]  # options come last
    lines = [(m[1] or m[2] or m[3], m[4].strip()) for m in _LINE.finditer(text)]
    inline = [(m[1], m[2].strip(" ,;\t")) for m in _INLINE.finditer(text)]
    return _find_last_run(lines) or _find_last_run(inline)


def find_letter_by_text(text: str, options: dict[str, str], *, whole: bool) -> str | None:
    """Return the letter of the only option that `text` equals or, unless `whole`, mentions.

    An option inside another mentioned one ("red" in "dark red") is not mentioned itself, and
    a sentence with a denial mentions none.
    """
    equal = [letter for letter, option in options.items() if option and is_same_text(text, option)]
    if equal or whole or _DENIAL.search(text):
        return equal[0] if len(equal) == 1 else None
    key = normalize_text(text)
    keys = {letter: normalize_text(option).removesuffix(".") for letter, option in options.items()}
    mentioned = {letter: option for letter, option in keys.items() if has_occurrence(option, key)}
    outermost = [
        letter
        for letter, option in mentioned.items()
        if not any(
            option != other and has_occurrence(option, other) for other in mentioned.values()
        )
    ]
    return outermost[0] if len(outermost) == 1 else None


def find_letter_by_copy(text: str, options: dict[str, str]) -> str | None:
    """Return the letter of the only option that `text` is with a few words changed."""
    copied = [letter for letter, option in options.items() if is_near_copy(text, option)]
    return copied[0] if len(copied) == 1 else None


def find_ending_letter(text: str, options: dict[str, str]) -> str | None:
    """Return the letter of the option that is the complement of "is" at the end of `text`.

    "Today is the 28th, so yesterday was the 27th."; not "the 27th or the 28th".
    """
    if _DENIAL.search(text):
        return None
    key = normalize_text(text).rstrip(".!")
    keys = {letter: normalize_text(option).rstrip(".!") for letter, option in options.items()}
    ending = [letter for letter, option in keys.items() if option and key.endswith(option)]
    if not ending:
        return None
    longest = max(ending, key=lambda letter: len(keys[letter]))
    return longest if _SAYS_IS.search(key[: -len(keys[longest])]) else None


def find_ordinal_letters(text: str, options: dict[str, str]) -> set[str]:
    """Return the letters of options that `text` chooses by ordinal: "it's the second option"."""
    letters = sorted(options)
    indexes = [_ORDINALS[match[1].lower()] for match in _ORDINAL.finditer(text)]
    return {letters[index] for index in indexes if index < len(letters)}


def _find_last_run(lettered: list[tuple[str, str]]) -> dict[str, str]:
    runs: list[dict[str, str]] = []
    for letter, text in lettered:
        if letter == "A":
            runs.append({})
        if runs and letter == chr(ord("A") + len(runs[-1])):
            runs[-1][letter] = text
    return next((run for run in reversed(runs) if len(run) > 1), {})
