"""Whether a text holds a key, found by decoding whatever in it may be encoded."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, unquote_to_bytes

KEY = "q7/Zp+Xw-93ab41_T0kenOf=Mine"

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "bearer": lambda key: f"Bearer {key}",
    "base64": lambda key: b64encode(key.encode()).decode(),
    "base64-unpadded": lambda key: b64encode(key.encode()).decode().rstrip("="),
    "base64-of-a-header": lambda key: b64encode(f"Bearer {key}".encode()).decode(),
    "base64-shifted-once": lambda key: b64encode(f"x{key} and more".encode()).decode(),
    "base64-shifted-twice": lambda key: b64encode(f"xy{key}.".encode()).decode(),
    "base64-urlsafe": lambda key: urlsafe_b64encode(f"{key}:".encode()).decode(),
    "base64-of-a-pair": lambda key: b64encode(f"user:{key}".encode()).decode(),
    "hex": lambda key: key.encode().hex(),
    "hex-capitals": lambda key: f"0x{key.encode().hex().upper()}",
    "percent": lambda key: quote(key, safe=""),
    "percent-of-all": lambda key: "".join(f"%{ord(each):02X}" for each in key),
    "percent-of-some": lambda key: key.replace("a", "%61"),
    "json": lambda key: json.dumps({"Authorization": f"Bearer {key}"}),
    "json-slash": lambda key: key.replace("/", "\\/"),
    "json-escapes": lambda key: "".join(f"\\u{ord(each):04x}" for each in key),
    "json-some-escapes": lambda key: key.replace("=", "\\u003d").replace("+", "\\u002B"),
    "python-escapes": lambda key: "".join(f"\\x{ord(each):02x}" for each in key),
}


def holds(data: bytes, key: str = KEY) -> bool:
    """Whether some decoding of `data` has most of a key in it."""
    middle = key[1:-1].encode()  # the ends of base64 share a character with what is beside them
    return any(middle in each for each in _decodings(data))


def _decodings(data: bytes) -> list[bytes]:
    # What is in a JSON file is escaped once more.
    plain = [data, data.replace(b"\\\\", b"\\").replace(b'\\"', b'"')]
    found = [*plain]
    for text in plain:
        found.append(text.replace(b"\\/", b"/"))
        found.append(unquote_to_bytes(text))
        found.append(
            re.sub(rb"\\(?:u00|x)([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), text)
        )
    for run in re.findall(rb"[0-9A-Fa-f]{16,}", data):
        found += [bytes.fromhex(run[at:][: len(run[at:]) // 2 * 2].decode()) for at in (0, 1)]
    for run in re.findall(rb"[A-Za-z0-9+/_-]{12,}", data):
        standard = run.replace(b"-", b"+").replace(b"_", b"/") + b"AAA"
        found += [b64decode(standard[at:][: len(standard[at:]) // 4 * 4]) for at in range(4)]
    return found
