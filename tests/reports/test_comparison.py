"""Three runs and more: columns, settings, each against the first, and p-values corrected."""

from __future__ import annotations

from dataclasses import replace

from opro_cli.reports.comparison import PromptComparison, SettingValues
from opro_cli.reports.paired import Replies
from tests.reports.runs import comparison, run

LETTERS = "abcdefgh"


def three() -> PromptComparison:
    """On test the second gains 6 of 8 questions, the third 8; on train there is one alike."""
    return comparison(
        run("a", "Think.", "wwwwwwww", LETTERS),
        run("b", "Do.", "rrrrrrww", LETTERS, model="openai/z"),
        run("c", "Go.", "rrrrrrrr", LETTERS[::-1], temperature=0.5),
    )


def test_each_is_compared_with_the_first() -> None:
    compared = three()
    assert [column.name for column in compared.columns] == ["a", "b", "c"]
    names = [(d.before.name, d.after.name) for d in compared.against_first if d.before and d.after]
    assert names == [("a", "b"), ("a", "c")]
    # Mid-p: 1 / 2**6 and 1 / 2**8; the smaller one counts twice.
    assert [d.by_split[-1].p_value for d in compared.against_first] == [1 / 64, 1 / 256]
    assert compared.adjusted == (
        {"train": 1.0, "test": 1 / 64},
        {"train": 1.0, "test": 1 / 128},
    )


def test_tests_are_counted_a_split() -> None:
    """Whoever shares no test question with the first is no further test there."""
    compared = comparison(
        run("a", "Think.", "wwwwww", "abcdef"),
        run("b", "Do.", "rrrrrr", "abcdef"),
        run("c", "Go.", "rrrrrr", "uvwxyz"),
    )
    assert compared.adjusted == ({"train": 1.0, "test": 1 / 64}, {"train": 1.0})


def test_settings_that_differ_have_a_value_a_run() -> None:
    assert three().settings == (
        SettingValues("scorer.model", ("openai/a", "openai/z", "openai/a")),
        SettingValues("scorer.temperature", (None, None, 0.5)),
    )


def test_a_run_without_scores_has_a_column_and_no_prompt() -> None:
    empty = replace(run("e", "Think.", "--", "ab", "train"), status="killed")
    compared = comparison(empty, run("b", "Do.", "rr", "ab"), empty)
    assert [column.side is None for column in compared.columns] == [True, False, True]
    assert compared.columns[0].models == {"scorer": "openai/a", "optimizer": "openai/b"}
    assert compared.adjusted == ({}, {})
    data = compared.to_json()
    assert [row["prompt"] is None for row in data["runs"]] == [True, False, True]
    assert data["against_first"][1]["flips"] is None


def test_the_data_of_many_has_all_of_each_pair() -> None:
    data = three().to_json()
    assert data["settings"][0] == {
        "path": "scorer.model",
        "values": ["openai/a", "openai/z", "openai/a"],
    }
    first, second = (pair["flips"] for pair in data["against_first"])
    assert (first["p_value"], first["p_adjusted"]) == (1 / 64, 1 / 64)
    assert (second["p_value"], second["p_adjusted"]) == (1 / 256, 1 / 128)
    assert len(first["wrong_to_right"]) == 6
    assert data["runs"][1]["prompt"]["instruction"] == "Do."
    assert data["correction"] == "holm"


def test_replies_of_the_first_are_those_of_all_its_pairs() -> None:
    compared = three()
    flipped = compared.list_flipped()
    assert [flipped[run]["test"] for run in range(3)] == [{*range(8)}, {*range(6)}, {*range(8)}]
    said: list[Replies] = [
        {("test", number): (f"{name}{number}",) for number in range(8)} for name in "abc"
    ]
    filled = compared.with_replies(said)
    flip = filled.against_first[1].by_split[-1].gained[0]  # "a": the last question of the third
    assert (flip.before.replies, flip.after.replies) == (("a0",), ("c7",))
    row = filled.to_json()["against_first"][1]["flips"]["wrong_to_right"][0]
    assert (row["before_replies"], row["after_replies"]) == (["a0"], ["c7"])
