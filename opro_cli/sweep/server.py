"""The one TCP port of a sweep, where cells in other processes and on other machines ask and tell.

Lines of JSON. The first of a connection is [service, token, …]; what follows is the service's.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from opro_cli.processes import LONGEST_LINE

Service = Callable[..., Awaitable[None]]
"""Serves one connection: called with its reader, its writer, and what the first line says more."""


class Address(NamedTuple):
    """Where the server of a sweep listens, and what opens it."""

    host: str
    port: int
    token: str


class SweepServer:
    """Whoever knows the token is served, until `stop`."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._services = services
        self._token = secrets.token_urlsafe(24)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, host: str = "127.0.0.1") -> Address:
        """Listen; where."""
        self._server = await asyncio.start_server(self._serve, host, 0, limit=LONGEST_LINE)
        port = self._server.sockets[0].getsockname()[1]
        return Address(host, port, self._token)

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            match json.loads(await reader.readline() or b"null"):
                case [str(service), str(token), *more] if secrets.compare_digest(
                    token.encode(), self._token.encode()
                ):
                    await self._services[service](reader, writer, *more)
        except (ValueError, LookupError, TypeError, OSError, EOFError):
            pass  # no cell of ours, or one that was killed as it spoke
        finally:
            self._writers.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def connect(
    address: Address, service: str, *more: Any
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for a service. Raises OSError."""
    host, port, token = address
    reader, writer = await asyncio.open_connection(host, port, limit=LONGEST_LINE)
    tell(writer, service, token, *more)
    return reader, writer


def tell(writer: asyncio.StreamWriter, *what: Any) -> None:
    """Send one line."""
    writer.write(json.dumps(what).encode() + b"\n")
