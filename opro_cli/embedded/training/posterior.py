"""What a list of scored instructions says about clauses, and what to propose after it.

The proposals that the optimizer is trained to write. They are computed from the list alone, never
from what the scores were made of: the network sees all that there was to see.
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
"""Standard deviations, in points of a score: of what a clause adds, and of measuring it."""
CURIOSITY = 0.5
"""Share of a posterior draw's deviation from its mean; 1 is Thompson sampling, 0 never explores."""
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
        present[:, -1] = 1  # what no clause explains
        scores = np.array([entry.score for entry in history]) - 50
        prior = np.diag([EFFECT**-2] * len(KINDS) + [1e-4])
        covariance = np.linalg.inv(prior + present.T @ present / NOISE**2)
        self._mean = covariance @ present.T @ scores / NOISE**2
        self._root = np.linalg.cholesky(covariance)

    def draw(self, rng: random.Random) -> list[float]:
        """What a clause of each kind may be worth, in the order of KINDS."""
        noise = np.array([rng.gauss(0, CURIOSITY) for _ in self._mean])
        drawn: list[float] = (self._mean + self._root @ noise).tolist()
        return drawn[:-1]


def proposals(
    rng: random.Random, family: Family, history: list[Scored], count: int
) -> list[Instruction]:
    """Each the best, by a draw from the posterior, of new variations on the listed instructions.

    history: ascending by score, not empty.
    """
    posterior = Posterior(history)
    return [best_of(rng, family, history, posterior.draw(rng)) for _ in range(count)]


def best_of(
    rng: random.Random, family: Family, history: list[Scored], worth: list[float]
) -> Instruction:
    """Of VARIATIONS new instructions the one whose clauses are worth most together."""
    listed = {entry.instruction.text for entry in history}
    return max(
        (_variation(rng, family, history, listed) for _ in range(VARIATIONS)),
        key=lambda each: sum(worth[_COLUMN[clause.kind]] for clause in each.clauses),
    )


def _variation(
    rng: random.Random, family: Family, history: list[Scored], listed: set[str]
) -> Instruction:
    """The best listed instruction, whole or less a clause, and another clause; or a new one."""
    while True:
        clauses = list(history[-1].instruction.clauses)
        if rng.random() < 0.15 or not clauses:
            proposal = draw_instruction(rng, family)
        else:
            if len(clauses) == LONGEST or (len(clauses) == 2 and rng.random() < 0.3):
                clauses.pop(rng.randrange(len(clauses)))
            proposal = Instruction((*clauses, _addition(rng, family, history)))
        if proposal.text not in listed and len(proposal.kinds) == len(proposal.clauses):
            return proposal


def _addition(rng: random.Random, family: Family, history: list[Scored]) -> Clause:
    """A clause of one of the next best instructions, or one from the grammar."""
    good = [clause for entry in history[-4:-1] for clause in entry.instruction.clauses]
    if good and rng.random() < 0.4:
        return rng.choice(good)
    weights = clause_weights(family)
    return draw_clause(rng, rng.choices(list(weights), list(weights.values()))[0])
