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
    word_instruction,
)
from opro_cli.embedded.training.questions import normalize_question
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
"""The share of each family in the training text."""

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

# The share of each level. Instructions of the grammar seldom ask for much working, but a short
# working is the beginning of a long one, and only long ones teach the later steps.
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
    """One user text and independent replies to it."""

    prompt: str
    replies: tuple[str, ...]


def bbh_rows(family: Family) -> list[tuple[str, str]]:
    """Return the (question, answer) rows of the real BIG-Bench-Hard task in the repository."""
    lines = (BBH_ROWS / FAMILY_FILES[family]).read_text(encoding="utf-8").splitlines()
    return [(row["input"], row["target"]) for row in map(json.loads, lines)]


@cache
def bbh_questions() -> frozenset[str]:
    """The normalized questions that must not occur in a training text."""
    return frozenset(
        normalize_question(text) for family in FAMILY_FILES for text, _ in bbh_rows(family)
    )


def scorer_prompt(instruction: str, question: str, form: PromptFormat = USUAL_FORM) -> str:
    """Return the text that the embedded scorer reads when a run asks `question`."""
    return join_messages(build_scorer_messages(question, instruction, form))


@cache
def _outlines(family: Family, wanted: int) -> tuple[list[tuple[Kind, ...]], list[float]]:
    """Return the kinds of clauses whose level on `family` is `wanted`, and cumulative chances."""
    chances = {k: chance for k, chance in outlines(family).items() if level(k, family) == wanted}
    return list(chances), list(accumulate(chances.values()))


def _draw_instruction(rng: random.Random, family: Family, wanted: int) -> Instruction:
    """Draw an instruction whose level on `family` is `wanted`."""
    if wanted == NEUTRAL and rng.random() < 0.5:
        return rng.choice((EMPTY, Instruction((Clause("neutral", START),))))
    kinds, shares = _outlines(family, wanted)
    return word_instruction(rng, rng.choices(kinds, cum_weights=shares)[0])


def _misspelt(rng: random.Random, text: str) -> str:
    """Write some sentences as people do: in lower case, without the full stop, with a comma for it.

    Some lose a word, so that the scorer reads all the words and does not recognise a sentence by
    two of them.
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
    """Draw a question under an instruction, and the answer with the working that this asks for."""
    family = rng.choices(list(shares), list(shares.values()))[0]
    wanted = rng.choices(range(len(LEVEL_SHARES)), LEVEL_SHARES)[0]
    text = _misspelt(rng, _draw_instruction(rng, family, wanted).text)
    question = draw_question(rng, family, bbh_questions())
    form = USUAL_FORM if rng.random() < 0.85 else rng.choice(OTHER_FORMS)
    prompt = scorer_prompt(text, question.text, form)
    return Turn(prompt, (answer(question, BUDGETS[family][wanted]),))


def scorer_turns(seed: int, shares: Shares) -> Iterator[Turn]:
    """Yield endless turns of the scorer."""
    rng = random.Random(f"scorer {seed}")
    while True:
        yield draw_scorer_turn(rng, shares)
