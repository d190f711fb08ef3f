"""Shortening a prompt: its parts are dropped one by one, and stay out where nothing was lost.

Worked examples are tried first, then clauses, then whole sentences, longer ones before shorter
ones. Each trial leaves out one more part than the last prompt that was likely no worse than the
best so far (`core/run/cheapest`); a race stops the trials that clearly lose. No model proposes
anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.cheapest import list_accepted
from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.settings.search import PRUNE
from opro_cli.core.task.pieces import Pieces, split_prompt
from opro_cli.core.task.placeholders import find_change
from opro_cli.core.task.prompt import Content, Prompt, encode_form
from opro_cli.ports import Strategy


@dataclass(frozen=True, slots=True)
class Cut:
    """The parts that a trial leaves out: pieces of the text, and worked examples by their index."""

    pieces: frozenset[int] = frozenset()
    demos: frozenset[int] = frozenset()

    def join(self, other: Cut) -> Cut:
        """Return both together."""
        return Cut(self.pieces | other.pieces, self.demos | other.demos)


@dataclass(frozen=True)
class PruneStrategy(Strategy):
    """Drops parts of the start prompt, one in each step."""

    name = PRUNE

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:  # noqa: ARG002
        """Return the next trial, or end the search where every part was tried."""
        start = view.state.of_step(0)[0]
        content = start.content
        if not isinstance(content, Prompt):
            return End("a solution has no sentences")
        pieces = split_prompt(content.instruction)
        tried = {start.id, *(proposed.id for proposed in view.state.proposals.texts)}
        kept, parent = Cut(), start
        accepted = {candidate.id for candidate in list_accepted(view.state)}
        for unit in list_cuts(content, pieces):
            cut = kept.join(unit)
            if unit.pieces <= kept.pieces and unit.demos <= kept.demos:
                continue  # it went with its sentence
            shorter = apply_cut(content, pieces, cut)
            if not may_stand(shorter, content):
                continue
            id = make_candidate_id(shorter.text, encode_form(shorter))
            if id not in tried:
                return [Draft(shorter, (parent.id,))]
            if id in accepted:
                kept, parent = cut, view.state.candidates[id]
        return End("every part of the prompt was tried")

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:  # noqa: ARG002
        """Return nothing: no model is asked."""
        return ()


def may_stand(shorter: Prompt, content: Prompt) -> bool:
    """Return whether a shorter prompt has any words, and the placeholders of the application.

    Where worked examples were all of the prompt, it has none to lose.
    """
    is_worded = bool(shorter.text.strip()) or (bool(content.demos) and not content.text.strip())
    return is_worded and not find_change(shorter.text, (content.text,))


def can_be_shortened(content: Prompt) -> bool:
    """Return whether there is anything to try."""
    pieces = split_prompt(content.instruction)
    cuts = list_cuts(content, pieces)
    return any(may_stand(apply_cut(content, pieces, cut), content) for cut in cuts)


def list_cuts(content: Prompt, pieces: Pieces) -> Iterator[Cut]:
    """Yield the parts that may be dropped alone, in the order in which they are tried."""
    for index in reversed(range(len(content.demos))):
        yield Cut(demos=frozenset({index}))
    for unit in pieces.list_units():
        yield Cut(unit)


def apply_cut(content: Prompt, pieces: Pieces, cut: Cut) -> Prompt:
    """Return the prompt without what is cut."""
    demos = (demo for index, demo in enumerate(content.demos) if index not in cut.demos)
    return replace(content, instruction=pieces.join(cut.pieces), demos=tuple(demos))
