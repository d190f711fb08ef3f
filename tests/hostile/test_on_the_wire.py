"""What no server can be sent does not come back from one: half a character, and a NUL."""

from __future__ import annotations

import pytest

from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.models.litellm_model import LitellmModel
from opro_cli.models.openai_compatible import OpenAICompatibleModel
from tests.server import LocalServer, Options


@pytest.mark.parametrize("adapter", [LitellmModel, OpenAICompatibleModel])
@pytest.mark.parametrize("name", ["openai/stub", "hosted_vllm/stub", "ollama_chat/stub"])
async def test_a_reply_can_be_sent_on(
    name: str, adapter: type[LitellmModel | OpenAICompatibleModel]
) -> None:
    """An instruction of it would otherwise fail at every question, and with it the run."""
    said = "Think\ud83d \ude00 \0twice 🤔."
    async with LocalServer(options=Options(), brain=lambda call, choice: said) as server:
        model = adapter(name, server.root if name.startswith("ollama") else server.url)
        for asked in ("hello", "Think\ufffd \ufffd \ufffdtwice 🤔."):
            reply = await model.reply(ChatRequest((Message("user", asked),), 0.0, 50, 1))
            assert reply.text == "Think\ufffd \ufffd \ufffdtwice 🤔."
        await model.aclose()
