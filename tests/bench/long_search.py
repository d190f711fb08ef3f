"""What the benches of long searches have in common: what a model says, and a run not begun."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import Example, Split, fingerprint_examples
from opro_cli.embedded.config import hash_weights
from opro_cli.store.run_folder import create_run

PHRASES = (
    "first we count",
    'the "apples" which cost 12 dollars each',
    "and then add\nthe larger part",
    r"so that \(3 \times 14 = 42\) remain",
    "after the second day",
    "therefore it follows that",
)
BEYOND_ASCII = "so x ≥ 3 “at least” "


def solution(chance: random.Random, length: int) -> str:
    """So many characters of reasoning; one in five has some that are not ASCII."""
    begin = BEYOND_ASCII if chance.random() < 0.2 else ""
    return (begin + " ".join(chance.choices(PHRASES, k=40)))[:length]


def new_run(
    folder: Path, examples: Mapping[Split, Sequence[Example]], search: SearchSettings
) -> Path:
    """A run that has not begun."""
    settings = Settings(
        task=TaskSettings(DataSettings("/nowhere/train.jsonl", "q", "a"), "number"),
        scorer=ScorerSettings("embedded/tiny-mistral"),
        optimizer=OptimizerSettings("embedded/tiny-optimizer"),
        search=search,
        name="long-search",
    )
    identity = {
        "data_fingerprint": fingerprint_examples(examples),
        "weights": hash_weights((settings.scorer.model, settings.optimizer.model)),
    }
    return create_run(folder, settings, examples, identity)
