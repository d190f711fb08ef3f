"""Worked examples from the train rows before the question, with and without an instruction.

A set of examples is a part of the prompt, in its order, and competes as a whole: which rows, how
many, with gold answers or the scorer's own right replies, as text or as turns of the chat, under
which instruction. A set is changed one example at a time (replaced, dropped, added, or kept and put
elsewhere), and what past outcomes say of rows and counts decides what is drawn. After K. Opsahl-Ong
and others (MIPRO, arXiv 2406.11695), who search over instructions and examples together, and PIAST
(arXiv 2512.11013), which values examples by a replay of past outcomes. No optimizer is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.settings.schema import key, optional, whole
from opro_cli.core.task.prompt import Content, encode_form
from opro_cli.ports import Need, Strategy
from opro_cli.strategies.demo_sets import Composer

TRIES = 20
"""Draws for each prompt that is wanted: of a few rows most sets are known soon."""
CHARACTERS = 4000
"""Of all examples of a prompt: some thousand tokens, for which most models have room."""
CHARACTERS_A_TOKEN = 3


@dataclass(frozen=True)
class DemosOptions:
    """The `search.options` of demos.

    Attributes:
        answers: What examples show: gold answers, right replies of the scorer, or both in turn.
        shown_as: Examples are text before the question, turns of the chat, or both in turn.
    """

    most: int = key(whole(1), 8, doc="Examples of a prompt at most.")
    answers: Literal["both", "gold", "replies"] = "both"
    shown_as: Literal["both", "text", "turns"] = "both"
    characters: int | None = key(
        optional(whole(1)),
        None,
        doc="Of all examples of a prompt together; None for CHARACTERS, or fewer where the scorer "
        "is known to have no room for them.",
    )


class DemosStrategy(Strategy):
    """Tries sets of worked examples, and writes no instruction.

    Attributes:
        turns: The scorer tells the turns of a chat apart.
        tokens: Of a prompt at most; None where that is not known.
    """

    name = "demos"
    Options = DemosOptions
    needs: frozenset[Need] = frozenset({"demos"})

    def __init__(self, turns: bool = True, tokens: int | None = None) -> None:
        self.turns, self.tokens = turns, tokens

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:  # noqa: ARG002
        """Return new prompts, as many as a step has; end the search where no other can be drawn."""
        # Within another strategy the options are that one's.
        options = view.options if isinstance(view.options, DemosOptions) else DemosOptions()
        shown_as = {"both": (False, True), "text": (False,), "turns": (True,)}[options.shown_as]
        room = self._measure_room(view, options)
        least = min(len(each.input) + len(each.split_golds()[0].target) for each in view.train)
        if least > room:
            return End(self._describe_lack(room, least, options))
        composer = Composer.prepare(
            view,
            most=options.most,
            room=room,
            replies={"both": (False, True), "gold": (False,), "replies": (True,)}[options.answers],
            turns=shown_as if self.turns and view.format.chat is None else (False,),
        )
        drafts: dict[str, Draft] = {}
        for number in range(TRIES * view.search.candidates_per_step):
            prompt, parents = composer.compose(number)
            own = make_candidate_id(prompt.text, encode_form(prompt))
            if own not in view.state.candidates and own not in drafts:
                drafts[own] = Draft(prompt, parents)
            if len(drafts) == view.search.candidates_per_step:
                break
        return [*drafts.values()] or End("no other set of worked examples can be drawn")

    def read(self, reply: str, ask: Ask) -> Sequence[Content | str]:  # noqa: ARG002
        """Return nothing: no model is asked."""
        return ()

    def _describe_lack(self, room: int, least: int, options: DemosOptions) -> str:
        """Return why no row can be shown, and what to raise."""
        asked = CHARACTERS if options.characters is None else options.characters
        key = "search.options.characters" if room == asked else "scorer.gguf.context"
        return (
            f"no train row fits into {room:,} characters, the shortest one with its answer takes "
            f"{least:,}: raise {key}"
        )

    def _measure_room(self, view: SearchView, options: DemosOptions) -> int:
        """Return the characters that the examples of a prompt may have together."""
        room = CHARACTERS if options.characters is None else options.characters
        if self.tokens is None:
            return room
        question = max(len(example.input) for example in view.train)
        around = question + view.search.longest_allowed
        return max(0, min(room, CHARACTERS_A_TOKEN * self.tokens - around))
