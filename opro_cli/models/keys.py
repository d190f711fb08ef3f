"""API keys: which one a model needs, and how keys stay out of everything that is shown."""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote

from opro_cli.errors import ModelError
from opro_cli.models.providers import find_provider, get_provider, has_own_server

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


PLACEHOLDER_KEY = "no-key-needed"  # the openai client refuses to be built without any key
# An OPENAI_API_KEY is OpenAI's: a config whose api_base names somebody else's server must not hand
# it over. A server that wants a key gets this one.
OWN_SERVER_KEY = "OPRO_API_KEY"

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


def find_key_variable(model_name: str, api_base: str | None) -> str | None:
    """Return the environment variable whose key is sent for a model, None where none is known.

    An address in the environment (OPENAI_BASE_URL) belongs with the OPENAI_API_KEY beside it, as
    OpenAI's own client has it.
    """
    if api_base and has_own_server(model_name, api_base):
        return OWN_SERVER_KEY
    return next(iter(find_provider(model_name).keys), None)


def choose_client_key(model_name: str, api_base: str | None) -> str | None:
    """Return the key that a client must be given, None where it finds the right one itself."""
    if not has_own_server(model_name, api_base):
        return None
    variable = find_key_variable(model_name, api_base)
    return (os.environ.get(variable) if variable else None) or PLACEHOLDER_KEY


def find_missing_keys(model_name: str, api_base: str | None = None) -> tuple[str, ...]:
    """Return the environment variables that must be set before `model_name` can be called.

    Only the customary variable where several would serve. A server that the user runs needs none.
    """
    provider = find_provider(model_name)
    if provider.kind or has_own_server(model_name, api_base):
        return ()
    return () if any(map(os.environ.get, provider.keys)) else provider.keys[:1]


def require_key(name: str, api_base: str | None) -> None:
    """Raise a ModelError when the key that `name` needs is not in the environment."""
    missing = find_missing_keys(name, api_base)
    if missing:
        raise ModelError(
            f"{name} needs an API key: {missing[0]} is not set",
            f"export {missing[0]}=…",
            transient=False,
        )


def keys_not_set(variables: Sequence[str]) -> tuple[str, str]:
    """Word the refusal of models whose keys are missing.

    Args:
        variables: The environment variables that must be set; at least one.

    Returns:
        The message, "no API key: OPENAI_API_KEY is not set", and the hint, a line a variable.
    """
    *others, last = variables
    names = f"{', '.join(others)} and {last} are" if others else f"{last} is"
    lines = [f"export {variable}=…" for variable in variables]
    lines[-1] += "  (keys are read from the environment and never written)"
    return f"no API key: {names} not set", "\n".join(lines)


def collect_sent_keys(model_name: str, api_base: str | None) -> frozenset[str]:
    """Return the keys that go out with requests to a model, from the environment as it is now.

    A stand-in for a key is left out: it is no secret, and may be a common word.
    """
    given = choose_client_key(model_name, api_base)
    provider = find_provider(model_name)
    prefix = provider.key_prefix or f"{get_provider(model_name).upper()}_"
    variables = provider.keys or [
        name for name in os.environ if name.startswith(prefix) and SECRET_NAMES.search(name)
    ]
    values = [given] if given else [os.environ.get(name, "") for name in variables]
    keys = {value.strip() for value in values if len(value.strip()) >= SHORTEST_ENCODED}
    return frozenset(keys - {PLACEHOLDER_KEY})


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


def redact(text: str) -> str:
    """Remove the values of key-like environment variables, and everything shaped like a key."""
    values = {value for name, value in os.environ.items() if SECRET_NAMES.search(name)}
    for secret in sorted(values, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = get_spellings(secret).remove_from(text)
    return SECRET_SHAPES.sub(REDACTED, text)
