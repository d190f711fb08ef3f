"""Several policies that take turns, by what each has gained for the calls that it cost.

A bandit draws the policy of each step (Thompson sampling: W. R. Thompson, Biometrika 25, 1933).
Gains over the best score so far are counted in units of UNIT, as events that come at a constant
rate for each call; the rate of a policy has a gamma distribution, so that what is not tried yet is
likely to be drawn. Calls count by what they cost: those with worked examples are long.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.view import Ask, Draft, End, RehearsedView, SearchView
from opro_cli.core.task.prompt import Content
from opro_cli.ports import Need, Strategy
from opro_cli.strategies.headroom import read_with
from opro_cli.strategies.problem import NoOptions

UNIT = 0.04
"""A gain that counts as one event."""
EVENTS = 0.7
"""That a policy is thought to have had before it is tried, in a step of its own."""


@dataclass(slots=True)
class Record:
    """The steps of a policy, and their result.

    Attributes:
        steps: That it had.
        gain: Of its candidates over the best score before, summed over its steps.
        cost: Of its answers, in answers to the start prompt.
    """

    steps: int = 0
    gain: float = 0.0
    cost: float = 0.0


class AutoStrategy(Strategy):
    """Draws a policy for each step.

    Attributes:
        policies: By their names, those first that are tried first.
        guard: Rejects candidates, and reads replies that no policy has asked for.
    """

    name = "auto"
    Options = NoOptions
    halves = True

    def __init__(self, policies: Mapping[str, Strategy], guard: Strategy) -> None:
        self.policies, self.guard = dict(policies), guard
        self.needs = frozenset[Need]().union(*(each.needs for each in policies.values()))

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:
        """Return the proposals of the policy that is drawn; one that is at its end is passed by.

        Before a run, when costs are estimated, all have a turn.
        """
        records = self._read_records(view)
        rehearsed: list[Ask | Draft] = []
        for name in self._rank(view, records):
            policy = self.policies[name]
            options = policy.Options() if policy.Options else {}
            proposed = policy.propose(replace(view, options=options), step)
            if isinstance(proposed, End):
                continue
            signed = f"{name} ({describe_choice(records[name])})"
            own = [replace(p, note=f"{signed}: {p.note}".rstrip(": ")) for p in proposed]
            if own and not isinstance(view, RehearsedView):
                return own
            rehearsed += own
        return rehearsed or End("every policy is at its end")

    def read(self, reply: str, ask: Ask, *, cut: bool = False) -> Sequence[Content | str]:
        """Return the candidates that the policy which asked reads in a reply."""
        return read_with(self.policies.get(_find_policy(ask.note), self.guard), reply, ask, cut=cut)

    def reject(self, candidate: Content, view: SearchView) -> str:
        """Return which of the application's placeholders a candidate loses or adds."""
        return self.guard.reject(candidate, view)

    def _rank(self, view: SearchView, records: Mapping[str, Record]) -> list[str]:
        """Return the policies, the one that is drawn first; one not tried yet before all others."""
        rng = view.rng("policy")
        usual = view.state.sizes["train"] * view.search.candidates_per_step / 2
        rates = {
            name: rng.gammavariate(EVENTS + record.gain / UNIT, 1 / (usual + record.cost))
            for name, record in records.items()
        }
        return sorted(records, key=lambda name: -rates[name] if records[name].steps else -math.inf)

    def _read_records(self, view: SearchView) -> dict[str, Record]:
        """Return what came of each policy; a step without a text is one of those that ask."""
        records = {name: Record() for name in self.policies}
        state = view.state
        best = max((_measure(view, each) for each in state.of_step(0)), default=0.0)
        costs = (each.answers["train"].costs.tokens for each in state.of_step(0))
        usual = next(filter(None, costs), None)
        policy_of = {each.step: _find_policy(each.note) for each in state.proposals.texts}
        asking = [name for name in self.policies if name not in UNASKING]
        for step in range(1, state.step + 1):
            name = policy_of.get(step, "")
            if name not in records:
                untried = [each for each in asking if not records[each].steps]
                # First turns have an order; of a later step nobody knows whose it was.
                mute = untried[:1] if untried and state.began_with(10) else asking
                for each in mute:
                    records[each].steps += 1
                    records[each].cost += state.sizes["train"] / len(mute)
                continue
            made = state.of_step(step)
            top = max((_measure(view, each) for each in made), default=0.0)
            records[name].steps += 1
            records[name].gain += max(0.0, top - best)
            records[name].cost += sum(_count_cost(each, usual) for each in made)
            best = max(best, top)
        return records


UNASKING = ("place", "demos")


def describe_choice(record: Record) -> str:
    """Return why a policy is drawn, in a few words for people."""
    if not record.steps:
        return "its first turn"
    return f"{100 * record.gain / record.steps:+.1f} points a step so far"


def _find_policy(note: str) -> str:
    return note.partition(" (")[0]


def _measure(view: SearchView, candidate: Candidate) -> float:
    """Return a train score that few answers do not make high by luck."""
    answers = candidate.answers["train"].by_question
    return view.score(candidate) * len(answers) / (len(answers) + 2) if answers else 0.0


def _count_cost(candidate: Candidate, usual: tuple[float, float] | None) -> float:
    answers = candidate.answers["train"]
    tokens = answers.costs.tokens
    each = sum(tokens) / max(1.0, sum(usual)) if tokens and usual else 1.0
    return len(answers.by_question) * each
