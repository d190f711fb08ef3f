"""Candidates with a chat of their own: an instruction put into it, and the form that holds it."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from opro_cli.core.settings.names import NameResolver
from opro_cli.core.settings.read import read_settings
from opro_cli.core.task.chat import POSITIONS, RawChat, fill_instruction, parse_chat
from opro_cli.core.task.example import Example, Message
from opro_cli.core.task.prompt import (
    Layout,
    Prompt,
    PromptFormat,
    build_messages,
    decode_content,
    encode_form,
)
from opro_cli.evaluators import choose_form
from opro_cli.wiring import NAMES

CHAT: RawChat = (("system", "Be kind.\n{{instruction}}"), ("user", "Q: {{question}} ({{since}})"))
texts = st.text(st.sampled_from("ab {}\n\\é"), max_size=12)


def test_an_instruction_stands_in_its_hole_and_the_others_stay() -> None:
    filled = fill_instruction(parse_chat(CHAT), "Say {{hello}}, {x}.")
    assert filled == (
        ("system", "Be kind.\nSay \\{{hello}}, {x}."),
        ("user", "Q: {{question}} ({{since}})"),
    )


@given(texts, texts, texts, st.sampled_from(["instruction", "demos", "question", "other"]))
def test_a_chat_with_the_instruction_in_it_says_the_same(
    before: str, after: str, instruction: str, hole: str
) -> None:
    escaped = [part.replace("{{", "\\{{") for part in (before, after)]
    raw: RawChat = (("user", f"{escaped[0]} {{{{instruction}}}} {{{{{hole}}}}} {escaped[1]}"),)
    template = parse_chat(raw)
    values = {"instruction": instruction, "demos": "", "question": "{{q}} \\", "other": "o"}
    assume("\\{{" not in instruction)
    filled = parse_chat(fill_instruction(template, instruction))
    assert filled.render(values.__getitem__) == template.render(values.__getitem__)


@pytest.mark.parametrize("template", POSITIONS.values())
def test_the_five_positions_can_be_written_out(template: object) -> None:
    filled = fill_instruction(template, "Think.")  # type: ignore[arg-type]
    values = {"instruction": "Think.", "question": "1 + 1?"}
    written = parse_chat(filled).render(values.__getitem__)
    assert written == template.render(values.__getitem__)  # type: ignore[attr-defined]


def test_a_form_holds_the_chat_and_older_forms_are_the_same_bytes() -> None:
    prompt = Prompt("all of it", chat=CHAT)
    assert decode_content("all of it", encode_form(prompt)) == prompt
    assert encode_form(Prompt("x", layout=Layout(qa_markers=True))) == (
        '{"demos":[],"layout":{"position":null,"qa_markers":true}}'
    )
    assert encode_form(Prompt("x")) == ""


def test_a_candidate_is_asked_in_its_own_chat_whatever_the_config_says() -> None:
    prompt = Prompt("shown alone", chat=fill_instruction(parse_chat(CHAT), "Add."))
    example = Example("1 + 1?", "2", "t:1", fields={"since": "2019"})
    for form in (PromptFormat("Q_end", True), PromptFormat("Q_end", True, parse_chat(CHAT[1:]))):
        messages = build_messages(prompt, example, choose_form(prompt, form))
        assert messages == (
            Message("system", "Be kind.\nAdd."),
            Message("user", "Q: 1 + 1? (2019)"),
        )


@pytest.mark.parametrize(
    ("forms", "problem"),
    [
        (["", ""], "expected one for each of the 1 start prompts, found 2"),
        (["{"], "expected a list of texts"),
        (['{"demos":3}'], "expected a list of texts"),
        ([], "expected a list of texts"),
        (3, "expected a list of texts"),
    ],
)
def test_forms_that_are_none_are_problems_of_the_config(forms: object, problem: str) -> None:
    plain = {
        "task": {"data": {"train": "t", "input": "q", "target": "a"}, "answer": "number"},
        "scorer": {"model": "openai/x"},
        "optimizer": {"model": "openai/x"},
        "search": {"start": "a", "initial_forms": forms},
    }
    names: NameResolver = NAMES
    (found,) = read_settings(plain, names).problems
    assert found.dotted == "search.initial_forms"
    assert problem in found.message
