"""Which failures may be billed: a request was sent, and no answer or refusal came back whole.

The faults of a server are in the table of `test_faults`; here is what goes wrong before one.
"""

from __future__ import annotations

import socket
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from opro_cli.errors import ModelError
from tests.server import Fault
from tests.wire.conftest import Wire, asking, both
from tests.wire.test_addresses import web_app


async def refused(wire: Wire, base: str) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await wire.at(base, "hosted_vllm/mistral", timeout=60).reply(asking())
    return caught.value


@both
async def test_a_host_without_an_address(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = await refused(wire, "http://model.invalid/v1")
    assert "model.invalid cannot be found" in error.message
    assert not error.maybe_billed


@both
async def test_a_server_without_tls(wire: Wire) -> None:
    await wire.serve()
    error = await refused(wire, wire.server.url.replace("http://", "https://"))
    assert "no TLS connection" in error.message
    assert not error.maybe_billed
    assert wire.server.requests == []


@both
@pytest.mark.parametrize("status", [403, 407, 502])
async def test_a_proxy_that_refuses(
    wire: Wire, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked to connect to the model's host, which it does not."""

    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async with TestServer(web_app(refuse)) as server:
        monkeypatch.setenv("https_proxy", str(server.make_url("")))
        error = await refused(wire, "https://model.example/v1")
    assert not error.maybe_billed


@both
@pytest.mark.parametrize("kind", ["reset_mid_body", "truncated"])
async def test_a_refusal_that_breaks_off_is_a_refusal(
    wire: Wire, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=401, headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"no such key, and more")
        assert request.transport is not None
        if kind == "truncated":
            request.transport.close()
        else:
            request.transport.abort()
        return response

    async with TestServer(web_app(handler)) as server:
        error = await refused(wire, str(server.make_url("/v1")))
    if wire.adapter == "lean":
        assert error.message.startswith("hosted_vllm/mistral answered 401: no such key")
        assert not error.maybe_billed


@both
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503, 529])
async def test_a_refusal(wire: Wire, status: int) -> None:
    await wire.serve(faults={0: Fault.http(status, "no")})
    assert not (await refused(wire, wire.server.url)).maybe_billed
