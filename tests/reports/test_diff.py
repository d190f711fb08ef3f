"""Two prompts compared: flips by question text, caveats, settings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opro_cli.reports.comparison import diff_prompts
from opro_cli.reports.selected import parse_selector, select_prompt
from tests.reports.runs import best, comparison, diff, run


def test_flips_are_matched_by_question_and_not_by_index() -> None:
    flips = diff(run("a", "Think.", "rrww", "wxyz"), run("b", "Think hard.", "rrww", "yxqw")).flips
    assert flips is not None
    assert (flips.split, flips.shared) == ("test", 3)
    assert [flip.question for flip in flips.gained] == ["y"]
    assert [flip.question for flip in flips.lost] == ["w"]


def test_runs_without_a_question_in_common_have_no_flips() -> None:
    compared = diff(run("a", "Think.", "rw", "ab"), run("b", "Think.", "rw", "cd"))
    # Their single train question is the same, so the flips fall back to it.
    assert compared.flips is not None
    assert (compared.flips.split, compared.flips.shared) == ("train", 1)
    assert (
        diff(run("a", "T", "rw", "ab", "train"), run("b", "T", "rw", "cd", "train")).flips is None
    )


def test_every_split_that_both_answered_is_there() -> None:
    compared = diff(run("a", "Think.", "rwwwww", "abcdef"), run("b", "Do.", "wrrrrr", "abcdef"))
    assert [flips.split for flips in compared.by_split] == ["train", "test"]
    flips = compared.flips
    assert flips is not None
    # 5 gained, 1 lost, mid-p: (2 * (1 + 6) - 6) / 2**6
    assert (len(flips.gained), len(flips.lost), flips.p_value) == (5, 1, 8 / 64)


def test_what_cannot_be_compared_is_said() -> None:
    compared = diff(run("a", "T", "rw", "ab"), run("b", "T", "rw", "cd", model="openai/z"))
    assert any("different questions" in caveat for caveat in compared.caveats)
    assert any("openai/a / openai/z" in caveat for caveat in compared.caveats)
    assert [change.path for change in compared.settings] == ["scorer.model"]


def test_weights_that_changed_under_one_name_are_said() -> None:
    name = "embedded/tiny-mistral"
    old, new = (run(each, "T", "rw", "ab", model=name) for each in "ab")
    recorded = replace(new, identity={**new.identity, "weights": {name: "f" * 64}})
    (caveat,) = diff(old, recorded).caveats
    assert caveat.startswith(f"{name} answered with different weights")
    assert diff(recorded, recorded).caveats == ()
    unreadable = replace(new, identity={**new.identity, "weights": "none"})
    assert diff(old, unreadable).caveats == ()


def test_an_unfinished_run_is_told_once_and_for_what_it_means() -> None:
    killed = replace(run("a", "T", "rw", "ab"), status="killed")
    (caveat,) = diff(killed, killed).caveats
    assert caveat == "a is killed, so its best prompt is the best so far"
    start = parse_selector("start")
    assert start
    (caveat,) = diff_prompts(select_prompt(killed, start), select_prompt(killed, start)).caveats
    assert caveat == "a is killed, so answers may be missing"


def test_a_run_without_scores_is_compared_as_far_as_it_goes() -> None:
    empty = run("a", "Think.", "--", "ab", "train")
    compared = diff(empty, run("b", "Think.", "rw", "ab"))
    assert compared.before is None
    assert (compared.prompt, compared.by_split) == ((), ())
    data = comparison(empty, run("b", "Think.", "rw", "ab")).to_json()
    assert (data["before"], data["flips"]) == (None, None)
    assert data["flips_by_split"] == {"train": None, "dev": None, "test": None}


def test_the_data_holds_flips_with_both_answers() -> None:
    data = comparison(run("a", "Think.", "uw", "ab"), run("b", "Do.", "rw", "ab")).to_json()
    assert data["flips"] == {
        "split": "test",
        "shared": 2,
        "left_out": 0,
        "wrong_to_right": [{"question": "a", "target": "1", "before": None, "after": "1"}],
        "right_to_wrong": [],
        "test": "McNemar mid-p",
        "p_value": 0.5,
        "p_adjusted": 0.5,
        "difference": {"mean": 0.5, "interval": pytest.approx([-0.48643, 0.90547], abs=1e-5)},
    }
    assert data["flips_by_split"]["test"] == data["flips"]
    assert data["flips_by_split"]["dev"] is None
    assert data["after"]["scores"]["test"]["correct"] == 1
    assert data["after"]["place"] == "best"


def test_a_run_against_itself_differs_in_nothing() -> None:
    same = run("a", "Think.", "rwu", "abc")
    compared = diff_prompts(*best(same, same))
    assert [(f.shared, f.gained, f.lost, f.p_value) for f in compared.by_split] == [
        (1, (), (), 1.0),
        (3, (), (), 1.0),
    ]
    assert [piece.kind for piece in compared.prompt] == ["same"]
    assert compared.caveats == ()
    assert compared.settings == ()
