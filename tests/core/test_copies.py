"""Which rows are copies of each other, and which only look alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.copies import find_copies, group_rows, split_words
from opro_cli.core.task.example import Example

STORY = (
    "In the spring the old miller sold his horse to a farmer from the next valley, who paid half "
    "of the price at once and promised the other half for the harvest; the horse then died before "
    "any of the corn was cut, and the farmer now says that nobody can owe money for a dead animal, "
    "while the miller wants what was agreed. Does the farmer have to pay the second half?"
)


def row(text: str, target: str = "yes", group: str = "") -> Example:
    return Example(text, target, f"x:{text[:5]}", group=group)


def copies(*examples: Example) -> list[list[int]]:
    members = find_copies(examples).list_members().values()
    return [rows for rows in members if len(rows) > 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the capital of France?", "what is  the Capital of France ?"),
        ("What is the capital of France?", "12. What is the capital of France"),
        ("What is the capital of France?", "Q3: What is the capital of France?"),
        ("1) What is the capital of France?", "Question 7. What is the capital of France?"),
        ("“Cost: ５ € each”", '"cost: 5 € each"'),
        (STORY, STORY.replace("horse then died", "horse died")),
        (STORY, STORY.replace("dead animal", "dead animals")),
    ],
)
def test_these_are_copies(one: str, other: str) -> None:
    assert copies(row(one), row("Something else entirely?"), row(other)) == [[0, 2]]


@pytest.mark.parametrize(
    ("one", "other", "targets"),
    [
        ("What is 2 + 3?", "What is 2 - 3?", ("5", "5")),
        ("What is 1.5 times 2?", "What is 15 times 2?", ("3", "3")),
        ("( [ {", "( [ <", ("x", "x")),
        ("3 + 4 * 10 + 100", "5 + 4 * 10 + 100", ("x", "x")),
        ("Ann has a cat. Who has it?", "Bob has a cat. Who has it?", ("yes", "yes")),
        # The number in front is all that tells them apart, and the answers differ.
        ("1990: who won the cup that year?", "1994: who won the cup that year?", ("A", "B")),
        (STORY, STORY.replace("horse then died", "horse died"), ("yes", "no")),
        (STORY + " He paid 40.", STORY + " He paid 50.", ("yes", "yes")),
        (STORY, STORY.replace("farmer", "tailor").replace("horse", "cow"), ("yes", "yes")),
    ],
)
def test_these_are_not(one: str, other: str, targets: tuple[str, str]) -> None:
    assert copies(row(one, targets[0]), row(other, targets[1])) == []


def test_a_task_of_one_template_is_not_one_question() -> None:
    names = [a + b for a in ("Al", "Be", "Ca", "Do", "Em", "Fi") for b in ("na", "ro", "li", "mu")]
    rows = [
        row(f"{STORY} {one} tells {two} about it, and {two} does not believe {one}.")
        for one in names
        for two in names
        if one != two
    ]
    assert len(rows) > 500
    assert copies(*rows) == []


def test_groups_and_copies_are_joined() -> None:
    found = group_rows(
        [
            row("The first?", group="a"),
            row("The second?", group="b"),
            row("the second", group="c"),
            row("The third?", group="a"),
            row("The fourth?"),
            row("The fifth?"),
        ]
    )
    assert found.group == (0, 1, 1, 0, 4, 5)
    assert found.copies == (1, 2)


def test_words_of_scripts_without_spaces_and_texts_without_words() -> None:
    assert split_words("東京の首都は？") == ("東", "京", "の", "首", "都", "は")
    assert split_words("...?!") == ()
    assert copies(row("???"), row("!!!")) == []


@given(st.lists(st.text(alphabet="ab 1.+?", max_size=12), max_size=8))
def test_groups_do_not_depend_on_the_order_of_rows(texts: list[str]) -> None:
    def as_sets(order: list[str]) -> set[frozenset[str]]:
        members = find_copies([row(text) for text in order]).list_members().values()
        return {frozenset(order[index] for index in rows) for rows in members}

    unique = list(dict.fromkeys(texts))
    assert as_sets(unique) == as_sets(unique[::-1])
