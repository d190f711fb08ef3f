"""A prompt in sentences and clauses: what belongs together stays together, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.task.pieces import split_prompt
from opro_cli.core.task.placeholders import find_placeholders


def sentences(text: str) -> list[str]:
    pieces = split_prompt(text).pieces
    return [
        "".join(each.body for each in pieces if each.sentence == number)
        for number in dict.fromkeys(each.sentence for each in pieces)
    ]


def droppable(text: str) -> list[str]:
    """What is left when each unit is dropped alone."""
    split = split_prompt(text)
    return [split.join(unit) for unit in split.list_units()]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Read it. Be careful! Is it so? Yes", ["Read it.", "Be careful!", "Is it so?", "Yes"]),
        ("Use 3.5 l, e.g. Dr. Jones. Then go.", ["Use 3.5 l, e.g. Dr. Jones.", "Then go."]),
        ("Answer yes or no. Be brief.", ["Answer yes or no.", "Be brief."]),
        ('Say "Stop. Go. Wait." first. Then end.', ['Say "Stop. Go. Wait." first.', "Then end."]),
        ("Run `a. B` now. End.", ["Run `a. B` now.", "End."]),
        ("See:\n```\na. b.\n\nC. d.\n```\nEnd.", ["See:\n```\na. b.\n\nC. d.\n```", "End."]),
        ("Fill {a. b} in. End.", ["Fill {a. b} in.", "End."]),
        ("Use <doc>A. B. C.</doc> only. End.", ["Use <doc>A. B. C.</doc> only.", "End."]),
        ("Give:\n- red\n- blue. Or so.\n\nEnd.", ["Give:\n- red\n- blue. Or so.", "End."]),
        ("1. Read.\n2. Go.\n\nThat is all.", ["1. Read.\n2. Go.", "That is all."]),
        ("Answer: say it. End.", ["Answer: say it.", "End."]),
        ("请回答。谢谢。", ["请回答。", "谢谢。"]),
        ("You help\nBe brief\nAnswer", ["You help", "Be brief", "Answer"]),
        ("a long line of prose that goes on to the margin of the page and\nThen more.",
         ["a long line of prose that goes on to the margin of the page and\nThen more."]),
        ("", []),
        ("  \n ", []),
    ],
)  # fmt: skip
def test_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


@pytest.mark.parametrize(
    ("text", "left"),
    [
        # Clauses first, the longest first; then sentences.
        (
            "Read the text, and take your time with it, since it is long. Go.",
            [
                "Read the text, since it is long. Go.",
                "Read the text, and take your time with it. Go.",
                "Go.",
                "Read the text, and take your time with it, since it is long.",
            ],
        ),
        # An enumeration is none of clauses.
        ("Say red, green, or blue. Go.", ["Go.", "Say red, green, or blue."]),
        # What is in brackets goes as a whole or not at all.
        ("Go on (it is, to me, of use).", ["Go on.", ""]),
        # The paragraph stays one.
        ("One.\n\nTwo. Three.\n\nFour.", [
            "One.\n\nTwo.\n\nFour.", "One.\n\nTwo. Three.", "One.\n\nThree.\n\nFour.",
            "Two. Three.\n\nFour.",
        ]),
        # White space at both ends belongs to nobody.
        (" A b. C d.\n", [" A b.\n", " C d.\n"]),
    ],
)  # fmt: skip
def test_what_is_left(text: str, left: list[str]) -> None:
    assert droppable(text) == left


TEXTS = st.text() | st.lists(
    st.sampled_from(
        ["Go on", ". ", "\n", "\n\n", ", and take care", "- item", "1. x", '"a. b"', "`c. d`",
         "{name}",
         "```", "<t>", "</t>", "e.g. ", ": ", "!", " (in, short)", "你好。", "|", "#", "Yes", " "]
    )
).map("".join)  # fmt: skip


@given(TEXTS)
def test_joined_the_pieces_are_the_text(text: str) -> None:
    split = split_prompt(text)
    if text.strip():
        assert split.join() == text
    else:
        assert not split.pieces


@given(TEXTS, st.sets(st.integers(0, 12)))
def test_a_cut_only_takes_away(text: str, chosen: set[int]) -> None:
    split = split_prompt(text)
    units = split.list_units()
    dropped = frozenset[int]().union(*(units[n] for n in chosen if n < len(units)))
    left = split.join(dropped)
    assert len(left) <= len(text)
    assert set(find_placeholders(left)) <= set(find_placeholders(text))
    kept = [piece.body for index, piece in enumerate(split.pieces) if index not in dropped]
    assert "".join("".join(kept).split()) == "".join(left.split())


@given(st.text(alphabet='`"<>(){}[]. ,a\n-1:“”', max_size=3000))
def test_no_text_takes_long(text: str) -> None:
    split = split_prompt(text)
    assert all(unit for unit in split.list_units())
