"""Constant answers and confusion, counted by hand on four to ten questions."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from opro_cli.core.labels import ClosedSet, find_closed_set, get_kind
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import SPLITS, Example, Split
from opro_cli.render.html.page import render_report
from opro_cli.render.labels import print_confusion
from opro_cli.render.tables import Page
from opro_cli.reports.labels import answer_always, describe_golds, find_labels, find_majority
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from tests.core.runs import answered, new_state
from tests.render.test_summary import printed

LABELS = {"y": "yes", "n": "no", "m": "maybe"}


def examples(**golds: str) -> dict[Split, list[Example]]:
    """Questions by split, the gold answer of each as a letter of LABELS or as a word."""
    return {
        split: [
            Example(f"{split} {n}?", LABELS.get(gold, gold), f"{split}:{n}")
            for n, gold in enumerate(golds.get(split, ""))
        ]
        for split in SPLITS
    }


def say_all(state: RunState, prompt: str, split: Split, golds: str, said: str) -> None:
    """Answer a letter a question: of LABELS, "?" unreadable, "o" another text."""
    for question, (gold, letter) in enumerate(zip(golds, said, strict=True)):
        score = None if letter == "?" else float(letter == gold)
        answer = None if letter == "?" else LABELS.get(letter, "other")
        state.apply(replace(answered(prompt, question, score, split), answer=answer))


def run_of(
    golds: str, before: str, after: str, kind: str = "boolean", train: str = "yn"
) -> RecordedRun:
    """A finished run: what start prompt and winner said to the test questions, a letter each."""
    sizes = {"train": len(train), "test": len(golds)}
    state = new_state("start", "better", steps=0, **sizes)
    say_all(state, "start", "train", train, "?" * len(train))
    say_all(state, "better", "train", train, train)
    better = next(c for c in state.candidates.values() if c.instruction == "better")
    better.step = 1  # so that it is no start prompt
    say_all(state, "start", "test", golds, before)
    say_all(state, "better", "test", golds, after)
    return finished(state, {"train": train, "test": golds}, kind)


def finished(state: RunState, golds: dict[str, str], kind: str = "boolean") -> RecordedRun:
    """A finished run with this state."""
    models = {"scorer": {"model": "openai/a"}, "optimizer": {"model": "openai/b"}}
    return RecordedRun(
        name="r",
        folder="r",
        settings={**models, "task": {"answer": kind}},
        identity={},
        examples=examples(**golds),
        state=state,
        status="finished",
    )


def result_of(*arguments: Any, **more: Any) -> dict[str, Any]:
    return build_result(run_of(*arguments, **more), finished=True)


def closed(kind: str, *golds: str) -> ClosedSet | None:
    rows = [Example("?", gold, "t") for gold in golds]
    return find_closed_set(get_kind(kind), {"train": rows[:1], "dev": [], "test": rows[1:]})


def test_few_golds_that_come_again_are_a_closed_set() -> None:
    found = closed("exact", "Not_sure", "no", "not sure", "NO", "no")
    assert found is not None
    assert found.labels == ("no", "Not_sure")
    assert found.golds["test"] == ("no", "Not_sure", "no", "no")
    assert found.match(" **No**.") == "no"
    assert found.match("nope") is None
    assert found.match("NOT-sure") == "Not_sure"


@pytest.mark.parametrize(
    ("kind", "golds", "is_closed"),
    [
        ("exact", ["a", "b", "a", "b"], True),
        ("exact", ["a", "b", "c", "a", "b"], False),  # five rows for three labels
        ("exact", ["a", "a", "a"], False),  # one label tells nothing apart
        ("label", [str(n) for n in range(20)] * 2, True),
        ("label", [str(n) for n in range(21)] * 2, False),
        ("labels", ["a, b", "c", "a, b", "c"], True),
        ("number", ["1", "2", "3", "4", "5"] * 2, True),
        ("number", ["1", "2", "3", "4", "5", "6"] * 2, False),
        ("number", ["-1", "1", "-1", "1"], True),
        ("json:label", ["a", "b", "a", "b"], True),
        ("python:mine:grade", ["a", "b", "a", "b"], False),
        ("exact", ["[ ]", "] ]", "[ ]", "] ]"], True),  # signs alone are labels, too
    ],
)
def test_what_is_a_closed_set(kind: str, golds: list[str], is_closed: bool) -> None:
    assert (closed(kind, *golds) is not None) == is_closed


def test_a_constant_of_several_labels_is_partly_right() -> None:
    rows = [Example("?", gold, "t") for gold in ("a, b", "a, c", "d", "a, b", "a, c", "d", "d")]
    found = find_closed_set("labels", {"test": rows}, shares=True)
    assert found is not None
    # "d" is right 3 times; "a, b" twice, and twice shares one label of two: 2 * 1 / (2 + 2).
    assert find_majority(found) == "d"
    constant = answer_always("a, b", found).score("test")
    assert constant is not None
    assert (constant.correct, constant.mean) == (2, 3 / 7)


def test_an_evaluator_of_the_users_own_has_no_labels() -> None:
    assert get_kind("exact", "python:mine:Judge") == ""


def test_the_majority_is_counted_on_the_unseen_questions() -> None:
    found = result_of("nnnyy", "yyyyy", "nnyyy", train="yyyn")["closed_set"]
    assert [label["label"] for label in found["labels"]] == ["yes", "no"]
    assert found["labels"][1] == {"label": "no", "train": 1, "dev": 0, "test": 3}
    majority = found["majority"]
    assert majority["answer"] == "no"  # although "yes" is commoner in all rows
    assert (majority["scores"]["test"]["correct"], majority["scores"]["test"]["n"]) == (3, 5)
    assert majority["scores"]["train"]["mean"] == 0.25
    assert majority["scores"]["dev"] is None
    # The start prompt is right on the last two, the constant on the first three.
    against = majority["against_start"]["paired_test"]
    assert (against["gained"], against["lost"]) == (3, 2)


def test_open_answers_have_no_such_key() -> None:
    assert "closed_set" not in result_of("nnnyy", "yyyyy", "nnyyy", "python:mine:grade")


def test_a_winner_of_one_answer_is_called_that_first() -> None:
    result = result_of("nnnnnnnyyy", "ooooooooy?", "nnnnnnnnnn")
    assert result["verdict"] == "improved"  # the word keeps its meaning
    assert result["verdict_sentence"].startswith(
        "better than the start prompt, but no better than always answering 'no' (70.0 %), and 10 "
        "of its 10 readable answers on test are 'no': on 10 unseen test questions 10.0 % → 70.0 %"
    )
    one = {"answer": "no", "split": "test", "times": 10, "of": 10}
    assert result["closed_set"]["one_answer"] == one


@pytest.mark.parametrize(
    ("golds", "after", "times"),
    [
        ("nnnnnyyyyy", "nnnnnnnnny", 9),  # 90 %
        ("nnnnnyyyyy", "nnnnnnnnyy", None),  # 80 %
        ("nnnnnyyyyy", "nnnnnn????", 6),  # of those that were read
        ("nnnnnnnnny", "nnnnnnnnnn", None),  # the golds are as one-sided
        ("nnnnnnnnyy", "oooooooooo", 10),  # one answer, and no label
    ],
)
def test_when_one_answer_is_given_to_nearly_everything(
    golds: str, after: str, times: int | None
) -> None:
    one = result_of(golds, "?" * 10, after)["closed_set"]["one_answer"]
    assert (one and one["times"]) == times


def test_a_gain_below_the_majority_says_so() -> None:
    # 0 of 10 before, 6 of 10 now, where "no" would have given 7.
    result = result_of("nnnnnnnyyy", "??????????", "nnnnyyyyyo")
    assert result["verdict"] == "improved"
    assert result["verdict_sentence"].startswith(
        "better than the start prompt, but no better than always answering 'no' (70.0 %): on 10 "
    )


def test_a_gain_within_chance_of_the_majority_says_so() -> None:
    result = result_of("nnnnnnnyyy", "??????????", "nnnnnnnyno")
    assert result["verdict_sentence"].startswith(
        "better than the start prompt, but not measurably better than always answering 'no' "
        "(70.0 %): on 10 unseen"
    )


def test_a_winner_of_one_answer_that_is_better_all_the_same() -> None:
    # 13 of 24 are right, where always 'no' has 12.
    golds, after = "n" * 12 + "y" * 12, "n" * 12 + "n" * 11 + "y"
    result = result_of(golds, "?" * 24, after)
    assert result["closed_set"]["one_answer"]["times"] == 23
    sentence = result["verdict_sentence"]
    assert sentence.startswith("better than the start prompt, but not measurably better than")
    assert ", and 23 of its 24 readable answers on test are 'no': on 24 unseen" in sentence


def test_where_all_golds_are_alike_one_answer_is_as_good() -> None:
    result = result_of("y" * 10, "n" * 10, "y" * 10, train="yyyy")
    assert result["verdict_sentence"].startswith(
        "better than the start prompt, but no better than always answering 'yes' (100.0 %): on 10 "
    )
    assert result["closed_set"]["majority"]["scores"]["test"]["correct"] == 10
    assert find_closed_set("boolean", examples(train="yyyy")) is None  # a search has no labels


def test_an_answer_that_is_right_everywhere_among_several_is_as_good() -> None:
    run = run_of("y" * 10, "n" * 10, "y" * 10, "exact", train="yyyy")
    several = {
        split: [
            dataclasses.replace(each, golds=("yes", "maybe") if n % 2 else ("Yes.", "no"))
            for n, each in enumerate(rows)
        ]
        for split, rows in run.examples.items()
    }
    found = find_labels(dataclasses.replace(run, examples=several))
    assert found == ClosedSet(
        ("Yes.",), {"train": ("Yes.",) * 4, "dev": (), "test": ("Yes.",) * 10}
    )
    several["test"][0] = dataclasses.replace(several["test"][0], golds=("no", "maybe"))
    assert find_labels(dataclasses.replace(run, examples=several)) is None


def test_no_gain_is_joined_to_no_praise() -> None:
    result = result_of("nnnnnyyyyy", "n" * 10, "n" * 9 + "y")
    assert result["verdict"] == "not_distinguishable"
    assert result["verdict_sentence"].startswith(
        "9 of the winner's 10 readable answers on test are 'no'; on 10 unseen test questions"
    )


def test_a_gain_over_the_majority_needs_no_warning() -> None:
    result = result_of("nnnnnyyyyy" * 2, "?" * 20, "nnnnnyyyyy" * 2)
    assert result["verdict_sentence"].startswith("on 20 unseen test questions 0.0 % → 100.0 %")


def test_confusion_by_hand() -> None:
    found = result_of("nnnyyy", "??????", "nny?oy", train="mmyn")["closed_set"]["confusion"]
    assert found == {
        "split": "test",
        "rows": [
            {"gold": "yes", "answers": {"yes": 1}, "other": 1, "no_answer": 1},
            {"gold": "no", "answers": {"yes": 1, "no": 2}, "other": 0, "no_answer": 0},
            {"gold": "maybe", "answers": {}, "other": 0, "no_answer": 0},
        ],
    }


def test_thirteen_labels_have_no_matrix() -> None:
    golds = "abcdefghijklm" * 2
    found = result_of(golds, "?" * 26, "o" * 26, "exact", train="ab")["closed_set"]
    assert len(found["labels"]) == 13
    assert found["confusion"] is None


def test_the_summary_has_the_constant_among_the_baselines() -> None:
    lines = printed(result_of("nnnnnnnyyy", "ooooooooy?", "nnnnnnnnnn"), 100)
    assert "improved\x1b[0m: better than the start prompt, but no better than always" in lines[0]
    (row,) = (line for line in lines if line.startswith("always 'no'"))
    assert row.split()[:5] == ["always", "'no'", "70.0", "%", "+60.0"]


def test_the_constant_is_worth_its_share_of_the_rows_that_count() -> None:
    # Four rows are refused under the start prompt, all of them "no".
    run = run_of("nnnnnnnyyy", "nnnnnnnyyy", "nnnnnnnyyy")
    for each in run.state.candidates.values():
        answers = each.answers["test"]
        for question in range(4):
            answers.by_question.pop(question)
            answers.correct -= 1
            answers.refuse(question, exclude=True)
    result = build_result(run, finished=True)
    majority = result["closed_set"]["majority"]
    assert majority["scores"]["test"]["n"] == result["initial"]["scores"]["test"]["n"] == 6
    assert majority["scores"]["test"]["mean"] == 0.5  # and not 7 of 10
    assert majority["scores"]["train"]["n"] > 0
    difference = majority["against_start"]["difference"]["mean"]
    assert result["initial"]["scores"]["test"]["mean"] + difference == 0.5


def test_without_test_questions_the_constant_has_a_line() -> None:
    state = new_state("start", steps=0, train=4)
    say_all(state, "start", "train", "nnny", "yyyy")
    lines = printed(build_result(finished(state, {"train": "nnny"}), finished=True))
    assert "always 'no' on train: 75.0 %" in lines


def test_the_matrix_is_printed_a_column_a_label() -> None:
    stream = io.StringIO()
    found = result_of("nnnyyy", "??????", "nny?oy", train="yn")["closed_set"]["confusion"]
    print_confusion(found, Page(stream, 60, terminal=False))
    assert [line.split() for line in stream.getvalue().splitlines()[1:]] == [
        ["expected", "yes", "no", "(other)", "(no", "answer)"],
        ["yes", "1", "·", "1", "1"],
        ["no", "1", "2", "·", "·"],
    ]


def test_a_wide_matrix_is_cut_into_tables_that_fit() -> None:
    golds = "abcdefghijkl" * 2
    found = result_of(golds, "?" * 24, golds, "exact", train="ab")["closed_set"]["confusion"]
    names = [f"\x1b[31m{row['gold'] * 30}" for row in found["rows"]]
    rows = [
        {**row, "gold": name, "answers": {name: 2}}
        for name, row in zip(names, found["rows"], strict=True)
    ]
    stream = io.StringIO()
    print_confusion({**found, "rows": rows}, Page(stream, 60, terminal=False))
    lines = stream.getvalue().splitlines()
    assert all(cell_len(line) <= 60 for line in lines)
    assert sum(line.startswith("expected") for line in lines) > 1
    assert "\x1b" not in stream.getvalue()


def test_the_page_has_the_bar_and_the_matrix() -> None:
    page = render_report([run_of("nnnnnnnyyy", "ooooooooy?", "nnnnnnnnnn")])
    assert "always “no”" in page
    assert "What was taken for what" in page
    assert ">7 ✓<" in page
    assert "Better than the start prompt, but no better than always answering" in page
    assert "10 of its 10 readable answers on test are" in page


def test_labels_that_no_prompt_names_are_noted() -> None:
    found = describe_golds(
        {"billing": 3, "log in": 1}, ["billing", "log in"], ["Is it Billing?"], ""
    )
    assert found.notes[0].startswith("no prompt names log in: ")
    named = describe_golds(
        {"billing": 3, "log in": 1}, ["billing", "log in"], ["billing, log_in"], ""
    )
    assert named.notes == ()


def test_a_label_is_named_by_whole_words() -> None:
    (note,) = describe_golds({"a": 1, "in": 1}, ["a", "in"], ["Name the kind."], "").notes
    assert note.startswith("no prompt names a, in: ")


def test_labels_in_the_question_are_named_too() -> None:
    assert describe_golds({"a": 1, "b": 1}, ["a", "b"], ["Choose."], "one of a, b").notes == ()


def test_bare_numbers_and_a_constant_are_noted() -> None:
    (note,) = describe_golds({"0": 5, "1": 4}, ["0", "1"], ["0 or 1?"], "").notes
    assert "bare numbers (0, 1)" in note
    assert "task.labels" in note
    (note,) = describe_golds({"yes": 9}, [], ["?"], "").notes
    assert "every gold answer is yes" in note


def test_the_distribution_of_golds_lists_the_commonest() -> None:
    counts = {str(n): 1 for n in range(30)}
    shown = describe_golds(counts, [], [], "").to_json()
    assert shown["rows"] == 30
    assert shown["distinct"] == 30
    assert len(shown["commonest"]) == 20
