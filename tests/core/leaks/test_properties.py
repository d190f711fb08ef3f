"""What holds of the leak lint for any text."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.leaks.leaks import LeakIndex
from opro_cli.core.leaks.quotes import split_words
from opro_cli.core.task.example import Example

ANY_TEXT = st.text(st.characters(codec=None), max_size=200)
WORD = st.text(string.ascii_lowercase, min_size=1, max_size=9)
LONG_QUESTION = (
    st.lists(WORD, min_size=20, max_size=40)
    .map(" ".join)
    .filter(lambda text: len(split_words(text)) >= 12)
)
MARKS = st.text("  \n.,;:!?-()\"'“”…", max_size=3)


def index(*questions: str) -> LeakIndex:
    return LeakIndex([Example(text, "yes", "t") for text in questions])


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=4), ANY_TEXT)
def test_any_text_is_read(rows: list[tuple[str, str]], instruction: str) -> None:
    examples = [Example(question, target, "t") for question, target in rows]
    for text in (instruction, *(question for question, _ in rows)):
        for leak in LeakIndex(examples).find(text):
            assert leak.quote in text
            assert 0 <= leak.question < len(rows)


@given(st.lists(LONG_QUESTION, min_size=1, max_size=5, unique=True), st.data(), WORD, WORD)
def test_a_long_question_quoted_whole_is_told(
    questions: list[str], data: st.DataObject, before: str, after: str
) -> None:
    quoted = data.draw(st.sampled_from(questions))
    assert index(*questions).find(f"{before} {quoted} {after}")


@given(LONG_QUESTION, LONG_QUESTION, st.data())
def test_case_and_marks_do_not_matter(question: str, other: str, data: st.DataObject) -> None:
    parts = question.split()[3:] + other.split()[:3]
    typed = "".join(
        data.draw(st.sampled_from([part, part.upper(), part.title()])) + data.draw(MARKS) + " "
        for part in parts
    )
    of_both = index(question, other)
    plain = [(leak.kind, leak.question) for leak in of_both.find(" ".join(parts))]
    assert [(leak.kind, leak.question) for leak in of_both.find(typed)] == plain


@given(st.lists(LONG_QUESTION, max_size=4), ANY_TEXT)
def test_what_shares_no_word_is_no_leak(questions: list[str], instruction: str) -> None:
    shared = {word.text for text in questions for word in split_words(text)}
    if not shared & {word.text for word in split_words(instruction)} - {"yes"}:
        assert index(*questions).find(instruction) == ()
