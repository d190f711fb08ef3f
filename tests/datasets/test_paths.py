"""Paths into rows, by hand: fields, indices, and the turns of a chat."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.datasets.paths import MissingFieldError, get_field
from opro_cli.datasets.shapes import read_text

CHAT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi!"},
        {"role": "user", "content": [{"type": "text", "text": "8 / 2"}, {"text": "= ?"}]},
        {"role": "assistant", "content": "4"},
    ],
    "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}],
    "columns": {"from": ["human", "gpt"], "value": ["q", "a"]},
    "contents": [{"role": "user", "parts": [{"text": "q"}]}],
    "answers": {"text": ["Bern", "the city of Bern"], "answer_start": [3, 4]},
    "a.b": "dotted",
    "a": {"b": "inner", "c.d": {"e": "deep"}, "x[0]": "brackets", "yes": True},
    "x.y": "scalar",
    "x": {"y": {"z": "behind a shorter name"}},
    "list[0]": "named",
    "list": ["first", "second"],
}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("messages[role=user][-1]", "8 / 2\n= ?"),
        ("messages[role=user][0]", "Hello"),
        ('messages[role="user"][0]', "Hello"),
        ("messages[role=assistant][-1].content", "4"),
        ("messages[role=system]", "Be brief."),
        ("messages[-1]", "4"),
        ("messages.-1.content", "4"),
        ("messages.-1", "4"),
        ("messages[-2].content[0].text", "8 / 2"),
        ("messages.1.content", "Hello"),
        ("conversations[from=human][-1].value", "q"),
        ("conversations[from=gpt]", "a"),
        ("columns[from=gpt][-1]", "a"),
        ("contents[role=user][-1]", "q"),
        ("answers.text.0", "Bern"),
        ("answers.text[-1]", "the city of Bern"),
        ("answers[0].answer_start", "3"),
        ("a.b", "dotted"),
        ("a.c.d.e", "deep"),
        ("a.x[0]", "brackets"),
        ("list[0]", "named"),
        ("list[1]", "second"),
        ("a.yes", "true"),
        ("x.y.z", "behind a shorter name"),
    ],
)
def test_a_path_by_hand(path: str, text: str) -> None:
    assert read_text(CHAT, path) == text


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("nope", "found no such field"),
        ("messages[role=tool][-1]", "none with role=tool; 5 turns: system, user, assistant"),
        ("messages[from=human]", "none with from=human; 5 turns without from"),
        ("messages[role=user][2]", "no turn 2 among 2 turns"),
        ("messages[9]", "no turn 9 among 5 turns"),
        ("messages.-6", "no turn -6 among 5 turns"),
        ("answers.value", "no field value; there is text, answer_start"),
        ("list[5]", "no element 5 among 2 elements"),
        ("a.b.c", "no field c in 'dotted'"),
    ],
)
def test_what_is_missing_is_said_with_what_there_is(path: str, found: str) -> None:
    with pytest.raises(MissingFieldError) as error:
        read_text(CHAT, path)
    assert error.value.name == path
    assert found in str(error.value)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("messages[role=user]", "2 turns: user, user; name one, as messages[role=user][-1] does"),
        ("messages[role=user].content", "name one, as messages[role=user][-1].content does"),
        ("messages", "messages[role=user][-1] is the last question, messages[role=assistant][-1]"),
        ("conversations", "conversations[from=human][-1] is the last question"),
        ("messages[role=user", "in the brackets of 'messages[role=user'"),
        ("messages[]", "such as messages[-1] or messages[role=user][-1]"),
        ("messages[last]", "expected an index or a field's value"),
    ],
)
def test_a_path_that_means_nothing_has_a_remedy(path: str, said: str) -> None:
    with pytest.raises(ValueError, match="field") as error:
        read_text(CHAT, path)
    assert not isinstance(error.value, MissingFieldError)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "expected a turn with a text, found one with role, content, tool_calls alone"),
        ([{"type": "image_url", "image_url": {}}], "found a block of type 'image_url'"),
        ([{"type": "text", "text": "a"}, {"type": "image"}], "found a block of type 'image'"),
    ],
)
def test_a_turn_without_a_text_is_no_text(content: object, said: str) -> None:
    row = {"messages": [{"role": "user", "content": content, "tool_calls": []}]}
    with pytest.raises(ValueError, match="field messages") as error:
        read_text(row, "messages[-1]")
    assert said in str(error.value)


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@given(row=st.dictionaries(NAMES, st.integers(), min_size=1, max_size=4))
def test_every_name_of_a_row_is_found_as_it_stands(row: dict[str, Any]) -> None:
    assert [get_field(row, name) for name in row] == [*row.values()]


@given(path=st.text('ab.[]=-1 "', max_size=14))
def test_no_path_breaks_the_reader(path: str) -> None:
    row = {"a": [{"b": "x", "a": {"b": [1, 2]}}, {"role": "a", "content": "b"}], "b": {"a": "1"}}
    with suppress(ValueError):
        read_text(row, path, join_lists=True)
