"""Recognisable keys, and a look into everything that was written for any of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

# One of each: shaped as OpenAI's and Anthropic's are, and of no known shape at all.
PLANTED = {
    "OPENAI_API_KEY": "sk-planted-7c1f9b",
    "ANTHROPIC_API_KEY": "sk-ant-planted-55d0e2",
    "OPRO_API_KEY": "planted-by-hand-93ab41",
    "HF_TOKEN": "hf_planted00aa17",
}
IN_URL = "planted-in-a-url-0f3d"
ALL = (*PLANTED.values(), IN_URL)
ECHO = f"wrong keys: {', '.join(ALL[:-1])} at http://me:{IN_URL}@host/v1?api_key={IN_URL}"
"""What a careless provider answers."""


def keys_in(data: bytes) -> list[str]:
    return [key for key in ALL if key.encode() in data]


def files_with_keys(folder: Path) -> Iterator[str]:
    """Files below `folder` that hold a planted key, in their name or content."""
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if found := keys_in(content + str(path).encode()):
            yield f"{path}: {found}"
