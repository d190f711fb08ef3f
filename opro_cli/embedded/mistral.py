"""A Mistral network on numpy: its weights, its arithmetic, and its key-value cache.

The cache is limited to the sliding window, as the rolling buffer of Mistral 7B (Jiang et al., 2023,
section 2): a token sees itself and the window - 1 before it, so older keys and values are
discarded. There slot i of the buffer holds position i mod window; here the rest moves to the front
now and then, so that every product reads one contiguous block and several new tokens can be
appended at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from opro_cli.embedded.config import SCORER, MistralConfig

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


MOST_PADDING = 32
"""Unused slots in front before they are discarded."""
MORE_ROWS = 8
"""Spare rows in a buffer, so that not every row that joins copies all others."""


class Cache:
    """The keys and values of each layer for a batch. All rows end at the same slot.

    `starts`, (rows,), has the slots of padding before a row's first token, negative once that is
    discarded. `used` is the number of slots in use, in every layer after a forward pass.
    """

    def __init__(self, layers: int, starts: Ints, window: int) -> None:
        self.starts, self.used = starts, 0
        self._window = window
        # (rows, kv_heads, slots, head_dim), with spare rows and slots
        self._buffers: list[list[Floats]] = [[] for _ in range(layers)]

    def extend(self, layer: int, keys: Floats, values: Floats) -> tuple[Floats, Floats]:
        """Append (rows, kv_heads, tokens, head_dim); return views of all keys and values."""
        rows, end = len(self.starts), self.used + keys.shape[2]
        buffers = self._buffers[layer]
        if not buffers:
            buffers += [_allocate(new, rows, end + max(32, end // 4)) for new in (keys, values)]
        elif buffers[0].shape[2] < end:
            buffers[:] = [self._grow(old, rows, end) for old in buffers]
        for buffer, new in zip(buffers, (keys, values), strict=True):
            buffer[:rows, :, self.used : end] = new
        return buffers[0][:rows, :, :end], buffers[1][:rows, :, :end]

    def advance(self, tokens: int) -> None:
        """Count tokens that every layer has; discard slots outside the window in bulk."""
        self.used += tokens
        unseen, padding = self.used - (self._window - 1), int(self.starts.min())
        if unseen > self._window or padding > MOST_PADDING:
            self._discard(max(unseen if unseen > self._window else 0, padding))

    def drop(self, row: int) -> None:
        """Drop a row; the last one takes its place."""
        last = len(self.starts) - 1
        for buffer in self._all():
            buffer[row, :, : self.used] = buffer[last, :, : self.used]
        self.starts[row] = self.starts[last]
        self.starts = self.starts[:last]

    def repeat(self, rows: Ints) -> None:
        """Replace the rows by these, each once or several times."""
        self.starts = self.starts[rows]
        self._buffers = [[buffer[rows] for buffer in layer] for layer in self._buffers]

    def join(self, other: Cache) -> None:
        """Append the rows of another batch."""
        rows, more = len(self.starts), len(other.starts)
        if other.used > self.used:
            self._make_way(other.used - self.used)
        ahead = self.used - other.used
        for mine, others in zip(self._buffers, other._buffers, strict=True):
            if len(mine[0]) < rows + more:
                mine[:] = [self._grow(old, rows + more, self.used) for old in mine]
            for buffer, new in zip(mine, others, strict=True):
                # Zeros, because masked values are multiplied by 0, and 0 times NaN is NaN.
                buffer[rows : rows + more, :, :ahead] = 0
                buffer[rows : rows + more, :, ahead : self.used] = new[:more, :, : other.used]
        self.starts = np.concatenate([self.starts, other.starts + ahead])

    def _all(self) -> list[Floats]:
        return [buffer for layer in self._buffers for buffer in layer]

    def _grow(self, old: Floats, rows: int, slots: int) -> Floats:
        """Return a copy of a buffer, enlarged if needed to these rows and slots."""
        kept = len(self.starts)
        more_rows, more_slots = rows > len(old), slots > old.shape[2]
        new = _allocate(
            old,
            rows + MORE_ROWS if more_rows else len(old),
            slots + max(32, slots // 4) if more_slots else old.shape[2],
        )
        new[:kept, :, : self.used] = old[:kept, :, : self.used]
        return new

    def _make_way(self, slots: int) -> None:
        """Insert slots of padding before all others."""
        rows, used = len(self.starts), self.used
        for layer in self._buffers:
            layer[:] = [self._grow(old, rows, used + slots) for old in layer]
            for buffer in layer:
                buffer[:rows, :, slots : used + slots] = buffer[:rows, :, :used].copy()
                buffer[:rows, :, :slots] = 0
        self.starts = self.starts + slots
        self.used += slots

    def _discard(self, slots: int) -> None:
        """Discard the first slots and move the others to the front."""
        rows, used = len(self.starts), self.used
        for buffer in self._all():
            buffer[:rows, :, : used - slots] = buffer[:rows, :, slots:used].copy()
        self.starts = self.starts - slots
        self.used -= slots


def _allocate(like: Floats, rows: int, slots: int) -> Floats:
    _, heads, _, size = like.shape
    return np.empty((rows, heads, slots, size), np.float32)


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
