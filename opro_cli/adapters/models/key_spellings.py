"""A secret in the forms in which a text may hold it: plain, and in its usual encodings.

Base64 and hex are found wherever the secret stands in what was encoded, such as in the middle of
`Bearer SECRET`.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote

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
        forms = {secret}
        if len(secret) >= SHORTEST_ENCODED:
            hexadecimal = _bytes(secret).hex()
            forms |= {hexadecimal, hexadecimal.upper(), json.dumps(secret)[1:-1]}
            forms |= {quote(secret, safe=""), quote_plus(secret), secret.replace("/", "\\/")}
        self._forms = sorted(forms, key=len, reverse=True)
        self._base64 = list(_in_base64(secret)) if len(secret) >= SHORTEST_ENCODED else []

    def remove_from(self, text: str) -> str:
        """`text` with REDACTED in place of the secret; the same object where it is not in it."""
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
        r"""Whether some of its characters stand there as %41, \u0041 or \x41."""
        if "%" in text and self._secret in unquote(text):
            return True
        if "\\u00" not in text and "\\x" not in text:
            return False
        return self._secret in _HEX_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


@lru_cache(maxsize=64)
def spellings_of(secret: str) -> Spellings:
    """The forms of a secret, which take a while to work out."""
    return Spellings(secret)


def _bytes(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogateescape")


def _in_base64(secret: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    """For each place in a group of three bytes: what base64 always has there, and that with ends.

    The characters at its ends also say something of the bytes before and behind.
    """
    data = _bytes(secret)
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
    characters = (rf"(?:{re.escape(each)}|(?i:(?:%|\\u00|\\x){ord(each):02x}))" for each in secret)
    return re.compile("".join(characters))
