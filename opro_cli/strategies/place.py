"""The positions and frames of an instruction as candidates: a dozen races, and no word changed.

Where an instruction stands, and whether "Q:" and "A:" frame the question, can matter more than what
it says (M. Sclar and others, arXiv 2310.11324, found up to 76 points between formats). All layouts
are tried with the best start prompt, the best of them with the other start prompts, and all with
the best prompt found, where that is another one. No optimizer is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, Literal

from opro_cli.core.run.candidates import Candidate, make_candidate_id
from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.task.chat import POSITIONS as LAYOUTS
from opro_cli.core.task.example import Position
from opro_cli.core.task.prompt import Content, Layout, Prompt, PromptFormat, encode_form
from opro_cli.ports import Strategy

ELSEWHERE: Final = ("before_Q", "Q_begin", "Q_end", "system")
"""Where an instruction may be put: at the beginning of an answer stands what was written for it."""
OTHERS = 3
"""The best layouts of the first start prompt, which are tried with the other start prompts."""


@dataclass(frozen=True)
class PlaceOptions:
    """The `search.options` of place.

    Attributes:
        positions: Where the instruction is put, besides where the config has it.
    """

    positions: tuple[Literal["before_Q", "Q_begin", "Q_end", "system"], ...] = ELSEWHERE


@dataclass(frozen=True)
class PlaceStrategy(Strategy):
    """Tries layouts, and writes no instruction.

    Attributes:
        roles: The scorer tells system messages and the turns of a chat from the rest.
        at_once: Layouts of a step at most, so that those of later steps are raced; None for any.
    """

    name = "place"
    Options = PlaceOptions
    roles: bool = True
    at_once: int | None = None

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:  # noqa: ARG002
        """Return the layouts to be tried next; end the search where there are none."""
        for stage in self._list_stages(view):
            drafts = {
                make_candidate_id(content.text, encode_form(content)): Draft(content, (parent.id,))
                for parent, content in stage
            }
            new = [draft for own, draft in drafts.items() if own not in view.state.candidates]
            if new:
                # Looks race all of a step; a run keeps the steps that it began with.
                goes_by_steps = bool(view.search.racing) and not view.state.looks
                goes_by_steps = goes_by_steps and view.state.began_with(10)
                return new[: self.at_once] if goes_by_steps else new
        return End("every position and frame was tried")

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:  # noqa: ARG002
        """Return nothing: no model is asked."""
        return ()

    def _list_stages(self, view: SearchView) -> Iterator[list[tuple[Candidate, Prompt]]]:
        """Yield prompts that are tried together, each with the candidate that it is made from."""
        known = sorted(view.candidates(), key=lambda each: -view.score(each))
        first, *others = sorted(view.state.of_step(0), key=lambda each: -view.score(each))
        yield [(first, prompt) for prompt in self._move(view, first)]
        best = [_read(each) for each in known if each.instruction == first.instruction][:OTHERS]
        yield [
            (each, replace(_read(each), layout=prompt.layout)) for each in others for prompt in best
        ]
        yield [(each, prompt) for each in known[:1] for prompt in self._move(view, each)]

    def _move(self, view: SearchView, candidate: Candidate) -> list[Prompt]:
        prompt = _read(candidate)
        # Within another strategy the options are that one's.
        options = view.options if isinstance(view.options, PlaceOptions) else PlaceOptions()
        allowed = [each for each in options.positions if self.roles or each != "system"]
        layouts = list_layouts(prompt, view.format, allowed, roles=self.roles)
        return [replace(prompt, layout=layout) for layout in layouts]


def list_layouts(
    prompt: Prompt, form: PromptFormat, allowed: Sequence[Position], *, roles: bool
) -> Iterator[Layout]:
    """Yield the layouts that a prompt can have, those that say the same as others left out.

    Args:
        prompt: Its instruction may be empty, and stands nowhere then.
        form: Of the config.
        allowed: Positions besides that of the config.
        roles: The scorer tells messages apart.
    """
    positions = (form.position, *(allowed if prompt.text.strip() else ()))
    turns = (None, True) if prompt.demos and roles else (None,)
    seen = set()
    for position, markers, demo_turns in product(positions, (True, False), turns):
        if position == "A_begin" and not markers:  # there is no answer line without them
            continue
        chat = LAYOUTS[position, markers], demo_turns
        if chat not in seen:
            seen.add(chat)
            yield Layout(
                None if position == form.position else position,
                None if markers == form.qa_markers else markers,
                demo_turns,
            )


def _read(candidate: Candidate) -> Prompt:
    content = candidate.content
    return content if isinstance(content, Prompt) else Prompt(content.text)
