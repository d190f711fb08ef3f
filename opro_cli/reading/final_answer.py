r"""Find the final answer of a reply: after "The answer is", "####", "\boxed{", "**Answer**:".

Models think aloud before they answer, so the last marker wins. Only the line that carries the
answer is returned: the text after it is explanation, and explanations are full of numbers.
"""

from __future__ import annotations

import enum
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from opro_cli.reading import markers
from opro_cli.reading.prose import is_fence, is_left_open, is_void, split_lines, split_sentences
from opro_cli.reading.reply_text import select_answer_texts

MAX_MARKS = 16
"""Markers read, counted from the end; a reply with more of them repeats itself."""

_LINE = re.compile(r"\S[^\n]*+")
_BRACE = re.compile(r"[{}]")
_STYLED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit)\s?\{(.*)\}", re.DOTALL)
_SENTENCE_END = re.compile(r"[.!?](?=\s+\S)")
# "答えは18です", "उत्तर 18 है": the verb follows the answer.
_VERB_BEHIND = re.compile(r"\s?(?:です|である|だ|입니다|이다|예요|이에요|हैं?)[\s。.!।]*\Z")
_JSON_STRING = re.compile(r'\s?"((?:[^"\\\n]|\\.){0,2000}+)"')
# Words between an answer and the next marker that carry no content.
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

WEAK_TAIL = 200
"""Characters at the end of a text in which a weak marker is looked for."""
WEAK_WORDS = 5
"""Words of an answer behind a weak marker at most."""
_WEAK_MARKER = re.compile(
    r"(?:^|(?<=[.!?]\s))[ \t]*"
    r"(?:therefore|result|(?:my\s)?(?:final\s)?(?:decision|conclusion|verdict))\s?[:=][ \t]*"
    r"(?P<line>[^\s=][^\n]*)\s*\Z",
    re.IGNORECASE | re.MULTILINE,
)

T = TypeVar("T")
Form = Literal["sentence", "label", "box", "letter", "behind", "correction"]


class Undecided(enum.Enum):
    """The result for a reply that gives several answers, or says that it has none."""

    UNDECIDED = enum.auto()


UNDECIDED = Undecided.UNDECIDED


@dataclass(frozen=True, slots=True)
class Mark:
    r"""The text at one final-answer marker.

    Attributes:
        line: The line that carries the answer; for "behind" the sentence before the marker.
        rest: Everything from there to the next marker, or to the end.
        form: "sentence" for "the answer is", "label" for "Answer:" and "####", "box" for \boxed{…}
            and <answer>…</answer>, "letter" for "answer B", "behind" for "… is the answer",
            "correction" for "No wait, …".
        only: The text up to the next marker if it holds nothing but this answer.
        conditional: Whether it holds in one case only: "if they share, the answer is 12".
        start: Where in the text `line` is looked for: behind the marker.
    """

    line: str
    rest: str
    form: Form
    only: str | None = None
    conditional: bool = False
    start: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The part of a reply that holds its answer.

    Attributes:
        text: The line that carries the answer; without a marker the last line; "" if empty.
        reply: The part of the reply that was read, without surrounding whitespace.
        marks: The final-answer markers, last one first.
    """

    text: str
    reply: str
    marks: tuple[Mark, ...]


def find_final_answer(reply: str) -> FinalAnswer:
    """Return the final answer of `reply`: that of the last marker with text after it."""
    return find_final_answer_in(select_answer_texts(reply)[0])


def find_final_answer_in(text: str) -> FinalAnswer:
    """Return the final answer of one of the texts that `select_answer_texts` returns."""
    marks = _find_marks(text) or _find_weak_mark(text)
    if marks:
        return FinalAnswer(marks[0].line, text, marks)
    return FinalAnswer((split_lines(text) or [text])[-1], text, ())


def _find_weak_mark(text: str) -> tuple[Mark, ...]:
    """Return what stands behind "Therefore:" or "Result:" at the end of a text, if that is all.

    These words may also lead to a remark, so they count where no marker does, where nothing
    follows, and where no short answer stands before them: "Paris", and below it "Result: correct".
    """
    found = _WEAK_MARKER.search(text, max(0, len(text) - WEAK_TAIL))
    if found is None or len(found["line"].split()) > WEAK_WORDS:
        return ()
    before = split_lines(text[: found.start()])
    if before and len(before[0].split()) <= WEAK_WORDS and ":" not in before[0]:
        return ()
    line = found["line"].strip()
    return (Mark(line, line, "label", start=found.start("line")),)


def decide(
    marks: tuple[Mark, ...],
    read: Callable[[Mark], T | Undecided | None],
    is_same: Callable[[T, T], bool] = operator.eq,
) -> T | Undecided | None:
    """Return the answer at the last mark from which `read` reads one, else None.

    The result is UNDECIDED if the marker directly before gives another answer that is not
    retracted ("Answer: 40. Answer: 45"), or if a conditional answer has a different alternative.
    """
    for index, mark in enumerate(marks):
        answer = read(mark)
        if answer is None:
            continue
        if isinstance(answer, Undecided):
            return answer
        for rival in _find_rivals(mark, marks[index + 1 :]):
            other = read(rival)
            if not (other is None or isinstance(other, Undecided) or is_same(other, answer)):
                return UNDECIDED
        return answer
    return None


def read_answer(
    text: str,
    read_mark: Callable[[Mark], T | Undecided | None],
    read_conclusion: Callable[[str], T | Undecided | None],
    is_same: Callable[[T, T], bool] = operator.eq,
) -> T | None:
    """Return the answer at the markers of `text`, else the answer of its conclusion, or None."""
    if is_left_open(text):
        return None
    final = find_final_answer_in(text)
    answer = decide(final.marks, read_mark, is_same)
    if answer is None and not (final.marks and is_void(final.text)):
        answer = read_conclusion(text)
    return None if isinstance(answer, Undecided) else answer


def _find_rivals(mark: Mark, earlier: tuple[Mark, ...]) -> Iterator[Mark]:
    """Yield the earlier marks that `mark` does not supersede."""
    before = earlier[0] if earlier else None
    if before and before.only is not None and before.form == mark.form:
        yield replace(before, line=before.only, rest=before.only)
    if mark.conditional:
        yield from (other for other in earlier if other.conditional)


def take_first_sentence(line: str) -> str:
    """Return `line` up to the first full stop that is followed by text, without that stop."""
    end = _SENTENCE_END.search(line)
    return line[: end.start()] if end else line


def _find_marks(text: str) -> tuple[Mark, ...]:
    # Keeps the length: "İ" is the only letter whose lower case is longer.
    lower = text.replace("İ", "I").lower()
    matches = [(match, _classify_marker(match)) for match in _find_markers(lower)]
    matches += [(match, "behind") for match in _find_answers_before_nouns(lower)]
    if any(map(lower.__contains__, markers.CORRECTION_WORDS)):
        matches += [(match, "correction") for match in markers.CORRECTION.finditer(lower)]
    matches = sorted(matches, key=lambda pair: pair[0].start())[-MAX_MARKS:]
    marks: list[Mark] = []
    following = len(text)
    for match, form in reversed(matches):
        mark = _read_mark(text, match, form, following)
        if mark is not None:
            marks.append(mark)
            following = match.start()
    return tuple(marks)


def _find_markers(lower: str) -> Iterator[re.Match[str]]:
    end = 0
    for start in _find_words(
        markers.ASCII_KEYWORDS if lower.isascii() else markers.KEYWORDS, lower
    ):
        before = lower[start - 1 : start] if start else ""
        if start < end or (before.isalnum() and before.isascii() and lower[start].isalpha()):
            continue
        match = markers.MARKER.match(lower, start)
        if match is not None and _is_well_placed(lower, match):
            end = match.end()
            yield match


def _find_answers_before_nouns(lower: str) -> Iterator[re.Match[str]]:
    """Yield the matches of "is the" in "18 is the answer"."""
    for noun in markers.BEHIND_NOUNS:
        for start in _find_words((noun,), lower):
            lead = markers.BEHIND_LEAD.search(lower, max(0, start - 60), start)
            if lead and markers.BEHIND_END.match(lower, start + len(noun)):
                yield lead


def _find_words(words: tuple[str, ...], lower: str) -> list[int]:
    """Return the offsets where any of `words` begins, overlaps included."""
    starts: set[int] = set()
    for word in words:
        start = lower.find(word)
        while start >= 0:
            starts.add(start)
            start = lower.find(word, start + 1)
    return sorted(starts)


def _is_well_placed(lower: str, match: re.Match[str]) -> bool:
    """Return whether a heading is alone on its line and "answer 18" begins one."""
    if match["heading"] is None and match["digits"] is None:
        return True
    start = match.start()
    lead = lower[max(lower.rfind("\n", 0, start) + 1, start - 40) : start]
    return bool(markers.HEADING_LEAD.match(lead))


def _classify_marker(match: re.Match[str]) -> Form:
    if match["box"] or match["tag"]:
        return "box"
    if match["short"] and not match["digits"]:
        return "letter"
    spoken = match["copula_0"] or match["copula_1"] or match["question"]
    return "sentence" if spoken else "label"


def _read_mark(text: str, match: re.Match[str], form: Form, following: int) -> Mark | None:
    """Return the mark of a marker; None if there is no answer at it."""
    if form == "behind":
        start = text.rfind("\n", 0, match.start()) + 1
        line = split_sentences(text[start : match.start()])[-1]
        return None if _NO_SUBJECT.fullmatch(line) else Mark(line, line, form, start=start)
    after = text[match.end() :]
    end = following - match.end()
    if form == "box":
        inside = _take_braced(after) if match["box"] else after.partition("<")[0]
        if styled := _STYLED.fullmatch(inside.strip()):
            inside = styled[1]
        end = max(end, len(inside))
        line = _take_first_line(inside)
        adjoining = _LEADING_ON.fullmatch(after, len(inside), end)
        only = line if adjoining else None
        return Mark(line, inside.strip(), form, only, start=match.end()) if line else None
    if '"' in match[0] and (string := _JSON_STRING.match(after)):
        after = string[1].replace('\\"', '"')
    line = _take_first_line(after)
    if not line:
        return None
    rest = after[:end]
    only = _read_only_line(rest) if end < len(after) else None
    conditional = form == "sentence" and bool(_IN_CASE.search(text[: match.start()][-300:]))
    return Mark(line, rest.strip(), form, only, conditional, match.end())


def _read_only_line(rest: str) -> str | None:
    """Return `rest` without the lead to the next marker; None if it is more than one sentence."""
    line = _LEADING_ON.sub("", rest).strip()
    if "\n" in line or len(split_sentences(line)) > 1 or _TAKEN_BACK.search(line):
        return None
    return line or None


def _take_braced(text: str) -> str:
    """Return the text before the brace that closes an open one, else the whole text."""
    depth = 1
    for brace in _BRACE.finditer(text):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return text[: brace.start()]
    return text


def _take_first_line(text: str) -> str:
    stripped = (match[0].strip() for match in _LINE.finditer(text))
    line = next((line for line in stripped if not is_fence(line)), "")
    return line if line.isascii() else _VERB_BEHIND.sub("", line) or line
