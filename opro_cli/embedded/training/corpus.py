"""The whole training text as (prompt, reply) turns: a fixed function of its seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from opro_cli.embedded.training.grammar import (
    EMPTY,
    KINDS,
    START,
    Clause,
    Instruction,
    Kind,
    draw_instruction,
)
from opro_cli.embedded.training.metaprompts import draw_optimizer_turn
from opro_cli.embedded.training.questions import Family, Question, draw_question, normalised
from opro_cli.embedded.training.workings import COARSE, DIRECT, FULL, MEDIUM, answer, level

BBH_ROWS = Path(__file__).resolve().parents[3] / "configs" / "data"
FAMILY_FILES: dict[Family, str] = {
    "boolean": "bbh_boolean_expressions.jsonl",
    "navigate": "bbh_navigate.jsonl",
}

# Which answers are kept, by how much working they show. Direct answers are thinned out: were they
# frequent, the network would learn to do without working and every instruction would do as well.
KEPT: dict[Family, dict[int, float]] = {
    "boolean": {DIRECT: 0.05, COARSE: 0.15, MEDIUM: 0.4, FULL: 1.0},
    "navigate": {DIRECT: 0.06, COARSE: 0.15, MEDIUM: 0.35, FULL: 1.0},
}
NAVIGATE_SHARE = 0.65


# First the network practises full working, which takes a small one longest to learn; the texts of
# all kinds come after that. All kinds from the start took several times as long.
Stage = Literal["practice", "mixture"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One user text and the model's reply."""

    role: Literal["scorer", "optimizer"]
    prompt: str
    reply: str


def bbh_rows(family: Family) -> list[tuple[str, str]]:
    """(question, answer) rows of the real BIG-Bench-Hard task that the repository holds."""
    lines = (BBH_ROWS / FAMILY_FILES[family]).read_text(encoding="utf-8").splitlines()
    return [(row["input"], row["target"]) for row in map(json.loads, lines)]


def bbh_questions() -> frozenset[str]:
    """The normalised questions that no training text may hold."""
    return frozenset(normalised(text) for family in FAMILY_FILES for text, _ in bbh_rows(family))


def scorer_prompt(instruction: str, question: str) -> str:
    """The text the tool sends to the scorer (position Q_begin, Q/A markers)."""
    return f"Q: {instruction}\n{question}\n\nA:" if instruction else f"Q: {question}\n\nA:"


def _scorer_instruction(rng: random.Random, family: Family) -> Instruction:
    weights: dict[Kind, float] = dict.fromkeys(KINDS, 1.0)
    weights |= {f"{family}_method": 2.5, "fine": 2.0}  # type: ignore[dict-item]
    chance = rng.random()
    if chance < 0.04:
        return EMPTY
    if chance < 0.08:
        return Instruction((Clause("neutral", START),))
    return draw_instruction(rng, weights)


def _misspelt(rng: random.Random, text: str) -> str:
    """Now and then what people do to a sentence: lower case, no full stop, a comma instead."""
    chance = rng.random()
    if chance < 0.06:
        return text.lower()
    if chance < 0.12:
        return text.rstrip(".!")
    if chance < 0.15:
        return text.replace(". ", ", ")
    return text


def draw_scorer_turn(rng: random.Random, excluded: frozenset[str], stage: Stage) -> Turn:
    """A question under an instruction, answered with the working that the instruction asks for."""
    family: Family = "navigate" if rng.random() < NAVIGATE_SHARE else "boolean"
    while True:
        instruction = _scorer_instruction(rng, family)
        amount = level(instruction, family)
        kept = amount == FULL if stage == "practice" else rng.random() < KEPT[family][amount]
        if kept:
            break
    question: Question = draw_question(rng, family, excluded)
    text = _misspelt(rng, instruction.text)
    return Turn("scorer", scorer_prompt(text, question.text), answer(question, instruction))


def turns(seed: int, scorer_share: float, stage: Stage = "mixture") -> Iterator[Turn]:
    """Endless training turns; `scorer_share` of them are the scorer's."""
    rng = random.Random(f"corpus {seed} {stage}")
    excluded = bbh_questions()
    while True:
        if rng.random() < scorer_share:
            yield draw_scorer_turn(rng, excluded, stage)
        else:
            yield Turn("optimizer", *draw_optimizer_turn(rng, excluded))
