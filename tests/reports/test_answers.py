"""The answers behind a score, by hand: four questions, each with another end."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from opro_cli.app.answers import read_answers
from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Event, Refused
from opro_cli.core.scale import Scale
from opro_cli.errors import UsageError
from opro_cli.render.answers import print_answers
from opro_cli.render.tables import Page
from opro_cli.reports.answers import GradedAnswer, ShownAnswers, list_answers
from tests.core.runs import answered, new_state, reasoned
from tests.render.test_safe import HOSTILE, only_visible
from tests.reports.runs import recorded

FOLDERS = Path(__file__).parents[1] / "run_folders"
START = make_candidate_id("start")


def answers_to(questions: str, *events: Event, rounds: int = 1) -> list[GradedAnswer]:
    """What is listed of a run that these events made."""
    state = new_state("start", "other", steps=0, train=len(questions), rounds=rounds)
    for event in events:
        state.apply(event)
    run = recorded("r", state, {"train": questions})
    return list_answers(run, state.get_candidate(START), events)


def test_each_end_of_a_question_has_its_name() -> None:
    found = answers_to(
        "abcde",
        replace(answered("start", 4, 0.5), answer="5"),
        answered("start", 0),
        replace(answered("start", 1, 0.0), answer="2", text="It is 2."),
        replace(answered("start", 2, None), text=""),
        Refused(0.0, START, "train", 3, "filtered"),
        answered("other", 0, 0.0),  # another prompt's
    )
    assert [each.judgement for each in found] == [
        "right", "wrong", "unreadable", "refused", "partly right"
    ]  # fmt: skip
    assert found[1] == GradedAnswer(
        "train", 1, "wrong", "b", "1", answer="2", score=0.0, replies=("It is 2.",)
    )
    assert [each.replies for each in found] == [("…",), ("It is 2.",), ("",), (), ("…",)]


def test_a_whole_reply_that_was_filtered_is_a_refusal() -> None:
    event = replace(answered("start", 0, None), text="", finish_reason="content_filter")
    (found,) = answers_to("a", event)
    assert (found.judgement, found.replies) == ("refused", ())


def test_two_rounds_are_two_replies_and_one_kept_ungraded_is_one() -> None:
    (both,) = answers_to(
        "a", reasoned("start", 0), replace(answered("start", 0), text="18"), rounds=2
    )
    assert both.replies == ("9 + 9", "18")
    (once,) = answers_to("a", reasoned("start", 0), replace(answered("start", 0), text="9 + 9"))
    assert once.replies == ("9 + 9",)


def test_a_loss_is_neither_right_nor_wrong() -> None:
    state = new_state("start", steps=0, train=1)
    state.scale = Scale(minimise=True, bounded=False)
    event = replace(answered("start", 0, 2.5), answer="2.5")
    state.apply(event)
    (found,) = list_answers(
        recorded("r", state, {"train": "a"}), state.get_candidate(START), [event]
    )
    assert (found.judgement, found.score) == ("valued", 2.5)


def printed(answers: list[GradedAnswer], *, terminal: bool) -> str:
    stream = io.StringIO()
    shown = ShownAnswers("r@2.1", "r", "start", 2, 9, answers)
    print_answers(shown, Page(stream, 40, terminal=terminal))
    return stream.getvalue()


def test_a_question_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    long = "a word " * 20
    answer = GradedAnswer("test", 3, "wrong", f"Q\n{long}", "yes", "no", 0.0, ("So:\nno", "no"))
    piped = printed([answer], terminal=False).splitlines()
    assert piped == [
        "r@2.1:",
        "  start",
        "",
        "✗ test 3 · wrong",
        "question  Q",
        f"          {long}",
        "expected  yes",
        "read      no",
        "reply 1   So:",
        "          no",
        "reply 2   no",
        "",
        "1 of 9 answers shown",
    ]
    assert max(map(len, printed([answer], terminal=True).splitlines())) <= 40


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_that_a_model_says_reaches_a_terminal_as_it_is(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    text = "\n".join(HOSTILE)
    answer = GradedAnswer("test", 3, "wrong", text, text, text, 0.0, (text,))
    assert only_visible(printed([answer], terminal=terminal).replace("\n", ""))


def test_what_was_read_is_marked_on_a_terminal_and_not_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    reply = "A\x07 word " * 6 + "\r\nso it is 42 pens\n42"
    place = (reply.index("42 pens"), reply.index(" pens"))
    answer = GradedAnswer("test", 3, "right", "Q", "42", "42", 1.0, ("42", reply), False, place)
    assert "\x1b[1;4m" not in printed([answer], terminal=False)
    shown = printed([answer], terminal=True)
    assert shown.count("\x1b[1;4m") == 1
    assert "so it is \x1b[1;4m42\x1b[0m pens" in shown


def test_a_stretch_that_is_broken_over_lines_is_marked_on_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    reply = "It is not the case that any of these birds flies south."
    answer = GradedAnswer(
        "test", 3, "right", "Q", "no", "no", 1.0, (reply,), False, (0, len(reply))
    )
    shown = printed([answer], terminal=True)
    assert "\x1b[1;4mIt is not the case that any of\x1b[0m" in shown
    assert "\x1b[1;4mthese birds flies south.\x1b[0m" in shown


def test_a_place_is_found_again_in_the_replies_of_an_old_run() -> None:
    shown = read_answers(FOLDERS, f"{FOLDERS / 'format-5'}@start")
    read = [each for each in shown.answers if each.answer is not None]
    assert read
    for each in read:
        assert each.read_from is not None
        assert str(each.answer) in each.replies[-1][slice(*each.read_from)]
    plain = shown.to_json()["answers"]
    assert list(plain[0]["read_from"]) == list(shown.answers[0].read_from or ())


def test_of_a_run_on_disk() -> None:
    name = str(FOLDERS / "format-5")
    everything = read_answers(FOLDERS, f"{name}@start")
    assert everything.answered == len(everything.answers) > 0
    assert everything.prompt.endswith("@start")
    wrong = read_answers(FOLDERS, f"{name}@start", only="wrong")
    assert {each.judgement for each in wrong.answers} <= {"wrong", "partly right"}
    missed = sum(each.judgement in ("wrong", "partly right") for each in everything.answers)
    assert len(wrong.answers) == missed > 0
    test = read_answers(FOLDERS, f"{name}@start", split="test")
    assert {each.split for each in test.answers} == {"test"}
    assert all(each.replies for each in everything.answers)
    json.dumps(everything.to_json())


def test_a_place_that_is_none() -> None:
    with pytest.raises(UsageError, match="has no candidate 99"):
        read_answers(FOLDERS, f"{FOLDERS / 'format-5'}@0.99")
