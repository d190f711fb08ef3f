"""Instructions of the training text: one to three clauses, each of one kind, in many wordings."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, permutations, product
from typing import Literal, get_args

from opro_cli.embedded.training.families import FAMILIES, Family

Kind = Literal[
    "neutral",
    "pep",
    "brief",
    "steps",
    "fine",
    "check",
    "order",
    "plan",
    "foreign",
    "boolean_method",
    "boolean_rule",
    "navigate_method",
    "navigate_rule",
    "counting_method",
    "counting_rule",
    "tracking_method",
    "tracking_rule",
    "dyck_method",
    "dyck_rule",
]

START = "Let's solve the problem."
CLASSICS = (
    "Let's think step by step.",
    "Take a deep breath and work on this problem step-by-step.",
    "Break this down.",
    "A little bit of arithmetic and a logical approach will help us quickly arrive at the solution"
    " to this problem.",
)
"""Instructions of the paper's Table 1: the baseline and the best of three optimizers."""


def _each(*parts: str) -> list[str]:
    """Return all combinations of the alternatives in `parts`, which are separated by bars."""
    return [" ".join(words).strip() for words in product(*(part.split("|") for part in parts))]


WORDINGS: dict[Kind, list[str]] = {
    "neutral": [
        START,
        CLASSICS[3],
        "Let's combine our numerical command and clear thinking to quickly and accurately decipher"
        " the answer.",
        "Let's solve it.",
        "Let's figure it out.",
        *_each("Let's|Please", "answer|look at|consider", "the question.|this problem."),
        *_each("Solve|Answer|Read|Consider|Here is", "the|this", "question.|problem.|task."),
        *_each("What is|Find|Give|Work out", "the", "answer.|right answer.|solution."),
    ],
    "pep": [
        "You can do it!",
        "Believe in yourself.",
        "Stay calm and focused.",
        "You will be rewarded.",
        "Use your best judgement.",
        "Give it all you have.",
        *_each("This is", "very important|important|crucial", "to me.|for my career."),
        *_each("Take a deep breath.|Do your best.|Be careful.|Think hard.|Be confident."),
        *_each("You are", "an expert|a genius|a careful thinker|a great solver", "at this.|here."),
        *_each("I|We", "know|believe|trust", "you can do this.|you will succeed."),
        *_each("Pay|Give this", "close|careful|full", "attention."),
    ],
    "brief": [
        *_each("Answer|Reply|Respond", "at once.|right away.|quickly.|in one word.|directly."),
        *_each("Just|Only", "give|state|say", "the answer.|the result."),
        *_each("Give|State|Write", "the answer|the result", "and nothing else.|without working."),
        *_each("Do not|Don't", "explain.|show your working.|reason aloud."),
        "Be brief.",
        "Show no working.",
        "Guess.",
    ],
    "steps": [
        *CLASSICS[:3],
        "Let's work this out in a step by step way to be sure we have the right answer.",
        *_each("Let's think|Think|Work|Let's work|Solve it|Reason|Let's go", "step by step."),
        *_each("Think|Work|Go|Reason", "through it|through the problem", "step by step.|in steps."),
        *_each("Take|Go|Work|Let's take", "one step at a time."),
        *_each("Proceed|Work|Reason", "slowly and in order.|in small steps.|in stages."),
        *_each("Break", "the problem|it|the question", "into steps.|into parts."),
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
        *_each("Make sure", "the answer|the result|your answer", "is right.|makes sense."),
        *_each("Look for|Watch for|Correct", "mistakes.|errors.|slips."),
        "Read it twice.",
    ],
    "order": [
        *_each("Go|Work|Read|Proceed|Move", "from left to right.|from the start to the end."),
        *_each("Start|Begin", "at|from", "the left.|the beginning.|the first one."),
        *_each("Take|Handle|Treat", "everything|the parts|them", "in the given order.|in order."),
        "Go from the first to the last.",
    ],
    "plan": [
        *_each("First", "make|write|sketch|outline", "a plan.|a short plan."),
        *_each("Plan|Outline|Sketch", "the solution|your approach|the way", "first."),
        *_each("Decide", "how to solve it|what to do", "before you begin.|first."),
        "Think of a strategy.",
    ],
    "foreign": [
        *_each("Sort|Group|Translate", "the", "words.|names.|dates.|sentences."),
        *_each("Compare|Write down|Find", "the", "two options.|key facts.|colors."),
        *_each("Draw|Imagine", "a", "table.|picture.|diagram."),
        *_each("Look at|Think of|Name", "the", "speaker.|author.|meaning of each word."),
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
        *_each("Simplify|Resolve|Evaluate", "one operator at a time.|each operator in turn."),
    ],
    "boolean_rule": [
        *_each("Work|Start|Go|Begin", "from the innermost brackets outward.|with the brackets."),
        *_each("Resolve|Evaluate|Do", "the brackets first.|the brackets before the rest."),
        *_each("Apply|Put|Take", "not before and, and before or.|and before or."),
        *_each("Mind|Respect", "the order of the operators.|the brackets."),
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
    "navigate_rule": [
        *_each("Note|Remember|Watch|Mind", "which way you face.|the direction you are facing."),
        *_each("Mind|Apply|Note", "each turn.|every turn.|the turns."),
        *_each("Let the start be|Call the start", "zero.|the origin.|point zero."),
        *_each("Compare", "the end|the last position", "with the start.|with the origin."),
    ],
    "counting_method": [
        *_each("Keep|Write|Update|Carry", "a running total.|a running count.|the sum so far."),
        *_each("Add", "each item|every item|each quantity", "to the total.|to the sum.|up."),
        *_each("Count|Tally", "the items|the things", "one by one.|one after another."),
        *_each("After each item|With every item", "give|write", "the total.|the sum."),
    ],
    "counting_rule": [
        *_each("Count|Include", "only what is asked for.|only what belongs.|only that group."),
        *_each("Leave out|Ignore|Skip", "what does not belong.|other things.|other groups."),
        *_each("Mind|Note|Use", "the quantities.|the amount of each item.|how many of each."),
    ],
    "tracking_method": [
        *_each(
            "Write|List|Show|State|Record",
            "who has what|what everyone has|what each person has",
            "after each swap.|after every swap.|at every swap.",
        ),
        *_each("Follow|Carry out|Do|Apply", "the swaps|the trades", "one by one.|in turn."),
        *_each("Update", "both people|the two people", "at each swap.|at every trade."),
    ],
    "tracking_rule": [
        *_each("Use|Write", "letters for the things.|the letters of the options.|letters only."),
        *_each("Remember|Note", "who started with what.|what each person had at first."),
        *_each("Mind|Watch", "both sides of a swap.|both people in a trade."),
        *_each("Keep", "the people in the same order.|one place for each person."),
    ],
    "dyck_method": [
        *_each("Keep|Use|Write|Maintain", "a stack", "of the open brackets.|of open brackets."),
        *_each("Push|Put", "each opening bracket|every opening bracket", "on the stack."),
        *_each("Note|Write|List", "what is open", "after each bracket.|after each symbol."),
        *_each("Go|Work", "bracket by bracket.|symbol by symbol."),
    ],
    "dyck_rule": [
        *_each("Close", "the last opened bracket|the latest bracket|the inner bracket", "first."),
        *_each("Match|Pair", "each bracket|every bracket", "with its partner.|with its own kind."),
        *_each("Remove|Cross out|Drop", "matched pairs.|closed pairs.|each pair that closes."),
        *_each("Give|Write", "the closing brackets", "in reverse order.|from last to first."),
    ],
}

KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Clause:
    """One sentence of an instruction, and the kind of its advice."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction of several clauses."""

    clauses: tuple[Clause, ...]

    @property
    def text(self) -> str:
        """The instruction as a run shows it."""
        return " ".join(clause.text for clause in self.clauses)

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of its clauses."""
        return frozenset(clause.kind for clause in self.clauses)


def held_out(kind: Kind) -> list[str]:
    """Return the fifth of the wordings that the scorer never sees; never START or a classic."""
    shuffled = sorted(set(WORDINGS[kind]) - {START, *CLASSICS})
    random.Random(f"held out {kind}").shuffle(shuffled)
    return shuffled[: len(shuffled) // 5]


_TRAINED: dict[Kind, list[str]] = {
    kind: [text for text in dict.fromkeys(WORDINGS[kind]) if text not in held_out(kind)]
    for kind in KINDS
}


def draw_clause(rng: random.Random, kind: Kind) -> Clause:
    """Draw a wording of `kind` that is not held out."""
    return Clause(kind, rng.choice(_TRAINED[kind]))


@cache
def clause_weights(family: Family) -> dict[Kind, float]:
    """Return how often each kind of clause occurs with questions of `family`."""
    weights: dict[Kind, float] = dict.fromkeys(KINDS, 1.0)
    weights |= {"neutral": 0.5, "pep": 0.8, "brief": 0.6, "foreign": 0.6}
    for each in FAMILIES:
        own: dict[Kind, float] = {f"{each}_method": 1.0, f"{each}_rule": 1.0}  # type: ignore[dict-item]
        weights |= own if each == family else dict.fromkeys(own, 0.2)
    return weights


@cache
def outlines(family: Family) -> dict[tuple[Kind, ...], float]:
    """Return the chance of each sequence of one to three different kinds on `family`."""
    weights = clause_weights(family)
    whole = sum(weights.values())
    chances: dict[tuple[Kind, ...], float] = {}
    for count, share in ((1, 0.35), (2, 0.4), (3, 0.25)):
        for kinds in permutations(KINDS, count):
            chance, left = share, whole
            for kind in kinds:
                chance *= weights[kind] / left
                left -= weights[kind]
            chances[kinds] = chance
    return chances


def word_instruction(rng: random.Random, kinds: tuple[Kind, ...]) -> Instruction:
    """Draw wordings of these kinds of clauses that are not held out."""
    return Instruction(tuple(draw_clause(rng, kind) for kind in kinds))


def draw_instruction(rng: random.Random, family: Family) -> Instruction:
    """Draw one to three clauses of different kinds, as frequent as the grammar has them."""
    kinds, shares = _cumulative(family)
    return word_instruction(rng, rng.choices(kinds, cum_weights=shares)[0])


@cache
def _cumulative(family: Family) -> tuple[list[tuple[Kind, ...]], list[float]]:
    return list(outlines(family)), list(accumulate(outlines(family).values()))


EMPTY = Instruction(())
