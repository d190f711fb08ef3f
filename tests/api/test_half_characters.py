"""Half a character from a program: refused in what it asks for, replaced in what a model says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opro_cli import ConfigError, UsageError, evaluate
from opro_cli.core.task.example import ChatReply, ChatRequest, Choice, Message
from opro_cli.models.callable import OutsideModel
from tests.api.test_api import SEARCH, TASK, scorer, search


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (
            {"search": {**SEARCH, "initial_instructions": ["a \ud83e b"]}},
            r"search\.initial_instructions: expected text, found half a character in 'a \\ud83e b'",
        ),
        (
            {"task": {**TASK, "description": "\udcff"}},
            r"task\.description: expected text, found half a character in '\\udcff'",
        ),
    ],
    ids=["an instruction", "a description"],
)
def test_a_section_with_one_is_refused(tmp_path: Path, section: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        search(tmp_path, **section)
    assert not [*tmp_path.iterdir()]


def test_a_prompt_with_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="an instruction with half a character in it"):
        evaluate("a \udcff", task=TASK, scorer=scorer, runs_dir=tmp_path)
    assert not [*tmp_path.iterdir()]


def test_what_a_callable_says_can_be_sent_on(tmp_path: Path) -> None:
    def optimizer(chat: list[dict[str, str]]) -> str:
        return "<INS>Add carefully\ud83d.\0</INS>"

    run = search(tmp_path, optimizer=optimizer)
    assert run.best == "Add carefully\ufffd.\ufffd"


async def test_what_a_model_from_outside_says_can_be_sent_on() -> None:
    class Outside:
        name = "outside/model"

        async def reply(self, request: ChatRequest) -> ChatReply:
            return ChatReply("a\ud83d", "stop", 1, 2, None, (Choice("b\0", "stop"),))

        async def aclose(self) -> None:
            pass

    model = OutsideModel("outside/model", Outside())
    reply = await model.reply(ChatRequest((Message("user", "hello"),), 0.0, 16))
    assert reply == ChatReply("a\ufffd", "stop", 1, 2, None, (Choice("b\ufffd", "stop"),))
