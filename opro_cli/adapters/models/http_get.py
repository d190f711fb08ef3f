"""A few questions to a server on this machine, all of them within a few seconds.

Imports aiohttp, which takes a while: to be imported when there is such a server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import aiohttp

from opro_cli.adapters.models.http_post import LONGEST_HEADER, certificates_for, failure
from opro_cli.adapters.models.provider_refusals import Answer, Asked
from opro_cli.adapters.models.provider_words import parsed
from opro_cli.errors import ModelError

MOST_BYTES = 4_000_000
"""Of one answer; a list of models is a thousandth of that."""


class HttpGet:
    """An async context manager; `seconds` are for everything inside, then TimeoutError.

    Uses no proxy, follows no redirect, keeps no cookie and reads no ~/.netrc.
    """

    def __init__(self, headers: Mapping[str, str], asked: Asked, seconds: float) -> None:
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

    async def get(self, url: str, body: Mapping[str, str] | None = None) -> Answer:
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
                    ssl=certificates_for(url),
                ) as response,
            ):
                data = b""
                async for piece in response.content.iter_chunked(65_536):
                    data += piece
                    if len(data) > MOST_BYTES:
                        break
                text = data[:MOST_BYTES].decode("utf-8", "replace")
                return Answer(response.status, response.headers, text)
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            refusal = failure(error, self._asked)
        # not as its cause: an exception of aiohttp holds the request, and with it the key
        raise refusal

    async def data(self, url: str, body: Mapping[str, str] | None = None) -> Any:
        """What an answer says in JSON; None where it says nothing, or nothing in time."""
        try:
            answer = await self.get(url, body)
        except (ModelError, TimeoutError):
            return None
        return parsed(answer.body) if answer.status < 300 else None
