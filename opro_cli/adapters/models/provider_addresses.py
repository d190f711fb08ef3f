"""Where a model is asked when its config names no address, and whether that is this machine.

The variables and the defaults are litellm's, so that it makes no difference who asks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from opro_cli.adapters.models.provider_keys import (
    OPENAI_BASE_VARIABLES,
    has_own_server,
    host_of,
    provider_of,
)

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


def base_of(name: str, api_base: str | None) -> str | None:
    """The address of the config, of the environment, or the usual one; None where none is known."""
    if api_base:
        return api_base
    provider = provider_of(name)
    told = (os.environ.get(variable) for variable in BASE_VARIABLES.get(provider, ()))
    return next(filter(None, told), None) or DEFAULT_BASE.get(provider)


def is_on_this_machine(name: str, api_base: str | None) -> bool:
    """Whether a self-hosted kind of server answers for `name` on loopback."""
    if provider_of(name) not in SELF_HOSTED or name.endswith("-cloud"):
        return False  # `ollama run x-cloud` is remote
    return is_loopback(base_of(name, api_base) or "")


def is_loopback(address: str) -> bool:
    """Whether an address is one of this machine."""
    return host_of(address) in LOOPBACK


def own_address(name: str, api_base: str | None) -> str | None:
    """The address of a server that somebody runs themselves; None for a provider's, or unknown."""
    if os.environ.get("USE_LITELLM_PROXY"):  # then litellm asks another one
        return None
    own = provider_of(name) in SELF_HOSTED or has_own_server(name, api_base)
    return base_of(name, api_base) if own else None
