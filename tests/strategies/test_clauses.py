"""Prompts made of the sentences of others, by code: by hand, and whatever the texts are."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.draws import create_rng
from opro_cli.core.task.pieces import split_prompt
from opro_cli.strategies.clauses import delete, list_sentences, merge, swap

TEXT = "Add both numbers, one by one. Be brief! Say {unit}."
OTHER = "Think first. Be brief! End with the sum."


def outcomes(edit: object, *texts: str) -> set[str]:
    return {edit(*texts, create_rng(seed, "x"))[0] for seed in range(200)}  # type: ignore[operator]


def test_deleting_leaves_out_one_clause_or_sentence() -> None:
    assert outcomes(delete, TEXT) == {
        "Add both numbers. Be brief! Say {unit}.",
        "Be brief! Say {unit}.",
        "Add both numbers, one by one. Say {unit}.",
        "Add both numbers, one by one. Be brief!",
    }
    text, note = delete("One here. Two there.", create_rng(0, "x"))
    assert (text, note) in (
        ("One here.", "without “Two there.”"),
        ("Two there.", "without “One here.”"),
    )


def test_swapping_exchanges_two_sentences_and_keeps_the_white_space() -> None:
    text = "One here.\n\nTwo there. Three."
    assert outcomes(swap, text) == {
        "Two there.\n\nOne here. Three.",
        "Three.\n\nTwo there. One here.",
        "One here.\n\nThree. Two there.",
    }


def test_merging_takes_only_what_is_new() -> None:
    made = outcomes(merge, TEXT, OTHER)
    assert "Add both numbers, one by one. Be brief! Say {unit}. Think first." in made
    assert "Think first. Add both numbers, one by one. Be brief! Say {unit}." in made
    assert "Add both numbers, one by one. End with the sum." in made  # one's head, other's tail
    for text in made:
        counts = Counter(body for body, _ in list_sentences(split_prompt(text)))
        assert max(counts.values()) == 1, text


def test_a_text_that_cannot_be_changed_comes_back_without_a_note() -> None:
    rng = create_rng(1, "x")
    assert delete("Only one.", rng) == ("Only one.", "")
    assert swap("Only one.", rng) == ("Only one.", "")
    assert merge("Only one.", "only  ONE.", rng) == ("Only one.", "")
    assert merge("Only one.", "", rng) == ("Only one.", "")


@given(st.text(max_size=300), st.text(max_size=300), st.integers(0, 9))
def test_any_text_is_cut_swapped_and_merged(text: str, other: str, seed: int) -> None:
    for made, note in (
        delete(text, create_rng(seed, "d")),
        swap(text, create_rng(seed, "s")),
        merge(text, other, create_rng(seed, "m")),
    ):
        assert made == text or note
        assert set("".join(made.split())) <= set("".join((text + other).split()))
        assert len(note) < 200


SENTENCES = st.lists(
    st.sampled_from(["Add both.", "Be brief!", "Say so?", "Look twice."]), min_size=2
)


@given(SENTENCES, st.integers(0, 9))
def test_a_swap_loses_and_adds_nothing(sentences: list[str], seed: int) -> None:
    text = " ".join(sentences)
    made, _ = swap(text, create_rng(seed, "s"))
    assert sorted(made.split()) == sorted(text.split())
