"""Replace numbers in words by digits: all of English, 0 to 100 in six other languages."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

_SIZE = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13,
    "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SIZE |= _TENS
_POWER = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9}

_WORD = re.compile(r"(?<![^\W_])[a-z]{1,12}(?![^\W_])", re.IGNORECASE)
_JOINT = re.compile(r"\s?-\s?|\s{1,3}|\s{1,3}and\s{1,3}", re.IGNORECASE)
_MINUS = re.compile(r"\b(?:minus|negative)\s{1,3}\Z", re.IGNORECASE)

_PARTS = {
    "half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10,
}  # fmt: skip
_PART = rf"(?P<part>{'|'.join(_PARTS)}|halve)s?(?![^\W_])"
# "a third" and "two thirds" are parts, "the third" is a position.
_PART_OF = re.compile(
    rf"(?<![^\W_])(?:(?:(?P<whole>\d{{1,9}})\sand\s)?(?:(?P<count>\d{{1,3}})[\s-]|an?\s)|(?=half)){_PART}",
    re.IGNORECASE,
)
_HALF_A = re.compile(
    r"(?<![^\W_])half\san?\s(dozen|hundred|thousand|million|billion)", re.IGNORECASE
)
_A_DOZEN = re.compile(r"(?<![^\W_])a\sdozen(?![^\W_])", re.IGNORECASE)
_POINT = re.compile(r"(\d)\spoint\s(\d(?:\s\d){0,9})(?!\d)", re.IGNORECASE)
# "one" is a pronoun unless it counts something or is the whole answer.
_ONE_AFTER = re.compile(
    r"(?:[\s-]|\sand\san?\s)(?:half|third|quarter|fourth|fifth|dozen|point)(?![^\W_])",
    re.IGNORECASE,
)
_ONE_BEFORE = re.compile(
    r"(?:(?:point|there\s(?:is|was|remains)|only|exactly|just)\s)\Z", re.IGNORECASE
)
_ONE_LAST = re.compile(r"(?:(?:is|equals|makes|leaves|minus|negative|point)\s)\Z", re.IGNORECASE)
_NONE = re.compile(
    r"\A\W{0,4}none(?=\W{0,4}\Z)|(?<![^\W_])none(?=\s(?:is|are|was|were)?\s?(?:left|remain))"
    r"|(?<![^\W_])no(?=\s[^\W\d_]{2,15}\s(?:(?:is|are|was|were)\s)?(?:left|remain))",
    re.IGNORECASE,
)
_MIXED = re.compile(r"dozen|(?:half|halves|quarters?|thirds?)(?![^\W_])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SpelledNumber:
    """An integer in words, and the offsets of its words in the text."""

    value: int
    start: int
    end: int


class _Builder:
    """Adds up the words of one number and refuses a word that cannot continue it."""

    def __init__(self, start: int) -> None:
        self.start, self.end = start, start
        self._total, self._part = 0, 0
        self._last = ""
        self._smallest_power = 10**12

    def accept(self, word: str, joint: str, end: int) -> bool:
        """Add a word that ends at `end` if it continues the number, and return whether it does."""
        if self._last and "and" in joint.lower() and self._last not in _POWER:
            return False
        size, power = _SIZE.get(word), _POWER.get(word, 0)
        if size is not None:
            fits = self._last in ("", *_POWER) or (self._last in _TENS and 0 < size < 10)
            self._part += size if fits else 0
        elif power == 100:
            fits = self._part < 100 and self._last != "hundred"
            self._part = (self._part or 1) * 100 if fits else self._part
        else:
            fits = power < self._smallest_power and self._last not in ("thousand", "million")
            if fits:
                self._total += (self._part or 1) * power
                self._part, self._smallest_power = 0, power
        if fits:
            self._last, self.end = word, end
        return fits

    def build(self, text: str) -> SpelledNumber:
        """Return the number, with the sign before it in `text`."""
        value = self._total + self._part
        before = text[max(0, self.start - 12) : self.start]
        return SpelledNumber(-value if _MINUS.search(before) else value, self.start, self.end)


def find_spelled_numbers(text: str) -> list[SpelledNumber]:
    """Return the numbers in words in `text`, in order; "one two" is two numbers."""
    builders: list[_Builder] = []
    for match in _WORD.finditer(text):
        word = match[0].lower()
        if word not in _SIZE and word not in _POWER:
            continue
        joint = _JOINT.fullmatch(text, builders[-1].end, match.start()) if builders else None
        if joint is None or not builders[-1].accept(word, joint[0], match.end()):
            builders.append(_Builder(match.start()))
            builders[-1].accept(word, "", match.end())
    return [builder.build(text) for builder in builders]


def replace_number_words(text: str) -> str:
    """Return `text` with its numbers in words as digits, "two thirds" as "2/3".

    If `text` has digits, only words that belong to them: "2 and a half", "half a million".
    """
    spelled_out = not any(map(str.isdecimal, text))
    text = _NONE.sub("0", text)
    if _MIXED.search(text):
        text = _A_DOZEN.sub("1 dozen", _HALF_A.sub(r"0.5 \1", text))
    elif not spelled_out:
        return text
    if spelled_out:
        numbers = [number for number in find_spelled_numbers(text) if _is_counted(text, number)]
        text = _splice(text, numbers) if numbers else replace_foreign_numbers(text)
        text = _POINT.sub(lambda number: f"{number[1]}.{number[2].replace(' ', '')}", text)
        return _PART_OF.sub(_write_fraction, text)
    return _PART_OF.sub(lambda part: _write_fraction(part) if part["whole"] else part[0], text)


def _splice(text: str, numbers: list[SpelledNumber]) -> str:
    """Return `text` with the numbers as digits; a minus before one stays a word."""
    for number in reversed(numbers):
        text = f"{text[: number.start]}{abs(number.value)}{text[number.end :]}"
    return text


def _write_fraction(part: re.Match[str]) -> str:
    word = part["part"].lower()
    size = 2 if word == "halve" else _PARTS[word]
    count = int(part["count"] or 1) + int(part["whole"] or 0) * size
    return f"{count}/{size}"


def _is_counted(text: str, number: SpelledNumber) -> bool:
    if text[number.start : number.end].lower() != "one":
        # The scale of a number in digits stays a word: "0.5 million".
        return not text[max(0, number.start - 3) : number.start].rstrip()[-1:].isdecimal()
    if _ONE_AFTER.match(text, number.end):
        return True
    before = text[max(0, number.start - 24) : number.start]
    last = not re.search(r"\w", text[number.end :])
    if before.strip():
        return bool(_ONE_BEFORE.search(before) or (last and _ONE_LAST.search(before)))
    return last


_UNITS = {
    "de": """null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn
        fünfzehn sechzehn siebzehn achtzehn neunzehn""",
    "fr": """zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze
        quinze seize dix-sept dix-huit dix-neuf""",
    "es": """cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce
        quince dieciséis diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés
        veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve""",
    "pt": """zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze
        quinze dezesseis dezessete dezoito dezenove""",
    "it": """zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici
        quattordici quindici sedici diciassette diciotto diciannove""",
    "ru": """ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать
        тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать""",
}
_FOREIGN_TENS = {
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "fr": "vingt trente quarante cinquante soixante",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "pt": "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
    "it": "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "ru": "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто",
}
_OTHERS = {
    "eins": 1, "hundert": 100, "einhundert": 100, "cent": 100, "cien": 100, "cem": 100,
    "cento": 100, "сто": 100, "две": 2, "duas": 2, "quatre-vingts": 80, "dezasseis": 16,
    "dezassete": 17, "dezanove": 19,
}  # fmt: skip
# Articles, and words with another meaning in English or one of these languages.
_AMBIGUOUS = {
    "ein", "un", "uno", "um", "один", "null", "once", "cent", "cento", "six", "sept", "sei", "dix",
    "acht",
}  # fmt: skip

_FOREIGN_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*+")
# A single numeral is usually part of a word: "一共", "十分".
_CHINESE = re.compile(
    r"[零〇一二两三四五六七八九十百千]{1,12}+万[零一二两三四五六七八九十百千]{0,12}"
    r"|[零〇一二两三四五六七八九十百千]{2,12}"
    r"|[零〇二两三四五六七八九十](?=[个個只隻人元块本天支张年岁米件次。.]|\Z)"
)
_CHINESE_DIGITS = dict(
    zip("零〇一二两三四五六七八九", (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_CHINESE_POWERS = {"十": 10, "百": 100, "千": 1000}


def replace_foreign_numbers(text: str) -> str:
    """Return `text` with foreign numbers in digits: "Achtzehn" -> "18", "vingt et un" -> "21"."""
    words = list(_FOREIGN_WORD.finditer(text))
    numbers: list[SpelledNumber] = []
    end = 0
    for first, word in enumerate(words):
        if word.start() >= end and (number := _read_foreign_number(text, words, first)):
            numbers.append(number)
            end = number.end
    return _CHINESE.sub(_write_chinese, _splice(text, numbers))


def _read_foreign_number(text: str, words: list[re.Match[str]], first: int) -> SpelledNumber | None:
    """Return the longest number, of at most three words, that begins at the word `first`."""
    table = _build_table()
    for run in (words[first : first + count] for count in (3, 2, 1)):
        start, end = run[0].start(), run[-1].end()
        name = text[start:end].lower()
        if name in table and (name not in _AMBIGUOUS or len(words) == 1):
            return SpelledNumber(table[name], start, end)
    return None


@functools.cache
def _build_table() -> dict[str, int]:
    table = dict(_OTHERS)
    for language, names in _UNITS.items():
        units = names.split()
        table |= {word: value for value, word in enumerate(units)}
        for tens, word in enumerate(_FOREIGN_TENS[language].split(), start=2):
            table[word] = 10 * tens
            for one in range(1, 10):
                compounds = _join_foreign_words(language, word, units[one], one)
                table |= dict.fromkeys(compounds, 10 * tens + one)
    french = _UNITS["fr"].split()
    table |= {f"soixante-{french[rest]}": 60 + rest for rest in range(10, 20)}
    table |= {f"quatre-vingt-{french[rest]}": 80 + rest for rest in range(1, 20)}
    return table | {"soixante et onze": 71}


def _join_foreign_words(language: str, ten: str, unit: str, one: int) -> tuple[str, ...]:
    if language == "de":
        return (f"{unit}und{ten}",)
    if language == "fr":
        return (f"{ten} et un", f"{ten}-et-un") if one == 1 else (f"{ten}-{unit}",)
    if language == "it":
        return ((ten[:-1] if one in (1, 8) else ten) + unit.replace("tre", "tré"),)
    joint = {"es": " y ", "pt": " e ", "ru": " "}[language]
    return (f"{ten}{joint}{unit}",)


def _write_chinese(match: re.Match[str]) -> str:
    above, _, below = match[0].rpartition("万")
    return str(_parse_below_ten_thousand(above) * 10_000 + _parse_below_ten_thousand(below))


def _parse_below_ten_thousand(text: str) -> int:
    total, digit = 0, 0
    for character in text:
        if character in _CHINESE_DIGITS:
            digit = _CHINESE_DIGITS[character]
        else:
            total, digit = total + (digit or 1) * _CHINESE_POWERS[character], 0
    return total + digit
