"""Crossover and mutation of prompts that lead on different questions.

Parents are drawn from the per-question front, in proportion to the questions that they lead on.
An optimizer combines and rewrites them; where the config has none, code does, by sentences and
clauses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from opro_cli.core.draws import Random
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.settings.schema import key, number
from opro_cli.core.task.prompt import Prompt
from opro_cli.strategies.clauses import EDITS, merge
from opro_cli.strategies.front import Front
from opro_cli.strategies.words import WordedStrategy

TRIES = 60
"""Draws of a new prompt by code, after which there is likely none."""

CROSSOVER = (
    "Combine the two instructions into one that is right wherever either of them is. Take from "
    "each what makes it so, and no more: a combination is not both of them one after the other."
)
MUTATIONS: Mapping[str, str] = {
    "reword": "Say the same in other words: plainer, more direct, in another order.",
    "shorten": "Say what matters in half of the words.",
    "specify": "Be more specific where the instruction is vague: what to look at, what to decide "
    "by, what to answer with.",
    "other way": "Reach the same goal in a quite different way: another role, another order of "
    "work, another form of the answer's reasoning.",
}
"""What is asked of a rewrite of one parent, by its name in lineage and report."""

WORDS = """\
Your task is to write a new instruction from old ones. A language model gets an instruction \
together with one question at a time, and its answer is compared with the right one.

# What the questions are about
{{description}}

# The instruction
{{prompt}}

# The other instruction
{{other}}

# Some that were tried, with their scores, the best one last
{{trajectory}}

# What must stay
{{must_stay}}

# What to do
{{aim}}

The new instruction has to work for all questions of this kind, and to differ from all those \
above. It may have {{length}} characters at most. Write it between <{{tag}}> and </{{tag}}>, and \
nothing but the instruction between these tags.
"""


@dataclass(frozen=True)
class EvolveOptions:
    """The `search.options` of `evolve`."""

    epsilon: float = key(
        number(0, 1),
        0.1,
        doc="How often a parent is any candidate, instead of one drawn from the front.",
    )
    crossover: float = key(
        number(0, 1), 0.5, doc="How often two parents are combined, where there are two."
    )


@dataclass(frozen=True)
class EvolveStrategy(WordedStrategy):
    """Combines and rewrites prompts that lead on different questions.

    Attributes:
        asks: A model does so; else code does.
    """

    name = "evolve"
    Options = EvolveOptions
    words: str = WORDS
    asks: bool = True

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:  # noqa: ARG002
        """Propose as many new prompts as the step has samples, each from parents of its own."""
        rng, front = view.rng("parents"), Front.find(view)
        if self.asks:
            return [self._ask(view, front, rng) for _ in range(view.search.candidates_per_step)]
        drafts = self._draft(view, front, rng)
        return drafts or End("no new prompt can be made from the sentences of those there are")

    def _ask(self, view: SearchView, front: Front, rng: Random) -> Ask:
        parent, other = _draw_parents(view.options, front, rng)
        if other is not None:
            return self.ask(view, parent, CROSSOVER, "crossover", other=other)
        name = rng.choice(list(MUTATIONS))
        return self.ask(view, parent, MUTATIONS[name], f"mutation: {name}")

    def _draft(self, view: SearchView, front: Front, rng: Random) -> list[Draft]:
        """Return new prompts made of sentences and clauses, as many as can be found."""
        state, count = view.state, view.search.candidates_per_step
        seen = {each.text for each in state.proposals.texts}
        seen |= {each.instruction for each in state.candidates.values()}
        drafts: list[Draft] = []
        for _ in range(TRIES * count):
            parent, other = _draw_parents(view.options, front, rng)
            if other is not None:
                text, note = merge(parent.instruction, other.instruction, rng)
            else:
                text, note = EDITS[rng.choice(list(EDITS))](parent.instruction, rng)
            content = parent.content
            if not note or not text or text in seen or not isinstance(content, Prompt):
                continue
            new = replace(content, instruction=text)
            seen.add(text)
            if not self.reject(new, view):
                parents = (parent.id, other.id) if other else (parent.id,)
                drafts.append(Draft(new, parents, note))
            if len(drafts) == count:
                break
        return drafts


def _draw_parents(
    own: EvolveOptions, front: Front, rng: Random
) -> tuple[Candidate, Candidate | None]:
    """Return a parent, and a second one where two are to be combined."""
    first = front.draw(rng, own.epsilon)
    assert first is not None  # a run has a start prompt
    if rng.random() >= own.crossover:
        return first, None
    return first, front.draw(rng, own.epsilon, without=(first.id,))
