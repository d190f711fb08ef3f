"""Chats with holes: what stands where, what closes, and what is never filled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli import wiring
from opro_cli.core.settings.read import read_settings
from opro_cli.core.task.chat import POSITIONS, MalformedHole, parse_chat, parse_turn
from opro_cli.core.task.example import Example, Message
from opro_cli.core.task.prompt import (
    Demo,
    Layout,
    Prompt,
    PromptFormat,
    build_messages,
    build_scorer_messages,
    build_second_round,
)
from opro_cli.errors import RunError
from opro_cli.evaluators import choose_form
from opro_cli.strategies.chats import MOST_FROZEN
from opro_cli.strategies.opro import gpt_exemplar

CONFIG: dict[str, Any] = {
    "task": {
        "data": {"train": "a.csv", "input": "question", "target": "answer"},
        "answer": "number",
    },
    "scorer": {"model": "openai/x"},
    "optimizer": {"model": "openai/x"},
}


def fill(
    *messages: tuple[Any, str],
    instruction: str = "Think.",
    question: str = "1+1?",
    demos: tuple[tuple[str, str], ...] = (),
    **fields: Any,
) -> list[tuple[str, str]]:
    """Return the messages of a chat as pairs of a role and a text."""
    form = PromptFormat("Q_begin", True, parse_chat(messages))
    filled = build_scorer_messages(question, instruction, form, demos, fields)
    return [(message.role, message.content) for message in filled]


DEEP: Any = {"a.b.0": "deep"}


def test_every_role_and_every_kind_of_hole_is_filled() -> None:
    assert fill(
        ("system", "You are {kind}. {{instruction}}"),
        ("user", "{{ ticket }}\n\n{{question}} {{input}}"),
        ("assistant", "Sure: {{a.b.0}}"),
        instruction="Be brief.",
        ticket="broken",
        **DEEP,
    ) == [
        ("system", "You are {kind}. Be brief."),
        ("user", "broken\n\n1+1? 1+1?"),
        ("assistant", "Sure: deep"),
    ]


def test_what_fills_a_hole_is_never_filled_itself() -> None:
    values: Any = {"instruction": "{{question}} {{ticket}}", "question": "{{instruction}}"}
    assert fill(
        ("user", "{{instruction}}|{{question}}|{{ticket}}"), ticket=r"{{demos}} \{{x}}", **values
    ) == [("user", r"{{question}} {{ticket}}|{{instruction}}|{{demos}} \{{x}}")]


@pytest.mark.parametrize(
    ("frozen", "sent"),
    [
        (r"\{{name}} {{question}}", "{{name}} 1+1?"),
        ("{a} } { {{question}}", "{a} } { 1+1?"),
        ("{{{question}}}", "{1+1?}"),
        (r'{"a": {"b": 1}} {{question}}', '{"a": {"b": 1}} 1+1?'),
        ("a\r\n{{question}}\r\n", "a\r\n1+1?\r\n"),
    ],
)
def test_braces_that_are_no_hole_are_text(frozen: str, sent: str) -> None:
    assert fill(("user", frozen)) == [("user", sent)]


@pytest.mark.parametrize(
    ("frozen", "sent"),
    [
        ("{{ticket}}\n\n{{demos}}", "T"),
        ("{{demos}}\n\n{{ticket}}", "T"),
        ("a\n\n{{demos}}\n\nb {{ticket}}", "a\n\nb T"),
        ("a\r\n\r\n{{demos}}\r\n\r\nb {{ticket}}", "a\r\n\r\nb T"),
        ("a\n{{demos}}\nb {{ticket}}", "a\nb T"),
        ("{{instruction}}\n\n{{demos}}\n\n{{ticket}}", "T"),
        ("{{ticket}}\n\n{{instruction}}\n\n{{demos}}", "T"),
        ("{{ticket}}{{demos}}\n\nend", "T\nend"),
        ("{{ticket}} and {{demos}}, so", "T and , so"),
    ],
)
def test_an_empty_hole_closes_with_its_line_or_paragraph(frozen: str, sent: str) -> None:
    assert fill(("user", frozen), instruction="", ticket="T") == [("user", sent)]


def test_an_empty_field_stays_and_white_space_of_a_row_is_its_own() -> None:
    assert fill(("user", "a\n\n{{x}}\n\nb{{ticket}}{{demos}}"), x="", ticket="T \n\n") == [
        ("user", "a\n\n\n\nbT \n\n")
    ]


def test_a_message_of_an_empty_instruction_is_left_out() -> None:
    chat = (("system", "{{instruction}}"), ("user", "{{question}}"))
    assert fill(*chat, instruction="") == [("user", "1+1?")]


def test_worked_examples_stand_in_their_hole_or_before_the_question() -> None:
    demos = (("2+2?", "4"), ("3+3?", "6"))
    shown = "Q: 2+2?\n\nA: 4\n\nQ: 3+3?\n\nA: 6"
    assert fill(("user", "{{demos}}\n\nNow: {{question}}"), demos=demos) == [
        ("user", f"{shown}\n\nNow: 1+1?")
    ]
    assert fill(("user", "{{question}}"), demos=demos) == [("user", f"{shown}\n\nQ: 1+1?")]


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("a\nb {{x", 2, "{{x"),
        ("{{x\n}}", 1, "{{x"),
        ("{{}}", 1, "{{}}"),
        ("\n\n{{ }}", 3, "{{ }}"),
        ("{{a{b}}", 1, "{{a{b}}"),
    ],
)
def test_a_malformed_hole_is_named_with_its_line(text: str, line: int, found: str) -> None:
    with pytest.raises(MalformedHole) as refusal:
        parse_turn("user", text)
    assert (refusal.value.line, refusal.value.found) == (line, found)


@given(
    texts=st.lists(st.text(alphabet="{}\\x \n", max_size=12), min_size=3, max_size=3),
    form=st.sampled_from(sorted(POSITIONS, key=str)),
)
def test_a_position_holds_what_is_put_into_it(texts: list[str], form: Any) -> None:
    """Whatever the texts are, each stands in the messages as it is."""
    question, instruction, _ = texts
    messages = build_scorer_messages(question, instruction, PromptFormat(*form))
    sent = "\n".join(message.content for message in messages)
    assert question in sent
    assert instruction in sent
    frame = len("Q: ") + len("\n\nA:") + 2
    assert len(sent) <= len(question) + len(instruction) + frame


def test_a_row_of_fields_is_asked_and_asked_again() -> None:
    form = PromptFormat("Q_begin", True, parse_chat((("user", "{{instruction}} {{x}}"),)))
    row = Example("1+1?", "2", "t:1", fields={"x": "one"})
    messages = build_messages(Prompt("Add."), row, form)
    assert messages == (Message("user", "Add. one"),)
    again = build_second_round(messages, "Two.")
    assert again == (Message("user", "Add. one Two. So the final answer is"),)


def test_an_exemplar_shows_the_messages_with_the_tag_in_its_place() -> None:
    chat = parse_chat((("system", "Shop.\n\n{{instruction}}"), ("user", "{{question}}")))
    example = Example("1+1?", "2", "t:1")
    assert gpt_exemplar(example, PromptFormat("Q_begin", True, chat)) == (
        "\nProblem:\n[system]\nShop.\n\n<INS>\n\n[user]\n1+1?\n\nGround truth answer:\n2\n"
    )
    alone = parse_chat((("user", "{{question}} {{instruction}}"),))
    assert gpt_exemplar(example, PromptFormat("Q_begin", True, alone)) == (
        "\nProblem:\n1+1? <INS>\n\nGround truth answer:\n2\n"
    )


def test_an_exemplar_cuts_long_frozen_text_and_no_question() -> None:
    chat = parse_chat((("user", "x" * 5000 + "{{instruction}}{{question}}"),))
    example = Example("y" * 5000, "2", "t:1")
    shown = gpt_exemplar(example, PromptFormat("Q_begin", True, chat))
    assert shown.count("x") == MOST_FROZEN
    assert shown.count("y") == 5000


def read(task: Mapping[str, Any], **sections: Any) -> list[str]:
    """Return the problems of a config, each as "key: message"."""
    config = {**CONFIG, **sections, "task": {**CONFIG["task"], **task}}
    return [f"{p.dotted}: {p.message}" for p in read_settings(config, wiring.NAMES).problems]


@pytest.mark.parametrize(
    ("chat", "fault"),
    [
        ([{"user": "{{question}}"}], "task.prompt: no message has the hole {{instruction}}"),
        ([{"user": "{{instruction}} {{demos}}"}], "task.prompt: nothing of a row stands in it"),
        ([{"system": "{{instruction}} {{question}}"}], "task.prompt: no message is the user's"),
        (
            [{"system": "a\nb {{x"}, {"user": "{{question}}"}],
            r"task.prompt.0.system: line 2: expected a }} behind each {{ (\{{ is the sign itself)",
        ),
        ([{"developer": "x"}], "task.prompt.0: expected {system: TEXT}"),
        ([{"user": "x", "system": "y"}], "task.prompt.0: expected {system: TEXT}"),
        ("{{question}}", "task.prompt: expected a list of messages"),
        ([{"user": 3}], "task.prompt.0: expected {system: TEXT}"),
        ([], "task.prompt: expected a list of messages"),
    ],
)
def test_a_chat_that_cannot_be_sent_is_refused(chat: Any, fault: str) -> None:
    (problem,) = read({"prompt": chat})
    assert problem.startswith(fault)


GOOD = [{"user": "{{instruction}} {{question}}"}]


def test_a_chat_beside_a_position_is_refused_at_both_keys() -> None:
    problems = read({"prompt": GOOD, "qa_markers": True, "instruction_position": "Q_end"})
    assert [each.partition(":")[0] for each in problems] == [
        "task.prompt",
        "task.instruction_position",
        "task.prompt",
        "task.qa_markers",
    ]


def test_a_chat_goes_before_the_position_of_a_preset() -> None:
    assert read({"prompt": GOOD}, search={"preset": "paper-gpt"}) == []


def test_a_chat_that_nobody_would_send_is_refused() -> None:
    (problem,) = read({"prompt": GOOD, "evaluator": "python:m:E"})
    assert problem.startswith("task.prompt: found with task.evaluator python:m:E")
    assert read(
        {"prompt": GOOD, "description": "sums"}, search={"strategy": "paper-instructions-only"}
    ) == ["task.prompt: search.strategy paper-instructions-only has no words for it; leave it out"]


def test_a_candidate_keeps_to_the_chat() -> None:
    form = PromptFormat("Q_begin", True, parse_chat((("user", "{{instruction}} {{x}}"),)))
    assert choose_form(Prompt("a"), form) is form
    with pytest.raises(RunError, match="has a layout of its own"):
        choose_form(Prompt("a", layout=Layout("Q_end")), form)
    with pytest.raises(RunError, match="no place for them"):
        choose_form(Prompt("a", (Demo(0),)), form)
    with_place = PromptFormat("Q_begin", True, parse_chat((("user", "{{demos}} {{x}}"),)))
    assert choose_form(Prompt("a", (Demo(0),)), with_place) is with_place


def test_a_message_stays_where_a_field_of_its_row_is_empty() -> None:
    template = parse_chat((("system", "{{note}}"), ("user", "{{instruction}}")))
    values = {"note": "", "instruction": "Go"}
    assert [each.content for each in template.render(values.__getitem__)] == ["", "Go"]
