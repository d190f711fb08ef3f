"""Short names for what is asked, of whom and how: an evaluation, a gate and a probe go by them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opro_cli.app import startable
from opro_cli.core.settings.differences import convert_to_plain
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.example import Example, Split, fingerprint_examples
from opro_cli.embedded.config import hash_weights
from opro_cli.models.gguf_files import hash_files

DIGITS = 12


def compute_digest(
    settings: Settings, examples: Mapping[Split, Sequence[Example]], folders: Sequence[Path]
) -> str:
    """Return a short name for what is asked, of whom and how, under any instructions."""
    scorer = settings.scorer
    stop = [list(scorer.stop)] if scorer.stop else []  # as in the names of older evaluations
    addresses = [each.api_base for each in scorer.deployments]
    task = convert_to_plain(settings)["task"]
    del task["answer_timeout"]  # how long a grade may take is not what is asked
    if task["evaluator"] == "model":  # as in the names of older evaluations
        del task["evaluator"]
    asked = {
        "task": task,
        "model": [scorer.model, *addresses, *hash_model(scorer.model).values()],
        "how": [scorer.temperature, scorer.max_tokens, *stop, *_list_parameters(settings)],
        "data": fingerprint_examples(examples),
    }
    if parts := startable.find_origins_of_parts(settings, folders):
        asked["parts"] = parts
    return digest(asked)


def digest(parts: object) -> str:
    """Return a short name for plain data."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:DIGITS]


def _list_parameters(settings: Settings) -> list[Any]:
    """Return what else is sent with each question; nothing in the names of older evaluations."""
    scorer = convert_to_plain(settings)["scorer"]
    names = ("top_p", "seed", "reasoning", "extra", "repeats", "repeat_score")
    return [{name: scorer[name]} for name in names if name in scorer]


def hash_model(model: str) -> dict[str, str]:
    """Return the hash of the weights of a model that is computed here, by its name."""
    return {**hash_weights([model]), **hash_files([model])}
