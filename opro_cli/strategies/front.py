"""The per-question front: which candidates lead on which train questions, and parents from it.

A candidate that is best on a few questions has something that the best one on average lacks
(Agrawal et al. 2025, GEPA). Everything is read off answers that are there already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from opro_cli.core.draws import Random
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.selection import count_no_gain, may_lead
from opro_cli.core.run.view import SearchView


def list_known(view: SearchView) -> list[Candidate]:
    """Return the candidates to choose parents from: the scored ones, at first the start prompts."""
    known = [each for each in view.candidates() if may_lead(view.state, each)]
    return known or view.state.of_step(0)


def list_failing(view: SearchView) -> list[Candidate]:
    """Return the candidates to choose parents from of which a failure on train is known."""
    return [
        candidate
        for candidate in list_known(view)
        if any(
            (outcome.score or 0.0) < 1.0
            for outcome in candidate.answers["train"].by_question.values()
        )
    ]


def find_best(view: SearchView, among: Sequence[Candidate] = ()) -> Candidate:
    """Return the candidate with the best train score; of equal ones the shortest, the earliest.

    It is one of all candidates, or of those that are named.
    """
    known = among or list_known(view)
    return max(known, key=lambda c: (_score(view, c), -len(c.instruction), -c.step))


def _score(view: SearchView, candidate: Candidate) -> float:
    return view.score(candidate) if candidate.answers["train"].by_question else 0.0


@dataclass(frozen=True, slots=True)
class Front:
    """Candidates, and how many train questions each leads on."""

    leads: Sequence[tuple[Candidate, float]]

    @classmethod
    def find(cls, view: SearchView) -> Front:
        """Return the front of a run.

        A question counts one, shared among those who are best on it. A question on which all are
        alike tells nothing and counts for nobody.
        """
        scores: defaultdict[int, dict[str, float]] = defaultdict(dict)
        known = list_known(view)
        for candidate in known:
            for question, outcome in candidate.answers["train"].by_question.items():
                if not outcome.excluded:
                    scores[question][candidate.id] = outcome.score or 0.0
        leads = {candidate.id: 0.0 for candidate in known}
        for by_candidate in scores.values():
            best = max(by_candidate.values())
            leaders = [id for id, score in by_candidate.items() if score == best]
            if len(leaders) < len(by_candidate):
                for id in leaders:
                    leads[id] += 1 / len(leaders)
        return cls([(candidate, leads[candidate.id]) for candidate in known])

    def draw(
        self, rng: Random, epsilon: float = 0.0, without: Collection[str] = ()
    ) -> Candidate | None:
        """Draw a parent in proportion to the questions that it leads on.

        Args:
            rng: Draws.
            epsilon: How often any candidate is drawn instead, all being equally likely.
            without: Ids of candidates that are not to be drawn.

        Returns:
            None where there is nobody to be drawn.
        """
        others = [each for each in self.leads if each[0].id not in without]
        if not others:
            return None
        candidates = [candidate for candidate, _ in others]
        weights = [lead for _, lead in others]
        if rng.random() < epsilon or not any(weights):
            return rng.choice(candidates)
        return rng.choices(candidates, weights)[0]


def count_stagnant(view: SearchView) -> int:
    """Return how many steps have passed without a better candidate."""
    return count_no_gain(view.state)
