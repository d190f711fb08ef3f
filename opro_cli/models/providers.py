"""Providers: their addresses, the servers people run themselves, and the commands for those."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from opro_cli.models.keys import OPENAI_BASE_VARIABLES, get_provider, has_own_server, parse_host

BASE_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "openai": OPENAI_BASE_VARIABLES,
    "hosted_vllm": ("HOSTED_VLLM_API_BASE",),
    "lm_studio": ("LM_STUDIO_API_BASE",),
    "llamafile": ("LLAMAFILE_API_BASE",),
    "ollama": ("OLLAMA_API_BASE",),
    "ollama_chat": ("OLLAMA_API_BASE",),
}
DEFAULT_BASE: Mapping[str, str] = {
    "openai": "https://api.openai.com/v1",
    "llamafile": "http://127.0.0.1:8080/v1",
    "ollama": "http://localhost:11434",
    "ollama_chat": "http://localhost:11434",
}
SELF_HOSTED = frozenset({"hosted_vllm", "llamafile", "lm_studio", "ollama", "ollama_chat"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def find_base(name: str, api_base: str | None) -> str | None:
    """The address of the config, of the environment, or the usual one; None where none is known."""
    if api_base:
        return api_base
    provider = get_provider(name)
    told = (os.environ.get(variable) for variable in BASE_VARIABLES.get(provider, ()))
    return next(filter(None, told), None) or DEFAULT_BASE.get(provider)


def is_on_this_machine(name: str, api_base: str | None) -> bool:
    """Whether a self-hosted kind of server answers for `name` on loopback."""
    if get_provider(name) not in SELF_HOSTED or name.endswith("-cloud"):
        return False  # `ollama run x-cloud` is remote
    return is_loopback(find_base(name, api_base) or "")


def is_loopback(address: str) -> bool:
    """Whether an address is one of this machine."""
    return parse_host(address) in LOOPBACK


def find_own_address(name: str, api_base: str | None) -> str | None:
    """The address of a server that somebody runs themselves; None for a provider's, or unknown."""
    if os.environ.get("USE_LITELLM_PROXY"):  # then litellm asks another one
        return None
    own = get_provider(name) in SELF_HOSTED or has_own_server(name, api_base)
    return find_base(name, api_base) if own else None


Kind = Literal["ollama", "vllm", "lm_studio", "llama.cpp", "llamafile"]

OF_PROVIDER: Mapping[str, Kind] = {
    "ollama": "ollama",
    "ollama_chat": "ollama",
    "hosted_vllm": "vllm",
    "lm_studio": "lm_studio",
    "llamafile": "llamafile",
}
# `owned_by` in their lists of models
OF_OWNER: Mapping[str, Kind] = {
    "library": "ollama",
    "vllm": "vllm",
    "organization_owner": "lm_studio",
    "llamacpp": "llama.cpp",
}
# where they listen unless told otherwise; half the world listens on the shared ones
OWN_PORTS: Mapping[int, Kind] = {11434: "ollama", 1234: "lm_studio"}
SHARED_PORTS: Mapping[int, Kind] = {8000: "vllm", 8080: "llama.cpp"}

NAMES: Mapping[Kind, str] = {
    "ollama": "Ollama",
    "vllm": "vLLM",
    "lm_studio": "LM Studio",
    "llama.cpp": "llama.cpp",
    "llamafile": "llamafile",
}
START: Mapping[Kind, str] = {
    "ollama": "start it with `ollama serve`",
    "vllm": "start it with `vllm serve {model}`",
    "lm_studio": "start it with `lms server start`",
    # llama.cpp shares -c out among its -np slots
    "llama.cpp": "start it with `llama-server -m FILE.gguf -c 16384 -np 4`",
    "llamafile": "start the llamafile with `--server`",
}
GET: Mapping[Kind, str] = {
    "ollama": "`ollama pull {model}`",
    "vllm": "serve it with `vllm serve {model}`",
    "lm_studio": "`lms get {model}` and `lms load {model}`",
    "llama.cpp": "start it with the file of that model: `llama-server -m FILE.gguf -c 16384 -np 4`",
    "llamafile": "start the llamafile of that model with `--server`",
}
LENGTHEN: Mapping[Kind, str] = {
    "ollama": "`OLLAMA_CONTEXT_LENGTH={tokens} ollama serve`",
    "vllm": "`vllm serve {model} --max-model-len {tokens}`",
    "lm_studio": "`lms load {model} --context-length {tokens}`",
    "llama.cpp": "`llama-server` with -c {tokens} for each slot of -np",
    "llamafile": "start the llamafile with -c {tokens}",
}


def identify_server(name: str, api_base: str | None) -> Kind | None:
    """The server that a model's name says, or else the port on this machine that is one's own."""
    return OF_PROVIDER.get(get_provider(name)) or OWN_PORTS.get(get_local_port(name, api_base))


def guess_server(name: str, api_base: str | None) -> Kind | None:
    """The server that usually listens on this port of this machine, though others do, too."""
    return SHARED_PORTS.get(get_local_port(name, api_base))


def get_local_port(name: str, api_base: str | None) -> int:
    """The port of an address on this machine that is no provider's; 0 for any other."""
    base = find_base(name, api_base) or ""
    if get_provider(name) != "openai" or not is_loopback(base):
        return 0
    try:
        return urlsplit(base).port or 0
    except ValueError:
        return 0


def suggest_start(name: str, api_base: str | None) -> str:
    """What to do when nobody answers at the address of a model."""
    kind, perhaps = identify_server(name, api_base), guess_server(name, api_base)
    if kind is not None:
        return fill_command(START[kind], name)
    if perhaps is not None:
        return f"if that should be {NAMES[perhaps]}: {fill_command(START[perhaps], name)}"
    return f"is the server at {api_base} running?" if api_base else "check the network connection"


def suggest_model(name: str, api_base: str | None, kind: Kind | None = None) -> str:
    """What to do when a server does not have the model; `kind` where it has said what it is."""
    where = f" and api_base, {api_base}" if api_base else ""
    kind = kind or identify_server(name, api_base)
    if kind is None:
        return f"check the model's name{where}"
    return f"{fill_command(GET[kind], name)}, or check the model's name{where}"


def suggest_context(name: str, kind: Kind | None, tokens: int) -> str:
    """How a server is given a context of at least so many tokens; a power of two is shown."""
    enough = max(4096, 1 << (tokens - 1).bit_length())
    told = fill_command(LENGTHEN[kind], name, enough) if kind else "give the server a longer one"
    return f"{told}, or lower max_tokens"


def fill_command(command: str, name: str, tokens: int = 0) -> str:
    """A command for the model that is named, which is quoted where a shell would read more in."""
    model = name.partition("/")[2] or name
    return command.format(model=shlex.quote(model), tokens=tokens)
