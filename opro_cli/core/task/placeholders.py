r"""Places in an optimized text that the user's own application fills: {name}, %s, $name, <tag>.

Such a place must stand in every candidate, and opro fills none of them. What only looks like one
is left alone: LaTeX, JSON, prices, percentages, comparisons, formats of dates, marks of HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_NAME = r"[^\W\d]\w{0,99}"
_PATH = rf"(?:\d+|{_NAME})(?:\.\w+|\[[^\[\]{{}}\n]{{1,40}}\])*"
_STRFTIME = r"%[-#]?[A-Za-z]"
_FORMAT = r"(?:.?[<>=^])?[-+ ]?#?0?\d*[,_]?(?:\.\d+)?[a-zA-Z%]?"
_SPEC = rf"(?:![rsa])?(?::{_FORMAT}|:(?:{_STRFTIME}[^{{}}\n]?)+)?"

# In order: a sign that belongs to one of them is no part of the next.
_STATEMENT = re.compile(r"\{%-?\s{0,9}([^{}]{1,200}?)\s{0,9}-?%\}")
_DOUBLE = re.compile(
    rf"\{{\{{\{{?\s{{0,9}}([#/^>&!@]?\s{{0,9}}(?:else\b|{_NAME}|\d+)[^{{}}\n]{{0,200}}?)\s{{0,9}}\}}?\}}\}}"
)
_DOLLAR_BRACES = re.compile(rf"\$\{{\s{{0,9}}({_PATH}[^{{}}\n]{{0,99}}?)\s{{0,9}}\}}")
_PERCENT_NAMED = re.compile(rf"(?<!%)%\(({_NAME})\)[-+ #0]*\d*(?:\.\d+)?[diouxXeEfFgGcrsa]")
_SINGLE = re.compile(
    rf"(?<![\\\w}}\])^])\{{({_PATH}){_SPEC}\}}|(?<=[\w}}\])])\{{({_NAME}){_SPEC}\}}"
)
_PERCENT = re.compile(r"(?<![\w%])%(?:\d+\$)?[-+#0]*\d*(?:\.\d+)?([sdifr])(?!\w)")
_DOLLAR = re.compile(r"(?<![\w$\\])\$([^\W\d]\w{1,99})")
_VALUE = r"""(?:"[^"<>]{0,99}"|'[^'<>]{0,99}'|[^\s"'<>]{1,99})"""
_ATTRIBUTES = rf"(?:\s{{1,9}}[\w:.-]{{1,40}}={_VALUE}){{0,9}}"
_TAG = re.compile(rf"(?<!\w)<(/?)([^\W\d][\w:.-]{{0,99}}){_ATTRIBUTES}\s?/?>")

_LATEX_COMMAND = re.compile(
    r"\\[A-Za-z]{1,40}\*?(?:\[[^\]\n]{0,40}\])?(?=[{_^])|(?<![\w])\w[_^](?=\{)|\^(?=\{)"
)
_MATH = re.compile(
    r"\$\$[^$]{1,500}\$\$|\\\(.{1,500}?\\\)|\\\[.{1,500}?\\\]|\$(?=\S)[^$\n]{0,200}?(?<=\S)\$(?![\w])",
    re.DOTALL,
)
_DATE_FORMAT = re.compile(
    rf"\{{\w{{1,99}}:[^{{}}\n]{{1,60}}\}}|({_STRFTIME}(?:[-/:., T]{{0,3}}{_STRFTIME})+)"
)
"""A format of dates, as `match[1]`, unless it is that of a placeholder."""
_DATE_PARTS = re.compile("%[-#]?[YmHMByjIp]")
_BLANK = "\x00"
"""Stands in place of what is no placeholder, or has been counted."""
_LONGEST = 500
"""Characters of a formula at most."""
_MARKS = (
    "a b blockquote br code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p "
    "pre q s small span strike strong sub sup table tbody td th thead tr u ul"
)
_HTML = frozenset(_MARKS.split())
"""Marks for the eye; a text may lose or gain them."""


def find_placeholders(text: str) -> tuple[str, ...]:
    """Return the placeholders in a text, each once, in one spelling, in order of appearance.

    A tag is one, in whatever number it opens and closes: <context>.
    """
    found: dict[int, str] = {}
    rest = _blank_latex(text)
    for pattern, spell in (
        (_STATEMENT, "{{% {} %}}"),
        (_DOUBLE, "{{{{{}}}}}"),
        (_DOLLAR_BRACES, "${{{}}}"),
        (_PERCENT_NAMED, "%({})s"),
        (_SINGLE, "{{{}}}"),
        (_PERCENT, "%{}"),
        (_TAG, "<{}>"),
        (_DOLLAR, "${}"),
    ):
        for match in pattern.finditer(rest):
            name = match[2] if pattern is _TAG else next(filter(None, match.groups()))
            if pattern is _TAG and name.lower() in _HTML:
                continue
            found[match.start()] = spell.format(" ".join(name.split()))
        rest = pattern.sub(lambda match: _BLANK * len(match.group()), rest)
    return tuple(dict.fromkeys(found[start] for start in sorted(found)))


def list_names(text: str) -> tuple[tuple[str, str], ...]:
    """Return the placeholders in a text that name something, each as it is spelled and its name.

    A name has its parts: "customer.since". A tag around something is none of them.
    """
    spelled = (each for each in find_placeholders(text) if not each.startswith(("<", "{%")))
    names = ((each, re.search(r"[^\W\d]\w*(?:\.\w+)*", each)) for each in spelled if len(each) > 2)
    return tuple((each, name.group()) for each, name in names if name)


def find_change(candidate: str, starts: Iterable[str]) -> str:
    """Return which placeholders of the start prompts a candidate loses or adds; "" for none.

    Where the start prompts differ, it needs those that all of them have, and may have those of any.
    Without any in them everything goes, and without a tag every tag: a program that fills names in
    braces does not mind it.
    """
    known = [find_placeholders(start) for start in starts]
    allowed = dict.fromkeys(name for names in known for name in names)
    if not allowed:
        return ""
    there = find_placeholders(candidate)
    lost = [name for name in allowed if all(name in names for names in known) and name not in there]
    tags = any(name.startswith("<") for name in allowed)
    added = [n for n in there if n not in allowed and (tags or not n.startswith("<"))]
    return ", ".join([*(f"loses {name}" for name in lost), *(f"adds {name}" for name in added)])


def list_kept(starts: Iterable[str]) -> tuple[str, ...]:
    """Return the placeholders of the start prompts, each once."""
    return tuple(dict.fromkeys(name for start in starts for name in find_placeholders(start)))


def _blank_latex(text: str) -> str:
    """Return a text of the same length without LaTeX and formats of dates."""
    spans = [match.span() for match in _MATH.finditer(text) if _is_math(match.group())]
    spans += [
        (match.start(), _end_of_groups(text, match.end()))
        for match in _LATEX_COMMAND.finditer(text)
    ]
    dates = (match for match in _DATE_FORMAT.finditer(text) if _DATE_PARTS.search(match[1] or ""))
    spans += [match.span() for match in dates]
    signs = list(text)
    for start, end in spans:
        signs[start:end] = _BLANK * (end - start)
    return "".join(signs)


def _is_math(text: str) -> bool:
    """Return whether a stretch between signs of mathematics holds none of words in braces."""
    return not re.search(r"\$\{|\{\{|\{%", text)


def _end_of_groups(text: str, start: int) -> int:
    """Return the end of the groups in braces that begin right here, nested ones included."""
    end = start
    for group in _groups(text, start):
        end = group
    return end


def _groups(text: str, start: int) -> Iterator[int]:
    depth = 0
    for at in range(start, min(len(text), start + _LONGEST)):
        sign = text[at]
        if depth == 0 and sign not in "{_^":
            return
        depth += (sign == "{") - (sign == "}")
        if depth == 0 and sign == "}":
            yield at + 1
