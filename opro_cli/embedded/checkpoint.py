"""Reading a Mistral checkpoint folder: config.json, model.safetensors, tokenizer.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from opro_cli.embedded.config import MistralConfig

Floats = NDArray[np.float32]

SHIPPED = Path(__file__).resolve().parent / "tiny_mistral"


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer, matrices transposed for `x @ w`: (in, out).

    qkv: query, key and value side by side; gate_up: the two inputs of SwiGLU side by side.
    """

    input_norm: Floats
    qkv: Floats
    output: Floats
    mlp_norm: Floats
    gate_up: Floats
    down: Floats


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights in float32 (stored as float16), and the text side.

    embeddings: (vocabulary, hidden), also the output table.
    """

    config: MistralConfig
    embeddings: Floats
    layers: tuple[LayerWeights, ...]
    final_norm: Floats
    tokenizer: Tokenizer


def load_checkpoint(folder: Path = SHIPPED) -> Checkpoint:
    """The checkpoint in `folder`; raises OSError, KeyError or ValueError when it is not one."""
    config = MistralConfig.read(folder / "config.json")
    raw = load_file(folder / "model.safetensors")
    weights = {name: np.ascontiguousarray(w, dtype=np.float32) for name, w in raw.items()}

    def joined(prefix: str, *names: str) -> Floats:
        parts = [weights[f"{prefix}.{name}_proj.weight"].T for name in names]
        return np.ascontiguousarray(np.concatenate(parts, axis=1))

    layers = []
    for index in range(config.num_hidden_layers):
        layer = f"model.layers.{index}"
        layers.append(
            LayerWeights(
                input_norm=weights[f"{layer}.input_layernorm.weight"],
                qkv=joined(f"{layer}.self_attn", "q", "k", "v"),
                output=joined(f"{layer}.self_attn", "o"),
                mlp_norm=weights[f"{layer}.post_attention_layernorm.weight"],
                gate_up=joined(f"{layer}.mlp", "gate", "up"),
                down=joined(f"{layer}.mlp", "down"),
            )
        )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    # "[INST]" written by a user is text, not a marker
    tokenizer.encode_special_tokens = True
    return Checkpoint(
        config=config,
        embeddings=weights["model.embed_tokens.weight"],
        layers=tuple(layers),
        final_norm=weights["model.norm.weight"],
        tokenizer=tokenizer,
    )
