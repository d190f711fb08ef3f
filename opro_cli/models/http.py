"""JSON over HTTP through aiohttp: one POST, a few quick GETs, and time limits for both."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi

from opro_cli.errors import ModelError
from opro_cli.models import call_errors
from opro_cli.models.error_texts import make_one_line, parse_json
from opro_cli.models.providers import is_loopback
from opro_cli.models.wire import LONGEST_REFUSAL, Deadline, HttpAnswer, ModelCall

# vLLM, as all that runs on uvicorn, hangs up after 5 idle seconds; a request sent at that
# moment would be lost
KEEP_ALIVE_S = 4.0
LONGEST_HEADER = 65_536  # characters; aiohttp's own limit is less than some gateways send


class HttpPost:
    """Connections to one address, as many as there are requests; must be made in an event loop.

    Follows no redirect, keeps no cookie, reads no ~/.netrc and repeats no request. Takes proxies
    and certificates from the environment (HTTPS_PROXY, NO_PROXY, `call_errors.CERTIFICATES`).
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

    async def post(self, body: bytes, call: ModelCall, deadline: Deadline) -> HttpAnswer:
        """Send `body` and read the answer, whatever its status.

        Raises:
            ModelError: When there is no answer, or one longer than `call.most_bytes`.
        """
        try:
            async with self._session.post(
                self._url, data=body, proxy=self._proxy, allow_redirects=False
            ) as response:
                text = await read_body(response, call, deadline)
                deadline.complete()
                return HttpAnswer(response.status, response.headers, text)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            refusal = build_failure(error, call)
        # not as its cause: an exception of aiohttp holds the request, and with it the key
        raise refusal

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


async def read_body(response: aiohttp.ClientResponse, call: ModelCall, deadline: Deadline) -> str:
    """Read the body of an answer that has begun, unpacked, up to the length it may have.

    The beginning of a refusal is enough, also where the rest never comes.
    """
    is_refusal = response.status >= 300
    most = LONGEST_REFUSAL if is_refusal else call.most_bytes_of(response.headers)
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
            raise call_errors.build_broken_off_error(call) from error
    if len(body) > most and not is_refusal:
        raise call_errors.build_too_large_error(call)
    return body[:most].decode("utf-8", "replace")


def can_have_arrived(error: BaseException) -> bool:
    """Whether a request may have reached the server before this went wrong."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError):
        return False
    return isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientResponseError)


def explain_contact(causes: Sequence[BaseException], call: ModelCall) -> ModelError | None:
    """Explain a host that has no address or no good certificate; None for any other failure.

    Args:
        causes: An error of aiohttp's, or of litellm's with the errors that it came from.
        call: That could not be made.
    """
    for cause in causes:
        host = str(getattr(cause, "host", "") or call_errors.find_host(call))
        if isinstance(cause, aiohttp.ClientConnectorDNSError | socket.gaierror):
            return call_errors.build_unknown_host_error(call, host)
        if isinstance(cause, aiohttp.ClientConnectorCertificateError):
            fault: BaseException = cause.certificate_error
        elif isinstance(cause, aiohttp.ClientConnectorSSLError):
            fault = cause.os_error
        else:
            fault = cause
        if isinstance(fault, ssl.SSLCertVerificationError):
            return call_errors.build_certificate_error(call, host, fault.verify_message)
        if isinstance(fault, ssl.SSLError):
            return call_errors.build_tls_error(call, host, fault.reason or str(fault))
    return None


def build_failure(error: Exception, call: ModelCall) -> ModelError:
    """Explain why no answer began."""
    if getattr(error, "errno", None) == errno.ECONNREFUSED:
        return call_errors.build_connection_error(call)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        words = make_one_line(f"the proxy cannot be reached: {error.os_error.strerror}")
        refusal = call_errors.build_no_answer_error(words, call, "check HTTPS_PROXY")
        refusal.about = "address"
        return refusal
    if (refused := explain_contact((error,), call)) is not None:
        return refused
    if isinstance(error, aiohttp.ClientHttpProxyError):
        words = make_one_line(f"the proxy answered {error.status} {error.message}")
        return call_errors.build_no_answer_error(
            words, call, "check HTTPS_PROXY", transient=error.status >= 500
        )
    reason = getattr(error, "strerror", None) or getattr(error, "message", None) or error
    words = make_one_line(str(reason))
    if isinstance(error, ValueError) and not isinstance(error, ssl.SSLError):
        return call_errors.build_no_answer_error(
            words, call, "check api_base and the key", transient=False
        )
    return call_errors.build_no_answer_error(words, call, maybe_billed=can_have_arrived(error))


def find_proxy(url: str) -> str | None:
    """Return the proxy that the environment sets for an address; never one for this machine."""
    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def load_certificates(url: str) -> ssl.SSLContext | bool:
    """Return the authorities to trust: certifi's by default, since some Pythons have none.

    Raises:
        ModelError: The environment names a file that cannot be read.
    """
    if not url.startswith("https"):
        return True
    named = call_errors.list_authorities()
    if not named:
        return ssl.create_default_context(cafile=certifi.where())
    # OpenSSL reads those of its own by itself
    others = {name: path for name, path in named.items() if not name.startswith("SSL_")}
    if len(others) < len(named):
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for variable, path in others.items():
        at = {"capath" if Path(path).is_dir() else "cafile": path}
        try:
            context.load_verify_locations(**at)
        except OSError as error:  # ssl.SSLError, for a file without a certificate, is one
            reason = error.strerror or str(error)
            raise ModelError(
                f"{variable}: {make_one_line(path)} cannot be read: {make_one_line(reason)}",
                "name a file of certificates in PEM format",
                transient=False,
            ) from None
    return context


MOST_BYTES = 4_000_000
"""Of one answer to `HttpGet`; a list of models is a thousandth of that."""


class HttpGet:
    """An async context manager for quick requests, with a time limit for all of them together.

    Uses no proxy, follows no redirect, keeps no cookie and reads no ~/.netrc.
    """

    def __init__(self, headers: Mapping[str, str], call: ModelCall, seconds: float) -> None:
        self._headers = headers
        self._call = call
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
        """Return at most MOST_BYTES of the answer; sends a POST where there is a body.

        Raises:
            ModelError: When there is no answer.
            TimeoutError: When the time is over.
        """
        try:
            trusted = load_certificates(url)
            async with (
                asyncio.timeout_at(self._until),
                self._session.request(
                    "POST" if body else "GET",
                    url,
                    json=body,
                    allow_redirects=False,
                    ssl=trusted,
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
            refusal = build_failure(error, self._call)
        # not as its cause: an exception of aiohttp holds the request, and with it the key
        raise refusal

    async def get_json(self, url: str, body: Mapping[str, str] | None = None) -> Any:
        """Return the JSON of an answer, None where there is none, or none in time."""
        try:
            answer = await self.get(url, body)
        except (ModelError, TimeoutError):
            return None
        return parse_json(answer.body) if answer.status < 300 else None
