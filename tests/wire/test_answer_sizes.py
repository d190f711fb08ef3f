"""How much of what a server sends is read."""

from __future__ import annotations

import contextlib
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from opro_cli.core.task.example import ChatRequest
from opro_cli.errors import ModelError
from tests.wire.conftest import OLLAMA, OPENAI, Wire, asking, both
from tests.wire.test_addresses import web_app

MOST = 65_536 + 32 * 50
"""Bytes of an answer to `asking()`, which has max_tokens 50."""
JSON = "application/json"
SMALL = 10_000_000
"""Bytes of memory, more than reading such an answer takes, and far less than what is sent."""


def answer(text: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


def of_size(size: int) -> bytes:
    """An answer of so many bytes."""
    return answer("x" * (size - len(answer(""))))


async def asked(
    wire: Wire, body: bytes, request: ChatRequest | None = None, status: int = 200, **headers: str
) -> Any:
    """What a model makes of this body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=named, content_type=JSON)

    async with TestServer(web_app(handler)) as server:
        model = wire.at(str(server.make_url("/v1")), timeout=60)
        try:
            return await model.reply(request or asking())
        finally:
            await model.aclose()


@both
@pytest.mark.parametrize(
    ("request_", "most"),
    [
        (asking(), MOST),
        (asking(max_tokens=1024), 65_536 + 32 * 1024),
        (ChatRequest(asking().messages, 0.0, 50, choices=8), 65_536 + 32 * 50 * 8),
    ],
)
async def test_an_answer_has_room_for_max_tokens_and_choices(
    wire: Wire, request_: ChatRequest, most: int
) -> None:
    reply = await asked(wire, of_size(most), request_)
    assert len(reply.text) == most - len(answer(""))
    with pytest.raises(ModelError, match=f"sent more than {most:,} bytes for max_tokens") as caught:
        await asked(wire, of_size(most + 1), request_)
    assert (caught.value.unanswerable, caught.value.maybe_billed) == (True, True)


@both
@pytest.mark.parametrize("name", [OPENAI, OLLAMA])
@pytest.mark.parametrize(
    ("status", "words"), [(200, "sent more than 67,136 bytes"), (500, "answered 500: xxx")]
)
async def test_an_endless_answer_is_not_read_to_its_end(
    wire: Wire, status: int, words: str, name: str
) -> None:
    """The server would send for ever; no size is announced."""
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=status, headers={"Content-Type": JSON})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * 10_000)
                sent += 10_000
        return response

    async with TestServer(web_app(handler)) as server:
        model = wire.at(str(server.make_url("/v1")), name, timeout=60)
        with pytest.raises(ModelError, match=words) as caught:
            await model.reply(asking())
        await model.aclose()
    assert sent < 30_000_000  # what lies in buffers of the system
    assert caught.value.maybe_billed == (status == 200)


PACKED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


@both
@pytest.mark.parametrize("encoding", PACKED)
async def test_a_packed_answer_is_unpacked(wire: Wire, encoding: str) -> None:
    body = PACKED[encoding](answer("The answer is 7."))
    assert (await asked(wire, body, Content_Encoding=encoding)).text == "The answer is 7."


@both
@pytest.mark.parametrize("encoding", PACKED)
async def test_an_answer_is_measured_unpacked_and_unpacked_no_further(
    wire: Wire, encoding: str
) -> None:
    await asked(wire, of_size(100))  # whatever is imported
    body = PACKED[encoding](b" " * 300_000_000)  # some 300 KB
    tracemalloc.start()
    with pytest.raises(ModelError, match="sent more than 67,136 bytes"):
        await asked(wire, body, Content_Encoding=encoding)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < SMALL


@both
async def test_a_connection_goes_on_after_an_answer_that_was_too_large(wire: Wire) -> None:
    bodies = iter([of_size(5_000_000), of_size(100)])

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=next(bodies), content_type=JSON)

    async with TestServer(web_app(handler)) as server:
        model = wire.at(str(server.make_url("/v1")), timeout=60)
        with pytest.raises(ModelError, match="sent more than"):
            await model.reply(asking())
        assert set((await model.reply(asking())).text) == {"x"}
        await model.aclose()
