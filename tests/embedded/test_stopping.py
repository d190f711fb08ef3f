"""Stop strings: what tokens spell, and when an answer holds one of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from opro_cli.core.task.example import cut_at_stop
from opro_cli.embedded.config import CHECKPOINTS, SCORER
from opro_cli.embedded.prompts import StopWatch, read_spellings

SPELT = read_spellings(SCORER)
TOKENIZER = Tokenizer.from_file(str(SCORER / "tokenizer.json"))

few_letters = st.text("ab\n ä", max_size=12)
stops = st.lists(st.text("ab\n ä", min_size=1, max_size=4), min_size=1, max_size=4)


@pytest.mark.parametrize("folder", CHECKPOINTS.values(), ids=lambda folder: folder.name)
def test_every_token_spells_what_the_tokenizer_says(folder: Path) -> None:
    tokenizer, spelt = Tokenizer.from_file(str(folder / "tokenizer.json")), read_spellings(folder)
    assert len(spelt) == tokenizer.get_vocab_size()
    for token, text in spelt.items():
        told = tokenizer.decode([token], skip_special_tokens=False)
        assert told == text.decode("utf-8", "replace")


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_is_the_bytes_of_its_tokens(text: str) -> None:
    ids = TOKENIZER.encode(text, add_special_tokens=False).ids
    assert b"".join(SPELT[token] for token in ids).decode() == text


@given(few_letters, stops)
def test_a_text_ends_before_the_earliest_stop_string(text: str, stop: list[str]) -> None:
    left = cut_at_stop(text, stop)
    places = [at for at in range(len(text)) if text.startswith(tuple(stop), at)]
    assert left == (text[: places[0]] if places else text)


@pytest.mark.parametrize(
    ("text", "stop", "left"),
    [
        ("A: 4\nQ: and then", ["\nQ:"], "A: 4"),
        ("A: 4\nQ: and then", ["then", "\nQ:"], "A: 4"),
        ("A: 4\nQ", ["\nQ:"], "A: 4\nQ"),
        ("\nQ: and then", ["\nQ:"], ""),
        ("abcd", ["bcd", "abcx", "b"], "a"),
        ("", ["x"], ""),
        ("abc", [], "abc"),
    ],
)
def test_stop_strings_by_hand(text: str, stop: list[str], left: str) -> None:
    assert cut_at_stop(text, stop) == left


@given(few_letters, stops, st.data())
def test_a_watch_tells_it_with_the_token_that_completes_one(
    text: str, stop: list[str], data: st.DataObject
) -> None:
    """Tokens of any number of bytes, halves of characters among them."""
    written = text.encode()
    places = data.draw(st.sets(st.integers(0, len(written))))
    edges = sorted({0, *places, len(written)})
    tokens = [written[a:b] for a, b in pairwise(edges)]
    watch = StopWatch(dict(enumerate(tokens)), stop)
    for at in range(len(tokens)):
        so_far = b"".join(tokens[: at + 1]).decode("utf-8", "ignore")
        is_there = cut_at_stop(so_far, stop) != so_far
        assert watch.is_over(at) == is_there
        if is_there:
            break
