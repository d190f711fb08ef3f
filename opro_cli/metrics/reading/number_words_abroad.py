"""Numbers in words of German, French, Spanish, Portuguese, Italian and Russian, 0 to 100, and in
Chinese numerals.
"""

from __future__ import annotations

import functools
import re

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
_TENS = {
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
# Articles, and words that mean something else in another of these languages or in English.
_AMBIGUOUS = {
    "ein", "un", "uno", "um", "один", "null", "once", "cent", "cento", "six", "sept", "sei", "dix",
    "acht",
}  # fmt: skip

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*+")
# One numeral alone is mostly part of a word: "一共", "十分".
_CHINESE = re.compile(
    r"[零〇一二两三四五六七八九十百千]{1,12}+万[零一二两三四五六七八九十百千]{0,12}"
    r"|[零〇一二两三四五六七八九十百千]{2,12}"
    r"|[零〇二两三四五六七八九十](?=[个個只隻人元块本天支张年岁米件次。.]|\Z)"
)
_CHINESE_DIGITS = dict(
    zip("零〇一二两三四五六七八九", (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_CHINESE_POWERS = {"十": 10, "百": 100, "千": 1000}


def foreign_numbers(text: str) -> str:
    """`text` with such numbers in digits: "Achtzehn" -> "18", "vingt et un" -> "21"."""
    words = list(_WORD.finditer(text))
    pieces: list[str] = []
    end = place = 0
    while place < len(words):
        count, value = _number_at(text, words, place)
        if value is not None:
            pieces += [text[end : words[place].start()], str(value)]
            end = words[place + count - 1].end()
        place += count
    return _CHINESE.sub(_chinese, "".join([*pieces, text[end:]]))


def _number_at(text: str, words: list[re.Match[str]], place: int) -> tuple[int, int | None]:
    """How many words from `place` on are one number, and which; one and None where none is."""
    table = _table()
    for count in (3, 2, 1):
        run = words[place : place + count]
        if len(run) < count:
            continue
        name = text[run[0].start() : run[-1].end()].lower()
        if name in table and (name not in _AMBIGUOUS or len(words) == 1):
            return count, table[name]
    return 1, None


@functools.cache
def _table() -> dict[str, int]:
    found = dict(_OTHERS)
    for language, words in _UNITS.items():
        units = words.split()
        tens = _TENS[language].split()
        found |= {word: value for value, word in enumerate(units)}
        for ten, word in enumerate(tens, start=2):
            found[word] = 10 * ten
            for one in range(1, 10):
                found |= dict.fromkeys(_compounds(language, word, units[one], one), 10 * ten + one)
    french = _UNITS["fr"].split()
    for rest in range(10, 20):
        found[f"soixante-{french[rest]}"] = 60 + rest
        found["soixante et onze"] = 71
    for rest in range(1, 20):
        found[f"quatre-vingt-{french[rest]}"] = 80 + rest
    return found


def _compounds(language: str, ten: str, unit: str, one: int) -> tuple[str, ...]:
    if language == "de":
        return (f"{unit}und{ten}",)
    if language == "fr":
        return (f"{ten} et un", f"{ten}-et-un") if one == 1 else (f"{ten}-{unit}",)
    if language == "it":
        return ((ten[:-1] if one in (1, 8) else ten) + unit.replace("tre", "tré"),)
    joint = {"es": " y ", "pt": " e ", "ru": " "}[language]
    return (f"{ten}{joint}{unit}",)


def _chinese(match: re.Match[str]) -> str:
    above, _, below = match[0].rpartition("万")
    return str(_below_ten_thousand(above) * 10_000 + _below_ten_thousand(below))


def _below_ten_thousand(text: str) -> int:
    total, digit = 0, 0
    for character in text:
        if character in _CHINESE_DIGITS:
            digit = _CHINESE_DIGITS[character]
        else:
            total, digit = total + (digit or 1) * _CHINESE_POWERS[character], 0
    return total + digit
