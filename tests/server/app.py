"""The server: routes, latency, faults and the log around the brain."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tests.server.brain import Brain, ChatCall
from tests.server.dialects import cut, ollama_call, ollama_reply, openai_call, openai_reply
from tests.server.faults import HUGE, Fault, FaultPlan, fault_at
from tests.server.log import LogEntry, RequestLog

Writer = Callable[..., dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Options:
    """How the server behaves.

    latency_ms: wait before every chat answer.
    honour_n: answer `n` choices; without, always one, as some servers do.
    with_usage: send token counts.
    require_key: answer 401 unless this is the bearer token.
    """

    latency_ms: float = 0.0
    honour_n: bool = True
    with_usage: bool = True
    require_key: str | None = None
    models: tuple[str, ...] = ("local-model",)
    faults: FaultPlan = field(default_factory=dict)
    log_file: Path | None = None


class LocalServer:
    """An OpenAI- and Ollama-compatible server on 127.0.0.1; an async context manager."""

    def __init__(
        self,
        answers: dict[str, str] | None = None,
        options: Options | None = None,
        brain: Callable[[ChatCall, int], str] | None = None,
        port: int = 0,
    ) -> None:
        self.options = options or Options()
        self.log = RequestLog(self.options.log_file)
        self._answer = brain or Brain(answers).reply
        self._port = port
        self._stopping = asyncio.Event()
        self._started = time.monotonic()
        self._runner: web.AppRunner | None = None

    @property
    def root(self) -> str:
        """ "http://127.0.0.1:PORT", the base of the Ollama routes."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """ "http://127.0.0.1:PORT/v1", an OpenAI `api_base`."""
        return f"{self.root}/v1"

    @property
    def requests(self) -> list[LogEntry]:
        return self.log.entries

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26)
        self.add_routes(app.router)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v1/chat/completions", self._openai)
        router.add_get("/v1/models", self._models)
        router.add_post("/api/chat", self._ollama)
        router.add_get("/log", self._show_log)
        router.add_post("/{path:.*}", self._unknown)

    async def __aexit__(self, *exc_info: object) -> None:
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        models = [{"id": name, "object": "model"} for name in self.options.models]
        return web.json_response({"object": "list", "data": models})

    async def _show_log(self, request: web.Request) -> web.Response:
        return web.json_response([entry.record() for entry in self.log.entries])

    async def _openai(self, request: web.Request) -> web.StreamResponse:
        return await self._chat(request, openai_call, openai_reply)

    async def _ollama(self, request: web.Request) -> web.StreamResponse:
        return await self._chat(request, ollama_call, ollama_reply)

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        """Any other provider's dialect: the server refuses in all and answers in none."""
        entry = self.log.open(request.path, self._now(), await request.json(), None)
        fault = fault_at(self.options.faults, entry.number) or Fault.http(404, "no such route")
        try:
            return await self._send(request, entry, fault, {})
        finally:
            self.log.close(entry, self._now())

    async def _chat(
        self, request: web.Request, read: Callable[[dict[str, Any]], ChatCall], write: Writer
    ) -> web.StreamResponse:
        body = await request.json()
        authorization = request.headers.get("Authorization")
        entry = self.log.open(request.path_qs, self._now(), body, authorization)
        fault = fault_at(self.options.faults, entry.number) or self.refusal(body, authorization)
        try:
            await self._pause(self.options.latency_ms / 1000)
            if fault is not None and fault.kind == "hang":
                await self._pause(fault.seconds)
            return await self._send(request, entry, fault, self._reply(read(body), write, fault))
        finally:
            self.log.close(entry, self._now())

    def refusal(self, body: dict[str, Any], authorization: str | None) -> Fault | None:
        """What the server says to a request that it does not answer."""
        key = self.options.require_key
        if key is None or authorization == f"Bearer {key}":
            return None
        return Fault.http(401, f"Incorrect API key provided: {authorization}")

    def _reply(self, call: ChatCall, write: Writer, fault: Fault | None) -> dict[str, Any]:
        """The right answer, spoilt where `fault` is about its content."""
        kind = fault.kind if fault else None
        count = call.choices if self.options.honour_n else 1
        choices = [cut(self._answer(call, i), call.max_tokens, call.stop) for i in range(count)]
        reply = write(call, choices, self.options.with_usage and kind != "no_usage")
        for choice in reply.get("choices", [reply]):
            spoil(choice, fault)
        if kind == "no_choices":
            reply["choices"] = []
        return reply

    async def _send(
        self, request: web.Request, entry: LogEntry, fault: Fault | None, reply: dict[str, Any]
    ) -> web.StreamResponse:
        kind = fault.kind if fault else None
        status, headers, data = 200, dict[str, str](), json.dumps(reply).encode()
        if fault is not None and kind == "status":
            status, headers, data = fault.status, dict(fault.headers), encoded(fault.body)
        if kind == "malformed_json":
            data = data[: len(data) // 2]
        if kind == "wrong_type":
            headers["Content-Type"] = "text/plain; charset=utf-8"
        if kind == "reset":
            return reset(request)
        if kind == "close":
            return close(request)
        response = web.StreamResponse(status=status, headers=headers)
        response.headers.setdefault("Content-Type", "application/json")
        response.content_length = len(data)
        entry.status = status
        with contextlib.suppress(ConnectionResetError):  # the client went away; `sent` stays False
            await response.prepare(request)
            if kind == "reset_mid_body":
                await response.write(data[: len(data) // 2])
                return reset(request)
            if kind == "truncated":
                await response.write(data[: len(data) // 2])
                return close(request)
            await self._write(response, data, fault)
            await response.write_eof()
            entry.sent = request.transport is not None and not request.transport.is_closing()
        return response

    async def _write(self, response: web.StreamResponse, data: bytes, fault: Fault | None) -> None:
        size, pause = pace(len(data), fault)
        for start in range(0, len(data), size):
            await response.write(data[start : start + size])
            await self._pause(pause)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than the server lives."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    def _now(self) -> float:
        return time.monotonic() - self._started


def spoil(choice: dict[str, Any], fault: Fault | None) -> None:
    """Change one choice, of either dialect, as `fault` says."""
    if fault is None:
        return
    if fault.kind == "null_content":
        choice["message"]["content"] = None
    if fault.kind == "huge":
        choice["message"]["content"] = "x " * (HUGE // 2) + choice["message"]["content"]
    if fault.finish_reason is not None:
        choice["done_reason" if "done_reason" in choice else "finish_reason"] = fault.finish_reason


def pace(size: int, fault: Fault | None) -> tuple[int, float]:
    """Bytes to send at once, and seconds to wait after them."""
    if fault is not None and fault.kind == "trickle":
        return -(-size // 10), fault.seconds / 10
    if fault is not None and fault.kind == "drip":
        return 1, fault.seconds
    return max(size, 1), 0.0


def encoded(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def close(request: web.Request) -> web.StreamResponse:
    """Close the connection in good order (TCP FIN), whatever was promised."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def reset(request: web.Request) -> web.StreamResponse:
    """Close the connection with a TCP RST: linger of zero, then abort."""
    if request.transport is not None:
        sock = request.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()
