"""Grade answers that are a text: the whole, or a mention."""

from __future__ import annotations

import re

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.metrics.json_field import find_value
from opro_cli.reading.answer_text import (
    WORD,
    collapse_spaces,
    find_occurrences,
    is_same_text,
    is_same_word_list,
    is_surname_of,
    is_titled,
    join_leading_list,
    lists_some,
    normalize_text,
    require_text,
)
from opro_cli.reading.brackets import normalize_brackets, read_brackets
from opro_cli.reading.evidence import find_span
from opro_cli.reading.final_answer import UNDECIDED, Mark, Undecided, decide, find_final_answer_in
from opro_cli.reading.prose import (
    drop_half_word,
    drop_unfinished,
    is_left_open,
    is_terminated,
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
)
from opro_cli.reading.stated_text import (
    RESTATED_SHARE,
    completes_question,
    describes_question,
    is_announcement,
    is_choice,
    iterate_readings,
    read_completed_subject,
    read_concluding_text,
    read_named_value,
    restates_question,
    shorten,
    takes_up,
)
from opro_cli.reading.structure import (
    compare_values,
    parse_structure,
    read_structure,
)

_BEFORE_SENTENCE = ("\n", ". ", "! ", "? ", "Q: ", "A: ")
REPEATED_WORDS = 3
"""Words of the shortest sentence that a reply can be said to repeat."""
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
    if _repeats_prompt(part.text, example, prompt) or _tells_statement(part.text, example, prompt):
        return None
    return answer


def _repeats_prompt(text: str, example: Example, prompt: str) -> bool:
    """Return whether a line is a sentence of the prompt beside the question: "Say the team."."""
    line = text.strip()
    if "\n" in line or len(line.split()) < REPEATED_WORDS or not is_terminated(line):
        return False
    asked = prompt.replace(example.input, "\n")
    start = asked.find(line)
    before = asked[max(0, start - 3) : start]
    begins = not before.strip() or before.endswith(_BEFORE_SENTENCE)
    return start >= 0 and begins


def _tells_statement(text: str, example: Example, prompt: str) -> bool:
    """Return whether a text tells something of its own where a statement was to be looked at.

    "The amount of money spent in London is 410 pounds" names no city; to a question it could be
    an answer, and where the prompt asks for a city "The city is London" is one.
    """
    question = example.input[-READ_LIMIT:]
    asks = any(each.endswith("?") for each in split_text(question))
    if not prompt or asks or find_final_answer_in(text).marks:
        return False
    brief = len(WORD.findall(example.target)) <= SHORT_ANSWER
    long = any(len(WORD.findall(each)) > SHORT_ANSWER for each in split_text(text)[:1])
    asked = prompt.replace(example.input, " ")
    return brief and long and not takes_up(text, asked, question)


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
    answering = first if completes_question(first, example.input) else None
    answering = answering or read_completed_subject(finished or whole, example.input)
    if answering:
        return _read_line(answering, example.target, example.input)
    if answer is None or _is_same(answer, example.target):
        return answer
    same = _read_line(first, example.target, example.input) == example.target
    return example.target if same else None


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
    return (
        is_same_text(answer, target)
        or is_same_word_list(answer, target)
        or is_titled(answer, target)
    )


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
