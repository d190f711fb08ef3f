"""The optimizer's training text: OPRO meta-prompts and the instruction proposed after each.

The listed scores come from a hidden utility drawn anew for every meta-prompt, so no instruction is
good by itself: only the list tells what helps. The proposal is made from the list alone, never from
the hidden utility: variations of the best listed instruction with clauses of the next best or new
ones. To predict such proposals, the network has to find the best in the list and copy from it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from opro_cli.embedded.training.grammar import (
    EMPTY,
    KINDS,
    START,
    Clause,
    Instruction,
    Kind,
    draw_clause,
    draw_instruction,
)
from opro_cli.embedded.training.questions import FAMILIES, Family, Question, draw_question

HEAD = (
    "Your task is to generate the instruction <INS>. Below are some previous instructions with"
    " their scores. The score ranges from 0 to 100.\n"
)
TAIL = (
    "\n\nGenerate an instruction that is different from all the instructions <INS> above, and has a"
    " higher score than all the instructions <INS> above. The instruction should begin with <INS>"
    " and end with </INS>. The instruction should be concise, effective, and generally applicable"
    " to all problems above."
)
SCORE_NOISE = 5.0
EFFECT = 12.0


@dataclass(frozen=True, slots=True)
class Scored:
    """A listed instruction and its score, 0 to 100."""

    instruction: Instruction
    score: int


def kind_weights(family: Family) -> dict[Kind, float]:
    """How often each kind of clause is written about questions of `family`."""
    weights: dict[Kind, float] = dict.fromkeys(KINDS, 1.0)
    weights |= {"boolean_method": 0.35, "navigate_method": 0.35, "leftward": 0.5, "neutral": 0.4}
    weights |= {"foreign": 0.7, "pep": 0.8}
    weights["boolean_method" if family == "boolean" else "navigate_method"] = 1.6
    return weights


def meta_prompt(history: list[Scored], exemplars: list[Question]) -> str:
    """The paper's GPT-style meta-prompt (Q_begin, Q/A markers), byte for byte."""
    listed = "".join(
        f"\ntext:\n{entry.instruction.text}\nscore:\n{entry.score}\n" for entry in history
    )
    shown = "".join(
        f"\ninput:\nQ: <INS>\n{question.text}\nA:\nGround truth answer:\n{question.target}\n"
        for question in exemplars
    )
    problems = f"\n\nBelow are some problems.\n{shown}" if exemplars else ""
    return HEAD + listed + problems + TAIL


def draw_history(rng: random.Random, family: Family, size: int) -> list[Scored]:
    """`size` different instructions with scores of a hidden utility, ascending by score."""
    weights = kind_weights(family)
    effects = {kind: rng.gauss(0, EFFECT) for kind in KINDS}
    together = frozenset(rng.sample(KINDS, 2))
    synergy = abs(rng.gauss(0, EFFECT))
    base = rng.uniform(25, 75)
    texts: dict[str, Instruction] = {}
    if rng.random() < 0.7:
        texts[START] = Instruction((Clause("neutral", START),))
    while len(texts) < size:
        instruction = EMPTY if rng.random() < 0.03 else _varied(rng, weights, list(texts.values()))
        texts.setdefault(instruction.text, instruction)
    scored = []
    for instruction in texts.values():
        value = base + sum(effects[kind] for kind in instruction.kinds)
        value += synergy * (together <= instruction.kinds) + rng.gauss(0, SCORE_NOISE)
        scored.append(Scored(instruction, round(min(100.0, max(0.0, value)))))
    return sorted(scored, key=lambda entry: entry.score)


def _varied(
    rng: random.Random, weights: dict[Kind, float], known: list[Instruction]
) -> Instruction:
    """A fresh instruction, or, as in a running optimization, a known one with a clause added."""
    if known and rng.random() < 0.4:
        old = rng.choice(known)
        if len(old.clauses) < 3:
            kind = rng.choices(list(weights), list(weights.values()))[0]
            if kind not in old.kinds:
                return Instruction((*old.clauses, draw_clause(rng, kind)))
    return draw_instruction(rng, weights)


def propose(rng: random.Random, family: Family, history: list[Scored]) -> Instruction:
    """The instruction that a careful hill climber proposes after `history`, seeing no more than it.

    Mostly the best one, whole or less a clause, with a clause of another good one or a new one
    added; or clauses of the two best; or, to go on exploring, something new.
    """
    weights = kind_weights(family)
    listed = {entry.instruction.text for entry in history}
    while True:
        best = list(history[-1].instruction.clauses)
        chance = rng.random()
        if chance < 0.25 or not best:
            proposal = draw_instruction(rng, weights)
        else:
            if len(best) == 3 or (len(best) == 2 and rng.random() < 0.3):
                best.pop(rng.randrange(len(best)))
            proposal = Instruction((*best, _addition(rng, weights, history)))
        if proposal.text not in listed and len(proposal.kinds) == len(proposal.clauses):
            return proposal


def _addition(rng: random.Random, weights: dict[Kind, float], history: list[Scored]) -> Clause:
    """A clause of the second or third best instruction, or one from the grammar."""
    good = [clause for entry in history[-3:-1] for clause in entry.instruction.clauses]
    if good and rng.random() < 0.4:
        return rng.choice(good)
    return draw_clause(rng, rng.choices(list(weights), list(weights.values()))[0])


def draw_optimizer_turn(
    rng: random.Random, excluded: frozenset[str], size: int | None = None
) -> tuple[str, str]:
    """A meta-prompt and the reply to it, "<INS>...</INS>"."""
    family = rng.choice(FAMILIES)
    size = size or rng.choices(range(1, 13), (2, 2, 2, 3, 3, 3, 3, 2, 1, 1, 1, 1))[0]
    exemplars = rng.choices((0, 1, 2, 3), (0.1, 0.45, 0.3, 0.15))[0]
    history = draw_history(rng, family, size)
    shown = [draw_question(rng, family, excluded) for _ in range(exemplars)]
    return meta_prompt(history, shown), f"<INS>{propose(rng, family, history).text}</INS>"
