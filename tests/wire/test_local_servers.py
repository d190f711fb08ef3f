"""What `opro check` learns from a server on this machine, against each kind of server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from opro_cli.core.settings.models import ModelSettings
from opro_cli.models.servers import Server, build_server_notes, inspect_server, inspect_servers
from tests.server.emulated import VLLM, Emulated, Home, LlamaCpp, LlamaCppRouter, LMStudio, Ollama

MISTRAL = "mistralai/Mistral-7B-Instruct-v0.3"
GGUF = "Mistral-7B-Instruct-v0.3.Q4_K_M.gguf"
KINDS: dict[str, tuple[Callable[..., Emulated], str]] = {
    "ollama": (Ollama, "ollama_chat/mistral"),
    "vllm": (VLLM, f"hosted_vllm/{MISTRAL}"),
    "lm_studio": (LMStudio, "lm_studio/mistral-7b-instruct-v0.3"),
    "llama.cpp": (LlamaCpp, "openai/mistral"),
}
NAMES = {
    "ollama": "mistral:latest",
    "vllm": MISTRAL,
    "lm_studio": "mistral-7b-instruct-v0.3",
    "llama.cpp": GGUF,
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def base_of(server: Emulated) -> str:
    return server.root if isinstance(server, Ollama) else server.url


async def found(server: Emulated, name: str, **more: Any) -> Server:
    async with server:
        return await inspect_server(ModelSettings(name, api_base=base_of(server), **more))


@every_kind
async def test_a_server_that_is_ready(kind: str) -> None:
    """Its model, its context where it tells that, and nothing that costs."""
    emulated, name = KINDS[kind]
    server = emulated(Home((NAMES[kind],), context=6000, at_once=3))
    told = await found(server, name)
    assert (told.problem, told.hint, told.asked) == (None, None, True)
    assert (told.kind, told.serves) == (kind, NAMES[kind])
    assert told.context == (None if kind == "ollama" else 6000)
    assert told.at_once == (3 if kind == "llama.cpp" else None)
    assert server.requests == []


@every_kind
async def test_a_server_that_is_not_running(kind: str) -> None:
    _, name = KINDS[kind]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        told = await inspect_server(ModelSettings(name, api_base=base))
    assert told.problem == f"{name} refused the connection at {base}"
    assert (
        told.hint
        == {
            "ollama": "start it with `ollama serve`",
            "vllm": f"start it with `vllm serve {MISTRAL}`",
            "lm_studio": "start it with `lms server start`",
            "llama.cpp": f"is the server at {base} running?",
        }[kind]
    )


@pytest.mark.parametrize(
    ("kind", "has", "command"),
    [
        ("ollama", "mixtral:latest", "`ollama pull mistral`"),
        ("vllm", "mistralai/Mistral-7B-v0.1", f"serve it with `vllm serve {MISTRAL}`"),
        ("lm_studio", "qwen", "`lms get mistral-7b-instruct-v0.3` and `lms load mistral-7b-"),
    ],
)
async def test_a_server_without_the_model(kind: str, has: str, command: str) -> None:
    emulated, name = KINDS[kind]
    told = await found(emulated(Home((has,))), name)
    assert told.problem is not None
    assert told.problem.startswith(f"{name}: the server lacks it; it has {has}")
    assert told.hint is not None
    assert told.hint.startswith(command)


@pytest.mark.parametrize("kind", ["ollama", "vllm", "lm_studio"])
async def test_a_server_without_any_model(kind: str) -> None:
    emulated, name = KINDS[kind]
    told = await found(emulated(Home(())), name)
    assert told.problem == f"{name}: the server lacks it; it has none"


@pytest.mark.parametrize("name", ["mistral", "mistral:latest", "Mistral"])
async def test_ollama_takes_a_name_for_its_latest(name: str) -> None:
    assert (await found(Ollama(), f"ollama_chat/{name}")).problem is None
    lacking = await found(Ollama(Home(("mistral:7b",))), f"ollama_chat/{name}")
    assert lacking.problem is not None


async def test_a_few_of_many_models_are_named_and_the_likeliest_is_meant() -> None:
    names = (*(f"m{n}" for n in range(9)), "mistral:7b")
    told = await found(Ollama(Home(names)), "ollama_chat/mistrl:7b")
    assert told.problem == (
        "ollama_chat/mistrl:7b: the server lacks it; it has m0, m1, m2, m3, m4 and 5 more "
        "(did you mean mistral:7b?)"
    )


@pytest.mark.parametrize(
    ("server", "context"),
    [
        (Ollama(Home(context=8192), in_memory=True), 8192),
        (Ollama(parameters='num_ctx                        16384\nstop "[INST]"'), 16384),
        (Ollama(parameters='stop "num_ctx 5"'), None),
    ],
    ids=["in memory", "by its Modelfile", "unknown"],
)
async def test_the_context_that_ollama_gives(server: Ollama, context: int | None) -> None:
    assert (await found(server, "ollama_chat/mistral")).context == context


@pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "glm-4.6:cloud"])
async def test_a_model_that_ollama_has_elsewhere_is_only_looked_up_in_its_list(name: str) -> None:
    server = Ollama(Home((name,)))
    assert (await found(server, f"ollama_chat/{name}")).problem is None
    assert server.looked == ["GET /v1/models"]


@pytest.mark.parametrize("kind", ["ollama", "vllm", "lm_studio"])
async def test_an_openai_name_at_the_address_of_another_kind(kind: str) -> None:
    """The list says whose it is, and the remedy is that server's."""
    emulated, _ = KINDS[kind]
    async with emulated(Home((NAMES[kind],))) as server:
        told = await inspect_server(ModelSettings(f"openai/{NAMES[kind]}", api_base=server.url))
        assert (told.kind, told.problem) == (kind, None)
        told = await inspect_server(ModelSettings("openai/another", api_base=server.url))
        assert told.problem is not None
        assert told.hint is not None
        assert told.hint.split("`")[1].split()[0] == {"lm_studio": "lms"}.get(kind, kind)


async def test_llama_cpp_has_one_model_whatever_it_is_called() -> None:
    told = await found(LlamaCpp(Home((GGUF,))), "llamafile/anything")
    assert (told.problem, told.serves) == (None, GGUF)


async def test_a_router_of_llama_cpp_has_the_models_that_it_lists() -> None:
    told = await found(LlamaCppRouter(Home(("mistral",))), "openai/mistral")
    assert (told.problem, told.serves, told.context) == (None, "mistral", None)
    told = await found(LlamaCppRouter(Home(("mistral",))), "openai/another")
    assert told.problem == "openai/another: the server lacks it; it has mistral"


async def test_llama_cpp_is_still_loading() -> None:
    told = await found(LlamaCpp(Home((GGUF,), loading=True)), "openai/mistral")
    assert told.problem == "openai/mistral answered 503: Loading model"
    assert told.hint == "wait until the server has loaded its model"


@every_kind
async def test_a_key_is_wanted(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    emulated, name = KINDS[kind]
    variable = {
        "ollama": "OLLAMA_API_KEY",
        "vllm": "HOSTED_VLLM_API_KEY",
        "lm_studio": "LM_STUDIO_API_KEY",
        "llama.cpp": "OPRO_API_KEY",
    }[kind]
    home = Home((NAMES[kind],), key="the-right-key")
    monkeypatch.setenv(variable, "another-key")
    told = await found(emulated(home), name)
    assert told.problem is not None
    assert told.problem.startswith(f"{name} answered 401: ")
    assert told.hint is not None
    assert told.hint.startswith(f"set {variable} to a key that is valid")
    monkeypatch.setenv(variable, "the-right-key")
    assert (await found(emulated(home), name)).problem is None


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("vllm", "no list of models at http://127.0.0.1:"),
        ("llama.cpp", "no list of models at http://127.0.0.1:"),
        ("lm_studio", "did not answer: Unexpected endpoint or method. (GET /models)"),
    ],
)
async def test_an_address_without_v1(kind: str, problem: str) -> None:
    emulated, name = KINDS[kind]
    async with emulated(Home((NAMES[kind],))) as server:
        told = await inspect_server(ModelSettings(name, api_base=server.root))
    assert told.problem is not None
    assert problem in told.problem
    assert told.hint == f"check api_base, {server.root}: most end in /v1"


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("hosted_vllm/m", "http://gpu.example:8000/v1"),
        ("ollama_chat/m", "http://192.168.1.7:11434"),
        ("openai/m", "https://else.example/v1"),
    ],
)
def test_a_server_elsewhere_is_only_named(name: str, base: str) -> None:
    """tests/guards.py ends a test that connects there."""
    (told,) = inspect_servers([ModelSettings(name, api_base=base)])
    assert (told.address, told.asked, told.problem) == (base, False, None)


async def test_of_two_servers_only_the_one_on_this_machine_is_asked() -> None:
    async with Ollama() as server:
        here = ModelSettings("ollama_chat/mistral", api_base=server.root)
        there = ModelSettings("hosted_vllm/m", api_base="http://gpu.example:8000/v1")
        told = await asyncio.to_thread(inspect_servers, [here, there])
    assert [each.asked for each in told] == [True, False]
    assert [each.problem for each in told] == [None, None]


@pytest.mark.parametrize("name", ["openai/gpt-4o-mini", "anthropic/claude-x", "hosted_vllm/m"])
def test_a_provider_is_no_server_of_ones_own(name: str) -> None:
    """Nor is one whose address nobody has told."""
    assert inspect_servers([ModelSettings(name)]) == ()


def test_a_proxy_of_litellm_stands_before_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USE_LITELLM_PROXY", "True")
    assert inspect_servers([ModelSettings("ollama_chat/mistral")]) == ()


def test_an_address_in_the_environment_that_makes_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_BASE", "http://[bad")
    (told,) = inspect_servers([ModelSettings("ollama_chat/mistral")])
    assert not told.asked


def notes(server: Server, **more: Any) -> tuple[str, ...]:
    return build_server_notes(server, ModelSettings(server.model, **more), 3000)


def test_a_prompt_that_does_not_fit_is_told_with_the_remedy() -> None:
    """3,000 tokens of prompt and max_tokens 512: 3,512."""
    ready = Server("hosted_vllm/m", None, "", kind="vllm", serves="m", context=3512)
    assert notes(ready, max_tokens=512) == ()
    assert notes(ready, max_tokens=513) == (
        "hosted_vllm/m: a prompt of up to 3,000 tokens and max_tokens 513 do not fit into its "
        "context of 3,512 tokens: `vllm serve m --max-model-len 4096`, or lower max_tokens",
    )


def test_ollama_that_does_not_tell_its_context_has_its_default() -> None:
    server = Server("ollama_chat/m", None, "", kind="ollama", serves="m:latest")
    assert notes(server, max_tokens=1096) == ()
    (note,) = notes(server, max_tokens=1097)
    assert "context of 4,096 tokens (its default), and Ollama cuts the prompt without a" in note
    assert "set OLLAMA_CONTEXT_LENGTH=8192 for `ollama serve`" in note


def test_more_calls_than_slots_are_told() -> None:
    server = Server("openai/m", None, "", kind="llama.cpp", serves="m", at_once=4)
    assert notes(server, concurrency=4) == ()
    assert notes(server, concurrency=5) == (
        "openai/m: llama.cpp answers 4 requests at once; of concurrency 5 the others wait",
    )
