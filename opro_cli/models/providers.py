"""Providers of models, one row each, and the addresses, servers and hints that follow from them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from opro_cli import shell


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider, or a kind of server that people run themselves (then it has a `kind`).

    Attributes:
        prefixes: The part before the slash of its models' names. A server without one is asked as
            openai/ with an api_base.
        keys: Environment variables that may hold its key, the customary one first; any of them is
            enough. Servers that people run themselves want a key only where they are told to.
        base_variables: Environment variables that may hold its address, the first one set counts.
            A provider that has some is asked without litellm.
        base: Its usual address.
        addresses: Environment variables that it needs beside a key, unless the config gives an
            address; defaulted: those that may be left out.
        reports_cost: Its answers say what they cost.
        key_prefix: Beginning of the environment variables with its keys, where `keys` is empty;
            by default its name in capitals.
        kind: The server's name in `opro check --json`; title: in messages.
        owner: `owned_by` in its list of models.
        port: Where it listens by default; shares_port: where other programs often do, too.
        start, get, lengthen: What starts the server, gets a model, and raises its context length;
            {model} and {tokens} are filled in.
        dialect: The API beside OpenAI's that tells its limits. Ollama has an address without /v1
            and names with tags; llama.cpp answers with its one model whatever name is asked for.
    """

    prefixes: tuple[str, ...]
    keys: tuple[str, ...] = ()
    base_variables: tuple[str, ...] = ()
    base: str | None = None
    addresses: tuple[str, ...] = ()
    defaulted: tuple[str, ...] = ()
    reports_cost: bool = False
    key_prefix: str = ""
    kind: str = ""
    title: str = ""
    owner: str = ""
    port: int = 0
    shares_port: bool = False
    start: str = ""
    get: str = ""
    lengthen: str = ""
    dialect: Literal["openai", "ollama", "lm_studio", "llama.cpp"] = "openai"


PROVIDERS = (
    Provider(("anthropic",), ("ANTHROPIC_API_KEY",)),
    Provider(
        ("azure", "azure_text"),
        ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_AD_TOKEN"),
        addresses=("AZURE_API_BASE",),
        defaulted=("AZURE_API_VERSION",),
    ),
    Provider(("bedrock", "sagemaker"), key_prefix="AWS_"),
    Provider(("cerebras",), ("CEREBRAS_API_KEY",)),
    Provider(("cohere",), ("COHERE_API_KEY",)),
    Provider(("deepinfra",), ("DEEPINFRA_API_KEY",), reports_cost=True),
    Provider(("deepseek",), ("DEEPSEEK_API_KEY",)),
    Provider(
        ("fireworks_ai",), ("FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY", "FIREWORKSAI_API_KEY")
    ),
    Provider(("gemini",), ("GEMINI_API_KEY", "GOOGLE_API_KEY")),
    Provider(("groq",), ("GROQ_API_KEY",)),
    Provider(("huggingface",), ("HUGGINGFACE_API_KEY", "HF_TOKEN")),
    Provider(("mistral",), ("MISTRAL_API_KEY",)),
    Provider(("nvidia_nim",), ("NVIDIA_NIM_API_KEY",)),
    Provider(
        ("openai",),
        ("OPENAI_API_KEY",),
        base_variables=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        base="https://api.openai.com/v1",
    ),
    Provider(("openrouter",), ("OPENROUTER_API_KEY", "OR_API_KEY"), reports_cost=True),
    Provider(("perplexity",), ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"), reports_cost=True),
    Provider(("together_ai",), ("TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHER_API_KEY")),
    Provider(("xai",), ("XAI_API_KEY",)),
    Provider(
        ("ollama", "ollama_chat"),
        ("OLLAMA_API_KEY",),
        base_variables=("OLLAMA_API_BASE",),
        base="http://localhost:11434",
        kind="ollama",
        title="Ollama",
        owner="library",
        port=11434,
        start="start it with `ollama serve`",
        get="`ollama pull {model}`",
        lengthen="set OLLAMA_CONTEXT_LENGTH={tokens} for `ollama serve`",
        dialect="ollama",
    ),
    Provider(
        ("hosted_vllm",),
        ("HOSTED_VLLM_API_KEY",),
        base_variables=("HOSTED_VLLM_API_BASE",),
        kind="vllm",
        title="vLLM",
        owner="vllm",
        port=8000,
        shares_port=True,
        start="start it with `vllm serve {model}`",
        get="serve it with `vllm serve {model}`",
        lengthen="`vllm serve {model} --max-model-len {tokens}`",
    ),
    Provider(
        ("lm_studio",),
        ("LM_STUDIO_API_KEY",),
        base_variables=("LM_STUDIO_API_BASE",),
        kind="lm_studio",
        title="LM Studio",
        owner="organization_owner",
        port=1234,
        start="start it with `lms server start`",
        get="`lms get {model}` and `lms load {model}`",
        lengthen="`lms load {model} --context-length {tokens}`",
        dialect="lm_studio",
    ),
    Provider(
        (),
        kind="llama.cpp",
        title="llama.cpp",
        owner="llamacpp",
        port=8080,
        shares_port=True,
        # -c is shared out among the slots of -np
        start="start it with `llama-server -m FILE.gguf -c 16384 -np 4`",
        get="start it with the file of that model: `llama-server -m FILE.gguf -c 16384 -np 4`",
        lengthen="`llama-server` with -c {tokens} for each slot of -np",
        dialect="llama.cpp",
    ),
    Provider(
        ("llamafile",),
        ("LLAMAFILE_API_KEY",),
        base_variables=("LLAMAFILE_API_BASE",),
        base="http://127.0.0.1:8080/v1",
        kind="llamafile",
        title="llamafile",
        start="start the llamafile with `--server`",
        get="start the llamafile of that model with `--server`",
        lengthen="start the llamafile with -c {tokens}",
        dialect="llama.cpp",
    ),
)
LOCAL_SERVERS: Mapping[str, Provider] = {row.kind: row for row in PROVIDERS if row.kind}
_BY_PREFIX = {prefix: row for row in PROVIDERS for prefix in row.prefixes}

OPENAI_HOST = "api.openai.com"
OPENAI_NAMES = re.compile(r"(gpt-|chatgpt-|o\d)")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


# The families of OpenAI's that take no temperature and call the limit max_completion_tokens; their
# chat variants are no reasoning models.
OPENAI_REASONING = re.compile(r"(?:^|[/:])(?:o\d(?:-|$)|gpt-[5-9](?![\w.-]*-chat))", re.IGNORECASE)
# Others that think before they answer unless they are told not to; those take a temperature, and
# ignore it at worst.
REASONING = re.compile(
    r"(?:^|[/:])(?:[\w.]+\.)?(?:deepseek-(?:reasoner|r1)|gemini-(?:2\.5|[3-9])|gpt-oss|qwq|magistral"
    r"|grok-(?:3-mini|4)(?!.*non-reasoning)|kimi-k2-thinking|minimax-m[12]|sonar-reasoning"
    r"|qwen3[\w.-]*-thinking|phi-4[\w-]*-reasoning)",
    re.IGNORECASE,
)
REASONING_MAX_TOKENS = 4096
"""The default of max_tokens for a model that thinks: its thoughts are part of the reply."""


def is_reasoning(model_name: str) -> bool:
    """Whether a model is known to think before it answers."""
    return is_openai_reasoning(model_name) or bool(REASONING.search(model_name))


def is_openai_reasoning(model_name: str) -> bool:
    """Whether a model is of OpenAI's reasoning families, at whatever provider."""
    return bool(OPENAI_REASONING.search(model_name)) and not find_provider(model_name).kind


def find_model_defaults(model_name: str) -> dict[str, Any]:
    """Return the keys of a config that have another default for this model."""
    if not is_reasoning(model_name):
        return {}
    defaults: dict[str, Any] = {"max_tokens": REASONING_MAX_TOKENS}
    if is_openai_reasoning(model_name) or model_name.endswith("deepseek-reasoner"):
        defaults["temperature"] = None
    return defaults


def get_provider(model_name: str) -> str:
    """Return the part before the slash; for a bare OpenAI or Claude name, as litellm has it."""
    provider, slash, _ = model_name.partition("/")
    if slash:
        return provider
    if OPENAI_NAMES.match(model_name):
        return "openai"
    return "anthropic" if model_name.startswith("claude") else ""


def strip_provider(model_name: str) -> str:
    """Return the model's name at its server, without the provider before it."""
    return model_name.partition("/")[2] or model_name


def find_provider(model_name: str) -> Provider:
    """Return the provider's row, an empty one where the table has none."""
    prefix = get_provider(model_name)
    return _BY_PREFIX.get(prefix) or Provider((prefix,))


def is_llama_cpp(model_name: str) -> bool:
    """Whether the name of a model tells that llama.cpp's server answers for it."""
    return get_provider(model_name) == "gguf" or find_provider(model_name).dialect == "llama.cpp"


def find_base(model_name: str, api_base: str | None) -> str | None:
    """Return the address in the config, the environment or the table; None where there is none."""
    if api_base:
        return api_base
    provider = find_provider(model_name)
    return next(filter(None, map(os.environ.get, provider.base_variables)), provider.base)


def parse_host(address: str) -> str:
    """Return the host of an address, "" where it has none or makes no sense."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def is_loopback(address: str) -> bool:
    """Whether an address is one of this machine."""
    return parse_host(address) in LOOPBACK


def is_on_this_machine(name: str, api_base: str | None) -> bool:
    """Whether a kind of server that people run themselves answers for `name` on loopback."""
    if not find_provider(name).kind or name.endswith("-cloud"):
        return False  # `ollama run x-cloud` is remote
    return is_loopback(find_base(name, api_base) or "")


def has_own_server(model_name: str, api_base: str | None) -> bool:
    """Whether another server than OpenAI's answers an openai/ model."""
    if get_provider(model_name) != "openai":
        return False
    host = parse_host(find_base(model_name, api_base) or "")
    # eu.api.openai.com is OpenAI, too
    return host != OPENAI_HOST and not host.endswith(f".{OPENAI_HOST}")


def find_own_address(name: str, api_base: str | None) -> str | None:
    """Return the address of a server that the user runs; None for a provider's, or unknown."""
    if os.environ.get("USE_LITELLM_PROXY"):  # then litellm asks another one
        return None
    own = find_provider(name).kind or has_own_server(name, api_base)
    return find_base(name, api_base) if own else None


def identify_server(name: str, api_base: str | None) -> Provider | None:
    """Return the server that the model's name, or else a port of its own on loopback, implies."""
    provider = find_provider(name)
    return provider if provider.kind else _find_listener(name, api_base, shares_port=False)


def _find_listener(name: str, api_base: str | None, *, shares_port: bool) -> Provider | None:
    """Return the server whose default port on this machine an openai/ model is asked at."""
    base = find_base(name, api_base) or ""
    if get_provider(name) != "openai" or not is_loopback(base):
        return None
    try:
        port = urlsplit(base).port
    except ValueError:
        return None
    rows = (row for row in LOCAL_SERVERS.values() if row.port and row.shares_port == shares_port)
    return next((row for row in rows if row.port == port), None)


def suggest_start(name: str, api_base: str | None) -> str:
    """Say what to do when nobody answers at the address of a model."""
    server = identify_server(name, api_base)
    if server is not None:
        return _fill(server.start, name)
    usual = _find_listener(name, api_base, shares_port=True)
    if usual is not None:
        return f"if that should be {usual.title}: {_fill(usual.start, name)}"
    return f"is the server at {api_base} running?" if api_base else "check the network connection"


def suggest_model(name: str, api_base: str | None, server: Provider | None = None) -> str:
    """Say what to do when a server lacks the model; `server`: the kind it claims to be."""
    where = f" and api_base, {api_base}" if api_base else ""
    server = server or identify_server(name, api_base)
    if server is None:
        return f"check the model's name{where}"
    return f"{_fill(server.get, name)}, or check the model's name{where}"


def suggest_context(name: str, server: Provider | None, tokens: int) -> str:
    """Say how to give a server a context of at least `tokens`, rounded up to a power of two."""
    enough = max(4096, 1 << (tokens - 1).bit_length())
    command = _fill(server.lengthen, name, enough) if server else "give the server a longer one"
    return f"{command}, or lower max_tokens"


def _fill(command: str, name: str, tokens: int = 0) -> str:
    """Fill a model and its context length into a command; the model is quoted for the shell."""
    return command.format(model=shell.quote(strip_provider(name)), tokens=tokens)
