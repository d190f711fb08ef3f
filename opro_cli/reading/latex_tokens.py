r"""Cut an expression into tokens: commands of LaTeX, numbers, variables, words, signs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from opro_cli.reading.reply_text import normalize_characters

MOST_TOKENS = 300
"""Tokens of an expression; a longer one is none."""

_SIGNS = {
    "−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "⁄": "/", "π": r"\pi ",
    "√": r"\sqrt ", "∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ", "≤": r"\le ", "≥": r"\ge ",
    "≠": r"\ne ", "±": r"\pm ", "∅": r"\emptyset ", "°": "", "∈": r"\in ", "≈": r"\approx ",
    "ℝ": r"\mathbb{R}", "²": "^{2}", "³": "^{3}", "½": r"\frac12 ", "¼": r"\frac14 ",
    "¾": r"\frac34 ", "⅓": r"\frac13 ", "⅔": r"\frac23 ", "€": "", "£": "", "’": "'",
    "θ": r"\theta ",
}  # fmt: skip
_PLAIN = str.maketrans(_SIGNS)
_SPACING = r"(?<!\\)\\(?:[,;:!> ]|q?quad(?![a-zA-Z])|[hv]space\*?\s?\{[^{}]{0,20}\})|~"
_CLEANED = (
    (re.compile(r"\\\\\s?\[[\d.]{1,5}\s?(?:ex|em|pt|mm|cm)\]"), r"\\\\"),
    (re.compile(r"(?<!\\)\\[()\[\]]|\\?\$"), " "),
    (re.compile(r"(?<=\\begin\{array\})\s?\{[^{}]{0,20}\}"), ""),
    (re.compile(r"\\(?:left|right|[bB]igg?[lrm]?)(?![a-zA-Z])\.?"), ""),
    (re.compile(r"(?<=\d)(?:\{,\}|,\\!\s?|\\,|\\ |[\u00a0\u202f\u2009'])(?=\d{3}(?!\d))"), ""),
    (re.compile(r"(?<![\d.,])([1-9]\d{0,2})((?: \d{3})+)(?![\d/])"), ""),
    (re.compile(_SPACING), " "),
    (re.compile(r"\\(?:display|text|script)style(?![a-zA-Z])|\\limits(?![a-zA-Z])"), ""),
    (re.compile(r"\^\s?(?:\{\s?\\circ\s?\}|\\circ(?![a-zA-Z]))|\\degree(?![a-zA-Z])"), ""),
    (re.compile(r"\^\s?\{\s?\\(?:text|mathrm)\s?\{\s?(?:st|nd|rd|th)\s?\}\s?\}"), ""),
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\*\*"), "^"),
)
_ESCAPED_TWICE = re.compile(r"\\\\(?=[a-zA-Z])")
_WRAPPED = r"\\(?:text[a-z]*|math(?:rm|bf|it|sf|tt|bb|cal)|operatorname|[mh]box)\s*"
_TOKEN = re.compile(
    rf"""\s*(?:
      {_WRAPPED}\{{(?P<text>[^{{}}]*)\}}
    | \\begin\s*\{{(?P<begin>[a-zA-Z]+)\*?\}}
    | (?P<end>\\end\s*\{{[a-zA-Z]+\*?\}})
    | (?P<row>\\\\)
    | (?P<command>\\[a-zA-Z]+|\\[{{}}|])
    | (?P<repeating>\d*\.\d*\\overline\s*\{{\d+\}})
    | (?P<number>(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][+-]?\d{{1,3}}(?!\w))?|\.\d+)
    | (?P<letters>[^\W\d_]+)
    | (?P<sign><=|>=|!=|==|\S)
    )""",
    re.VERBOSE,
)
_FUNCTION_NAMES = """sin cos tan cot sec csc arcsin arccos arctan asin acos atan sinh cosh tanh
    ln log lg exp abs"""
FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
"""Names that are one function, not a product of letters."""
_NAMES = {"infinity": "infty", "infty": "infty", "inf": "infty", "pi": "pi", "sqrt": "sqrt"}
_JOINING = frozenset({"and", "or", "und", "oder", "et", "ou", "bzw"})
_UNIT_NAMES = """mm cm km kg mg ml cl ft in mi yd oz lb lbs hr hrs min sec rad deg mph kph sq cu usd
    eur am pm pct units unit"""
_UNITS = frozenset(_UNIT_NAMES.split())


@dataclass(frozen=True, slots=True)
class Token:
    """A token: "number", "command", "letter", "words", "sign" and so on, and its text."""

    kind: str
    text: str


def clean_latex(text: str) -> str:
    """Return an expression without dollars, spacing, sizes of brackets and grouped digits."""
    text = normalize_characters(text).translate(_PLAIN)
    if "\\begin" not in text:  # where "\\\\" ends a row
        text = _ESCAPED_TWICE.sub(r"\\", text)
    for pattern, plain in _CLEANED:
        if pattern.groups:
            text = pattern.sub(lambda found: found[1] + found[2].replace(" ", ""), text)
        else:
            text = pattern.sub(plain, text)
    return text.strip().rstrip(".,;:。").rstrip()


def make_key(text: str) -> str:
    """Return an expression without blanks, braces and fonts: equal ones are equal as written."""
    plain = re.sub(rf"{_WRAPPED}(?=\{{)", "", clean_latex(text))
    return re.sub(r"(?<!\\)[{}]|\s", "", plain)


class NoExpressionError(ValueError):
    """A text is no expression that is known here."""


def tokenize(text: str) -> list[Token]:
    """Return tokens; a comma between digits is one of thousands outside of brackets only."""
    tokens: list[Token] = []
    depth = position = 0
    while found := _TOKEN.match(text, position):
        position = found.end()
        if len(tokens) > MOST_TOKENS:
            raise NoExpressionError
        kind = found.lastgroup or ""
        written = found[kind]
        if kind == "number" and depth and "," in written:
            written = written.partition(",")[0]
            position = found.start("number") + len(written)
        if kind == "letters":
            tokens += _split_letters(written)
        elif kind == "text":
            tokens += _read_wrapped(found[0], written.strip())
        else:
            opens = written in ("(", "[", r"\{")
            depth += 1 if opens else -1 if written in (")", "]", r"\}") else 0
            tokens.append(Token(kind, written))
    return tokens


def _split_letters(letters: str) -> list[Token]:
    """Return a function, a name, a unit or a word; else each letter is a variable."""
    lower = letters.lower()
    if letters in FUNCTIONS or lower in _NAMES:
        return [Token("command", f"\\{_NAMES.get(lower, letters)}")]
    if lower in _JOINING:
        return [Token("sign", ",")]
    if len(letters) > 3 or (lower in _UNITS and len(letters) > 1):
        return [Token("words", lower)]
    return [Token("letter", letter) for letter in letters]


def _read_wrapped(written: str, content: str) -> list[Token]:
    if "mathbb" in written:
        return [Token("letter", f"\\{content}")]
    if content.strip(" ,") in _JOINING or content == ",":
        return [Token("sign", ",")]
    bare = content.strip("() .")
    if len(bare) == 1 and bare.isalpha() and written.strip().startswith(r"\math"):
        return [Token("letter", bare)]
    if bare in FUNCTIONS:
        return [Token("command", f"\\{bare}")]
    if not any(map(str.isalpha, bare)):
        return tokenize(content)
    return [Token("words", " ".join(bare.lower().split()))]
