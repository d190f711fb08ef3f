"""The Mistral network in numpy, and its checkpoints: config.json and model.safetensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from opro_cli.embedded.cache import Bools, Cache, Floats, Ints
from opro_cli.embedded.config import SCORER, MistralConfig


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """The matrices of one layer, (in, out), transposed for `x @ w`.

    `qkv` joins query, key and value, `gate_up` the two inputs of SwiGLU. Both include the weights
    of the norm before them, which is then only a division.
    """

    qkv: Floats
    output: Floats
    gate_up: Floats
    down: Floats


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights in float32, stored as float16.

    `embeddings` is (vocabulary, hidden); `scores`, (hidden, vocabulary), is the same with the
    weights of the last norm.
    """

    config: MistralConfig
    embeddings: Floats
    layers: tuple[LayerWeights, ...]
    scores: Floats


def load_checkpoint(folder: Path = SCORER) -> Checkpoint:
    """Load the checkpoint in `folder`; raises OSError, KeyError or ValueError if it is invalid."""
    config = MistralConfig.read(folder / "config.json")
    weights = folder / "model.safetensors"
    try:
        raw = load_file(weights)
    except SafetensorError as error:
        raise ValueError(f"{weights}: {error}") from error

    def weight(name: str) -> Floats:
        return raw[f"{name}.weight"].astype(np.float32)

    def join(prefix: str, *names: str, norm: str = "") -> Floats:
        whole = np.concatenate([weight(f"{prefix}.{name}_proj").T for name in names], axis=1)
        return np.ascontiguousarray(weight(norm)[:, None] * whole if norm else whole)

    layers = []
    for index in range(config.num_hidden_layers):
        layer = f"model.layers.{index}"
        layers.append(
            LayerWeights(
                qkv=join(f"{layer}.self_attn", "q", "k", "v", norm=f"{layer}.input_layernorm"),
                output=join(f"{layer}.self_attn", "o"),
                gate_up=join(
                    f"{layer}.mlp", "gate", "up", norm=f"{layer}.post_attention_layernorm"
                ),
                down=join(f"{layer}.mlp", "down"),
            )
        )
    embeddings = weight("model.embed_tokens")
    scores = np.ascontiguousarray((embeddings * weight("model.norm")).T)
    return Checkpoint(config, embeddings, tuple(layers), scores)


MASKED = np.float32(-1e30)
CHUNK = 512
"""Tokens read at once, over all rows: their activations in a layer fit a core's cache."""


def rms_norm(x: Floats, eps: float) -> Floats:
    """Return x / sqrt(mean(x²) + eps) over the last axis."""
    squares = np.einsum("...i,...i->...", x, x)[..., None]
    normed: Floats = x / np.sqrt(squares / np.float32(x.shape[-1]) + np.float32(eps))
    return normed


def rotary_table(positions: Ints, head_dim: int, theta: float) -> tuple[Floats, Floats]:
    """Return cos and sin for `positions`, each of shape (*positions.shape, head_dim).

    Angles are float32, as every server computes them: better ones would be another model.
    """
    pairs = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
    inverse = np.float32(1.0) / np.float32(theta) ** pairs
    angles = positions[..., None].astype(np.float32) * inverse
    angles = np.concatenate((angles, angles), axis=-1)
    return np.cos(angles), np.sin(angles)


def rotate(x: Floats, cos: Floats, sin: Floats) -> Floats:
    """Apply RoPE on the last axis to pairs of channels i and i + head_dim / 2, as transformers."""
    half = x.shape[-1] // 2
    turned = np.concatenate((-x[..., half:], x[..., :half]), axis=-1)
    out: Floats = x * cos
    out += turned * sin
    return out


def softmax(scores: Floats) -> Floats:
    """Apply softmax over the last axis, in place."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


def silu(x: Floats) -> Floats:
    """Return x * sigmoid(x)."""
    out: Floats = np.maximum(x, np.float32(-80.0))
    np.negative(out, out=out)
    np.exp(out, out=out)
    out += np.float32(1.0)
    return np.divide(x, out, out=out)


def swiglu(x: Floats, layer: LayerWeights) -> Floats:
    """Return down(silu(gate(x)) * up(x)) over the last axis."""
    gate, up = np.split(x @ layer.gate_up, 2, axis=-1)
    gated = silu(gate)
    gated *= up
    out: Floats = gated @ layer.down
    return out


class Mistral:
    """The network of a checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.config = config = checkpoint.config
        everywhere = np.arange(config.max_position_embeddings)
        self._turns = rotary_table(everywhere, config.head_dim, config.rope_theta)

    def new_cache(self, starts: Ints) -> Cache:
        """Return an empty cache for rows whose first `starts` slots are padding."""
        return Cache(self.config.num_hidden_layers, starts, self.config.sliding_window)

    def read(self, prompts: Sequence[Sequence[int]]) -> tuple[Floats, Cache]:
        """Return hidden states (rows, hidden) after the last token of each prompt, and a cache."""
        width = max(map(len, prompts))
        starts = np.array([width - len(prompt) for prompt in prompts], dtype=np.int64)
        ids = np.full((len(prompts), width), self.config.pad_token_id, dtype=np.int64)
        for row, prompt in enumerate(prompts):
            ids[row, starts[row] :] = prompt
        cache = self.new_cache(starts)
        at_once = max(1, CHUNK // len(prompts))
        for start in range(0, width, at_once):
            hidden = self.forward(ids[:, start : start + at_once], cache)
        return hidden[:, -1], cache

    def forward(self, ids: Ints, cache: Cache) -> Floats:
        """Return hidden states (rows, tokens, hidden) after the last norm, and extend `cache`.

        Raises IndexError beyond `max_position_embeddings`.
        """
        config, (rows, tokens) = self.config, ids.shape
        slots = np.arange(cache.used, cache.used + tokens)
        positions = np.maximum(slots[None, :] - cache.starts[:, None], 0)
        cos, sin = (table[positions] for table in self._turns)
        hidden = self._mask(slots, cache.starts)
        # All tokens of all rows in one matrix product.
        x = self.checkpoint.embeddings[ids.ravel()]
        for index, layer in enumerate(self.checkpoint.layers):
            qkv = (rms_norm(x, config.rms_norm_eps) @ layer.qkv).reshape(rows, tokens, -1)
            mixed = self._attend(index, qkv, cos, sin, hidden, cache)
            x += mixed.reshape(len(x), -1) @ layer.output
            x += swiglu(rms_norm(x, config.rms_norm_eps), layer)
        cache.advance(tokens)
        return rms_norm(x, config.rms_norm_eps).reshape(rows, tokens, -1)

    def logits(self, hidden: Floats) -> Floats:
        """Return scores of the next token, (…, vocabulary), from hidden states (…, hidden)."""
        return hidden @ self.checkpoint.scores

    def _mask(self, slots: Ints, starts: Ints) -> Bools:
        """Return (rows, 1, tokens, slots): True for slots that a token must not see.

        These are later ones, padding, and those outside the sliding window. Padding sees itself.
        """
        seen = np.arange(slots[-1] + 1)
        distance = slots[:, None] - seen[None, :]
        outside = (distance < 0) | (distance >= self.config.sliding_window)
        padding = seen[None, None, :] < starts[:, None, None]
        hidden: Bools = (outside[None] | (padding & (distance != 0)[None]))[:, None]
        return hidden

    def _attend(
        self, index: int, qkv: Floats, cos: Floats, sin: Floats, hidden: Bools, cache: Cache
    ) -> Floats:
        """Attend with grouped queries: (rows, tokens, qkv) to (rows, tokens, heads * size)."""
        config, (rows, tokens, _) = self.config, qkv.shape
        heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
        size = config.head_dim
        split = qkv.reshape(rows, tokens, heads + 2 * kv_heads, size).transpose(0, 2, 1, 3)
        turning = rotate(split[:, : heads + kv_heads], cos[:, None], sin[:, None])
        query: Floats = turning[:, :heads] * np.float32(size**-0.5)
        keys, values = cache.extend(index, turning[:, heads:], split[:, heads + kv_heads :])
        # The query heads of one key-value head become rows of one matrix product.
        group = heads // kv_heads
        grouped = query.reshape(rows, kv_heads, group * tokens, size)
        products: Floats = grouped @ keys.transpose(0, 1, 3, 2)
        scores = products.reshape(rows, kv_heads, group, tokens, -1)
        np.copyto(scores, MASKED, where=hidden[:, :, None])
        mixed = softmax(scores).reshape(rows, kv_heads, group * tokens, -1) @ values
        split_again = mixed.reshape(rows, heads, tokens, size).transpose(0, 2, 1, 3)
        return split_again.reshape(rows, tokens, heads * size)
