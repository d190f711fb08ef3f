"""The recipes of the two checkpoints that ship."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from opro_cli.embedded.training.corpus import EARLY, LATE, scorer_turns
from opro_cli.embedded.training.families import PHRASES
from opro_cli.embedded.training.metaprompts import layout_phrases, optimizer_turns
from opro_cli.embedded.training.train import Recipe, Stage, train

RECIPES = {
    "scorer": Recipe(
        stages=(
            Stage(partial(scorer_turns, shares=EARLY), 4000, cools=False),
            Stage(partial(scorer_turns, shares=LATE), 8000),
        ),
        phrases=PHRASES,
        rows=16,
        window=512,
        reply_tokens=48,
    ),
    "optimizer": Recipe(
        stages=(
            Stage(optimizer_turns, 3000),
            Stage(optimizer_turns, 2200),
            Stage(optimizer_turns, 4000, rate=1.5),
        ),
        phrases=layout_phrases(),
        rows=10,
        window=1024,
        reply_tokens=80,
    ),
}


def make(role: str, folder: Path, steps: int | None = None) -> None:
    """Train the checkpoint of `role` into `folder`; `steps` shortens each stage for a trial."""
    train(RECIPES[role], folder, steps)
