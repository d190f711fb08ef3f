"""API keys: which one a model needs, and how keys stay out of everything that is shown."""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote, urlsplit

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
            hexadecimal = _encode(secret).hex()
            forms |= {hexadecimal, hexadecimal.upper(), json.dumps(secret)[1:-1]}
            forms |= {quote(secret, safe=""), quote_plus(secret), secret.replace("/", "\\/")}
        self._forms = sorted(forms, key=len, reverse=True)
        self._base64 = list(_spell_in_base64(secret)) if len(secret) >= SHORTEST_ENCODED else []

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
def get_spellings(secret: str) -> Spellings:
    """The forms of a secret, which take a while to work out."""
    return Spellings(secret)


def _encode(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogateescape")


def _spell_in_base64(secret: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    """For each place in a group of three bytes: what base64 always has there, and that with ends.

    The characters at its ends also say something of the bytes before and behind.
    """
    data = _encode(secret)
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


# provider -> environment variables that serve, the customary one first; any one of them is enough
KEYS_OF: Mapping[str, tuple[str, ...]] = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "azure": ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_AD_TOKEN"),
    "cerebras": ("CEREBRAS_API_KEY",),
    "cohere": ("COHERE_API_KEY",),
    "deepinfra": ("DEEPINFRA_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "fireworks_ai": ("FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY", "FIREWORKSAI_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "huggingface": ("HUGGINGFACE_API_KEY", "HF_TOKEN"),
    "mistral": ("MISTRAL_API_KEY",),
    "nvidia_nim": ("NVIDIA_NIM_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY", "OR_API_KEY"),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHER_API_KEY"),
    "xai": ("XAI_API_KEY",),
}
# the servers people run themselves want none, unless somebody told them to
OPTIONAL_KEY_OF: Mapping[str, str] = {
    "hosted_vllm": "HOSTED_VLLM_API_KEY",
    "llamafile": "LLAMAFILE_API_KEY",
    "lm_studio": "LM_STUDIO_API_KEY",
    "ollama": "OLLAMA_API_KEY",
    "ollama_chat": "OLLAMA_API_KEY",
}
AMAZON = ("bedrock", "sagemaker")  # their keys are those of AWS
PLACEHOLDER_KEY = "no-key-needed"  # the openai client refuses to be built without any key
# An OPENAI_API_KEY is OpenAI's: a config whose api_base names somebody else's server must not hand
# it over. A server that wants a key gets this one.
OWN_SERVER_KEY = "OPRO_API_KEY"

OPENAI_HOST = "api.openai.com"
OPENAI_BASE_VARIABLES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
OPENAI_NAMES = re.compile(r"(gpt-|chatgpt-|o\d)")

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


def get_provider(model_name: str) -> str:
    """The part before the slash; a bare OpenAI or Claude name has the provider litellm gives it."""
    provider, slash, _ = model_name.partition("/")
    if slash:
        return provider
    if OPENAI_NAMES.match(model_name):
        return "openai"
    return "anthropic" if model_name.startswith("claude") else ""


def has_own_server(model_name: str, api_base: str | None) -> bool:
    """Whether an openai/ model is answered by something else than OpenAI."""
    if get_provider(model_name) != "openai":
        return False
    base = api_base or next((os.environ[v] for v in OPENAI_BASE_VARIABLES if os.environ.get(v)), "")
    host = parse_host(base)
    # eu.api.openai.com is OpenAI, too
    return bool(base) and host != OPENAI_HOST and not host.endswith(f".{OPENAI_HOST}")


def parse_host(address: str) -> str:
    """The host of an address, "" where it has none or makes no sense."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def find_key_variable(model_name: str, api_base: str | None) -> str | None:
    """The environment variable whose key is sent for a model, None where nothing is known.

    An address in the environment (OPENAI_BASE_URL) belongs with the OPENAI_API_KEY beside it, as
    OpenAI's own client has it.
    """
    if api_base and has_own_server(model_name, api_base):
        return OWN_SERVER_KEY
    provider = get_provider(model_name)
    return next(iter(KEYS_OF.get(provider, ())), OPTIONAL_KEY_OF.get(provider))


def choose_client_key(model_name: str, api_base: str | None) -> str | None:
    """The key that a client must be given; None where it finds the right one by itself."""
    if not has_own_server(model_name, api_base):
        return None
    variable = find_key_variable(model_name, api_base)
    return (os.environ.get(variable) if variable else None) or PLACEHOLDER_KEY


def find_missing_keys(model_name: str, api_base: str | None = None) -> tuple[str, ...]:
    """The environment variables that must be set before `model_name` can be called.

    Empty when nothing is missing; the customary variable where several would serve. An openai/
    model with a server of its own needs none, see `find_key_variable`.
    """
    variables = KEYS_OF.get(get_provider(model_name), ())
    if not variables or has_own_server(model_name, api_base):
        return ()
    return () if any(os.environ.get(variable) for variable in variables) else variables[:1]


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
    """The keys that go out with requests to a model, from the environment as it is now.

    A stand-in for a key is left out: it is no secret, and may be a common word.
    """
    given = choose_client_key(model_name, api_base)
    values = (
        [given] if given else [os.environ.get(name, "") for name in _list_key_variables(model_name)]
    )
    keys = {value.strip() for value in values if len(value.strip()) >= SHORTEST_ENCODED}
    return frozenset(keys - {PLACEHOLDER_KEY})


def _list_key_variables(model_name: str) -> Iterable[str]:
    """The environment variables that may hold the key of a model."""
    provider = get_provider(model_name)
    if provider in KEYS_OF:
        return KEYS_OF[provider]
    if provider in OPTIONAL_KEY_OF:
        return (OPTIONAL_KEY_OF[provider],)
    prefix = "AWS_" if provider in AMAZON else f"{provider.upper()}_"
    return [name for name in os.environ if name.startswith(prefix) and SECRET_NAMES.search(name)]


def build_redactor(keys: Iterable[str]) -> Callable[[str], str]:
    """Build a function that removes these keys from a text, plain or encoded, and nothing else.

    A model may write what is shaped like a key, or say a word that some variable holds.
    """
    spellings = [get_spellings(key) for key in sorted(keys, key=len, reverse=True)]

    def redact_reply(text: str) -> str:
        for each in spellings:
            text = each.remove_from(text)
        return text

    return redact_reply


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without `secrets`, without the values of key-like environment variables, and
    without anything that is shaped like a key."""
    known = {value for name, value in os.environ.items() if SECRET_NAMES.search(name)}
    for secret in sorted(known.union(secrets), key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = get_spellings(secret).remove_from(text)
    return SECRET_SHAPES.sub(REDACTED, text)
