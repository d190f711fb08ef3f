"""The instructions of the training text: one to three clauses, each of one kind, variously put."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import product
from typing import Literal

Kind = Literal[
    "neutral",
    "pep",
    "brief",
    "steps",
    "fine",
    "check",
    "leftward",
    "foreign",
    "boolean_method",
    "navigate_method",
]

START = "Let's solve the problem."


def _each(*parts: str) -> list[str]:
    """Every combination of the alternatives in `parts`; alternatives are separated by bars."""
    return [" ".join(words) for words in product(*(part.split("|") for part in parts))]


WORDINGS: dict[Kind, list[str]] = {
    "neutral": [
        START,
        "Let's solve it.",
        "Let's figure it out.",
        *_each("Let's|Please", "answer|look at|consider", "the question.|this problem."),
        *_each("Solve|Answer|Read|Consider|Here is", "the|this", "question.|problem.|task."),
        "What is the answer?",
        "Find the answer.",
        "Give the right answer.",
    ],
    "pep": [
        "You can do it!",
        "Believe in yourself.",
        "Stay calm and focused.",
        "This is very important to me.",
        *_each("Take a deep breath.|Do your best.|Be careful.|Think hard.|Be confident."),
        *_each("You are", "an expert|a genius|a careful thinker|a great", "at this."),
        *_each("I|We", "know|believe", "you can do this."),
        *_each("Pay", "close|careful", "attention."),
        "You will be rewarded.",
        "Use your best judgement.",
        "Give it all you have.",
    ],
    "brief": [
        *_each("Answer|Reply", "at once.|right away.|quickly.|in one word.|directly."),
        *_each("Just|Only", "give|state|say", "the answer."),
        *_each("Give|State", "the answer|the result", "and nothing else.|without working."),
        "Be brief.",
        "Show no working.",
        "Do not explain.",
        "Guess.",
    ],
    "steps": [
        *_each("Let's think|Think|Work|Let's work|Solve it|Reason", "step by step."),
        *_each("Think|Work|Go", "through it|through the problem", "step by step.|in steps."),
        *_each("Take|Go|Work", "one step at a time."),
        *_each("Proceed|Work|Reason", "slowly and in order.|in small steps.|in stages."),
        "Break the problem into steps.",
        "Explain your reasoning.",
        "Show your working.",
    ],
    "fine": [
        *_each(
            "Write|Note|Record|Show|List|State",
            "each|every",
            "partial result.|intermediate result.|intermediate value.",
        ),
        *_each("Write|Show|Spell", "out", "each single step.|every detail.|all the results."),
        *_each("Leave nothing out.|Skip no step.|Skip nothing.|Omit no detail."),
        *_each("Work in tiny steps", "and skip none.|and leave none out."),
    ],
    "check": [
        *_each("Check|Double-check|Verify|Review", "the|your", "answer.|result.|work."),
        *_each("Make sure", "the answer|the result", "is right.|makes sense."),
        "Look for mistakes.",
        "Read it twice.",
    ],
    "leftward": [
        *_each("Go|Work|Read|Evaluate it|Proceed|Move", "from left to right."),
        *_each("Start|Begin", "at|from", "the left.|the left end."),
        "Take the words in their order.",
    ],
    "foreign": [
        *_each("Sort|Count|List|Group", "the", "words.|objects.|names.|dates.|items."),
        *_each("Compare|Write down|Find", "the", "two options.|key facts.|numbers.|colors."),
        *_each("Draw|Imagine", "a", "table.|picture.|diagram."),
        "Translate the question.",
        "Restate the question.",
        "Ask who is telling the truth.",
        "Convert the units.",
    ],
    "boolean_method": [
        *_each(
            "Simplify|Reduce|Evaluate|Resolve",
            "the expression|the formula",
            "one operator at a time.|operator by operator.|from the inside out.",
        ),
        *_each("Work|Start|Go|Evaluate", "from the innermost brackets", "outward.|first."),
        *_each("Simplify|Resolve|Evaluate", "one operator at a time.|the brackets first."),
        "Apply not before and, and before or.",
    ],
    "navigate_method": [
        *_each(
            "Track|Follow|Update|Keep track of",
            "the position|the location|your coordinates",
            "after each move.|at every move.|move by move.",
        ),
        *_each("After each move|At every step", "give|update", "the coordinates.|the position."),
        *_each("Trace", "the path|the walk", "move by move.|on a grid."),
    ],
}

KINDS: tuple[Kind, ...] = tuple(WORDINGS)


@dataclass(frozen=True, slots=True)
class Clause:
    """One sentence of an instruction and what kind of advice it is."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction as the tool would show it, and the clauses it is made of."""

    clauses: tuple[Clause, ...]

    @property
    def text(self) -> str:
        return " ".join(clause.text for clause in self.clauses)

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(clause.kind for clause in self.clauses)


def held_out(kind: Kind) -> list[str]:
    """The fifth of the wordings that no scorer text is trained on; START is never among them."""
    shuffled = sorted(set(WORDINGS[kind]) - {START})
    random.Random(f"held out {kind}").shuffle(shuffled)
    return shuffled[: len(shuffled) // 5]


_TRAINED: dict[Kind, list[str]] = {
    kind: [text for text in dict.fromkeys(WORDINGS[kind]) if text not in held_out(kind)]
    for kind in KINDS
}


def draw_clause(rng: random.Random, kind: Kind) -> Clause:
    """A wording of `kind` that is not held out."""
    return Clause(kind, rng.choice(_TRAINED[kind]))


def draw_instruction(rng: random.Random, weights: dict[Kind, float]) -> Instruction:
    """One to three clauses of different kinds, drawn in proportion to `weights`."""
    count = rng.choices((1, 2, 3), (0.35, 0.4, 0.25))[0]
    kinds: list[Kind] = []
    while len(kinds) < count:
        kind = rng.choices(list(weights), list(weights.values()))[0]
        if kind not in kinds:
            kinds.append(kind)
    return Instruction(tuple(draw_clause(rng, kind) for kind in kinds))


EMPTY = Instruction(())
