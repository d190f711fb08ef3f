"""Reading the network of a Mistral checkpoint folder: config.json and model.safetensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from opro_cli.embedded.arrays import Floats
from opro_cli.embedded.config import SCORER, MistralConfig


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer, matrices transposed for `x @ w`: (in, out).

    qkv: query, key and value side by side; gate_up: the two inputs of SwiGLU side by side. Both
    hold the weights of the norm before them, which is then a division alone.
    """

    qkv: Floats
    output: Floats
    gate_up: Floats
    down: Floats


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights in float32, stored as float16.

    embeddings: (vocabulary, hidden). scores: (hidden, vocabulary), the same with the last norm's
    weights.
    """

    config: MistralConfig
    embeddings: Floats
    layers: tuple[LayerWeights, ...]
    scores: Floats


def load_checkpoint(folder: Path = SCORER) -> Checkpoint:
    """The checkpoint in `folder`; raises OSError, KeyError or ValueError when it is not one."""
    config = MistralConfig.read(folder / "config.json")
    weights = folder / "model.safetensors"
    try:
        raw = load_file(weights)
    except SafetensorError as error:
        raise ValueError(f"{weights}: {error}") from error

    def weight(name: str) -> Floats:
        return raw[f"{name}.weight"].astype(np.float32)

    def joined(prefix: str, *names: str, norm: str = "") -> Floats:
        whole = np.concatenate([weight(f"{prefix}.{name}_proj").T for name in names], axis=1)
        return np.ascontiguousarray(weight(norm)[:, None] * whole if norm else whole)

    layers = []
    for index in range(config.num_hidden_layers):
        layer = f"model.layers.{index}"
        layers.append(
            LayerWeights(
                qkv=joined(f"{layer}.self_attn", "q", "k", "v", norm=f"{layer}.input_layernorm"),
                output=joined(f"{layer}.self_attn", "o"),
                gate_up=joined(
                    f"{layer}.mlp", "gate", "up", norm=f"{layer}.post_attention_layernorm"
                ),
                down=joined(f"{layer}.mlp", "down"),
            )
        )
    embeddings = weight("model.embed_tokens")
    scores = np.ascontiguousarray((embeddings * weight("model.norm")).T)
    return Checkpoint(config, embeddings, tuple(layers), scores)
