"""GGUF files written by hand, small enough to damage at every byte."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opro_cli.models.gguf_plan import ServerPlan

LLAMA = {
    "general.architecture": "llama",
    "llama.context_length": 2048,
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.chat_template": "{{ messages }}",
    "tokenizer.ggml.tokens": ["<s>", "a", "b"],
}
Q4_0, Q4_1, Q8_0 = 2, 3, 8
BYTES = {Q4_0: 18, Q4_1: 20, Q8_0: 34}


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value(of: Any) -> bytes:
    if isinstance(of, str):
        return struct.pack("<I", 8) + text(of)
    if isinstance(of, float):
        return struct.pack("<If", 6, of)
    if isinstance(of, list) and of and isinstance(of[0], str):
        return struct.pack("<IIQ", 9, 8, len(of)) + b"".join(map(text, of))
    if isinstance(of, list):
        return struct.pack(f"<IIQ{len(of)}I", 9, 4, len(of), *of)
    return struct.pack("<II", 4, of)


def make_gguf(
    metadata: Mapping[str, Any] = LLAMA,
    tensors: Sequence[tuple[str, int, int]] = (("blk.0", 64, Q4_0), ("blk.1", 32, Q8_0)),
    version: int = 3,
    data: bytes | None = None,
) -> bytes:
    """A file with these tensors: name, numbers (of blocks of 32) and format of each."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    head += b"".join(text(key) + value(of) for key, of in metadata.items())
    start = end = 0
    for name, numbers, kind in tensors:
        start = -(-end // 32) * 32
        end = start + numbers // 32 * BYTES[kind]
        head += text(name) + struct.pack("<IQIQ", 1, numbers, kind, start)
    head += bytes(-len(head) % 32)
    return head + (bytes(end) if data is None else data)


def write_gguf(path: Path, **more: Any) -> Path:
    path.write_bytes(make_gguf(**more))
    return path


def make_plan(path: str = "model.gguf", **more: Any) -> ServerPlan:
    """A plan for the fake server, which reads the file's name only."""
    given = {"name": f"gguf/{path}", "slots": 4, "context": 1024, "threads": 1, "size": 5_000_000}
    return ServerPlan(path=path, **{**given, **more})
