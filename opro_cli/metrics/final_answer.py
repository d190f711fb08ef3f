"""Where a reply says its final answer: after "The answer is", "####", "\\boxed{", "**Answer**:" …

Models think aloud before they answer, so the last marker wins. Only the line that carries the
answer is handed out: what follows it is explanation, and explanations are full of numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

READ_LIMIT = 20_000
"""Characters of a reply that are read, from its end; keeps every metric's work bounded."""

# "####" ends GSM8K solutions; "#### Step 3" is a markdown heading.
# Every repeat is bounded or possessive: a reply must not be able to make a search slow.
_MARKER = re.compile(
    r"""
      (?P<boxed>\\(?:boxed|fbox)\s{0,2}\{)
    | (?<!\#)\#{4}(?!\#)(?!\s{0,3}(?:step|part|case|method|solution|explanation)(?![^\W_]))
    | ^[#*_>\ \t]{0,8}(?:the\ )?(?:(?:final|correct)\ )?answer[*_]{0,3}[ \t]*+$
    | (?<![^\W_])(?:ans(?:wer)?|(?:correct|right|best)\s(?:option|choice|statement))
      (?![^\W_])
      (?:\s{0,2}\([^()\n]{1,60}\))?
      (?:\s(?:to|for)\s[^.:?!\n]{1,120}?)?
      [*_"]{0,3}\s{0,3}
      (?:(?:is|was|equals|(?:would|should|must|will)\sbe)(?![^\W_])|[:=]|[-–—](?=\s))
      [*_]{0,3}\s{0,3}(?::[*_]{0,3})?
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)

_FENCE = re.compile(r"\$\$|\\[\[(]|`{3}\w{0,20}|-{3}")
_STYLED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit)\s?\{(.*)\}", re.DOTALL)
_SENTENCE_END = re.compile(r"[.!?](?=\s+\S)")
_SPACE = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The part of a reply that holds its answer.

    text: the line that carries the answer; without a marker the last line; "" for an empty reply.
    marked: the reply has a final-answer marker, and `text` follows it.
    reply: as much of the reply as is read, without surrounding whitespace.
    """

    text: str
    marked: bool
    reply: str


def final_answer(reply: str) -> FinalAnswer:
    """Find the final answer of `reply`; the last marker that is followed by anything wins."""
    read = tail(reply)
    for marker in reversed(list(_MARKER.finditer(read))):
        after = read[marker.end() :]
        span = _styled_text(_braced(after)) if marker["boxed"] else after
        line = _first_line(span)
        if line:
            return FinalAnswer(line, True, read)
    return FinalAnswer(_last_line(read), False, read)


def unmarked(final: FinalAnswer) -> FinalAnswer:
    """The same reply read as if it had no marker."""
    return FinalAnswer(_last_line(final.reply), False, final.reply)


def tail(reply: str) -> str:
    """The last READ_LIMIT characters of `reply` without surrounding whitespace."""
    text = reply.strip()
    if len(text) <= READ_LIMIT:
        return text
    text = text[-READ_LIMIT:]
    # The cut may go through a word, and half a number is another number.
    space = _SPACE.search(text)
    return text[space.end() :].strip() if space else text


def first_sentence(line: str) -> str:
    """`line` up to its first full stop that more text follows, without that full stop."""
    end = _SENTENCE_END.search(line)
    return line[: end.start()] if end else line


def last_sentence(line: str) -> str:
    """What follows the last full stop inside `line`."""
    start = 0
    for end in _SENTENCE_END.finditer(line):
        start = end.end()
    return line[start:].strip()


def _braced(text: str) -> str:
    """The text up to the brace that closes an already opened one; to the end when none does."""
    depth = 1
    for position, character in enumerate(text):
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
        if depth == 0:
            return text[:position]
    return text


def _styled_text(text: str) -> str:
    styled = _STYLED.fullmatch(text.strip())
    return styled[1] if styled else text


def _first_line(text: str) -> str:
    for line in text.splitlines():
        if (stripped := line.strip()) and not _FENCE.fullmatch(stripped):
            return stripped
    return ""


def _last_line(text: str) -> str:
    for line in reversed(text.splitlines()):
        if (stripped := line.strip()) and not _FENCE.fullmatch(stripped):
            return stripped
    return text
