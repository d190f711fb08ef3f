"""The forward pass of a Mistral model in numpy: batched, left-padded, with a key-value cache.

Source: Jiang et al., "Mistral 7B" (2023), and `MistralForCausalLM` of transformers, whose
arithmetic and weight layout this follows (RMSNorm, RoPE on half heads, grouped-query attention,
sliding window, SwiGLU, tied output table).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opro_cli.embedded.checkpoint import Checkpoint, Floats, LayerWeights

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MASKED = np.float32(-1e30)


def rms_norm(x: Floats, weight: Floats, eps: float) -> Floats:
    """x / sqrt(mean(x²) + eps) * weight over the last axis."""
    scale = np.float32(1.0) / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + np.float32(eps))
    normed: Floats = x * scale * weight
    return normed


def rotary_table(positions: Ints, head_dim: int, theta: float) -> tuple[Floats, Floats]:
    """cos and sin for `positions`, each of shape (*positions.shape, head_dim)."""
    inverse = theta ** -(np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    angles = positions[..., None].astype(np.float64) * inverse
    angles = np.concatenate((angles, angles), axis=-1)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def rotate(x: Floats, cos: Floats, sin: Floats) -> Floats:
    """RoPE on the last axis; channel i and i + head_dim / 2 are one pair (transformers' layout)."""
    half = x.shape[-1] // 2
    turned = np.concatenate((-x[..., half:], x[..., :half]), axis=-1)
    out: Floats = x * cos
    out += turned * sin
    return out


def softmax(scores: Floats) -> Floats:
    """Over the last axis, in place."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


def silu(x: Floats) -> Floats:
    """x * sigmoid(x)."""
    decay: Floats = np.exp(-np.maximum(x, np.float32(-80.0)))
    out: Floats = x / (np.float32(1.0) + decay)
    return out


def swiglu(x: Floats, layer: LayerWeights) -> Floats:
    """down(silu(gate(x)) * up(x)) over the last axis."""
    gate, up = np.split(x @ layer.gate_up, 2, axis=-1)
    out: Floats = (silu(gate) * up) @ layer.down
    return out


class Cache:
    """Keys and values of a batch that has been read, one array each per layer.

    keys, values: (rows, kv_heads, slots, head_dim); starts: (rows,) the slots of left padding.
    """

    def __init__(self, layers: int, starts: Ints) -> None:
        self.keys: list[Floats | None] = [None] * layers
        self.values: list[Floats | None] = [None] * layers
        self.starts = starts
        self.used = 0

    def extend(self, layer: int, keys: Floats, values: Floats) -> tuple[Floats, Floats]:
        """Append keys and values of new tokens; all so far come back, as views."""
        end = self.used + keys.shape[2]
        old_keys, old_values = self.keys[layer], self.values[layer]
        if old_keys is None or old_values is None or old_keys.shape[2] < end:
            # room for half as much again: a long answer is copied a few times, not at each token
            size = (*keys.shape[:2], end + max(32, end // 2), keys.shape[3])
            grown_keys, grown_values = np.empty(size, np.float32), np.empty(size, np.float32)
            if old_keys is not None and old_values is not None:
                grown_keys[:, :, : self.used] = old_keys[:, :, : self.used]
                grown_values[:, :, : self.used] = old_values[:, :, : self.used]
            self.keys[layer], self.values[layer] = grown_keys, grown_values
            old_keys, old_values = grown_keys, grown_values
        old_keys[:, :, self.used : end] = keys
        old_values[:, :, self.used : end] = values
        return old_keys[:, :, :end], old_values[:, :, :end]

    def keep(self, rows: Bools) -> None:
        """Drop the rows that are finished."""
        self.starts = self.starts[rows]
        self.keys = [None if part is None else part[rows] for part in self.keys]
        self.values = [None if part is None else part[rows] for part in self.values]


class Mistral:
    """The network of a checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.config = checkpoint.config

    def new_cache(self, starts: Ints) -> Cache:
        """An empty cache for rows whose first `starts` slots are padding."""
        return Cache(self.config.num_hidden_layers, starts)

    def forward(self, ids: Ints, cache: Cache) -> Floats:
        """Hidden states (rows, tokens, hidden) after the last norm; `cache` now holds `ids` too."""
        config, tokens = self.config, ids.shape[1]
        slots = np.arange(cache.used, cache.used + tokens)
        positions = np.maximum(slots[None, :] - cache.starts[:, None], 0)
        cos, sin = rotary_table(positions, config.head_dim, config.rope_theta)
        hidden = self._mask(slots, cache.starts)
        x = self.checkpoint.embeddings[ids]
        for index, layer in enumerate(self.checkpoint.layers):
            normed = rms_norm(x, layer.input_norm, config.rms_norm_eps)
            x = x + self._attend(index, normed @ layer.qkv, cos, sin, hidden, cache) @ layer.output
            x = x + swiglu(rms_norm(x, layer.mlp_norm, config.rms_norm_eps), layer)
        cache.used += tokens
        return rms_norm(x, self.checkpoint.final_norm, config.rms_norm_eps)

    def logits(self, hidden: Floats) -> Floats:
        """(…, vocabulary) scores of the next token from hidden states (…, hidden)."""
        return hidden @ self.checkpoint.embeddings.T

    def _mask(self, slots: Ints, starts: Ints) -> Bools:
        """(rows, 1, tokens, slots): which slots a token must not see.

        Later ones, padding, and those a whole sliding window back. Padding tokens see themselves.
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
        """Grouped-query attention: (rows, tokens, q + k + v) to (rows, tokens, heads * size)."""
        config = self.config
        rows, tokens, _ = qkv.shape
        heads, kv_heads, size = (
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
        )
        split = qkv.reshape(rows, tokens, heads + 2 * kv_heads, size).transpose(0, 2, 1, 3)
        turning = rotate(split[:, : heads + kv_heads], cos[:, None], sin[:, None])
        query: Floats = turning[:, :heads] * np.float32(size**-0.5)
        keys, values = cache.extend(index, turning[:, heads:], split[:, heads + kv_heads :])
        # the query heads of one key-value head become more rows of one matrix product
        group = heads // kv_heads
        grouped = query.reshape(rows, kv_heads, group * tokens, size)
        products: Floats = grouped @ keys.transpose(0, 1, 3, 2)
        scores = products.reshape(rows, kv_heads, group, tokens, -1)
        np.copyto(scores, MASKED, where=hidden[:, :, None])
        mixed = softmax(scores).reshape(rows, kv_heads, group * tokens, -1) @ values
        split_again = mixed.reshape(rows, heads, tokens, size).transpose(0, 2, 1, 3)
        return split_again.reshape(rows, tokens, heads * size)
