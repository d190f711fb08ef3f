"""Generators of questions, one module for each BIG-Bench-Hard family."""

from __future__ import annotations

import random
from typing import Literal

from opro_cli.embedded.training.families import dyck, navigate, tracking
from opro_cli.embedded.training.families.boolean import draw_boolean
from opro_cli.embedded.training.families.counting import draw_counting
from opro_cli.embedded.training.families.dyck import draw_dyck
from opro_cli.embedded.training.families.navigate import draw_navigate
from opro_cli.embedded.training.families.tracking import draw_tracking
from opro_cli.embedded.training.questions import Draw, Question, draw_unseen

Family = Literal["boolean", "navigate", "counting", "tracking", "dyck"]
FAMILIES: tuple[Family, ...] = ("boolean", "navigate", "counting", "tracking", "dyck")

PHRASES = tuple(dict.fromkeys((*navigate.PHRASES, *tracking.PHRASES, *dyck.PHRASES)))
"""Sentences that never vary in questions of a kind."""

_DRAWS: dict[Family, Draw] = {
    "boolean": draw_boolean,
    "navigate": draw_navigate,
    "counting": draw_counting,
    "tracking": draw_tracking,
    "dyck": draw_dyck,
}


def draw_question(
    rng: random.Random, family: Family, excluded: frozenset[str] = frozenset()
) -> Question:
    """Draw a question of `family` that neither is nor ends in one of the normalized `excluded`."""
    return draw_unseen(rng, _DRAWS[family], excluded)
