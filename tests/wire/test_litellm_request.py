"""What LitellmModel sends."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.model import ChatRequest, Message
from opro_cli.errors import ModelError
from tests.wire.conftest import OPENAI, Wire, asking


async def body_of(wire: Wire, request: ChatRequest, name: str = OPENAI, **extra: Any) -> Any:
    await wire.serve()
    await wire.model(name, **extra).reply(request)
    return wire.server.requests[-1].body


async def test_everything_in_a_request_arrives(wire: Wire) -> None:
    turns = (Message("system", "be brief"), Message("user", "zwölf\n  Dinge?"))
    body = await body_of(wire, ChatRequest(turns, 0.7, 33, 11))
    assert body == {
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "zwölf\n  Dinge?"},
        ],
        "temperature": 0.7,
        "max_tokens": 33,
        "seed": 11,
    }


async def test_without_a_seed_none_is_sent(wire: Wire) -> None:
    assert "seed" not in await body_of(wire, asking())


async def test_ollama_gets_its_own_names(wire: Wire) -> None:
    body = await body_of(wire, asking("hi", 0.5, 12, 3), "ollama_chat/mistral")
    assert body["options"] == {"temperature": 0.5, "num_predict": 12, "seed": 3}


async def test_a_reasoning_model_gets_max_completion_tokens(wire: Wire) -> None:
    body = await body_of(wire, asking("hi", 1.0, 12), "openai/o3-mini")
    assert body["max_completion_tokens"] == 12
    assert "max_tokens" not in body


async def test_a_temperature_is_never_dropped(wire: Wire) -> None:
    with pytest.raises(ModelError, match="Only temperature=1 is supported") as refused:
        await body_of(wire, asking("hi", 0.5), "openai/o3-mini")
    assert not refused.value.transient
    assert "drop_params" not in refused.value.message
    assert wire.server.requests == []


async def test_a_seed_that_the_provider_takes_not_is_left_out(wire: Wire) -> None:
    await wire.serve()
    model = wire.model("anthropic/claude-3-5-haiku-latest", api_key="sk-ant-for-nobody")
    with pytest.raises(ModelError) as refused:
        await model.reply(asking("hi", seed=3))
    assert refused.value.status == 404, "it went out: the server has no Anthropic route"


async def test_extra_is_passed_on_and_cannot_replace_the_request(wire: Wire) -> None:
    body = await body_of(wire, asking("hi", 0.0), top_p=0.4, temperature=2.0)
    assert body["top_p"] == 0.4
    assert body["temperature"] == 0.0


async def test_a_server_of_ones_own_gets_a_placeholder_key(wire: Wire) -> None:
    await body_of(wire, asking())
    assert wire.server.requests[-1].authorization == "Bearer no-key-needed"


async def test_a_key_in_the_environment_is_used(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    await body_of(wire, asking())
    assert wire.server.requests[-1].authorization == "Bearer sk-from-the-environment"
