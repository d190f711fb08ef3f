"""The scorer's training text as turns of a prompt and a reply: a fixed function of its seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path

from opro_cli.core.task.prompt import PromptFormat, build_scorer_messages
from opro_cli.embedded.prompts import join_messages
from opro_cli.embedded.training.families import Family, draw_question
from opro_cli.embedded.training.grammar import (
    EMPTY,
    START,
    Clause,
    Instruction,
    Kind,
    outlines,
    worded,
)
from opro_cli.embedded.training.questions import normalised
from opro_cli.embedded.training.workings import BUDGETS, NEUTRAL, answer, level

BBH_ROWS = Path(__file__).resolve().parents[3] / "configs" / "data"
FAMILY_FILES: dict[Family, str] = {
    "boolean": "bbh_boolean_expressions.jsonl",
    "navigate": "bbh_navigate.jsonl",
    "counting": "bbh_object_counting.jsonl",
    "tracking": "bbh_tracking_shuffled_objects.jsonl",
    "dyck": "bbh_dyck_languages.jsonl",
}
Shares = Mapping[Family, float]
"""How much of the training text is about each family."""

EARLY: Shares = {
    "boolean": 0.22,
    "navigate": 0.22,
    "counting": 0.14,
    "tracking": 0.2,
    "dyck": 0.22,
}
# More of what is learned last.
LATE: Shares = {
    "boolean": 0.16,
    "navigate": 0.14,
    "counting": 0.24,
    "tracking": 0.34,
    "dyck": 0.12,
}

# How often each level is shown. Instructions of the grammar seldom ask for much working; but a
# short working is the beginning of a long one, and only long ones teach the later steps.
LEVEL_SHARES = (0.09, 0.09, 0.08, 0.08, 0.08, 0.08, 0.1, 0.4)

USUAL_FORM = PromptFormat("Q_begin", qa_markers=True)
OTHER_FORMS = (
    PromptFormat("before_Q", qa_markers=True),
    PromptFormat("before_Q", qa_markers=False),
    PromptFormat("Q_begin", qa_markers=False),
    PromptFormat("Q_end", qa_markers=True),
    PromptFormat("Q_end", qa_markers=False),
    PromptFormat("A_begin", qa_markers=True),
    PromptFormat("system", qa_markers=True),
)
DENIALS = ("no", "not", "nothing", "none", "without", "don't")


@dataclass(frozen=True, slots=True)
class Turn:
    """One user text and replies to it, each given without knowing the others."""

    prompt: str
    replies: tuple[str, ...]


def bbh_rows(family: Family) -> list[tuple[str, str]]:
    """(question, answer) rows of the real BIG-Bench-Hard task that the repository holds."""
    lines = (BBH_ROWS / FAMILY_FILES[family]).read_text(encoding="utf-8").splitlines()
    return [(row["input"], row["target"]) for row in map(json.loads, lines)]


@cache
def bbh_questions() -> frozenset[str]:
    """The normalised questions that no training text may hold."""
    return frozenset(normalised(text) for family in FAMILY_FILES for text, _ in bbh_rows(family))


def scorer_prompt(instruction: str, question: str, form: PromptFormat = USUAL_FORM) -> str:
    """The text that the embedded scorer reads when the tool asks `question`."""
    return join_messages(build_scorer_messages(question, instruction, form))


@cache
def _outlines(family: Family, wanted: int) -> tuple[list[tuple[Kind, ...]], list[float]]:
    """The sequences of clauses whose level on `family` is `wanted`, and how frequent each is."""
    chances = {k: chance for k, chance in outlines(family).items() if level(k, family) == wanted}
    return list(chances), list(accumulate(chances.values()))


def _instruction(rng: random.Random, family: Family, wanted: int) -> Instruction:
    """An instruction whose level on `family` is `wanted`."""
    if wanted == NEUTRAL and rng.random() < 0.5:
        return rng.choice((EMPTY, Instruction((Clause("neutral", START),))))
    kinds, shares = _outlines(family, wanted)
    return worded(rng, rng.choices(kinds, cum_weights=shares)[0])


def _misspelt(rng: random.Random, text: str) -> str:
    """Now and then what people do to a sentence: lower case, no full stop, a comma instead.

    Or a word less, so that a sentence is read by all its words and not recognised by two of them.
    """
    chance = rng.random()
    if chance < 0.06:
        return text.lower()
    if chance < 0.12:
        return text.rstrip(".!")
    if chance < 0.15:
        return text.replace(". ", ", ")
    words = text.split()
    if chance < 0.35 and len(words) > 4:
        left_out = rng.randrange(len(words))
        if words[left_out].lower() not in DENIALS:
            return " ".join(words[:left_out] + words[left_out + 1 :])
    return text


def draw_scorer_turn(rng: random.Random, shares: Shares) -> Turn:
    """A question under an instruction, answered with the working that the instruction asks for."""
    family = rng.choices(list(shares), list(shares.values()))[0]
    wanted = rng.choices(range(len(LEVEL_SHARES)), LEVEL_SHARES)[0]
    text = _misspelt(rng, _instruction(rng, family, wanted).text)
    question = draw_question(rng, family, bbh_questions())
    form = USUAL_FORM if rng.random() < 0.85 else rng.choice(OTHER_FORMS)
    prompt = scorer_prompt(text, question.text, form)
    return Turn(prompt, (answer(question, BUDGETS[family][wanted]),))


def scorer_turns(seed: int, shares: Shares) -> Iterator[Turn]:
    """Endless turns of the scorer."""
    rng = random.Random(f"scorer {seed}")
    while True:
        yield draw_scorer_turn(rng, shares)
