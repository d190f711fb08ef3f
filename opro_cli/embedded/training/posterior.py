"""Estimates of clauses from a list of scored instructions, and the proposals that follow from them.

These are the proposals that the optimizer is trained to write. They are computed from the list
alone, never from the hidden utility, so the network sees all the evidence that there is.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from opro_cli.embedded.training.families import Family
from opro_cli.embedded.training.grammar import (
    KINDS,
    Clause,
    Instruction,
    clause_weights,
    draw_clause,
    draw_instruction,
)

EFFECT = 12.0
NOISE = 5.0
"""Standard deviations in points of a score: of a clause's effect, and of a measurement."""
CURIOSITY = 0.5
"""The scale of a posterior draw's deviation: 1 is Thompson sampling, 0 never explores."""
VARIATIONS = 24
LONGEST = 3
_COLUMN = {kind: index for index, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class Scored:
    """A listed instruction and its score in points, 0 to 100."""

    instruction: Instruction
    score: float


class Posterior:
    """Bayesian linear regression of scores on the kinds of clauses present."""

    def __init__(self, history: list[Scored]) -> None:
        present = np.zeros((len(history), len(KINDS) + 1))
        for row, entry in enumerate(history):
            present[row, [_COLUMN[kind] for kind in entry.instruction.kinds]] = 1
        present[:, -1] = 1  # the intercept
        scores = np.array([entry.score for entry in history]) - 50
        prior = np.diag([EFFECT**-2] * len(KINDS) + [1e-4])
        covariance = np.linalg.inv(prior + present.T @ present / NOISE**2)
        self._mean = covariance @ present.T @ scores / NOISE**2
        self._root = np.linalg.cholesky(covariance)

    def draw(self, rng: random.Random) -> list[float]:
        """Draw the effect of a clause of each kind, in the order of KINDS."""
        noise = np.array([rng.gauss(0, CURIOSITY) for _ in self._mean])
        drawn: list[float] = (self._mean + self._root @ noise).tolist()
        return drawn[:-1]


def propose(
    rng: random.Random, family: Family, history: list[Scored], count: int
) -> list[Instruction]:
    """Propose `count` variations of listed instructions, each the best by its own posterior draw.

    history is ascending by score and not empty.
    """
    posterior = Posterior(history)
    return [find_best(rng, family, history, posterior.draw(rng)) for _ in range(count)]


def find_best(
    rng: random.Random, family: Family, history: list[Scored], worth: list[float]
) -> Instruction:
    """Return the best of VARIATIONS new instructions by the sum of its clauses' effects."""
    listed = {entry.instruction.text for entry in history}
    return max(
        (_draw_variation(rng, family, history, listed) for _ in range(VARIATIONS)),
        key=lambda each: sum(worth[_COLUMN[clause.kind]] for clause in each.clauses),
    )


def _draw_variation(
    rng: random.Random, family: Family, history: list[Scored], listed: set[str]
) -> Instruction:
    """Draw a new instruction, or add a clause to the best listed one, which may lose another."""
    while True:
        clauses = list(history[-1].instruction.clauses)
        if rng.random() < 0.15 or not clauses:
            proposal = draw_instruction(rng, family)
        else:
            if len(clauses) == LONGEST or (len(clauses) == 2 and rng.random() < 0.3):
                clauses.pop(rng.randrange(len(clauses)))
            proposal = Instruction((*clauses, _draw_addition(rng, family, history)))
        if proposal.text not in listed and len(proposal.kinds) == len(proposal.clauses):
            return proposal


def _draw_addition(rng: random.Random, family: Family, history: list[Scored]) -> Clause:
    """Draw a clause of one of the next best instructions, or one from the grammar."""
    good = [clause for entry in history[-4:-1] for clause in entry.instruction.clauses]
    if good and rng.random() < 0.4:
        return rng.choice(good)
    weights = clause_weights(family)
    return draw_clause(rng, rng.choices(list(weights), list(weights.values()))[0])
