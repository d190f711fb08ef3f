"""Untrusted text reaches the terminal as visible signs only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from opro_cli.render.safe import (
    find_shared_ends,
    measure_width,
    printable,
    printable_difference,
    printable_ends,
    printable_lines,
    wrap_hanging,
    wrap_printable,
)

HOSTILE = [
    "\x1b[2J\x1b[31mred",
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]52;c;cm0gLXJm\x07",
    "[bold red]x[/] :smile:",
    "user\u202etxt.exe\u2066a\u2069",
    "nul\x00 bell\x07 del\x7f c1\x9b31m",
    "lone \ud800 surrogate",
    "line\u2028para\u2029\r\nnext\rback",
    "zero\u200bwidth\u200djoin\ufefftag\U000e0041",
    "blank \u3164\u115f\u2800 letters",
    "zalgo" + "\u0301" * 500,
    "\u0301starts with a mark",
    "select\ufe0f\ufe0f\ufe0f",
    "x" * 1_000_000,
]

anything = st.text(st.characters(codec=None), max_size=60)  # lone surrogates included


JOINER = re.compile("(?<=[^\x00-\u02ff])[\u200c\u200d](?=[^\x00-\u02ff])")


def only_visible(text: str) -> bool:
    """No character that a terminal obeys or hides, but for those that words are spelled with."""
    text = JOINER.sub("", text)
    return all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp", "Cn"} for c in text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc", "a⏎b⇥c"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b1m\x00\x7f", "\\x9b1m\\x00\\x7f"),
        ("\u202e\u2066", "\\u202e\\u2066"),
        ("a\u200bb", "a\\u200bb"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("a\u2028b", "a\\u2028b"),
        ("a\u00a0b", "a b"),
        ("[bold]x[/]", "[bold]x[/]"),
        ("e\u0301", "e\u0301"),
        ("\u0301", "\\u0301"),
        ("❤\ufe0f", "❤"),
        ("漢字", "漢字"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian is spelled with it
        ("क्\u200dष", "क्\u200dष"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("🏳️\u200d🌈", "🏳\u200d🌈"),
        ("pass\u200cword", "pass\\u200cword"),
        ("при\u200cвет", "при\\u200cвет"),  # not spelled with it
        ("“\u200d”", "“\\u200d”"),
        ("\u061c\u200cم", "\\u061c\\u200cم"),  # an Arabic sign that hides itself
        ("می\u200c", "می\\u200c"),  # at an end it only hides
        ("می\u200c\u200cخواهم", "می\\u200c\\u200cخواهم"),
    ],
)
def test_shows_what_cannot_be_seen(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("漢字漢字", 8, "漢字漢字"),
        ("漢字漢字", 7, "漢字漢…"),
        ("漢字漢字", 6, "漢字…"),
        ("ab\x1bcd", 5, "ab…"),  # an escape is shown whole or not at all
        ("ab", 1, "…"),
        ("ab", 0, ""),
        ("", 5, ""),
    ],
)
def test_cuts_to_cells(text: str, width: int, shown: str) -> None:
    assert printable(text, width) == shown


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_harmless(text: str) -> None:
    assert only_visible(printable(text, 60))
    assert only_visible(printable(text))


@given(anything, st.integers(0, 40))
def test_never_wider_and_always_visible(text: str, width: int) -> None:
    shown = printable(text, width)
    assert cell_len(shown) <= width
    assert only_visible(shown)


@given(anything)
def test_showing_twice_changes_nothing(text: str) -> None:
    assert printable(printable(text)) == printable(text)


@given(anything, st.integers(2, 30), st.integers(1, 4))
def test_blocks_fit(text: str, width: int, count: int) -> None:
    lines = wrap_printable(text, width, count)
    assert 1 <= len(lines) <= count
    assert all(cell_len(line) <= width for line in lines)


def test_blocks_break_at_spaces() -> None:
    assert wrap_printable("think step by step", 10, 2) == ["think step", "by step"]
    assert wrap_printable("think step by step now", 10, 2) == ["think step", "by step …"]
    assert wrap_printable("abcdefghijkl", 8, 2) == ["abcdefgh", "ijkl"]


def test_a_prompt_keeps_its_lines() -> None:
    assert printable_lines("1. a\r\n2. b\n\n\x1b[2J") == ["1. a", "2. b", "", "\\x1b[2J"]


@pytest.mark.parametrize("character", ["x", "\x1b", "\u0301", "\ufe0f", "漢"])
def test_of_a_million_characters_only_those_that_fit_are_read(character: str) -> None:
    read = 0

    class Counting(str):
        __slots__ = ()

        def __iter__(self) -> Iterator[str]:
            nonlocal read
            for letter in str.__iter__(self):
                read += 1
                yield letter

    text = character * 1_000_000
    assert printable(Counting(text), 80) == printable(text[:2000], 80)
    assert read < 2000


SAME = "If you follow these instructions, do you return to the starting point?"


def test_texts_are_cut_where_they_are_alike() -> None:
    texts = [f"{SAME} {own} Turn left.\nOptions:\n- Yes\n- No" for own in ("Go on.", "Stay.")]
    ends = find_shared_ends(texts)
    assert [printable_difference(text, ends, 40) for text in texts] == ["…Go on.…", "…Stay.…"]
    assert printable_difference(texts[0], ends, 200).startswith(SAME)
    assert find_shared_ends(["one", "two"]) == (0, 0)
    assert find_shared_ends([SAME]) == find_shared_ends([SAME, SAME]) == (0, 0)
    assert find_shared_ends([]) == (0, 0)


def test_a_long_text_keeps_both_ends() -> None:
    assert printable_ends("abcdefghij", 7) == "abc…hij"
    assert printable_ends("abc", 7) == "abc"
    assert printable_ends("\x1b[2J" + "x" * 50, 12) == "\\x1b[2…xxxxx"


@given(st.lists(anything, max_size=4), st.integers(2, 60))  # one wide letter takes two cells
def test_nothing_that_is_cut_is_wider_than_it_may_be(texts: list[str], width: int) -> None:
    ends = find_shared_ends(texts)
    for text in texts:
        for shown in (printable_ends(text, width), printable_difference(text, ends, width)):
            assert measure_width(shown) <= width
            assert printable(shown) == shown
        for line in wrap_hanging(text, width, min(4, width - 1), 3):
            assert measure_width(line) <= width


def test_joined_pictures_stay_on_one_line() -> None:
    family = "👩\u200d👩\u200d👧"
    assert wrap_printable(f"漢字{family}", 8, 3) == ["漢字", family]
    assert printable(f"漢字{family}", 8) == "漢字👩…"
