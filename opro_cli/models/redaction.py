"""Keys are taken out of everything that is shown, however they are spelt."""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote

from opro_cli.core.settings.readers import find_variable

REDACTED = "[redacted]"
SHORTEST_ENCODED = 12
"""Characters of a secret whose encodings are looked for; a shorter one may be a common word."""

_BASE64 = "[A-Za-z0-9+/_-]"
_HEX_ESCAPE = re.compile(r"\\(?:u00|x)([0-9A-Fa-f]{2})")
_SKIPPED = (0, 2, 3)
"""Characters of base64 that belong to 0, 1 or 2 bytes before the secret, at least in part."""


class Spellings:
    """One secret, and its removal from texts.

    The forms that are plain strings are looked for first, at the speed of `in`: a text without the
    secret costs some microseconds.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._base64: list[tuple[str, re.Pattern[str]]] = []
        forms = {secret}
        if len(secret) >= SHORTEST_ENCODED:
            data = secret.encode("utf-8", "surrogateescape")
            forms |= {data.hex(), data.hex().upper(), json.dumps(secret)[1:-1]}
            forms |= {quote(secret, safe=""), quote_plus(secret), secret.replace("/", "\\/")}
            self._base64 = list(_spell_in_base64(data))
        self._forms = sorted(forms, key=len, reverse=True)

    def remove_from(self, text: str) -> str:
        """Return `text` with REDACTED for the secret, the same object where it holds none."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, REDACTED)
        for core, pattern in self._base64:
            if core in text:
                text = pattern.sub(REDACTED, text)
        if self._base64 and self._is_escaped_in(text):
            text = _compile_escaped(self._secret).sub(REDACTED, text)
        return text

    def _is_escaped_in(self, text: str) -> bool:
        r"""Whether `text` has the secret with some characters as %41, \u0041 or \x41."""
        if "%" in text and self._secret in unquote(text):
            return True
        if "\\u00" not in text and "\\x" not in text:
            return False
        return self._secret in _HEX_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


get_spellings = lru_cache(maxsize=64)(Spellings)  # its patterns take a while to compile


def _spell_in_base64(data: bytes) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield the base64 of a secret at each of the three offsets in a group of bytes.

    Each time the characters that it alone decides, and a pattern with those at its ends, which
    also depend on the bytes before and behind.
    """
    for before, skipped in enumerate(_SKIPPED):
        bits = 8 * (before + len(data))
        encoded = b64encode(bytes(before) + data).decode()[skipped : bits // 6]
        head = f"{_BASE64}?" if before else ""
        tail = f"{_BASE64}?" if bits % 6 else ""
        for core in {encoded, encoded.translate({ord("+"): "-", ord("/"): "_"})}:
            yield core, re.compile(f"{head}{re.escape(core)}{tail}={{0,2}}")


@lru_cache(maxsize=64)
def _compile_escaped(secret: str) -> re.Pattern[str]:
    """Compile a pattern of the secret with any of its characters escaped; it is slow to search."""
    return re.compile(
        "".join(rf"(?:{re.escape(char)}|(?i:(?:%|\\u00|\\x){ord(char):02x}))" for char in secret)
    )


SECRET_NAMES = re.compile(r"_(API_KEY|KEY|TOKEN|SECRET|PASSWORD)$")
SHORTEST_SECRET = 6  # a shorter value is a test's "x" or "none" and would blot out common words
# Behind a name a key has a letter or a digit; "…", "..." and "***" are stand-ins for one.
SECRET_SHAPES = re.compile(
    r"\bsk-(?=[*.-]*\w)[\w*.-]{4,}"  # OpenAI, Anthropic, OpenRouter; echoed half masked
    r"|(?<=Bearer )(?=[^\s\"',]*\w)[^\s\"',]+"
    r"|(?<=[?&]key=)(?=[^\s\"'&]*\w)[^\s\"'&]+"  # Gemini carries the key in its url
    r"|(?i:(?<=[_-]key=)|(?<=token=)|(?<=secret=)|(?<=password=))(?=[^\s\"'&]*\w)[^\s\"'&]+"
    r"|(?<=://)[^\s/@]+(?=@)"  # name and password of a network proxy
)


def build_redactor(keys: Iterable[str]) -> Callable[[str], str]:
    """Build a function that removes these keys, plain or encoded, and nothing else from a text.

    A model may write something that looks like a key, or a word that some variable holds.
    """
    spellings = [get_spellings(key) for key in sorted(keys, key=len, reverse=True)]

    def redact_reply(text: str) -> str:
        for key in spellings:
            text = key.remove_from(text)
        return text

    return redact_reply


_header_variables: set[str] = set()


def guard_headers(headers: Mapping[str, str]) -> None:
    """Have `redact` remove what these headers of a config send, whatever its variables' names."""
    _header_variables.update(map(find_variable, headers.values()))


def redact(text: str) -> str:
    """Remove the values of key-like environment variables, and everything shaped like a key.

    The variables that headers of a config name are among them.
    """
    values = {
        value
        for name, value in os.environ.items()
        if name in _header_variables or SECRET_NAMES.search(name)
    }
    for secret in sorted(values, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = get_spellings(secret).remove_from(text)
    return SECRET_SHAPES.sub(REDACTED, text)
