"""What `opro check` makes of whatever else answers at an address of this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.settings.models import ModelSettings
from opro_cli.models import http as http_get
from opro_cli.models import servers as local_servers
from opro_cli.models.error_texts import parse_json
from opro_cli.models.servers import Server, inspect_server
from tests.server.emulated import VLLM, Home, LlamaCpp, Ollama
from tests.wire.test_local_servers import found

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(answer: web.Response) -> AsyncIterator[str]:
    """A program that is no model server, and has one answer to everything."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    async with serving(handler) as base:
        yield base


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A program that does the same whatever it is asked."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/v1"))


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (web.Response(text="<html><title>Jupyter</title>", content_type="text/html"), "Jupyter"),
        (web.json_response({"hello": "world"}), "sent no readable answer"),
        (web.json_response({"data": "many"}), "sent no readable answer"),
        (web.json_response([]), "sent no readable answer"),
        (web.Response(), "sent an empty answer"),
        (web.Response(status=500, text="boom"), "answered 500: boom"),
        (web.Response(status=302, headers={"Location": "/login"}), "it redirects to /login"),
        (web.Response(text="[" * 100_000), "sent no readable answer"),
    ],
)
async def test_another_program_at_the_address(answer: web.Response, problem: str) -> None:
    async with answering(answer) as base:
        told = await inspect_server(ModelSettings("openai/mistral", api_base=base))
    assert told.problem is not None
    assert problem in told.problem


async def test_a_gateway_that_has_no_list_is_no_problem() -> None:
    """Its own kind is unknown, its address looks right, and a run may well work."""
    async with answering(web.Response(status=404)) as base:
        told = await inspect_server(ModelSettings("openai/mistral", api_base=base))
        assert (told.problem, told.serves) == (None, None)
        told = await inspect_server(ModelSettings("hosted_vllm/mistral", api_base=base))
        assert told.problem == f"hosted_vllm/mistral: no list of models at {base}/models"
    rows = {"object": "list", "data": [{"id": "openai/*", "owned_by": "openai"}]}
    async with answering(web.json_response(rows)) as base:
        told = await inspect_server(ModelSettings("openai/mistral", api_base=base))
        assert (told.problem, told.serves) == (None, None)


async def test_what_a_server_says_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line break, no control character, no key, and no more than a line."""
    monkeypatch.setenv("SOME_API_KEY", "a-secret-of-mine")
    names = ("\x1b[31mred", "a\nb", "a-secret-of-mine", "long" * 30_000, "\u202eevil")
    told = await found(VLLM(Home(names)), "hosted_vllm/m")
    assert told.problem is not None
    assert "a-secret" not in told.problem
    assert told.problem.isprintable()
    assert len(told.problem) < 5 * 320
    told = await found(LlamaCpp(Home(("\x1b[31m" + "x" * 9999,))), "openai/m")
    assert told.serves is not None
    assert told.serves.isprintable()
    assert len(told.serves) <= 300


async def test_an_answer_without_an_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_get, "MOST_BYTES", 100_000)

    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * 10_000)
        return response

    async with serving(pour) as base:
        told = await inspect_server(ModelSettings("openai/mistral", api_base=base))
    assert (told.problem or "").startswith("openai/mistral sent no readable answer: xxx")


async def test_a_server_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_servers, "PATIENCE_S", 0.05)
    never = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        """Byte by byte, so that each read is quick, or not at all."""
        response = web.StreamResponse()
        await response.prepare(request)
        while not never.is_set():
            await response.write(b" ")
            await asyncio.sleep(0.01)
        return response

    async with serving(hang) as base:
        told = await inspect_server(ModelSettings("openai/mistral", api_base=base))
        assert told.problem == "openai/mistral gave no answer within 0.05 s"
        assert told.hint == "is it busy, or is that another program?"
        never.set()


async def test_no_proxy_stands_before_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert (await found(Ollama(), "ollama_chat/mistral")).problem is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["data", "id", "models", "error", "object", "owned_by", "max_model_len"]
            )
            | st.sampled_from(
                ["default_generation_settings", "n_ctx", "name", "parameters", "config"]
            ),
            inner,
        )
    ),
    max_leaves=20,
)
OWNERS = st.sampled_from(["library", "vllm", "organization_owner", "llamacpp", "me", None])
LISTS = st.builds(lambda owner: {"data": [{"id": "mistral", "owned_by": owner}]}, OWNERS)


@settings(max_examples=60, deadline=None)
@given(
    first=(JSON | LISTS).map(web.json_response)
    | st.builds(web.Response, body=st.binary(max_size=99), status=st.sampled_from([200, 404, 503])),
    then=JSON,
    name=st.sampled_from(["ollama/mistral", "openai/mistral", "lm_studio/mistral"]),
)
def test_no_answer_whatever_makes_it_raise(first: web.Response, then: Any, name: str) -> None:
    async def ask() -> Server:
        async def list_them(request: web.Request) -> web.Response:
            return web.Response(body=first.body, status=first.status, headers=first.headers)

        async def tell(request: web.Request) -> web.Response:
            return web.json_response(then)

        app = web.Application()
        app.router.add_get("/v1/models", list_them)
        app.router.add_route("*", "/{path:.*}", tell)
        async with TestServer(app) as server:
            return await inspect_server(ModelSettings(name, api_base=str(server.make_url("/v1"))))

    told = asyncio.run(ask())
    assert told.problem is None or told.problem.isprintable()
    assert told.context is None or told.context > 0


@settings(max_examples=40, deadline=None)
@given(sent=st.binary(max_size=200) | st.just(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"))
def test_no_bytes_whatever_make_it_raise(sent: bytes) -> None:
    async def ask() -> Server:
        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(sent)
            writer.close()

        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            base = f"http://127.0.0.1:{port}/v1"
            return await inspect_server(ModelSettings("openai/mistral", api_base=base))

    assert asyncio.run(ask()).problem


def test_a_byte_order_mark_before_an_answer_is_none_of_it() -> None:
    assert parse_json('\ufeff{"choices": []}') == {"choices": []}
    assert parse_json("\ufeff\ufeff{}") is None
