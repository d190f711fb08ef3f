"""The optimizer's training text: OPRO meta-prompts and the instructions proposed after each.

Each search that is played has scores of its own hidden utility, so no instruction is good by
itself: only the list tells what helps. The meta-prompts are written by the strategies of the tool,
in every layout and format that it knows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from opro_cli.core.stats.intervals import wilson_interval
from opro_cli.core.task.example import Example, Position
from opro_cli.core.task.prompt import MetaPromptMaterial, PromptFormat, TrajectoryEntry
from opro_cli.embedded.prompts import join_messages
from opro_cli.embedded.training.corpus import OTHER_FORMS, USUAL_FORM, Turn, bbh_questions
from opro_cli.embedded.training.families import FAMILIES, PHRASES, Family, draw_question
from opro_cli.embedded.training.grammar import (
    EMPTY,
    KINDS,
    START,
    Clause,
    Instruction,
    Kind,
    draw_instruction,
)
from opro_cli.embedded.training.posterior import Scored, proposals
from opro_cli.strategies import opro
from opro_cli.strategies.opro import MetaPromptStrategy, OproStrategy
from opro_cli.strategies.paper import PaperGpt, PaperInstructionsOnly, PaperPalm

DESCRIPTIONS = ("grade school math", "logic", "counting", "navigation", "bracket", "reasoning")
STEPS = (3, 12)
PROPOSALS = 4
"""Of a search that is played: how many steps, drawn in between, and proposals in each."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A strategy's meta-prompt, and the marks around an instruction in the reply to it."""

    strategy: MetaPromptStrategy
    marks: tuple[str, str]


def layouts(form: PromptFormat) -> list[tuple[Layout, float]]:
    """Every layout that the tool writes at `form`, and how often it is shown."""
    tag = opro.wanted(form).tag
    tagged = (f"<{tag}>", f"</{tag}>")
    known = [
        (Layout(OproStrategy(), tagged), 0.5),
        (Layout(OproStrategy(exemplars_first=True), tagged), 0.1),
        (Layout(PaperGpt(answer_start=tag == "Start"), tagged), 0.1),
        (Layout(PaperPalm(), ("[", "]")), 0.15),
    ]
    if form.position != "system":
        known.append((Layout(PaperInstructionsOnly(), ("<TEXT>", "</TEXT>")), 0.15))
    return known


@dataclass(frozen=True, slots=True)
class Utility:
    """What an instruction is worth, in points: a sum over its clauses, and more for a pair."""

    base: float
    effects: dict[Kind, float]
    together: frozenset[Kind]
    synergy: float

    def score(self, rng: random.Random, instruction: Instruction, spread: float) -> float:
        """Its measured score, 0 to 100."""
        value = self.base + sum(self.effects[clause.kind] for clause in instruction.clauses)
        value += self.synergy * (self.together <= instruction.kinds) + rng.gauss(0, spread)
        return min(100.0, max(0.0, value))


def draw_utility(rng: random.Random) -> Utility:
    """A third of the kinds do nothing, as pep talk does."""
    scale = rng.uniform(4, 18)
    effects = {kind: rng.gauss(0, scale) * (rng.random() < 0.67) for kind in KINDS}
    together = frozenset(rng.sample(KINDS, 2))
    return Utility(rng.uniform(5, 75), effects, together, abs(rng.gauss(0, scale)))


def play(rng: random.Random, family: Family) -> Iterator[tuple[list[Scored], list[Instruction]]]:
    """A search on a hidden utility: what was listed at a step, ascending, and proposed then."""
    utility = draw_utility(rng)
    spread = rng.choice((0.0, 2.0, 5.0))
    shown = rng.choice((8, 8, 8, 8, 10, 12, 16, 20))
    scored: dict[str, Scored] = {}

    def measure(instruction: Instruction) -> None:
        score = utility.score(rng, instruction, spread)
        scored.setdefault(instruction.text, Scored(instruction, score))

    begun = (EMPTY, Instruction((Clause("neutral", START),)), draw_instruction(rng, family))
    measure(rng.choices(begun, (0.15, 0.6, 0.25))[0])
    for _ in range(rng.randint(*STEPS)):
        listed = sorted(scored.values(), key=lambda entry: entry.score)[-shown:]
        proposed = proposals(rng, family, listed, PROPOSALS)
        yield listed, proposed
        for proposal in proposed:
            measure(proposal)


def optimizer_turns(seed: int) -> Iterator[Turn]:
    """Endless turns of the optimizer; those of a dozen searches mixed."""
    rng = random.Random(f"optimizer {seed}")
    while True:
        families = [rng.choice(FAMILIES) for _ in range(12)]
        steps = [(family, *step) for family in families for step in play(rng, family)]
        rng.shuffle(steps)
        for family, listed, proposed in steps:
            yield written(rng, family, listed, proposed)


def written(
    rng: random.Random, family: Family, listed: list[Scored], proposed: list[Instruction]
) -> Turn:
    """The meta-prompt in one of the layouts, and replies in the marks that it asks for."""
    form = USUAL_FORM if rng.random() < 0.75 else rng.choice(OTHER_FORMS)
    known = layouts(form)
    layout = rng.choices([each for each, _ in known], [share for _, share in known])[0]
    count = rng.choice((0, 0, 0, 1, 1, 2, 3))
    questions = [draw_question(rng, family, bbh_questions()) for _ in range(count)]
    told = rng.choice((str, str.lower))  # as the rows have it, or as the metric compares it
    material = MetaPromptMaterial(
        trajectory=tuple(_entry(rng, entry) for entry in listed),
        exemplars=tuple(Example(each.text, told(each.target), "") for each in questions),
        format=form,
        score_buckets=rng.choice((100, 100, 100, 20, None)),
        description=rng.choice(DESCRIPTIONS),
    )
    begin, end = layout.marks
    text = join_messages(layout.strategy.meta_prompt(material))
    return Turn(text, tuple(f"{begin}{proposal.text}{end}" for proposal in proposed))


def _entry(rng: random.Random, entry: Scored) -> TrajectoryEntry:
    """A line of the list; now and then one that was stopped early, as the tool writes it."""
    score, text = entry.score / 100, entry.instruction.text
    if rng.random() < 0.95:
        return TrajectoryEntry(text, score)
    asked, of = rng.choice((10, 20, 30)), rng.choice((40, 50, 100))
    return TrajectoryEntry(text, score, wilson_interval(score, asked), (asked, of))


def layout_phrases() -> tuple[str, ...]:
    """What the layouts always say in the same words, and the questions' own phrases."""
    positions: tuple[Position, ...] = ("Q_begin", "A_begin")
    words = [opro.wanted(PromptFormat(position, qa_markers=True)) for position in positions]
    return (
        opro.PALM_TASK.strip(),
        opro.PALM_EXEMPLARS.strip(),
        opro.PALM_REQUEST,
        opro.GPT_EXEMPLARS.strip(),
        *(opro.gpt_task(each, top).strip() for each in words for top in (1, 20, 100)),
        *(opro.gpt_request(each) for each in words),
        "\n\ntext:\n",
        "\nscore:\n",
        "\n\nPrecision:",
        "\nGround truth answer:\n",
        "\n\ninput:\n",
        *PHRASES,
    )
