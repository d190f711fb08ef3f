"""What an answer depends on, as one short key: two requests share an answer when theirs are equal.

The key is a digest, so that neither a prompt nor what stands in an address can be read from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re

from opro_cli.adapters.models.provider_addresses import BASE_VARIABLES, base_of
from opro_cli.adapters.models.provider_keys import provider_of
from opro_cli.core.model import ChatRequest

KEY_VERSION = 1
"""Rises when a request is sent in another way, so that old answers are no longer found."""

KEY_BYTES = 16

_ADDRESS = re.compile(r"_(API_BASE|BASE_URL|API_VERSION)$")


def address_of(name: str, api_base: str | None) -> str:
    """Where a model is asked, as far as its config and the environment say; without a password."""
    address = base_of(name, api_base) or _in_the_environment(name)
    if os.environ.get("USE_LITELLM_PROXY"):
        address += " through " + os.environ.get("LITELLM_PROXY_API_BASE", "")
    return re.sub(r"//[^/@]*@", "//", address).rstrip("/")


def _in_the_environment(name: str) -> str:
    """All addresses that may be a provider's: litellm reads AZURE_API_BASE, VERTEXAI_API_BASE …"""
    provider = provider_of(name)
    if provider in BASE_VARIABLES:
        return ""  # all that counts here is known, and unset
    start = provider.partition("_")[0].upper()
    told = (v for v in sorted(os.environ) if v.startswith(start) and _ADDRESS.search(v))
    return " ".join(f"{variable}={os.environ[variable]}" for variable in told if start)


def key_of(name: str, address: str, request: ChatRequest) -> bytes:
    """The key of a request to the model of this name and address: 16 bytes.

    At temperature 0 the seed decides nothing, and is left out: other runs share the answer.
    """
    temperature = float(request.temperature)
    seed = request.seed if temperature else None
    turns = [(message.role, message.content) for message in request.messages]
    asked = [KEY_VERSION, name, address, temperature, request.max_tokens, seed, turns]
    asked += [request.stop] if request.stop else []  # keys of before there were any stay
    return hashlib.sha256(json.dumps(asked).encode()).digest()[:KEY_BYTES]


def keys_in(joined: bytes) -> tuple[bytes, ...]:
    """The keys that stand one after the other."""
    starts = range(0, len(joined), KEY_BYTES)
    return tuple(joined[start : start + KEY_BYTES] for start in starts)
