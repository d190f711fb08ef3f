"""Grade answers that are a text: the whole, a mention, or a field of a JSON object."""

from __future__ import annotations

import json
import re
from typing import Any

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.reading.answer_text import (
    WORD,
    collapse_spaces,
    find_occurrences,
    is_same_text,
    is_same_word_list,
    is_surname_of,
    join_leading_list,
    lists_some,
    normalize_text,
    require_text,
)
from opro_cli.reading.evidence import find_span
from opro_cli.reading.final_answer import UNDECIDED, Mark, Undecided, decide, find_final_answer_in
from opro_cli.reading.prose import (
    drop_half_word,
    drop_unfinished,
    is_left_open,
    is_void,
    split_lines,
    split_text,
)
from opro_cli.reading.reply_text import (
    READ_LIMIT,
    Part,
    Span,
    is_repetition,
    select_parts,
    take_tail,
)
from opro_cli.reading.stated_text import (
    RESTATED_SHARE,
    completes_question,
    describes_question,
    is_announcement,
    is_choice,
    iterate_readings,
    normalize_brackets,
    read_brackets,
    read_completed_subject,
    read_concluding_text,
    read_named_value,
    restates_question,
    shorten,
    takes_up,
)
from opro_cli.reading.structure import (
    Structure,
    compare_values,
    is_same_value,
    parse_structure,
    read_structure,
)

SHORT_ANSWER = 4
"""Words of a reply that was cut, or of its first sentence, that may be an answer unchanged."""


class ExactMetric:
    """Whether the final answer is the target, in NFKC, casefolded, whitespace collapsed.

    The final answer is the line after the last marker, or its first sentence; without a marker
    see `stated_text.read_concluding_text`. Articles, quotes, markdown and one stop around it are
    dropped, unless the target is punctuation only. Separators between several words, and spaces
    between brackets, are ignored. A target that is a JSON object or list is right as a value, too.
    A reply without an answer is unreadable.
    """

    target = staticmethod(require_text)
    structures = frozenset({"object"})

    def grade(self, reply: str, example: Example, prompt: str = "", *, cut: bool = False) -> Grade:
        """Return 1.0 for the same text, 0.0 for another one."""
        if (wanted := parse_structure(example.target)) is not None:
            found = read_structure(select_parts(reply)[0].text, wanted)
            same = found is not None and compare_values(wanted.value, found.value).share == 1.0
            if found is not None and (same or isinstance(wanted.value, dict)):
                return Grade(example.target if same else found.text, float(same))
        brackets = normalize_brackets(example.target)

        def read(part: Part) -> str | None:
            if not brackets:
                return _read_text(part, example, prompt)
            return " ".join(read_brackets(part.text, example.input) or "")

        for part in select_parts(reply, example.input, prompt, cut=cut):
            if part.text and (answer := read(part)):
                if brackets:
                    right = normalize_brackets(answer) == brackets
                else:
                    right = _is_same(answer, example.target) or (
                        bool(example.golds) and lists_some(answer, example.golds)
                    )
                same = right and not example.golds
                given = collapse_spaces(example.target if same else answer)
                span = find_span(part, answer, read)
                if named := read_named_value(part.text):
                    span = part.locate(*(find_value(part.text, named) or (0, 0)))
                return Grade(given, float(right), span)
        return UNREADABLE


def _read_text(part: Part, example: Example, prompt: str) -> str | None:
    """Return the target if a text answers with it in any form, else its answer, or None."""
    named = read_named_value(part.text)
    if named is not None:
        return _read_line(named, example.target, example.input[-READ_LIMIT:])
    answer = (_read_cut if part.cut else _read_answer)(part.text, example)
    if answer is None or _is_same(answer, example.target):
        return answer
    return None if _tells_statement(part.text, example, prompt) else answer


def _tells_statement(text: str, example: Example, prompt: str) -> bool:
    """Return whether a text tells something of its own where a statement was to be looked at.

    "The amount of money spent in London is 410 pounds" names no city; to a question it could be
    an answer, and where the prompt asks for a city "The city is London" is one.
    """
    question = example.input[-READ_LIMIT:]
    if not prompt or question.rstrip().endswith("?") or find_final_answer_in(text).marks:
        return False
    brief = len(WORD.findall(example.target)) <= SHORT_ANSWER
    told = any(len(WORD.findall(each)) > SHORT_ANSWER for each in split_text(text)[:1])
    asked = prompt.replace(example.input, " ")
    return brief and told and not takes_up(text, asked, question)


def _read_answer(text: str, example: Example) -> str | None:
    """Return the target if `text` answers with it in any form, else its answer, or None."""
    target, question = example.target, example.input[-READ_LIMIT:]
    if _is_same(text, target):
        return target
    final = find_final_answer_in(text)
    given = any(_is_same(mark.line, target) for mark in final.marks)
    if given and find_final_answer_in(target).marks:
        return target
    if is_left_open(text):
        return None
    answer = decide(final.marks, lambda mark: _read_mark(mark, target, question), is_same_text)
    if answer is None and not final.marks and not is_repetition(text, question):
        answer = _read_conclusion(text, target, question)
    if isinstance(answer, str) and answer != target:
        brief = bool(final.marks) and len(WORD.findall(answer)) <= SHORT_ANSWER
        restated = restates_question(answer, question, share=1.0 if brief else RESTATED_SHARE)
        if restated or answer.endswith(":") or (not final.marks and _says_less(text, example)):
            return None
    if answer is None or isinstance(answer, Undecided) or (answer != target and is_choice(answer)):
        return None
    return answer


def _says_less(text: str, example: Example) -> bool:
    """Return whether a text repeats the question, or goes on about what that names."""
    question = example.input[-READ_LIMIT:]
    short = len(WORD.findall(example.target)) <= SHORT_ANSWER
    return restates_question(text, question) or (short and describes_question(text, question))


def _read_cut(text: str, example: Example) -> str | None:
    """Return the answer that a reply had given before it was cut off, or None.

    Its finished part is read. Without a marker, an answer that is not the target must be short:
    a sentence that begins an explanation is none.
    """
    whole = drop_half_word(text, example.input)
    marks = find_final_answer_in(whole).marks
    if whole == text and marks and whole.rstrip().endswith(marks[0].line):
        return _read_answer(whole, example)
    finished = drop_unfinished(whole).rstrip(",;: ")
    answer = _read_answer(finished, example) if finished else None
    first = next(iter(split_text(finished)), "")
    lettered = any(map(str.isalpha, first))  # not the "1." of a step
    if lettered and len(WORD.findall(first)) <= SHORT_ANSWER and not first.endswith((":", "?")):
        return _read_answer(first, example)
    if find_final_answer_in(finished).marks:
        return answer
    if completes_question(first, example.input):
        return _read_line(first, example.target, example.input)
    if subject := read_completed_subject(finished or whole, example.input):
        return _read_line(subject, example.target, example.input)
    if answer is None:
        return None
    if _is_same(answer, example.target):
        return answer
    if _read_line(first, example.target, example.input) == example.target:
        return example.target
    return None


def _read_mark(mark: Mark, target: str, question: str) -> str | Undecided | None:
    if mark.form == "letter":
        return None
    if mark.form == "correction":
        return _read_conclusion(mark.rest, target, question)
    listed = mark.form in ("label", "sentence") and join_leading_list(split_lines(mark.rest))
    answer = _read_line(listed or mark.line, target, question)
    if answer == target:
        return target
    if is_void(mark.line):
        return UNDECIDED
    if mark.form == "label" and is_announcement(mark.line):
        return _read_conclusion(mark.rest, target, question)
    return answer


def _read_conclusion(text: str, target: str, question: str) -> str | None:
    line = read_concluding_text(text, question)
    return None if line is None else _read_line(line, target, question)


def _read_line(line: str, target: str, question: str) -> str:
    """Return the target if `line` has it in any form, else the answer of `line`."""
    if not any(map(str.isalnum, target)):  # quotes around punctuation may be part of the answer
        return line
    for reading in iterate_readings(line, question):
        if _is_same(reading, target) or is_surname_of(reading, target, question):
            return target
    return shorten(line, question)


def _is_same(answer: str, target: str) -> bool:
    return is_same_text(answer, target) or is_same_word_list(answer, target)


# "not Paris", "isn't in Paris", "neither Paris"
_DENIED = re.compile(
    r"(?:(?<![^\W_])(?:not|never|neither|nor|without|rather than|instead of)|n['’]t)"
    r"(?: (?:the|an?|in|at|of|called|really|actually))?[\s\W]{1,3}\Z"
)


class ContainsMetric:
    """Whether the reply has the target as whole words, in NFKC, casefolded, whitespace collapsed.

    A denied occurrence ("not Paris") does not count. Only the last READ_LIMIT characters are
    searched, without thoughts and a next question. An empty reply is unreadable.
    """

    target = staticmethod(require_text)

    def grade(self, reply: str, example: Example, prompt: str = "", *, cut: bool = False) -> Grade:
        """Return 1.0 if the target occurs, else 0.0 with the reply's final answer."""
        part = select_parts(reply, example.input, prompt, cut=cut)[0]
        final = find_final_answer_in(part.text)
        if not final.text:
            return UNREADABLE
        key = normalize_text(part.text)
        starts = find_occurrences(normalize_text(example.target), key)
        for start in starts:
            if not _DENIED.search(key[max(0, start - 30) : start]):
                span = _locate_words(part, key[:start].count(" "), example.target)
                return Grade(collapse_spaces(example.target), 1.0, span)
        at = part.text.rfind(final.text)
        return Grade(final.text, 0.0, part.locate(at, at + len(final.text)))


def _locate_words(part: Part, before: int, target: str) -> Span | None:
    """Return where `target` stands in a text, behind as many runs of spaces as `before`."""
    words = re.compile(r"\s+".join(map(re.escape, target.split())), re.IGNORECASE)
    text = part.text.lstrip()
    offset = len(part.text) - len(text)
    for each in words.finditer(text):
        if len(re.findall(r"\s+", text[: each.start()])) == before:
            return part.locate(offset + each.start(), offset + each.end())
    return None


OBJECT_LIMIT = 20_000
"""Characters searched for a JSON object, from the end of a reply."""

_PARSE_BUDGET = 20 * OBJECT_LIMIT
"""Characters parsed in all attempts: each nested object that never closes costs a parse."""

# Trying every "{" is slow, because the error of each failure counts lines.
_OBJECT_START = re.compile(r'\{\s*+(?:\}|"(?:[^"\\]|\\.){0,500}+"\s*+:)', re.DOTALL)


_LOOSE_VALUE = (
    r"""(?:"(?P<text>(?:[^"\\\n]|\\.){1,500}+)"|'(?P<single>(?:[^'\\\n]|\\.){1,500}+)'"""
    r"""|(?P<bare>-?\d[\d.]{0,40}|true|false))"""
)


class _Numeral(str):
    """A JSON number as written: floats are not exact, and huge integers do not convert."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_float=_Numeral, parse_int=_Numeral, parse_constant=str)


class JsonFieldMetric:
    """The value at a dotted path in the last JSON object of the reply, or all of it.

    The object may be in prose or a code fence, and not in thoughts. Numbers are compared as
    numbers, booleans as words, strings as by `exact`. Where no object can be parsed, or none has
    the key there, the key's only complete value in the reply counts, so that a trailing comma,
    single quotes, another case of the key, an object that was cut behind the value, or a wrapper
    around it loses nothing; a list of one is its element. A missing key, null, and a list or an
    object of several values where the target is none, are unreadable.

    A target that is itself an object or a list is compared field by field, see
    `structure.compare_values`; without a path every target is one.
    """

    structures = frozenset({"object", "list"})

    def __init__(self, path: str) -> None:
        """Raise ValueError unless `path` is "", or keys and list indexes: "result.items.0"."""
        self._steps = path.split(".") if path else []
        if "" in self._steps:
            raise ValueError(f"path {path!r} has an empty key")

    def target(self, raw: str) -> str:
        """Return a gold value; an object or a list as it is written.

        Raises:
            ValueError: It is empty, or neither an object nor a list where there is no path.
        """
        if parse_structure(raw) is not None:
            return raw.strip()
        if not self._steps:
            raise ValueError(
                f"expected a JSON object or list, found {raw.strip()[:80]!r}; "
                "json:KEY compares the value of one key"
            )
        return require_text(raw)

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """Return 1.0 for the same value, 0.0 for another one, the share of right fields between."""
        wanted = parse_structure(example.target)
        if wanted is not None:
            return self._grade_structure(reply, wanted)
        parts = select_parts(reply, example.input, prompt)
        part = next((each for each in parts if "{" in each.text), parts[-1])
        key = self._steps[-1] if self._steps else None
        value = _unwrap_value(_find_value(find_last_object(part.text), self._steps))
        if value is None and key is not None:
            value = _find_loose_value(part.text, key, example.input)
        if isinstance(value, bool):
            answer = "true" if value else "false"
        elif isinstance(value, str) and value.strip():
            answer = str(value).strip()
        else:
            return UNREADABLE
        span = part.locate(*(find_value(part.text, answer, key) or (0, 0)))
        return Grade(answer, float(is_same_value(answer, example.target)), span)

    def _grade_structure(self, reply: str, wanted: Structure) -> Grade:
        text = select_parts(reply)[0].text
        if not self._steps:
            found = read_structure(text, wanted)
            if found is None:
                return UNREADABLE
            return Grade(found.text, compare_values(wanted.value, found.value).share)
        value = _find_value(find_last_object(text), self._steps)
        if value is None:
            return UNREADABLE
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return Grade(shown or "(empty)", compare_values(wanted.value, value).share)


def find_value(text: str, value: str, key: str | None = None) -> Span | None:
    """Return where a value, as JSON decodes it, stands in a text last; of a key, or of any.

    A list index is no key: the value may then belong to any. None where it is written in an
    unusual way.
    """
    name = r'"[^"\n]{1,500}"' if key is None or key.isdecimal() else re.escape(json.dumps(key))
    plain, escaped = re.escape(value), re.escape(json.dumps(value)[1:-1])
    written = rf'"(?P<string>{escaped}|{plain})"|(?P<bare>{plain}(?![\w.]))'
    behind = r"\s{0,20}:\s{0,20}(?:\{[^{}:]{1,500}:\s{0,20})?"
    if key is None or key.isdecimal():
        behind, name = r"[:,\[]\s{0,20}", ""
    found = list(re.finditer(rf"{name}{behind}(?:{written})", text))
    return None if not found else found[-1].span("string" if found[-1]["string"] else "bare")


def find_last_object(reply: str) -> dict[str, Any] | None:
    """Return the last outermost JSON object in `reply`, or None; never raises.

    Objects whose first key is longer than 500 characters are skipped.
    """
    text = reply.strip()[-OBJECT_LIMIT:]
    budget = _PARSE_BUDGET
    found: dict[str, Any] | None = None
    start = _OBJECT_START.search(text)
    while start and budget > 0:
        try:
            found, end = _DECODER.raw_decode(text, start.start())
        except json.JSONDecodeError as error:
            end = start.start() + 1
            # Characters parsed, and those before, in which lines are counted far faster.
            budget -= error.pos - end + 2 + error.pos // 100
        except RecursionError:
            end = start.start() + 1
            budget -= len(text)
        start = _OBJECT_START.search(text, end)
    return found


def _find_value(value: object, steps: list[str]) -> object:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list):
            # int() refuses very long numbers.
            index = int(step) if step.isdecimal() and len(step) < 10 else len(value)
            value = value[index] if index < len(value) else None
        else:
            return None
    return value


def _unwrap_value(value: object) -> object:
    """Return the only value of `{"name": "Rome"}` or `["Rome"]`, or the value as it is."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], bool | str):
        return value[0]
    if isinstance(value, dict) and len(value) == 1:
        (only,) = value.values()
        return only if isinstance(only, bool | str) else value
    return value


def _find_loose_value(reply: str, key: str, question: str) -> str | None:
    """Return the only complete value of `key` in a text with a "{" that is no JSON, or None."""
    text = take_tail(reply)
    found: dict[str, str] = {}
    if "{" not in text:
        return None
    named = rf"""(?P<mark>["']){re.escape(key)}(?P=mark)\s{{0,20}}:\s{{0,20}}{_LOOSE_VALUE}"""
    for each in re.finditer(named, text, re.IGNORECASE):
        value = each["text"] or each["single"] or each["bare"]
        whole = each.end() < len(text) or (each["bare"] and _is_whole(text, value, question))
        if whole:
            found.setdefault(normalize_text(value), value)
    return found.popitem()[1] if len(found) == 1 else None


def _is_whole(text: str, value: str, question: str) -> bool:
    """Return whether a bare value at the end of a text that was cut stands elsewhere as a whole.

    It is then no beginning of a longer one: "80" where the question says "80 pounds".
    """
    numbers = re.findall(r"\d[\d.,]*(?<!\D)", question)
    return value in numbers or drop_half_word(text, question) == text
