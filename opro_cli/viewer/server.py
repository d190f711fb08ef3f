"""The web view's server: on this machine alone, for those who have its address, and read-only.

The token is a part of the path, so that neither another user nor a web page can guess an address.
Host and Origin are checked against a page that gives its own name this machine's number.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import ipaddress
import logging
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from urllib.parse import unquote

from aiohttp import web

from opro_cli.app.signals import stop_signals_to
from opro_cli.app.view import RunsViewer
from opro_cli.errors import UsageError
from opro_cli.render.html.assets import read_asset, read_page, read_script, read_style
from opro_cli.viewer.requests import ADDRESSES, Query, Reply, answer, refuse, stamp

DEFAULT_PORT = 8765
_TRIED = 20
"""Ports behind the default one that are tried where it is taken, before any that is free."""
_LONGEST_ADDRESS = 1 << 18
"""Bytes of a request line: an export names its questions."""
_NO_LOG = logging.getLogger("opro_cli.viewer.http")
"""Takes what aiohttp says of malformed requests, with a traceback each; they are answered 400."""
_NO_LOG.disabled = True
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "opro",
}
_ASSETS: Mapping[str, tuple[Callable[[], str], str]] = {
    "": (read_page, "text/html"),
    "view.js": (read_script, "text/javascript"),
    "view.css": (read_style, "text/css"),
    "report.css": (partial(read_asset, "report.css"), "text/css"),
}
_MISSING = Reply(b"not found\n", "text/plain; charset=utf-8", 404)


@cache
def _read_asset(name: str) -> Reply:
    read, kind = _ASSETS[name]
    return Reply(read().encode(), f"{kind}; charset=utf-8")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host: 127.0.0.1, ::1 and localhost."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


class ViewServer:
    """Serves the runs of a viewer under one secret folder.

    Args:
        viewer: Of the runs.
        host: To be bound.
        port: To be bound; 0 for any that is free, None for the default or one near it.
    """

    def __init__(self, viewer: RunsViewer, host: str, port: int | None) -> None:
        self._viewer = viewer
        self._host = host
        self._socket = _bind(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._token = secrets.token_urlsafe(24)

    @property
    def address(self) -> str:
        """The address of the page."""
        host = "127.0.0.1" if self._host in ("0.0.0.0", "") else self._host  # noqa: S104
        host = "::1" if host == "::" else host
        return f"http://{_quote_host(host)}:{self.port}/{self._token}/"

    async def run(self, stopped: asyncio.Event, ready: Callable[[], None]) -> None:
        """Serve until `stopped` is set; call `ready` once requests are answered."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_NO_LOG,
            max_line_size=_LONGEST_ADDRESS,
            shutdown_timeout=1.0,
        )
        await runner.setup()
        try:
            await web.SockSite(runner, self._socket).start()
            ready()
            await stopped.wait()
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        refused = self._check(request)
        if refused is not None:
            return _respond(refused)
        path = unquote(request.raw_path.partition("?")[0]).removeprefix(f"/{self._token}/")
        if path in _ASSETS:
            return _respond(_read_asset(path))
        name = path.removeprefix("api/")
        if path == name or name not in ADDRESSES:
            return _respond(_MISSING)
        query = Query({key: request.query.getall(key) for key in request.query})
        return await self._answer(request, name, query)

    def _check(self, request: web.Request) -> Reply | None:
        """Return the refusal of a request that does not come from the page; None for others."""
        host = request.headers.getall("Host", [])
        if len(host) != 1 or not self._is_own(host[0]):
            return Reply(b"not the address of this page\n", "text/plain; charset=utf-8", 403)
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{host[0]}":
            return Reply(b"not from this page\n", "text/plain; charset=utf-8", 403)
        beginning = request.raw_path.encode("utf-8", "surrogatepass")[: len(self._token) + 2]
        if not hmac.compare_digest(beginning, f"/{self._token}/".encode()):
            return _MISSING
        if request.method not in ("GET", "HEAD"):
            return Reply(b"only to be read\n", "text/plain; charset=utf-8", 405)
        return None

    def _is_own(self, host: str) -> bool:
        """Return whether a Host header names this server.

        One that every machine may reach is known by any number, but by no name: a number is
        nothing that a web page could take for itself.
        """
        name, _, port = host.rpartition(":")
        if port != str(self.port):
            return False
        name = name.strip("[]").lower()
        if is_loopback(self._host):
            return name in {self._host, "127.0.0.1", "::1", "localhost"}
        with suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return name in {self._host.lower(), "localhost", socket.gethostname().lower()}

    async def _answer(self, request: web.Request, name: str, query: Query) -> web.StreamResponse:
        try:
            tag = await asyncio.to_thread(stamp, self._viewer, name, query)
            etag = f'"{tag}"'
            if etag in request.headers.get("If-None-Match", ""):
                return web.Response(status=304, headers={**_HEADERS, "ETag": etag})
            reply = await asyncio.to_thread(answer, self._viewer, name, query)
        except Exception as error:  # noqa: BLE001 - the boundary: the page shows what it says
            return _respond(refuse(error))
        return _respond(reply, {"ETag": etag})


def _respond(reply: Reply, headers: Mapping[str, str] | None = None) -> web.Response:
    extra = dict(headers or {})
    if reply.filename:
        extra["Content-Disposition"] = f'attachment; filename="{reply.filename}"'
    if reply.status == 405:
        extra["Allow"] = "GET, HEAD"
    own = {**_HEADERS, "Content-Type": reply.content_type, **extra}
    return web.Response(body=reply.body, status=reply.status, headers=own)


def _quote_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _bind(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens.

    Raises:
        UsageError: The system refuses.
    """
    wanted: Sequence[int] = (
        [port] if port is not None else [*range(DEFAULT_PORT, DEFAULT_PORT + _TRIED), 0]
    )
    for number in wanted:
        try:
            kind = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, number), family=kind)
        except OSError as error:
            # Windows keeps whole ranges of ports for itself, and says that they are forbidden.
            if number == wanted[-1] or error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise UsageError(
                    f"cannot listen on {_quote_host(host)}:{number}: {error.strerror or error}",
                    "name another with --port (0 for any that is free) or --host",
                ) from None
    raise AssertionError("the last port ends the loop")


def serve(viewer: RunsViewer, host: str, port: int | None, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; `ready` gets the address.

    Raises:
        UsageError: The port cannot be had.
    """
    server = ViewServer(viewer, host, port)
    asyncio.run(_serve_until_told(server, ready))


async def _serve_until_told(server: ViewServer, ready: Callable[[str], None]) -> None:
    """Serve until one of the signals that ask a process to end."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    with stop_signals_to(partial(loop.call_soon_threadsafe, stopped.set)):
        await server.run(stopped, lambda: ready(server.address))
