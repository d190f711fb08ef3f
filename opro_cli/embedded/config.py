"""The folders, weights and configurations of the checkpoints; imports next to nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from opro_cli.errors import RunFolderError

_HERE = Path(__file__).resolve().parent
CHECKPOINTS = {
    "embedded/tiny-mistral": _HERE / "tiny_mistral",
    "embedded/tiny-optimizer": _HERE / "tiny_optimizer",
}
"""The folders of the checkpoints in the package, by their name in a config."""
SCORER = CHECKPOINTS["embedded/tiny-mistral"]
OPTIMIZER = CHECKPOINTS["embedded/tiny-optimizer"]


def hash_weights(models: Iterable[str]) -> dict[str, str]:
    """Return the sha256 (64 hex digits) of the weights of each embedded model, by its name."""
    import hashlib  # 4 MiB, which a worker of the embedded models has no use for

    digests = {}
    for name in sorted(CHECKPOINTS.keys() & set(models)):
        with (CHECKPOINTS[name] / "model.safetensors").open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def check_weights(name: str, recorded: Mapping[str, str], present: Mapping[str, str]) -> None:
    """Raise RunFolderError when the run of this name began with other weights, or unknown ones."""
    for model in present:
        if model.startswith("gguf/") and recorded.get(model) != present[model]:
            raise RunFolderError(
                f"{name} was begun with another file than {model} has now: its scores would be "
                "those of two models",
                "restore the file, or start a new run with `opro optimize`",
            )
    if recorded != present:
        raise RunFolderError(
            f"{name} was begun with other weights of the embedded models than this version of opro "
            "has: its scores would be those of two models",
            "resume with the version that began it, or start a new run with `opro optimize`",
        )


@dataclass(frozen=True, slots=True)
class MistralConfig:
    """The fields of config.json that define the arithmetic, with the names of transformers.

    Sizes are numbers of channels, heads, layers and tokens.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    sliding_window: int
    max_position_embeddings: int
    rope_theta: float
    rms_norm_eps: float
    bos_token_id: int
    eos_token_id: int
    pad_token_id: int

    @classmethod
    def read(cls, path: Path) -> MistralConfig:
        """Read a config.json; raises KeyError or ValueError unless it is a tied Mistral model."""
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["model_type"] != "mistral" or not content["tie_word_embeddings"]:
            raise ValueError(f"{path}: expected a mistral checkpoint with tied embeddings")
        return cls(**{field.name: content[field.name] for field in fields(cls)})

    def write(self, path: Path) -> None:
        """Write a config.json that transformers and other Mistral servers read."""
        content = {
            "architectures": ["MistralForCausalLM"],
            "model_type": "mistral",
            "hidden_act": "silu",
            "tie_word_embeddings": True,
            "attention_dropout": 0.0,
            "initializer_range": 0.02,
            "use_cache": True,
            "torch_dtype": "float16",
            **asdict(self),
        }
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
