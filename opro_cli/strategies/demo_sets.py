"""Sets of worked examples: the first ones, and how new ones come of those that were tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from opro_cli.core.draws import Random
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.view import SearchView
from opro_cli.core.task.placeholders import list_kept
from opro_cli.core.task.prompt import GOLD, Demo, Prompt
from opro_cli.strategies.demo_rows import DemoRows, find_replies
from opro_cli.strategies.worth import Part, draw, estimate_worth

COUNTS = (4, 8, 2, 6, 1, 3, 5, 7)
"""Examples of the first prompts, one after the other."""
PARENTS, INSTRUCTIONS = 4, 4
"""The best prompts that are changed, and the instructions that examples are shown under."""
FRESH = 0.25
"""The share of sets that are drawn anew once some were tried."""
MOVES: Mapping[str, float] = {"replace": 3, "add": 2, "drop": 1, "keep": 2}
"""How often each change is made."""

T = TypeVar("T", bool, int)


def list_parts(content: Prompt) -> list[Part]:
    """Return the parts of a prompt that are worth something."""
    demos, layout = content.demos, content.layout
    parts: list[Part] = [("instruction", content.text), ("count", len(demos))]
    if demos:
        parts += [("turns", bool(layout.demo_turns)), ("replies", demos[0].shown != GOLD)]
    return [*parts, *(("row", demo.row) for demo in demos)]


@dataclass(frozen=True, slots=True)
class Composer:
    """Composes the prompts of a step.

    Attributes:
        rows: What may be shown.
        rng: Of the step; nothing else is drawn from.
        tried: The prompts that were tried, with their scores, the best first.
        bases: Prompts without examples: the best instructions, and none.
        most: Examples of a prompt at most.
        replies: Whether examples show a reply of the scorer: False, True, or either.
        turns: Whether they are turns of a chat, likewise.
    """

    rows: DemoRows
    rng: Random
    tried: Sequence[tuple[Candidate, float]]
    bases: Sequence[Prompt]
    most: int
    replies: Sequence[bool]
    turns: Sequence[bool]

    @classmethod
    def prepare(
        cls,
        view: SearchView,
        *,
        most: int,
        room: int,
        replies: Sequence[bool],
        turns: Sequence[bool],
    ) -> Composer:
        """Return the composer of the step that begins; arguments as its attributes."""
        known = [(each, view.score(each)) for each in view.candidates()]
        worth = estimate_worth([(list_parts(_read_prompt(each)), s) for each, s in known])
        tried = sorted(known, key=lambda pair: -pair[1])
        most = min(most, len(view.train) // 2)
        right = find_replies(view, [each for each, _ in tried]) if True in replies else {}
        if len(right) < max(1, min(most, COUNTS[0])):
            replies = (False,)
        rows = DemoRows(view, right, room, worth)
        bases = list_bases(view, [each for each, _ in tried])
        return cls(rows, view.rng("demos"), tried, bases, most, replies, turns)

    def compose(self, number: int) -> tuple[Prompt, tuple[str, ...]]:
        """Return a prompt, which may be known already, and the one that it was made from.

        Args:
            number: Of the draws in this step, from 0. In the first step it says what is tried, so
                that counts and instructions are spread evenly.
        """
        parents = [(each, score) for each, score in self.tried if _read_prompt(each).demos]
        if not parents:
            prompt = self._begin(number)
            return prompt, self._find_base(prompt)
        if self.rng.random() < FRESH:
            prompt = self._draw()
            return prompt, self._find_base(prompt)
        best = parents[:PARENTS]
        parent = draw(self.rng, [each for each, _ in best], [score for _, score in best])
        return self._change(_read_prompt(parent)), (parent.id,)

    def _begin(self, number: int) -> Prompt:
        """Return one of the first prompts, of which nothing is known yet."""
        around, count = divmod(number, len(COUNTS))
        base = self.bases[(number + around) % len(self.bases)]
        turns = self.turns[number // 2 % len(self.turns)]
        replies = self.replies[number // 4 % len(self.replies)]
        return self._fill(base, COUNTS[count], turns=turns, replies=replies)

    def _draw(self) -> Prompt:
        """Return a new set, its count and the rest of it drawn by what they are worth."""
        count = self._choose("count", range(1, self.most + 1)) if self.most else 0
        turns, replies = self._choose("turns", self.turns), self._choose("replies", self.replies)
        return self._fill(self._choose_base(), count, turns=turns, replies=replies)

    def _fill(self, base: Prompt, count: int, *, turns: bool, replies: bool) -> Prompt:
        demos: list[Demo] = []
        while len(demos) < min(count, self.most):
            demo = self.rows.pick(demos, self.rng, replies=replies)
            if demo is None:
                break
            demos.insert(self.rng.randint(0, len(demos)), demo)
        return _show(base, demos, turns=turns)

    def _change(self, parent: Prompt) -> Prompt:
        """Return a prompt with one example more, fewer or in another's place; or put elsewhere."""
        demos, turns = [*parent.demos], bool(parent.layout.demo_turns)
        replies = demos[0].shown != GOLD
        moves = [move for move in MOVES if move != "add" or len(demos) < self.most]
        move = self.rng.choices(moves, [MOVES[move] for move in moves])[0]
        if move == "keep":
            if self.rng.random() < 0.5:
                self.rng.shuffle(demos)
                return _show(parent, demos, turns=turns)
            return _show(self._choose_base(), demos, turns=self._choose("turns", self.turns))
        at, gone = self.rng.randint(0, len(demos)), set[int]()
        if move != "add":
            worths = [-self.rows.worth.get(("row", demo.row), 0.0) for demo in demos]
            at = draw(self.rng, range(len(demos)), worths)
            gone = {demos.pop(at).row}
        if move != "drop":
            demo = self.rows.pick(demos, self.rng, replies=replies, without=gone)
            demos[at:at] = [demo] if demo else []
        return _show(parent, demos, turns=turns)

    def _find_base(self, prompt: Prompt) -> tuple[str, ...]:
        """Return the id of the best prompt tried with the same instruction, if there is any."""
        same = (each.id for each, _ in self.tried if each.instruction == prompt.text)
        return tuple(islice(same, 1))

    def _choose(self, kind: str, among: Sequence[T]) -> T:
        return draw(self.rng, among, [self.rows.worth.get((kind, each), 0.0) for each in among])

    def _choose_base(self) -> Prompt:
        worths = [self.rows.worth.get(("instruction", base.text), 0.0) for base in self.bases]
        return draw(self.rng, self.bases, worths)


def list_bases(view: SearchView, tried: Sequence[Candidate]) -> list[Prompt]:
    """Return prompts without examples: the best instructions, a start prompt, and none.

    None is left out where the application fills placeholders of the instruction.
    """
    starts = [_read_prompt(each) for each in view.state.of_step(0)]
    best = [*map(_strip, map(_read_prompt, tried)), *map(_strip, starts)]
    bases = [*dict.fromkeys(best)][:INSTRUCTIONS]
    kept = view.search.keep_placeholders is not False and list_kept(each.text for each in starts)
    bare = replace(bases[0], instruction="")
    return bases if kept or bare in bases else [*bases, bare]


def _strip(prompt: Prompt) -> Prompt:
    return _show(prompt, (), turns=False)


def _show(base: Prompt, demos: Sequence[Demo], *, turns: bool) -> Prompt:
    layout = replace(base.layout, demo_turns=True if turns and demos else None)
    return replace(base, demos=tuple(demos), layout=layout)


def _read_prompt(candidate: Candidate) -> Prompt:
    content = candidate.content
    return content if isinstance(content, Prompt) else Prompt(content.text)
