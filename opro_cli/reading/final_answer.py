"""Where a reply says its final answer: after "The answer is", "####", "\\boxed{", "**Answer**:" …

Models think aloud before they answer, so the last marker wins. Only the line that carries the
answer is handed out: what follows it is explanation, and explanations are full of numbers.
"""

from __future__ import annotations

import enum
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from opro_cli.reading.markers import (
    ASCII_KEYWORDS,
    BEHIND_END,
    BEHIND_LEAD,
    BEHIND_NOUNS,
    CORRECTION,
    CORRECTION_WORDS,
    HEADING_LEAD,
    KEYWORDS,
    MARKER,
)
from opro_cli.reading.reply_text import select_answer_texts
from opro_cli.reading.sentences import is_fence, split_lines, split_sentences

MAX_MARKS = 16
"""Markers that are read, from the end; a reply with more of them repeats itself."""

_LINE = re.compile(r"\S[^\n]*+")
_BRACE = re.compile(r"[{}]")
_STYLED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit)\s?\{(.*)\}", re.DOTALL)
_SENTENCE_END = re.compile(r"[.!?](?=\s+\S)")
# "答えは18です", "उत्तर 18 है": the verb follows the answer.
_VERB_BEHIND = re.compile(r"\s?(?:です|である|だ|입니다|이다|예요|이에요|हैं?)[\s。.!।]*\Z")
_JSON_STRING = re.compile(r'\s?"((?:[^"\\\n]|\\.){0,2000}+)"')
# What leads from one answer to the next marker without saying anything of its own.
_LEADING_ON = re.compile(
    r"[\W_]*+(?:(?:and|so|thus|therefore|hence|final(?:ly)?|the|correct|right|my|is)[\W_]++){0,6}\Z",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"(?<![^\W_])(?:wait|no|nope|sorry|actually|correction|rather|hmm+|oops|mistake|scratch|instead"
    r"|reconsider|recheck|check|however|but|or)(?![^\W_])",
    re.IGNORECASE,
)
_IN_CASE = re.compile(r"(?<![^\W_])(?:if|when|assuming)\s[^.!?;\n]{1,280}\Z", re.IGNORECASE)
_NO_SUBJECT = re.compile(
    r"[\W_]*+(?:(?:so|and|but|which|what|this|that|it|here|one)[\W_]*+){0,3}", re.IGNORECASE
)

T = TypeVar("T")
Form = Literal["sentence", "label", "box", "letter", "behind", "correction"]


class Undecided(enum.Enum):
    """A reply that gives several answers, or says that it has none."""

    UNDECIDED = enum.auto()


UNDECIDED = Undecided.UNDECIDED


@dataclass(frozen=True, slots=True)
class Mark:
    """What one final-answer marker says.

    line: the line that carries the answer; for "behind" the sentence before the marker.
    rest: everything from there to the next marker, or to the end.
    form: "sentence" for "the answer is", "label" for "Answer:" and "####", "box" for \\boxed{…}
    and <answer>…</answer>, "letter" for "answer B", "behind" for "… is the answer",
    "correction" for "No wait, …".
    only: the line as far as the next marker, where nothing but that answer stands before it.
    conditional: it holds in one case only, "if they share, the answer is 12".
    """

    line: str
    rest: str
    form: Form
    only: str | None = None
    conditional: bool = False


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The part of a reply that holds its answer.

    text: the line that carries the answer; without a marker the last line; "" for an empty reply.
    reply: as much of the reply as is read, without surrounding whitespace.
    marks: what the final-answer markers say, the last one first.
    """

    text: str
    reply: str
    marks: tuple[Mark, ...]

    @property
    def marked(self) -> bool:
        """Whether the reply has a final-answer marker that is followed by anything."""
        return bool(self.marks)


def find_final_answer(reply: str) -> FinalAnswer:
    """The final answer of `reply`; the last marker that is followed by anything wins."""
    return find_final_answer_in(select_answer_texts(reply)[0])


def find_final_answer_in(text: str) -> FinalAnswer:
    """The final answer of one of the `select_answer_texts` of a reply."""
    marks = _find_marks(text)
    if marks:
        return FinalAnswer(marks[0].line, text, marks)
    listed = split_lines(text)
    return FinalAnswer(listed[-1] if listed else text, text, ())


def decide(
    marks: tuple[Mark, ...],
    read: Callable[[Mark], T | Undecided | None],
    same: Callable[[T, T], bool] = operator.eq,
) -> T | Undecided | None:
    """What the last mark says from which `read` reads anything; None when it reads nothing.

    UNDECIDED where the marker directly before gives another answer that is not taken back,
    "Answer: 40. Answer: 45", or where another case has another answer.
    """
    for place, mark in enumerate(marks):
        answer = read(mark)
        if answer is None:
            continue
        if isinstance(answer, Undecided):
            return answer
        for rival in _find_rivals(mark, marks[place + 1 :]):
            other = read(rival)
            if other is not None and not isinstance(other, Undecided) and not same(other, answer):
                return UNDECIDED
        return answer
    return None


def _find_rivals(mark: Mark, earlier: tuple[Mark, ...]) -> Iterator[Mark]:
    """The earlier marks that `mark` does not supersede."""
    before = earlier[0] if earlier else None
    if before and before.only is not None and before.form == mark.form:
        yield replace(before, line=before.only, rest=before.only)
    if mark.conditional:
        yield from (other for other in earlier if other.conditional)


def take_first_sentence(line: str) -> str:
    """`line` up to its first full stop that more text follows, without that full stop."""
    end = _SENTENCE_END.search(line)
    return line[: end.start()] if end else line


def _find_marks(text: str) -> tuple[Mark, ...]:
    # As long as `text`: only "İ" has a longer small letter.
    lower = text.replace("İ", "I").lower()
    found = [(match, _classify_marker(match)) for match in _find_markers(lower)]
    found += [(match, "behind") for match in _find_answers_before_nouns(lower)]
    if any(map(lower.__contains__, CORRECTION_WORDS)):
        found += [(match, "correction") for match in CORRECTION.finditer(lower)]
    found = sorted(found, key=lambda pair: pair[0].start())[-MAX_MARKS:]
    marks: list[Mark] = []
    following = len(text)
    for match, form in reversed(found):
        mark = (
            _read_mark_behind(text, match)
            if form == "behind"
            else _read_mark(text, match, form, following)
        )
        if mark is not None:
            marks.append(mark)
            following = match.start()
    return tuple(marks)


def _find_markers(lower: str) -> Iterator[re.Match[str]]:
    end = 0
    for start in _find_words(ASCII_KEYWORDS if lower.isascii() else KEYWORDS, lower):
        before = lower[start - 1 : start] if start else ""
        if start < end or (before.isalnum() and before.isascii() and lower[start].isalpha()):
            continue
        match = MARKER.match(lower, start)
        if match is not None and _is_well_placed(lower, match):
            end = match.end()
            yield match


def _find_answers_before_nouns(lower: str) -> Iterator[re.Match[str]]:
    """What leads to "the answer" in "18 is the answer"."""
    for noun in BEHIND_NOUNS:
        if noun not in lower:
            continue
        for place in _find_words((noun,), lower):
            lead = BEHIND_LEAD.search(lower, max(0, place - 60), place)
            if lead and BEHIND_END.match(lower, place + len(noun)):
                yield lead


def _find_words(words: tuple[str, ...], lower: str) -> list[int]:
    """Where any of `words` begins."""
    places: set[int] = set()
    for word in words:
        place = lower.find(word)
        while place >= 0:
            places.add(place)
            place = lower.find(word, place + 1)
    return sorted(places)


def _is_well_placed(lower: str, match: re.Match[str]) -> bool:
    """Whether a heading stands alone on its line, and "answer 18" at the beginning of one."""
    if match["heading"] is None and match["digits"] is None:
        return True
    start = match.start()
    lead = lower[max(lower.rfind("\n", 0, start) + 1, start - 40) : start]
    return bool(HEADING_LEAD.match(lead))


def _classify_marker(match: re.Match[str]) -> Form:
    if match["box"] or match["tag"]:
        return "box"
    if match["short"] and not match["digits"]:
        return "letter"
    spoken = match["copula_0"] or match["copula_1"] or match["question"]
    return "sentence" if spoken else "label"


def _read_mark(text: str, match: re.Match[str], form: Form, following: int) -> Mark | None:
    """The mark of a marker before its answer; None when nothing follows it."""
    after = text[match.end() :]
    end = following - match.end()
    if form == "box":
        inside = _drop_style(_take_braced(after) if match["box"] else after.partition("<")[0])
        end = max(end, len(inside))
        line = _take_first_line(inside)
        adjoining = _LEADING_ON.fullmatch(after, len(inside), end)
        return Mark(line, inside.strip(), form, line if adjoining else None) if line else None
    if '"' in match[0] and (string := _JSON_STRING.match(after)):
        after = string[1].replace('\\"', '"')
    line = _take_first_line(after)
    if not line:
        return None
    rest = after[:end]
    only = _read_only_line(rest) if end < len(after) else None
    conditional = form == "sentence" and bool(_IN_CASE.search(text[: match.start()][-300:]))
    return Mark(line, rest.strip(), form, only, conditional)


def _read_only_line(said: str) -> str | None:
    """The line that `said` is, the lead to the next marker aside; None when it is more."""
    line = _LEADING_ON.sub("", said).strip()
    if "\n" in line or len(split_sentences(line)) > 1 or _TAKEN_BACK.search(line):
        return None
    return line or None


def _read_mark_behind(text: str, match: re.Match[str]) -> Mark | None:
    start = text.rfind("\n", 0, match.start()) + 1
    line = split_sentences(text[start : match.start()])[-1]
    if _NO_SUBJECT.fullmatch(line):
        return None
    return Mark(line, line, "behind")


def _take_braced(text: str) -> str:
    """The text up to the brace that closes an already opened one; to the end when none does."""
    depth = 1
    for brace in _BRACE.finditer(text):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return text[: brace.start()]
    return text


def _drop_style(text: str) -> str:
    styled = _STYLED.fullmatch(text.strip())
    return styled[1] if styled else text


def _take_first_line(text: str) -> str:
    stripped = (found[0].strip() for found in _LINE.finditer(text))
    line = next((line for line in stripped if not is_fence(line)), "")
    return line if line.isascii() else _VERB_BEHIND.sub("", line) or line
