"""JSON over HTTP through aiohttp: one POST, a few quick GETs, and time limits for both."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi

from opro_cli.errors import ModelError
from opro_cli.models.deadline import Deadline
from opro_cli.models.error_texts import make_one_line, parse_json
from opro_cli.models.providers import is_loopback
from opro_cli.models.refusals import (
    LONGEST_REFUSAL,
    HttpAnswer,
    ModelCall,
    build_broken_off_error,
    build_connection_error,
    build_no_answer_error,
    build_too_large_error,
)

# vLLM and whatever else runs on uvicorn hangs up after 5 idle seconds; a request sent at that
# moment would be lost
KEEP_ALIVE_S = 4.0
LONGEST_HEADER = 65_536  # characters; aiohttp's own limit is less than some gateways send


class HttpPost:
    """Connections to one address, as many as there are requests; must be made in an event loop.

    Follows no redirect, keeps no cookie, reads no ~/.netrc and asks nobody twice. Takes proxies
    and certificates from the environment (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR).
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        # aiohttp's trust_env would send the password of ~/.netrc as well
        self._proxy = find_proxy(url)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=KEEP_ALIVE_S, ssl=load_certificates(url)
            ),
            headers=headers,
            timeout=aiohttp.ClientTimeout(),  # none: the whole call has one
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
        )

    async def post(self, body: bytes, asked: ModelCall, deadline: Deadline) -> HttpAnswer:
        """Send `body` and read the answer, whatever its status.

        Raises ModelError without an answer, or for one longer than `asked.most_bytes`.
        """
        try:
            async with self._session.post(
                self._url, data=body, proxy=self._proxy, allow_redirects=False
            ) as response:
                text = await read_body(response, asked, deadline)
                deadline.complete()
                return HttpAnswer(response.status, response.headers, text)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            refusal = build_failure(error, asked)
        # not as its cause: an exception of aiohttp holds the request, and with it the key
        raise refusal

    async def close(self) -> None:
        await self._session.close()


async def read_body(response: aiohttp.ClientResponse, asked: ModelCall, deadline: Deadline) -> str:
    """Read the body of an answer that has begun, unpacked, up to the length it may have.

    Of a refusal the beginning is enough, also where the rest never comes.
    """
    is_refusal = response.status >= 300
    most = LONGEST_REFUSAL if is_refusal else asked.most_bytes
    body = bytearray()
    deadline.count_piece()
    try:
        async for piece in response.content.iter_any():
            deadline.count_piece()
            body += piece
            if len(body) > most:
                response.close()
                break
    except (aiohttp.ClientError, OSError) as error:
        if not is_refusal:
            raise build_broken_off_error(asked) from error
    if len(body) > most and not is_refusal:
        raise build_too_large_error(asked)
    return body[:most].decode("utf-8", "replace")


def can_have_arrived(error: BaseException) -> bool:
    """Whether a request may have reached the server before this went wrong."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError):
        return False
    return isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientResponseError)


def build_failure(error: Exception, asked: ModelCall) -> ModelError:
    """Why no answer began."""
    if getattr(error, "errno", None) == errno.ECONNREFUSED:
        return build_connection_error(asked)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        words = make_one_line(f"the proxy answered {error.status} {error.message}", asked.secrets)
        return build_no_answer_error(
            words, asked, "check HTTPS_PROXY", transient=error.status >= 500
        )
    told = getattr(error, "strerror", None) or getattr(error, "message", None) or error
    words = make_one_line(str(told), asked.secrets)
    if isinstance(error, ValueError) and not isinstance(error, ssl.SSLError):
        return build_no_answer_error(words, asked, "check api_base and the key", transient=False)
    return build_no_answer_error(words, asked, maybe_billed=can_have_arrived(error))


def find_proxy(url: str) -> str | None:
    """The proxy that the environment wants for an address; none stands before this machine."""
    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def load_certificates(url: str) -> ssl.SSLContext | bool:
    """Whom to trust; certifi's list, since some Pythons come without any."""
    if not url.startswith("https"):
        return True
    told = "SSL_CERT_FILE" in os.environ or "SSL_CERT_DIR" in os.environ
    return ssl.create_default_context(cafile=None if told else certifi.where())


MOST_BYTES = 4_000_000
"""Of one answer; a list of models is a thousandth of that."""


class HttpGet:
    """An async context manager; `seconds` are for everything inside, then TimeoutError.

    Uses no proxy, follows no redirect, keeps no cookie and reads no ~/.netrc.
    """

    def __init__(self, headers: Mapping[str, str], asked: ModelCall, seconds: float) -> None:
        self._headers = headers
        self._asked = asked
        self._until = asyncio.get_running_loop().time() + seconds

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._session.close()

    async def get(self, url: str, body: Mapping[str, str] | None = None) -> HttpAnswer:
        """The answer, at most MOST_BYTES of it; a POST where there is a body.

        Raises ModelError without an answer, TimeoutError when the time is over.
        """
        try:
            async with (
                asyncio.timeout_at(self._until),
                self._session.request(
                    "POST" if body else "GET",
                    url,
                    json=body,
                    allow_redirects=False,
                    ssl=load_certificates(url),
                ) as response,
            ):
                data = b""
                async for piece in response.content.iter_chunked(65_536):
                    data += piece
                    if len(data) > MOST_BYTES:
                        break
                text = data[:MOST_BYTES].decode("utf-8", "replace")
                return HttpAnswer(response.status, response.headers, text)
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            refusal = build_failure(error, self._asked)
        # not as its cause: an exception of aiohttp holds the request, and with it the key
        raise refusal

    async def data(self, url: str, body: Mapping[str, str] | None = None) -> Any:
        """What an answer says in JSON; None where it says nothing, or nothing in time."""
        try:
            answer = await self.get(url, body)
        except (ModelError, TimeoutError):
            return None
        return parse_json(answer.body) if answer.status < 300 else None
