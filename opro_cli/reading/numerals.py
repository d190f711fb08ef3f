"""Read numbers in digits, LaTeX and national notations, and compare them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from opro_cli.reading.reply_text import SPACELESS, normalize_characters

MAX_POWER_DIGITS = 100
"""Powers with more digits are not computed."""

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
_BLANK_GROUP = re.compile(r"\d \d{3}(?!\d)")
_DIGIT = re.compile(r"\d")
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


def normalize_numbers(text: str, *, european: bool = False) -> str:
    r"""Return `text` with its numbers in plain characters, without emphasis and calculator marks.

    "\frac34" and "¾" become "3/4", "−" "-", "3,5" "3.5", "10²" "100", "1.234.567" "1234567".

    Args:
        text: Any text.
        european: Whether "1.200" and "1 200" are twelve hundred; see `has_point_groups`.
    """
    if not text.isascii():
        text = normalize_characters(text).translate(_MINUS)
        text = _VULGAR.sub(_write_vulgar_fraction, text)
        text = _RAISED.sub(
            lambda raised: f"^{raised[1]}{raised[2].translate(_RAISED_DIGITS)}", text
        )
    if "\\" in text or "{" in text:
        text = _FRACTION.sub(_write_latex_fraction, text)
        for pattern, plain in _LATEX:
            text = pattern.sub(plain, text)
    if "*" in text or "`" in text or "__" in text:
        text = _ITALIC.sub(r"\1", re.sub(r"(?<=\d)\*\*(?=\d)", "^", text))
        text = text.replace("**", "").replace("__", "").replace("`", "")
    if "<<" in text:
        text = _CALCULATOR.sub("", text)
    if "^" in text:
        text = _POWER.sub(_write_power, _TEN_TO_THE.sub(r"e\1", text))
    if "," in text or "." in text or european or _BLANK_GROUP.search(text):
        text = _normalize_separators(text, european)
    return _CENTS.sub(lambda money: f"{money[1]}.{money[2] or money[3]:0>2}", text)


def has_point_groups(text: str) -> bool:
    """Return whether the point in a number such as "1.200" in `text` groups thousands.

    It does if `text` has an unambiguous decimal comma ("0,5", "1.234,56"), or more function words
    of languages with this notation than English ones.
    """
    if not _GROUPED.search(text):
        return False
    if _DECIMAL_COMMA_SHOWN.search(text):
        return True
    words = [word.lower() for word in _WORD.findall(text[-2000:])]
    continental = sum(word in _CONTINENTAL_WORDS for word in words)
    return continental > sum(word in _ENGLISH_WORDS for word in words)


def _normalize_separators(text: str, european: bool) -> str:
    text = _DECIMAL_COMMA.sub(_write_decimal_point, text)
    text = _POINT_GROUPS.sub(lambda number: number[0].replace(".", ""), text)
    text = _SPACE_GROUPS.sub(
        lambda number: number[0].replace(" ", "") if european or _is_grouped(number) else number[0],
        text,
    )
    if not european:
        return text
    text = _ONE_POINT_GROUP.sub(lambda number: number[0].replace(".", ""), text)
    return _MIL.sub(" thousand", text)


def _is_grouped(number: re.Match[str]) -> bool:
    """Return whether blanks part thousands, not numbers: "1 234 567", "12 500 people"."""
    groups = number[0].split(" ")
    if set(groups[1:]) == {"000"}:
        return True
    before, after = number.string[: number.start()], number.string[number.end() :]
    if _DIGIT.search(before) or _DIGIT.search(after):
        return len(groups) > 2 and len(groups[0]) < 3
    return not after.startswith("-")  # "12 500-gram bags"


def _write_decimal_point(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 2) : match.start()]
    if _POINT.search(before) and match.string[match.end() : match.end() + 1] == ")":
        return match[0]
    whole = match["whole"] or match["zero"] or match["grouped"].replace(".", "")
    return f"{whole}.{match['decimals'] or match['fraction'] or match['rest']}"


def _write_latex_fraction(match: re.Match[str]) -> str:
    lead = " " if match["units"] is not None else ""
    return f"{lead}{match['above'] or match['top']}/{match['below'] or match['bottom']} "


def _write_vulgar_fraction(match: re.Match[str]) -> str:
    # NFKC alone would make "2½" into 21/2.
    plain = unicodedata.normalize("NFKC", match["sign"]).replace("⁄", "/")
    return plain if match["units"] is None else f" {plain}"


def _write_power(match: re.Match[str]) -> str:
    base, exponent = match[1], int(match[2])
    if len(base) * exponent > MAX_POWER_DIGITS:
        return match[0]
    return str(int(base) ** exponent)


MAX_DIGITS = 100
"""Longer numbers are noise and are skipped."""

# Words after the digits, with or without a space.
_WORDS_OF_SCALE = {
    10**2: "hundred",
    10**3: "thousand tausend тысяч тыс",
    10**5: "lakh lakhs",
    10**6: "mn mio million millions millionen millones millón milhões milhão milioni milione млн",
    10**7: "crore crores",
    10**9: "bn billion billions mrd milliarden milliards млрд",
    10**12: "trillion trillions",
    12: "dozen dozens",
}
_LETTER_SCALES = {"k": 10**3, "m": 10**6}
_CJK_SCALES = dict(zip("百千천万萬만亿億억", (2, 3, 3, 4, 4, 4, 8, 8, 8), strict=True))
_SCALES = (
    {word: Fraction(size) for size, words in _WORDS_OF_SCALE.items() for word in words.split()}
    | {letter: Fraction(size) for letter, size in _LETTER_SCALES.items()}
    | {sign: Fraction(10**power) for sign, power in _CJK_SCALES.items()}
    | {"%": Fraction(1, 100)}
)
_ONE = Fraction(1)
_WORD_SCALES = "|".join(word for words in _WORDS_OF_SCALE.values() for word in words.split())
_CURRENCY = "$¢-¥֏؋৲৳฿₠-⃀﷼"

# A sign belongs to the number unless the text before could be a minuend.
# Letters directly before digits make a name ("H2O", "x_1"). Every repeat is bounded or cannot
# be given back, so a search takes linear time. The first line skips most of the text.
_NUMERAL = re.compile(
    rf"""
    (?=[-+.\d{_CURRENCY}nmмNMМ负負])
    (?P<sign>(?<![)\]}}%.])(?<![^\W{SPACELESS}])[-+]
      |(?<![^\W_])(?<!\d)(?<!\d[ ])(?i:negative|minus|moins|menos|meno|минус)\s|负|負)?
    (?:[{_CURRENCY}](?P<inner>-|\s)?)?
    (?<![^\W_{SPACELESS}])(?<![^\W\d_{SPACELESS}]_)
    (?:
        (?<![/.]) (?:(?P<units>\d{{1,3}})[ ])?
        (?P<numerator>\d{{1,9}})\s?/\s?(?P<denominator>\d{{1,9}})(?![\d/]|[.,]\d)
      |
        (?P<whole>
            \d{{1,3}}(?P<separator>[,'’\u00a0\u202f\u2009])\d{{3}}
              (?:(?P=separator)\d{{3}}){{0,32}}(?!\d)
          | \d{{1,2}}(?:,\d{{2}}){{1,6}},\d{{3}}(?!\d)
          | \d++
        )
        (?P<decimals>\.\d++)?(?P<exponent>[eE][+-]?\d{{1,3}}(?!\w))?
      |
        (?<!\.)(?P<bare>\.\d++)
    )
    (?:
        \s?(?P<percent>%|(?i:per\s?cent|prozent|pour\s?cent|por\s?ciento|процентов)(?![^\W_]))
      | [ ]?(?P<scale>(?i:{_WORD_SCALES})(?![^\W_])|[{"".join(_CJK_SCALES)}])
      | (?P<letter>[kKM])(?![^\W_]|[/²])
    )?
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number in a text.

    Attributes:
        text: Without thousands separators, currency and unit: "-1234", "0.50", "3/4", "50%".
        value: The number as written, 50 for "50%".
        scale: 1/100 for "%", 10**6 for "million", else 1.
        decimals: Significant digits after the point; 0 for an integer, None for a fraction.
        start: Offset in the normalized text.
        end: Offset behind its last character.
    """

    text: str
    value: Fraction
    scale: Fraction
    decimals: int | None
    start: int
    end: int


def find_numerals(text: str) -> list[Numeral]:
    """Return the numbers of `text` in order, without over-long ones and n/0."""
    return find_numerals_in(normalize_numbers(text))


def find_numerals_in(plain: str) -> list[Numeral]:
    """Return the numbers of a text from `normalize_numbers`."""
    numerals = (_build_numeral(match) for match in _NUMERAL.finditer(plain))
    return [numeral for numeral in numerals if numeral is not None]


def read_sole_numeral(text: str) -> Numeral | None:
    """Return the number if `text` is one, up to currency and spaces, else None."""
    plain = normalize_numbers(text).strip()
    numerals = find_numerals_in(plain)
    if len(numerals) == 1 and numerals[0].start == 0 and numerals[0].end == len(plain):
        return numerals[0]
    return None


def is_same_number(given: Numeral, target: Numeral) -> bool:
    """Return whether `given` equals `target` at the precision of `target`.

    An integer or terminating fraction must be equal; a decimal after rounding half up to its
    digits; a fraction like 1/3 when it rounds to a given decimal of two or more digits.
    If only one side has "%" or "million", it may be a unit: 50% is both 50 and 0.5.
    """
    if given.scale == target.scale:
        if given.value == target.value:
            return True
        # Integers are compared exactly, so most answers need no arithmetic.
        return target.decimals != 0 and _is_equal(given, target, _ONE, _ONE)
    if given.scale != 1 and target.scale != 1:
        return given.value * given.scale == target.value * target.scale
    return any(
        _is_equal(given, target, left, right)
        for left in {_ONE, given.scale}
        for right in {_ONE, target.scale}
    )


def _is_equal(given: Numeral, target: Numeral, left: Fraction, right: Fraction) -> bool:
    value, wanted = given.value * left, target.value * right
    if value == wanted:
        return True
    if target.decimals:
        unit = right / 10**target.decimals
        return bool(_round_half_up(value / unit) == wanted / unit)
    if target.decimals is None and given.decimals and given.decimals >= 2:
        unit = left / 10**given.decimals
        terminates = 10 ** wanted.denominator.bit_length() % wanted.denominator == 0
        return not terminates and _round_half_up(wanted / unit) == value / unit
    return False


def _round_half_up(value: Fraction) -> int:
    """Return `value` rounded half away from zero."""
    size = int(abs(value) + Fraction(1, 2))
    return size if value >= 0 else -size


def _build_numeral(match: re.Match[str]) -> Numeral | None:
    if match.end() - match.start() > MAX_DIGITS:
        return None
    body = _parse_fraction(match) if match["numerator"] else _parse_decimal(match)
    if body is None:
        return None
    text, value, decimals = body
    negative = (match["sign"] or "+") != "+" or match["inner"] == "-"
    if negative and value:
        text, value = f"-{text}", -value
    unit = "%" if match["percent"] else (match["scale"] or match["letter"] or "").lower()
    if unit:
        text += {"m": "M"}.get(unit, unit) if unit in "%km" else f" {unit}"
    scale = _SCALES.get(unit, _ONE)
    return Numeral(text, value, scale, decimals, match.start(), match.end())


def _parse_fraction(match: re.Match[str]) -> tuple[str, Fraction, int | None] | None:
    numerator, denominator = int(match["numerator"]), int(match["denominator"])
    if denominator == 0:
        return None
    numerator += int(match["units"] or 0) * denominator
    return f"{numerator}/{denominator}", Fraction(numerator, denominator), None


def _parse_decimal(match: re.Match[str]) -> tuple[str, Fraction, int | None]:
    separator = match["separator"] or ","
    whole = int((match["whole"] or "0").replace(separator, ""))
    digits = (match["decimals"] or match["bare"] or ".")[1:]
    digits = digits if digits.strip("0") else ""
    exponent = int((match["exponent"] or "e0")[1:])
    text = f"{whole}.{digits}" if digits else str(whole)
    value = Fraction(int(f"{whole}{digits}"), 10 ** len(digits)) if digits else Fraction(whole)
    if exponent:
        value *= Fraction(10) ** exponent
        text += f"e{exponent}"
    return text, value, max(0, len(digits) - exponent)
