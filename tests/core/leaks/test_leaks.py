"""What is told as a leak and what is not, cases by hand."""

from __future__ import annotations

import pytest

from opro_cli.core.leaks.leaks import Leak, LeakIndex
from opro_cli.core.task.example import Example

STORIES = (
    ("Nadja planted 37 tulips and 1,250 crocuses behind her bakery. How many flowers?", "1287"),
    ("A ferry carries eleven lorries at $48.50 each. What does the crossing bring in?", "533.5"),
    ("Grandpa Olaf knits 6 scarves in 9 evenings. How long does he need for 14?", "21"),
    ("Two hikers share 16 sandwiches and 3 thermos flasks of tea on 4 days.", "4"),
    ("Quinn's trombone lasts 112 concerts and his mouthpiece 28. How many does he buy?", "4"),
)
TOWNS = ("Oslo", "Lima", "Pune", "Kyiv", "Bonn", "Graz", "Faro", "Bari")


def examples(*rows: tuple[str, str]) -> list[Example]:
    return [Example(text, target, f"t:{row}", row) for row, (text, target) in enumerate(rows)]


def told(instruction: str, *rows: tuple[str, str]) -> tuple[Leak, ...]:
    return LeakIndex(examples(*(rows or STORIES))).find(instruction)


def test_a_quoted_sentence_is_told_as_it_stands_in_the_instruction() -> None:
    instruction = "Think: GRANDPA Olaf knits, six scarves\nin 9 evenings! Then answer."
    quote = "GRANDPA Olaf knits, six scarves\nin 9 evenings"
    assert told(instruction) == (Leak("question", quote, 2),)


@pytest.mark.parametrize(
    "quote",
    [
        "planted 37 tulips and 1250 crocuses",
        "planted 37 tulips and 1,250.0 crocuses",
        "Planted “37” tulips — and １２５０ crocuses",
        "planted thirty-seven tulips and 1,250 crocuses behind her bakery",
        "Denke daran: Nadja planted 37 tulips, also ist das Ergebnis groß.",
    ],
)
def test_numbers_marks_and_other_languages_hide_nothing(quote: str) -> None:
    assert [leak.question for leak in told(quote)] == [0]


def test_quotes_of_two_questions_are_two_leaks() -> None:
    both = "As in: a ferry carries eleven lorries; Quinn's trombone lasts 112 concerts."
    assert {leak.question for leak in told(both)} == {1, 4}


def test_numbers_alone_are_told_when_they_are_many_or_long() -> None:
    row = ("He has 16 hens, 375 geese, 12 ducks and sells 84 eggs.", "7")
    assert told("For 16, 375, 12 and 84 add first.", row, *STORIES)[0].kind == "numbers"
    assert told("In this problem 16, 3, 4 ...") == ()


def test_an_answer_with_words_of_its_question_is_told() -> None:
    assert [leak.question for leak in told("The ferry with lorries brings in 533.5.")] == [1]


@pytest.mark.parametrize("text", ["yes", "5", "4", "(A)", "The answer is 21.", "", " \n"])
def test_a_bare_answer_is_none(text: str) -> None:
    assert told(text) == ()


def test_a_long_number_that_is_an_answer_is_told() -> None:
    assert told("Expect 1,287.") == (Leak("answer", "1,287", 0),)


def test_answers_of_several_questions_are_told_together() -> None:
    """As in the instruction that the paper found for tracking_shuffled_objects."""
    start = "Ann, Bea and Cleo trade cups. At the end of the day, "
    options = "\nOptions:\n(A) striped cup\n(B) spotted cup\n(C) golden cup"
    rows = [
        (f"{start}{name} has the{options}", target)
        for name, target in (("Ann", "(B)"), ("Bea", "(C)"), ("Cleo", "(A)"), ("Bea", "(A)"))
    ]
    leaks = told("Ann has the spotted cup and Cleo has the striped cup. All are happy.", *rows)
    assert {(leak.kind, leak.question) for leak in leaks} == {("answer", 0), ("answer", 2)}
    assert told("Find out who has the cup at the end of the day.", *rows) == ()


def test_what_many_questions_say_is_the_language_of_the_task() -> None:
    ask = "If you follow these instructions, do you return to the starting point? Begin in {}."
    rows = [(ask.format(town), "yes") for town in TOWNS]
    for count in (3, 8):
        some = rows[:count]
        quoted = "Answer: if you follow these instructions, do you return to the starting point?"
        assert told(quoted, *some) == ()
        assert [leak.question for leak in told(some[1][0], *some)] == [1]


def test_labels_have_to_be_listed() -> None:
    labels = ("account access", "billing and payments", "technical issue", "shipping delay")
    rows = [(story, label) for (story, _), label in zip(STORIES, labels, strict=False)]
    assert told(f"Classify the ticket: {', '.join(labels)}.", *rows) == ()


def test_a_long_answer_in_words_is_told() -> None:
    row = ("Sort: quay marsh lantern vessel cobalt", "cobalt lantern marsh quay vessel")
    (leak,) = told("It looks like cobalt lantern marsh quay vessel.", row)
    assert leak == Leak("answer", "cobalt lantern marsh quay vessel", 0)


def test_repeated_rows_count_once_and_the_first_is_named() -> None:
    quote = "Grandpa Olaf knits 6 scarves in 9 evenings."
    assert [leak.question for leak in told(quote, *STORIES, *STORIES, *STORIES)] == [2]


def test_without_questions_nothing_is_quoted() -> None:
    assert LeakIndex([]).find("Grandpa Olaf knits 6 scarves.") == ()
    assert told("Grandpa Olaf knits.", ("", "")) == ()


def test_ten_thousand_characters_are_no_leak_for_their_length() -> None:
    advice = "Read the question, count the flowers, and check the number of days. "
    long = advice * 150
    assert len(long) > 10_000
    assert told(long) == ()
    (leak,) = told(f"{long}Grandpa Olaf knits 6 scarves in 9 evenings. {long}")
    assert leak.question == 2


def test_a_long_number_is_read_as_one() -> None:
    assert told("9" * 10_000) == ()
