"""Chats with the servers that people run at home: what each one answers, and how it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opro_cli.core.task.example import ChatReply, ChatRequest, Message
from opro_cli.errors import ModelError
from opro_cli.models.litellm_model import LitellmModel
from opro_cli.models.openai_compatible import OpenAICompatibleModel
from tests.server.emulated import Emulated, Home, LlamaCppRouter
from tests.wire.conftest import asking
from tests.wire.test_local_servers import KINDS, NAMES, base_of, every_kind

Adapter = type[LitellmModel | OpenAICompatibleModel]
both = pytest.mark.parametrize("adapter", [LitellmModel, OpenAICompatibleModel])


async def reply(
    server: Emulated, name: str, adapter: Adapter, request: ChatRequest | None = None
) -> ChatReply:
    async with server:
        # litellm's own way to ask Ollama is another one, /api/chat, which test_reply has
        base = server.url if adapter is LitellmModel else base_of(server)
        model = adapter(name, base, 10.0)
        try:
            return await model.reply(request or asking())
        finally:
            await model.aclose()


def asked_as(kind: str, adapter: Adapter) -> str:
    """The name of a kind's model; through litellm, Ollama as any OpenAI-compatible server."""
    name = KINDS[kind][1]
    return "openai/mistral" if kind == "ollama" and adapter is LitellmModel else name


async def refusal(kind: str, adapter: Adapter, home: Home, text: str = "hello") -> ModelError:
    with pytest.raises(ModelError) as caught:
        await reply(KINDS[kind][0](home), asked_as(kind, adapter), adapter, asking(text))
    return caught.value


@both
@every_kind
async def test_an_answer_is_read_with_its_tokens(kind: str, adapter: Adapter) -> None:
    told = await reply(KINDS[kind][0](Home((NAMES[kind],))), asked_as(kind, adapter), adapter)
    assert told.text.endswith("of: hello")
    assert (told.finish_reason, told.prompt_tokens, told.completion_tokens) == ("stop", 1, 4)


@every_kind
async def test_a_fresh_request_goes_around_the_prompt_cache_of_llama_cpp_alone(kind: str) -> None:
    """Which server it is shows in its first answer, where the name of the model does not tell."""
    server, name = KINDS[kind][0](Home((NAMES[kind],))), KINDS[kind][1]
    async with server:
        model = OpenAICompatibleModel(name, base_of(server), 10.0)
        for fresh in (False, True, False):
            await model.reply(replace(asking(), fresh=fresh))
        await model.aclose()
    sent = [request.body.get("cache_prompt", "not sent") for request in server.requests]
    only_it = False if kind.startswith("llama.cpp") else "not sent"
    assert sent == ["not sent", only_it, "not sent"]


async def test_a_model_that_llama_cpp_must_have_is_asked_so_from_the_first_call_on() -> None:
    server = KINDS["llama.cpp"][0](Home())
    for name in ("llamafile/mistral", "openai/mistral"):
        await reply(server, name, OpenAICompatibleModel, replace(asking(), fresh=True))
    assert [r.body.get("cache_prompt", "not sent") for r in server.requests] == [False, "not sent"]


@every_kind
async def test_only_vllm_gives_several_answers_to_one_call(kind: str) -> None:
    server, name = KINDS[kind][0](Home((NAMES[kind],))), KINDS[kind][1]
    request = ChatRequest((Message("user", "hello"),), 1.0, 50, choices=3)
    told = await reply(server, name, OpenAICompatibleModel, request)
    assert len(told.more) == (2 if kind == "vllm" else 0)
    assert server.requests[0].body["n"] == 3


@both
@pytest.mark.parametrize(
    ("kind", "words", "command"),
    [
        ("ollama", "model 'mistral' not found", "`ollama pull mistral`"),
        ("vllm", "The model `mistralai/Mistral-7B-Instruct-v0.3` does not exist.", "`vllm serve "),
        ("lm_studio", "No models loaded. Please load a model", "`lms load mistral-7b-instruct-"),
    ],
)
async def test_a_run_meets_a_missing_model_with_the_remedy_of_check(
    kind: str, words: str, command: str, adapter: Adapter
) -> None:
    error = await refusal(kind, adapter, Home(("another",)))
    assert words in error.message
    assert (error.transient, error.unanswerable, error.status) == (False, False, 404)
    if asked_as(kind, adapter) == KINDS[kind][1]:
        assert command in (error.hint or "")


@both
async def test_a_router_refuses_a_missing_model_with_a_400(adapter: Adapter) -> None:
    with pytest.raises(ModelError, match="model not found") as caught:
        await reply(LlamaCppRouter(Home(("another",))), "openai/mistral", adapter)
    assert (caught.value.transient, caught.value.unanswerable) == (False, False)
    assert (caught.value.hint or "").startswith("check the model's name and api_base, http://")


@both
async def test_a_run_waits_for_llama_cpp_to_load(adapter: Adapter) -> None:
    error = await refusal("llama.cpp", adapter, Home(loading=True))
    assert error.message == "openai/mistral answered 503: Loading model"
    assert (error.transient, error.hint) == (True, "wait until the server has loaded its model")
    assert error.retry_after == 20  # eight tries of a second, two, four … ended after a minute


@both
@pytest.mark.parametrize("kind", ["vllm", "llama.cpp"])
async def test_a_question_that_is_too_long_is_that_question_s_fault(
    kind: str, adapter: Adapter
) -> None:
    error = await refusal(kind, adapter, Home((NAMES[kind],), context=60), "word " * 70)
    assert (error.unanswerable, error.status) == (True, 400)
    assert (error.hint or "").startswith("shorten the prompt")


@both
async def test_max_tokens_that_never_fit_are_the_config_s_fault(adapter: Adapter) -> None:
    error = await refusal("vllm", adapter, Home((NAMES["vllm"],), context=50))
    assert (error.transient, error.unanswerable) == (False, False)
    assert error.hint == "lower max_tokens"


@both
@every_kind
async def test_a_key_that_is_wanted(kind: str, adapter: Adapter) -> None:
    error = await refusal(kind, adapter, Home((NAMES[kind],), key="another"))
    assert (error.transient, error.status) == (False, 401)
    assert (error.hint or "").startswith("set ")


async def test_an_address_of_lm_studio_without_v1() -> None:
    """It answers 200 to routes that it does not have, with the error inside."""
    emulated, name = KINDS["lm_studio"]
    async with emulated(Home((NAMES["lm_studio"],))) as server:
        model = OpenAICompatibleModel(name, server.root, 10.0)
        with pytest.raises(ModelError, match=r"Unexpected endpoint or method\. \(POST ") as caught:
            await model.reply(asking())
        await model.aclose()
        assert caught.value.hint == f"check api_base, {server.root}: most end in /v1"


@pytest.mark.parametrize(
    ("port", "hint"),
    [
        (11434, "start it with `ollama serve`"),
        (1234, "start it with `lms server start`"),
        (8000, "if that should be vLLM: start it with `vllm serve a/b`"),
        (8080, "if that should be llama.cpp: start it with `llama-server -m FILE.gguf"),
        (9000, "is the server at http://localhost:9000/v1 running?"),
    ],
)
def test_the_port_tells_which_server_is_not_running(port: int, hint: str) -> None:
    from opro_cli.models.providers import suggest_start

    assert suggest_start("openai/a/b", f"http://localhost:{port}/v1").startswith(hint)
    elsewhere = f"http://gpu.example:{port}/v1"
    assert suggest_start("openai/a/b", elsewhere) == f"is the server at {elsewhere} running?"


def test_a_name_is_quoted_for_the_shell() -> None:
    from opro_cli.models.providers import suggest_model

    assert suggest_model("ollama/x;reboot", None).startswith("`ollama pull 'x;reboot'`")
