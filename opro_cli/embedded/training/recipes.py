"""The two checkpoints that ship, and how each is made."""

from __future__ import annotations

from functools import partial

from opro_cli.embedded.training.corpus import EARLY, LAST, LATE, scorer_turns
from opro_cli.embedded.training.families import PHRASES
from opro_cli.embedded.training.metaprompts import layout_phrases, optimizer_turns
from opro_cli.embedded.training.train import Recipe, Stage

RECIPES = {
    "scorer": Recipe(
        stages=(
            Stage(partial(scorer_turns, shares=EARLY, naming=False), 4000, cools=False),
            Stage(partial(scorer_turns, shares=LATE, naming=False), 6500),
            Stage(partial(scorer_turns, shares=LAST, naming=True), 1500, rate=2.5),
        ),
        phrases=PHRASES,
        rows=16,
        window=512,
        reply_tokens=48,
    ),
    "optimizer": Recipe(
        stages=(Stage(optimizer_turns, 3000), Stage(optimizer_turns, 2200)),
        phrases=layout_phrases(),
        rows=10,
        window=1024,
        reply_tokens=80,
    ),
}
