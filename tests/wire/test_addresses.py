"""Whom a name is asked of: which adapter, which address, which proxy."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from opro_cli.core.settings.models import ModelSettings
from opro_cli.models import build_model
from opro_cli.models.http import find_proxy
from opro_cli.models.openai_compatible import OpenAICompatibleModel
from tests.wire.conftest import OLLAMA, OPENAI, VLLM, Wire, asking, lean


@lean
@pytest.mark.parametrize(
    ("name", "variable"),
    [
        (OPENAI, "OPENAI_API_BASE"),
        (VLLM, "HOSTED_VLLM_API_BASE"),
        ("lm_studio/m", "LM_STUDIO_API_BASE"),
        ("llamafile/m", "LLAMAFILE_API_BASE"),
        ("ollama/m", "OLLAMA_API_BASE"),
        (OLLAMA, "OLLAMA_API_BASE"),
    ],
)
async def test_an_address_in_the_environment(
    wire: Wire, name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wire.serve()
    base = wire.server.root if name.startswith("ollama") else wire.server.url
    monkeypatch.setenv(variable, base)
    await wire.at(None, name).reply(asking())
    assert len(wire.server.requests) == 1


@lean
async def test_a_proxy_of_the_environment_is_used(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stands in for the proxy, and the model's own host does not exist."""
    await wire.serve()
    proxy = wire.server.root.replace("http://", "http://me:secret@")
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("OPRO_API_KEY", "for-the-model")
    reply = await wire.at("http://model.example/v1").reply(asking("hi"))
    assert reply.text.endswith("of: hi")
    assert wire.server.requests[-1].authorization == "Bearer for-the-model"


@pytest.mark.parametrize(
    ("host", "sent"), [("api.openai.com", ["me", "mine"]), ("else.example", [None, None])]
)
async def test_the_account_is_told_to_openai_only(
    host: str, sent: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str | None] = []

    async def proxy(request: web.Request) -> web.Response:
        told.extend(request.headers.get(f"OpenAI-{x}") for x in ("Organization", "Project"))
        return web.json_response({"choices": [{"message": {"content": request.host}}]})

    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-only")
    monkeypatch.setenv("OPENAI_ORG_ID", "me")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "mine")
    async with TestServer(web_app(proxy)) as server:
        monkeypatch.setenv("http_proxy", str(server.make_url("")))
        model = OpenAICompatibleModel(OPENAI, f"http://{host}/v1")
        assert (await model.reply(asking())).text == host
        await model.aclose()
    assert told == sent


def web_app(answer: Handler) -> web.Application:
    """An application that answers everything."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


@lean
async def test_no_proxy_stands_before_this_machine(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wire.serve()
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    await wire.model().reply(asking())
    assert len(wire.server.requests) == 1


def test_a_proxy_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert find_proxy("http://model.example/v1") == "http://proxy.example:3128"
    monkeypatch.setenv("no_proxy", "model.example")
    assert find_proxy("http://model.example/v1") is None


@pytest.mark.parametrize(
    ("name", "adapter"),
    [
        (OPENAI, "OpenAICompatibleModel"),
        ("gpt-4o-mini", "OpenAICompatibleModel"),
        ("o3-mini", "OpenAICompatibleModel"),
        ("openai/a-model-of-mine", "OpenAICompatibleModel"),
        ("openai/meta-llama/Llama-3.1-8B-Instruct", "OpenAICompatibleModel"),
        (VLLM, "OpenAICompatibleModel"),
        ("lm_studio/m", "OpenAICompatibleModel"),
        ("llamafile/m", "OpenAICompatibleModel"),
        ("ollama/m", "OpenAICompatibleModel"),
        (OLLAMA, "OpenAICompatibleModel"),
        ("openai/responses/gpt-4o", "LitellmModel"),
        ("openai/gpt-5-pro", "LitellmModel"),
        ("openai/o1-pro", "LitellmModel"),
        ("openai/gpt-4o-audio-preview", "LitellmModel"),
        ("openai/gpt-4o-search-preview", "LitellmModel"),
        ("openai/gpt-3.5-turbo-instruct", "LitellmModel"),
        ("openai/text-embedding-3-small", "LitellmModel"),
        ("anthropic/claude-sonnet-4-5", "LitellmModel"),
        ("azure/gpt-4o", "LitellmModel"),
        ("openrouter/openai/gpt-4o", "LitellmModel"),
        ("mistral", "LitellmModel"),
        ("embedded/tiny-mistral", "EmbeddedModel"),
        ("embedded/tiny-optimizer", "EmbeddedModel"),
    ],
)
async def test_who_asks_whom(name: str, adapter: str) -> None:
    model = build_model(ModelSettings(name))
    assert type(model).__name__ == adapter
    await model.aclose()


@pytest.mark.parametrize("variable", ["USE_LITELLM_PROXY", "SSL_VERIFY"])
def test_what_the_environment_tells_litellm_only_litellm_does(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "True")
    assert type(build_model(ModelSettings(OPENAI))).__name__ == "LitellmModel"
