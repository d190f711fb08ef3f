"""The forty instructions whose accuracy is the landscape: fixed, for each family."""

from __future__ import annotations

from dataclasses import dataclass

from opro_cli.embedded.training.families import Family
from opro_cli.embedded.training.grammar import (
    CLASSICS,
    EMPTY,
    START,
    WORDINGS,
    Clause,
    Instruction,
    Kind,
    held_out,
)

# The kinds of an instruction's clauses. "method" and "rule" are the family's own; "?" marks a
# wording that occurs in no training text.
OUTLINES = (
    "neutral?", "pep", "pep?", "brief", "brief?", "steps?", "fine", "fine?", "check", "order",
    "plan", "foreign", "method", "method?", "rule", "rule?",
    "brief method", "pep method", "foreign method", "steps fine", "method steps", "method fine",
    "method order", "rule fine", "method rule", "method? rule?",
    "method rule steps", "method rule fine", "method? rule? fine?", "method rule check",
    "method rule order", "method fine order", "method fine steps", "pep method fine",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Probe:
    """An instruction of the battery.

    outline: the kinds of its clauses, as in OUTLINES; "" for quoted instructions.
    """

    instruction: Instruction
    outline: str = ""

    @property
    def unseen(self) -> bool:
        """Whether one of its wordings occurs in no training text."""
        return "?" in self.outline


def battery(family: Family) -> list[Probe]:
    """Return forty instructions: the empty one, the start, the paper's classics, and OUTLINES."""
    quoted = [EMPTY, Instruction((Clause("neutral", START),))]
    kinds: tuple[Kind, ...] = ("steps", "steps", "steps", "neutral")
    quoted += [
        Instruction((Clause(kind, text),)) for kind, text in zip(kinds, CLASSICS, strict=True)
    ]
    made = [
        Probe(Instruction(tuple(_clause(word, family) for word in outline.split())), outline)
        for outline in OUTLINES
    ]
    return [*map(Probe, quoted), *made]


def _clause(word: str, family: Family) -> Clause:
    name = word.rstrip("?")
    kind: Kind = f"{family}_{name}" if name in ("method", "rule") else name  # type: ignore[assignment]
    unseen = held_out(kind)
    if word.endswith("?"):
        return Clause(kind, unseen[0])
    known = [text for text in WORDINGS[kind] if text not in (START, *CLASSICS, *unseen)]
    return Clause(kind, known[len(known) // 2])
