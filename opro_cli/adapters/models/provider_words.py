"""What a provider says when it refuses: one readable line for people, all of it for `judge`.

Providers answer in JSON of many shapes, gateways in front of them in HTML, and either may be
megabytes long or repeat a key. Knows no client library.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from opro_cli.adapters.models.provider_keys import redact

LONGEST_WORDS = 300  # characters of a provider's own words in a message
LONGEST_READ = 20_000  # characters of an error that are looked at; the rest never says more

MESSAGE_KEYS = ("error", "message", "detail")
CODE_KEYS = ("code", "type", "status", "reason")
PAGE = re.compile(r"<(?:!doctype html|html|head|body)\b", re.IGNORECASE)
TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
# No server can be sent these: an instruction with one in it would fail at every question.
NO_TEXT = re.compile("[\x00\ud800-\udfff]")
# no [^<>] here may become "." or cross a "<": a body of nothing but "<" must stay cheap to read
UNSEEN = re.compile(r"<(script|style)\b[^<>]*>[^<]*</\1[^<>]*>|<[^<>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """What a refusal says.

    words: one printable line of at most LONGEST_WORDS characters, without keys.
    meaning: the message, uncut, and the provider's codes; to be judged, never to be shown.
    """

    words: str
    meaning: str


def said_in(body: str, secrets: Iterable[str] = ()) -> Said:
    """Read the body of a refusal; `secrets` are not repeated, beside the keys that `redact` knows.

    Of JSON its message is kept, of a web page its title or else its first words.
    """
    data = parsed(body)
    message = shortened(body if data is None else message_in(data) or body)
    codes = " ".join(codes_in(data))
    if PAGE.search(message):
        message = text_of(message)
    return Said(one_line(message, secrets), f"{message} {codes}")


def parsed(text: str) -> Any:
    """JSON data, None where it is none (or nested so deeply that nobody meant it)."""
    from msgspec.json import decode

    try:
        return decode(text)
    except (ValueError, RecursionError):  # or half a character, which msgspec refuses
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def message_in(data: Any) -> str:
    """The message of {"error": {"message": …}}, {"error": …}, {"message": …}, {"detail": …}.

    Gemini sends such an object in a list. A message may be JSON again (Ollama quotes llama.cpp),
    and OpenRouter's "Provider returned error" is followed by what the provider said.
    """
    raw = ""
    while not isinstance(data, str):
        data = data[0] if isinstance(data, list) and len(data) == 1 else data
        if not isinstance(data, dict):
            return ""
        metadata = data.get("metadata")
        raw = str(metadata.get("raw") or "") if isinstance(metadata, dict) else raw
        data = next((data[key] for key in MESSAGE_KEYS if data.get(key)), None)
    inner = parsed(data) if data.startswith("{") else None
    message = message_in(inner) or data
    return f"{message}: {message_in(parsed(raw)) or raw}" if raw else message


def codes_in(data: Any, depth: int = 0) -> Iterator[str]:
    """Every code, type, status and reason in a provider's JSON error, however deep it sits."""
    if isinstance(data, str) and data.startswith("{"):
        data = parsed(data)
    items: Iterable[Any] = ()
    if isinstance(data, dict):
        yield from (data[key] for key in CODE_KEYS if isinstance(data.get(key), str))
        items = data.values()
    elif isinstance(data, list):
        items = data
    if depth < 5:  # error, innererror or details, metadata: deeper there is no code
        for item in items:
            yield from codes_in(item, depth + 1)


def sendable(text: str) -> str:
    """A reply with U+FFFD for what no server can be sent, a NUL and half a character."""
    if text.isascii() and "\x00" not in text:
        return text
    return NO_TEXT.sub("\ufffd", text)


def shortened(text: str) -> str:
    """The first LONGEST_READ characters, less a last word that may be half a key."""
    beginning = text[:LONGEST_READ]
    if len(text) <= LONGEST_READ or beginning[-1].isspace():
        return beginning
    last = beginning.rsplit(maxsplit=1)[-1]
    return beginning.removesuffix(last) or beginning


def text_of(page: str) -> str:
    """The title of a web page, or else what a reader sees of it, without a tag."""
    title = TITLE.search(page)
    text = title[1] if title and title[1].strip() else UNSEEN.sub(" ", page)
    return html.unescape(text).strip()


def one_line(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without keys, line breaks and control characters, cut to LONGEST_WORDS characters.

    Keys go first: half of one would not be recognised.
    """
    line = " ".join(redact(text, secrets).split())
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= LONGEST_WORDS else line[: LONGEST_WORDS - 1] + "…"
