"""Which API key a model needs, and how to keep keys out of everything that is shown.

The table repeats what litellm's `validate_environment` knows about the common providers, because
asking litellm costs its import of three seconds; `tests/wire/test_provider_keys.py` holds the two
against each other. A provider that is not in the table is taken to need no key: its own refusal
then says what is missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from opro_cli.adapters.models.key_spellings import REDACTED, SHORTEST_ENCODED, spellings_of

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
SECRET_SHAPES = re.compile(
    r"\bsk-[\w*.-]{4,}"  # OpenAI, Anthropic, OpenRouter; providers echo them half masked
    r"|(?<=Bearer )[^\s\"',]+"
    r"|(?<=[?&]key=)[^\s\"'&]+"  # Gemini carries the key in its url
    r"|(?i:(?<=[_-]key=)|(?<=token=)|(?<=secret=)|(?<=password=))[^\s\"'&]+"
    r"|(?<=://)[^\s/@]+(?=@)"  # name and password of a network proxy
)


def provider_of(model_name: str) -> str:
    """The part before the slash; a bare OpenAI or Claude name has the provider litellm gives it."""
    provider, slash, _ = model_name.partition("/")
    if slash:
        return provider
    if OPENAI_NAMES.match(model_name):
        return "openai"
    return "anthropic" if model_name.startswith("claude") else ""


def has_own_server(model_name: str, api_base: str | None) -> bool:
    """Whether an openai/ model is answered by something else than OpenAI."""
    if provider_of(model_name) != "openai":
        return False
    base = api_base or next((os.environ[v] for v in OPENAI_BASE_VARIABLES if os.environ.get(v)), "")
    host = host_of(base)
    # eu.api.openai.com is OpenAI, too
    return bool(base) and host != OPENAI_HOST and not host.endswith(f".{OPENAI_HOST}")


def host_of(address: str) -> str:
    """The host of an address, "" where it has none or makes no sense."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def key_variable(model_name: str, api_base: str | None) -> str | None:
    """The environment variable whose key is sent for a model, None where nothing is known.

    An address in the environment (OPENAI_BASE_URL) belongs with the OPENAI_API_KEY beside it, as
    OpenAI's own client has it.
    """
    if api_base and has_own_server(model_name, api_base):
        return OWN_SERVER_KEY
    provider = provider_of(model_name)
    return next(iter(KEYS_OF.get(provider, ())), OPTIONAL_KEY_OF.get(provider))


def key_to_give(model_name: str, api_base: str | None) -> str | None:
    """The key that a client must be given; None where it finds the right one by itself."""
    if not has_own_server(model_name, api_base):
        return None
    variable = key_variable(model_name, api_base)
    return (os.environ.get(variable) if variable else None) or PLACEHOLDER_KEY


def missing_keys(model_name: str, api_base: str | None = None) -> tuple[str, ...]:
    """The environment variables that must be set before `model_name` can be called.

    Empty when nothing is missing; the customary variable where several would serve. An openai/
    model with a server of its own needs none, see `key_variable`.
    """
    variables = KEYS_OF.get(provider_of(model_name), ())
    if not variables or has_own_server(model_name, api_base):
        return ()
    return () if any(os.environ.get(variable) for variable in variables) else variables[:1]


def keys_sent(model_name: str, api_base: str | None) -> frozenset[str]:
    """The keys that go out with requests to a model, from the environment as it is now.

    A stand-in for a key is left out: it is no secret, and may be a common word.
    """
    given = key_to_give(model_name, api_base)
    values = [given] if given else [os.environ.get(name, "") for name in _variables(model_name)]
    keys = {value.strip() for value in values if len(value.strip()) >= SHORTEST_ENCODED}
    return frozenset(keys - {PLACEHOLDER_KEY})


def _variables(model_name: str) -> Iterable[str]:
    """The environment variables that may hold the key of a model."""
    provider = provider_of(model_name)
    if provider in KEYS_OF:
        return KEYS_OF[provider]
    if provider in OPTIONAL_KEY_OF:
        return (OPTIONAL_KEY_OF[provider],)
    prefix = "AWS_" if provider in AMAZON else f"{provider.upper()}_"
    return [name for name in os.environ if name.startswith(prefix) and SECRET_NAMES.search(name)]


def redactor_of(keys: Iterable[str]) -> Callable[[str], str]:
    """Build a function that removes these keys from a text, plain or encoded, and nothing else.

    A model may write what is shaped like a key, or say a word that some variable holds.
    """
    spellings = [spellings_of(key) for key in sorted(keys, key=len, reverse=True)]

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
            text = spellings_of(secret).remove_from(text)
    return SECRET_SHAPES.sub(REDACTED, text)
