"""Numbers in LaTeX, in the notations of other countries and with signs, in plain characters."""

from __future__ import annotations

import re
import unicodedata

from opro_cli.metrics.reading.reply_text import plain_characters

MAX_POWER_DIGITS = 100
"""A power with more digits is left as it is written."""

_FRACTION = re.compile(
    r"(?P<units>(?<=\d)\s?)?\\[dtc]?frac\s?"
    r"(?:\{(?P<above>-?\d{1,9})\}|(?P<top>\d))\s?(?:\{(?P<below>\d{1,9})\}|(?P<bottom>\d))"
)
_LATEX = (
    (re.compile(r"\\[dtc]?frac\s?\{([^{}]{1,60})\}\s?\{([^{}]{1,60})\}"), r"(\1)/(\2)"),
    (re.compile(r"\\(?:text\w{0,6}|math\w{2,3}|[fm]?box(?:ed)?)\s?\{([^{}]{0,200})\}"), r" \1 "),
    (re.compile(r"(?<=\d)(?:\{,\}|,\\!)(?=\d)"), ","),
    (re.compile(r"(?<=\d)\\[,;:! ](?=\d{3})"), "\u202f"),
    (re.compile(r"\\[,;:! ()\[\]]|\\(?:left|right|quad|displaystyle)(?![a-z])"), " "),
    (re.compile(r"\\(?=[%$])"), ""),
    (re.compile(r"\\(?:times|cdot|ast)(?![a-z])"), "×"),
    (re.compile(r"\\div(?![a-z])"), "÷"),
    (re.compile(r"\\(?:approx|simeq|sim)(?![a-z])"), "≈"),
    (re.compile(r"\\(?:Rightarrow|implies|to|rightarrow)(?![a-z])"), "⇒"),
    (re.compile(r"\\pi(?![a-z])"), "π"),
    (re.compile(r"\\sqrt(?![a-z])"), "√"),
    (re.compile(r"\\pm(?![a-z])"), "±"),
    (re.compile(r"\^\{?\\circ\}?"), "°"),
)
_MINUS = str.maketrans(dict.fromkeys("−﹣‑–⁻", "-"))
_VULGAR = re.compile(r"(?P<units>(?<=\d))?(?P<sign>[¼-¾⅐-⅞↉])")
_RAISED = re.compile(r"(?<=\d)(-?)([⁰¹²³⁴-⁹]{1,3})(?!\d)")
_RAISED_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_TEN_TO_THE = re.compile(r"(?<=\d)\s?[×*x·⋅]\s?10\^[{(]?(-?\d{1,3})[)}]?")
_POWER = re.compile(r"(?<![\d.,^])(\d{1,9})\^[{(]?(\d{1,3})[)}]?(?![\d^]|\.\d)")
_CALCULATOR = re.compile(r"<<[^<>\n]{0,80}>>")
_ITALIC = re.compile(r"(?<![^\s(])\*([^\s*][^*\n]{0,60})(?<!\s)\*(?!\w)")
_CENTS = re.compile(
    r"(\d{1,9})\s(?:dollars?|euros?|pounds?)\s"
    r"(?:(?:and\s)?(\d{1,2})\s(?:cents?|pence)(?![^\W_])|(\d\d)(?![\d.,%])(?!\s[^\W\d_]))"
)

# The decimal comma: "3,5" and "0,333" and "1.234,56"; "1,200" has thousands, "1,2,3" is a list,
# "(3,5)" a point.
_DECIMAL_COMMA = re.compile(
    r"(?<![\d.,])(?:"
    r"(?P<whole>\d{1,9}),(?P<decimals>\d{1,2}|\d{4,30})"
    r"|(?P<zero>0),(?P<fraction>\d{3})"
    r"|(?P<grouped>\d{1,3}(?:\.\d{3}){1,30}),(?P<rest>\d{1,30}))"
    r"(?!\d|[.,]\d)"
)
_POINT = re.compile(r"\([+-]?\Z")
# "1.234.567" can only be thousands.
_POINT_GROUPS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:\.\d{3}){2,30}(?![\d]|[.,]\d)")
_ONE_POINT_GROUP = re.compile(r"(?<![\d.,])[1-9]\d{0,2}\.\d{3}(?![\d]|[.,]\d)")
_SPACE_GROUPS = re.compile(r"(?<![\d.,])(?<![\d.,]\s)[1-9]\d{0,2}(?: \d{3}){1,30}(?!\d|[.,]\d| \d)")
_DECIMAL_COMMA_SHOWN = re.compile(r"(?<![\d.,])(?:0,\d|\d{1,3}\.\d{3}[.,]\d)")
_GROUPED = re.compile(r"\d(?:[. ]\d{3}(?!\d)| mil)")
_MIL = re.compile(r"(?<=\d) mil(?![^\W_])", re.IGNORECASE)

_WORD = re.compile(r"[^\W\d_]{1,12}")
_ENGLISH = "the of and is are to that there has have in she he they we so for"
# Languages that write 1.200 or 1 200 for twelve hundred.
_CONTINENTAL = """der das und ist sind wir für von mit eine ein es wird beträgt kostet insgesamt
    lautet antwort el los las una para por que en cuesta hay la respuesta os da são uma custa
    resposta tem il gli che sono di una totale costa risposta le les des du est donc une dans
    réponse coûte een het van zijn dus antwoord och är det som это всего ответ на стоит og"""
_ENGLISH_WORDS, _CONTINENTAL_WORDS = frozenset(_ENGLISH.split()), frozenset(_CONTINENTAL.split())


def readable(text: str, *, european: bool = False) -> str:
    """`text` with its numbers in plain characters: "\\frac34" and "¾" are "3/4", "−" is "-".

    "3,5" is "3.5", "10²" is "100", "1.234.567" is "1234567". european: "1.200" and "1 200" are
    twelve hundred, too; see `writes_point_groups`. Emphasis and calculator marks are dropped.
    """
    if not text.isascii():
        text = plain_characters(text).translate(_MINUS)
        text = _VULGAR.sub(_plain_fraction, text)
        text = _RAISED.sub(
            lambda raised: f"^{raised[1]}{raised[2].translate(_RAISED_DIGITS)}", text
        )
    if "\\" in text or "{" in text:
        text = _FRACTION.sub(_latex_fraction, text)
        for pattern, plain in _LATEX:
            text = pattern.sub(plain, text)
    if "*" in text or "`" in text or "__" in text:
        text = _ITALIC.sub(r"\1", re.sub(r"(?<=\d)\*\*(?=\d)", "^", text))
        text = text.replace("**", "").replace("__", "").replace("`", "")
    if "<<" in text:
        text = _CALCULATOR.sub("", text)
    if "^" in text:
        text = _POWER.sub(_power, _TEN_TO_THE.sub(r"e\1", text))
    if "," in text or "." in text or european or " 000" in text:
        text = _separators(text, european)
    return _CENTS.sub(lambda money: f"{money[1]}.{money[2] or money[3]:0>2}", text)


def writes_point_groups(text: str) -> bool:
    """Whether the point groups thousands in `text`, which "1.200" alone does not say.

    It does where `text` has a decimal comma that cannot be anything else ("0,5", "1.234,56"), or
    more little words of languages that write so than English ones. False without such a number.
    """
    if not _GROUPED.search(text):
        return False
    if _DECIMAL_COMMA_SHOWN.search(text):
        return True
    words = [word.lower() for word in _WORD.findall(text[-2000:])]
    continental = sum(word in _CONTINENTAL_WORDS for word in words)
    return continental > sum(word in _ENGLISH_WORDS for word in words)


def _separators(text: str, european: bool) -> str:
    text = _DECIMAL_COMMA.sub(_decimal_point, text)
    text = _POINT_GROUPS.sub(lambda number: number[0].replace(".", ""), text)
    text = _SPACE_GROUPS.sub(
        lambda number: (
            number[0].replace(" ", "")
            if european or set(number[0].split(" ")[1:]) == {"000"}
            else number[0]
        ),
        text,
    )
    if not european:
        return text
    text = _ONE_POINT_GROUP.sub(lambda number: number[0].replace(".", ""), text)
    return _MIL.sub(" thousand", text)


def _decimal_point(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 2) : match.start()]
    if _POINT.search(before) and match.string[match.end() : match.end() + 1] == ")":
        return match[0]
    whole = match["whole"] or match["zero"] or match["grouped"].replace(".", "")
    return f"{whole}.{match['decimals'] or match['fraction'] or match['rest']}"


def _latex_fraction(match: re.Match[str]) -> str:
    lead = " " if match["units"] is not None else ""
    return f"{lead}{match['above'] or match['top']}/{match['below'] or match['bottom']} "


def _plain_fraction(match: re.Match[str]) -> str:
    # NFKC alone would make "2½" into 21/2.
    plain = unicodedata.normalize("NFKC", match["sign"]).replace("⁄", "/")
    return plain if match["units"] is None else f" {plain}"


def _power(match: re.Match[str]) -> str:
    base, exponent = match[1], int(match[2])
    if len(base) * exponent > MAX_POWER_DIGITS:
        return match[0]
    return str(int(base) ** exponent)
