"""What a model sends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.task.example import ChatRequest, Message
from opro_cli.errors import ModelError
from tests.server import Fault
from tests.wire.conftest import OLLAMA, OPENAI, VLLM, Wire, asking, both, lean


async def body_of(wire: Wire, request: ChatRequest, name: str = OPENAI) -> Any:
    await wire.serve()
    await wire.model(name).reply(request)
    return wire.server.requests[-1].body


@both
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


@both
async def test_stop_strings_are_sent(wire: Wire) -> None:
    stop = ("\nQ:", "###")
    body = await body_of(wire, replace(asking(), stop=stop))
    assert body["stop"] == list(stop)


@lean
async def test_stop_strings_are_sent_beside_half_a_character(wire: Wire) -> None:
    body = await body_of(wire, replace(asking("half \ud83d"), stop=("\nQ:",)))
    assert body["stop"] == ["\nQ:"]


@both
async def test_without_a_seed_none_is_sent(wire: Wire) -> None:
    assert "seed" not in await body_of(wire, asking())


@lean
@pytest.mark.parametrize(
    ("name", "end"),
    [
        (VLLM, "/v1"),
        ("hosted_vllm/org/mistral", "/v1/"),
        ("lm_studio/mistral", "/v1"),
        ("llamafile/mistral", "/v1/chat/completions"),
        (OLLAMA, ""),
        ("ollama/mistral", "/"),
        (OLLAMA, "/v1"),
    ],
)
async def test_every_kind_of_server_gets_the_same(wire: Wire, name: str, end: str) -> None:
    """`end`: of the address; Ollama's is its root, and its OpenAI routes are below /v1."""
    await wire.serve()
    await wire.at(f"{wire.server.root}{end}", name).reply(asking("hi", 0.5, 12, 3))
    entry = wire.server.requests[-1]
    assert entry.path == "/v1/chat/completions"
    assert entry.body == {
        "model": name.partition("/")[2],
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5,
        "max_tokens": 12,
        "seed": 3,
    }


@lean
async def test_a_question_in_the_address_stays_behind_the_path(wire: Wire) -> None:
    await wire.serve()
    await wire.at(f"{wire.server.url}?api-version=7").reply(asking())
    assert wire.server.requests[-1].path == "/v1/chat/completions?api-version=7"


async def test_litellm_gives_ollama_its_own_names(wire: Wire) -> None:
    request = replace(asking("hi", 0.5, 12, 3), stop=("\n",))
    body = await body_of(wire, request, "ollama_chat/mistral")
    assert body["options"] == {"temperature": 0.5, "num_predict": 12, "seed": 3, "stop": ["\n"]}


@both
@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("o1", "max_completion_tokens"),
        ("o3-mini", "max_completion_tokens"),
        ("o4-mini-2025-04-16", "max_completion_tokens"),
        ("gpt-5", "max_completion_tokens"),
        ("gpt-5.1-2025-11-13", "max_completion_tokens"),
        ("openai/gpt-5-mini", "max_completion_tokens"),
        ("gpt-5-chat-latest", "max_tokens"),
        ("gpt-4o", "max_tokens"),
        ("gpt-oss-20b", "max_tokens"),
        ("o3d-model", "max_tokens"),
    ],
)
async def test_a_reasoning_model_gets_max_completion_tokens(
    wire: Wire, model: str, key: str
) -> None:
    body = await body_of(wire, asking("hi", 1.0, 12), f"openai/{model}")
    assert {k: v for k, v in body.items() if k.startswith("max_")} == {key: 12}


@lean
async def test_a_model_says_itself_that_it_takes_no_temperature(wire: Wire) -> None:
    words = "Unsupported value: 'temperature' does not support 0.5 with this model."
    await wire.serve(faults={0: Fault.http(400, words)})
    with pytest.raises(ModelError) as refused:
        await wire.model("openai/o3-mini").reply(asking("hi", 0.5))
    assert refused.value.message == f"openai/o3-mini answered 400: {words}"
    assert not refused.value.transient
    assert wire.server.requests[0].body["temperature"] == 0.5


async def test_litellm_drops_no_stop_strings(wire: Wire) -> None:
    with pytest.raises(ModelError, match="stop") as refused:
        await body_of(wire, replace(asking("hi", 1.0), stop=("x",)), "openai/gpt-5")
    assert not refused.value.transient
    assert wire.server.requests == []


async def test_litellm_drops_no_temperature(wire: Wire) -> None:
    with pytest.raises(ModelError, match="Only temperature=1 is supported") as refused:
        await body_of(wire, asking("hi", 0.5), "openai/o3-mini")
    assert not refused.value.transient
    assert "drop_params" not in refused.value.message
    assert wire.server.requests == []


async def test_a_seed_that_the_provider_does_not_take_is_left_out(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-for-nobody")
    await wire.serve()
    model = wire.model("anthropic/claude-3-5-haiku-latest")
    with pytest.raises(ModelError) as refused:
        await model.reply(asking("hi", seed=3))
    assert refused.value.status == 404, "it went out: the server has no Anthropic route"


@both
async def test_a_server_of_ones_own_gets_a_placeholder_key(wire: Wire) -> None:
    await body_of(wire, asking())
    assert wire.server.requests[-1].authorization == "Bearer no-key-needed"


@both
async def test_openais_key_stays_with_openai(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """The api_base of a config may be anybody's."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-only")
    await body_of(wire, asking())
    assert wire.server.requests[-1].authorization == "Bearer no-key-needed"


@both
@pytest.mark.parametrize(
    ("name", "variable"),
    [
        (VLLM, "HOSTED_VLLM_API_KEY"),
        ("lm_studio/m", "LM_STUDIO_API_KEY"),
        (OLLAMA, "OLLAMA_API_KEY"),
    ],
)
async def test_a_self_hosted_server_gets_its_key(
    wire: Wire, name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-only")
    monkeypatch.setenv(variable, "for-this-one")
    await body_of(wire, asking(), name)
    assert wire.server.requests[-1].authorization == "Bearer for-this-one"


@lean
async def test_without_a_key_none_is_sent(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nor the password that ~/.netrc has for this host."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-only")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hidden")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    await body_of(wire, asking(), VLLM)
    assert wire.server.requests[-1].authorization is None


@both
async def test_a_server_of_ones_own_gets_its_own_key(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-only")
    monkeypatch.setenv("OPRO_API_KEY", "for-my-gateway")
    await body_of(wire, asking())
    assert wire.server.requests[-1].authorization == "Bearer for-my-gateway"


@both
async def test_address_and_key_of_the_environment_belong_together(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wire.serve()
    monkeypatch.setenv("OPENAI_BASE_URL", wire.server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    await wire.at(None).reply(asking())
    assert wire.server.requests[-1].authorization == "Bearer sk-from-the-environment"
