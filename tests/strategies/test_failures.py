"""What goes wrong under a prompt, by kind, worked by hand; and on replies of real models."""

from __future__ import annotations

from collections import Counter

import pytest

from opro_cli.core.draws import create_rng
from opro_cli.core.run.view import Failure
from opro_cli.core.task.example import CUT, Example
from opro_cli.strategies.failures import (
    AT_ONCE,
    EMPTY,
    MENTIONED,
    NAMED,
    NO_REPLY,
    OTHERS,
    PARTLY,
    REASONED,
    UNDECIDED,
    UNREADABLE,
    choose_shown,
    describe_contrasts,
    describe_failures,
    group_failures,
    name_failure,
)
from opro_cli.strategies.failures import CUT as CUT_OFF
from tests.metrics.agreement import grade_recorded, recorded_cases
from tests.strategies.views import new_view

NONE_OF_THEM = "an answer outside the labels"


def failure(
    reply: str | None,
    answer: str | None,
    score: float | None,
    gold: str = "8",
    *,
    cut: bool = False,
) -> Failure:
    return Failure(0, Example("?", gold, "t"), reply, answer, score, cut)


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (failure(None, None, None), NO_REPLY),
        (failure("Well, to begin", None, None, cut=True), CUT_OFF),
        (failure("", None, None, cut=True), CUT_OFF),
        (failure(" \n", None, None), EMPTY),
        (failure("Who knows?", None, None), UNREADABLE),
        (failure("So 8 it is, or nine", None, None), MENTIONED),
        (failure("18", None, None), UNREADABLE),  # 8 is no word of it
        (failure("9", "9", 0.0), AT_ONCE),
        (
            failure("First I add one and one, then I add two, so it is 9 in all.", "9", 0.0),
            REASONED,
        ),
        (failure("1, 2", "1, 2", 0.5), PARTLY),
        (failure(None, "9", 0.0), AT_ONCE),  # a run that kept no replies
    ],
)
def test_open_answers(found: Failure, name: str) -> None:
    assert name_failure(found) == name


@pytest.mark.parametrize(
    ("reply", "answer", "score", "name"),
    [
        ("Login.", "Login", 0.0, "“login” given for “billing”"),
        ("train", "train", 0.0, NONE_OF_THEM),
        ("Billing, login, shipping", None, None, UNDECIDED),
        ("It is about billing I guess?", None, None, MENTIONED),
        ("It is about shipping I guess?", None, None, UNREADABLE),
    ],
)
def test_labels(reply: str, answer: str | None, score: float | None, name: str) -> None:
    labels = ("billing", "login", "shipping")
    assert name_failure(failure(reply, answer, score, "billing"), "billing", labels) == name


def test_a_label_of_the_data_is_quoted_and_cut() -> None:
    long = "x" * 50
    name = name_failure(failure("y", "y", 0.0, long), long, (long, "y"))
    assert name == f"“y” given for “{'x' * 18} … {'x' * 18}”"


LABELS = ("no", "no", "no", "no", "yes", "yes", "no", "maybe")


def test_failures_are_grouped_the_largest_first() -> None:
    replies = {("a", n): "yes" for n in range(3)} | {("a", 6): "yes", ("a", 4): "Hm?"}
    view = new_view({"a": (0, 0, 0, 1, None, 1, 0, 1)}, labels=LABELS, replies=replies)
    parent = view.candidates()[0]
    groups = group_failures(view, parent)
    assert [(group.name, [f.index for f in group.failures]) for group in groups] == [
        ("“yes” given for “no”", [0, 1, 2, 6]),
        (UNREADABLE, [4]),
    ]
    assert groups[0].describe(5) == "“yes” given for “no” (4 of 5)"


def test_rare_kinds_are_one_kind_together() -> None:
    labels = tuple(f"l{n}" for n in range(8)) * 2
    # Each gold label is answered with "yes", which the rows answer as their only wrong reply.
    view = new_view({"a": (0,) * 16}, labels=labels)
    groups = group_failures(view, view.candidates()[0])
    assert sum(len(group.failures) for group in groups) == 16
    assert len(groups) <= NAMED + 1
    if len(groups) > NAMED:
        assert groups[-1].name == OTHERS


def test_what_is_shown_is_balanced_over_kinds_and_labels() -> None:
    # Nine wrong answers to "no", and one to "maybe": one kind, since all are unreadable.
    labels = ("no",) * 9 + ("maybe", "yes", "yes")
    view = new_view({"a": (None,) * 10 + (1, 1)}, labels=labels, replies={("a", 0): ""})
    groups = group_failures(view, view.candidates()[0])
    for seed in range(20):
        shown = choose_shown(view, groups, 2, create_rng(seed, "x"))
        by_name = dict(zip((group.name for group in groups), shown, strict=True))
        assert sum(map(len, shown)) == 2
        # The empty reply is the only one of its kind; the others have none kept.
        assert all(len(each) == 1 for each in by_name.values())
    one_kind = [group for group in groups if group.name == NO_REPLY]
    for seed in range(20):
        (chosen,) = choose_shown(view, one_kind, 2, create_rng(seed, "x"))
        assert Counter(labels[each.index] for each in chosen) == {"no": 1, "maybe": 1}


def test_failures_are_described_with_question_gold_and_reply() -> None:
    view = new_view({"a": (0, 1)}, replies={("a", 0): "I say 9"})
    text = describe_failures(view, view.candidates()[0], 3)
    assert text == (
        "* a wrong answer, given at once (1 of 1)\n\n"
        "Question: What is 0 + 0?\nRight answer: 0\nReply: I say 9\nRead as: yes"
    )
    right = new_view({"a": (1, 1)})
    assert describe_failures(right, right.candidates()[0], 3) == ""


def test_long_texts_lose_their_middle_and_less_room_takes_more() -> None:
    view = new_view({"a": (0,)}, replies={("a", 0): "b" * 500 + "e" * 500})
    parent = view.candidates()[0]
    whole, half = (describe_failures(view, parent, 1, room) for room in (1.0, 0.5))
    assert "b" * 198 + " … " + "e" * 198 in whole
    assert "b" * 98 + " … " + "e" * 98 in half


def test_a_contrast_is_a_question_that_another_prompt_got_right() -> None:
    replies = {("a", 1): "9", ("b", 1): "b said 2", ("c", 0): "c said 0"}
    sheets = {"a": (0, 0, 0, 1), "b": (0, 1, 1, 0), "c": (1, 0, 0, 1)}
    view = new_view(sheets, replies=replies)
    start = view.state.of_step(0)[0]
    text = describe_contrasts(view, start, 1)
    # b is right on two of the three that a got wrong, c on one.
    assert text.startswith(
        "This instruction got the questions below right:\nb\n\nQuestion: What is"
    )
    assert text.count("Question:") == 1
    both = describe_contrasts(view, start, 5)
    assert both.count("Question:") == 2
    assert "Reply: 9" in both
    assert "Reply under the other: b said 2" in both
    alone = new_view({"a": (0, 1)})
    assert describe_contrasts(alone, alone.candidates()[0], 2) == ""
    assert describe_contrasts(view, start, 0) == ""


def test_replies_of_real_models_get_the_kind_that_their_readers_gave_them() -> None:
    """Two readers labelled these replies without knowing of kinds; sealed ones stay unseen."""
    kinds: Counter[str] = Counter()
    for case in recorded_cases():
        row, grade = case.row, grade_recorded(case)
        if case.sealed or row["kind"] != "label" or grade.score == 1.0:
            continue
        found = Failure(
            0,
            Example(row["question"], row["gold"], row["id"]),
            row["reply"],
            grade.answer,
            grade.score,
            row["finish_reason"] in CUT,
        )
        name = name_failure(found, row["gold"], row["labels"])
        is_wrong = "given for" in name or name == NONE_OF_THEM
        assert is_wrong == (grade.score is not None), (row["id"], name)
        assert is_wrong or name in (NO_REPLY, CUT_OFF, EMPTY, UNREADABLE, MENTIONED, UNDECIDED)
        kinds["wrong" if is_wrong else name] += 1
    assert kinds["wrong"] > 20
    assert kinds[CUT_OFF] > 20
    assert kinds[UNDECIDED] >= 5
