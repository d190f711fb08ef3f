"""The optimizer's training text: OPRO meta-prompts and the instructions proposed after each.

Each simulated search scores by a hidden utility of its own, so no instruction is good by itself:
only the list shows what helps. The strategies of a run write the meta-prompts, in every layout and
format.
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
from opro_cli.embedded.training.posterior import Scored, propose
from opro_cli.strategies import opro
from opro_cli.strategies.opro import MetaPromptStrategy, OproStrategy
from opro_cli.strategies.paper import PaperGpt, PaperInstructionsOnly, PaperPalm

DESCRIPTIONS = ("grade school math", "logic", "counting", "navigation", "bracket", "reasoning")
STEPS = (3, 12)
PROPOSALS = 4
"""The least and the most steps of a simulated search, and the proposals in each."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A strategy, and the marks around an instruction in the reply to its meta-prompt."""

    strategy: MetaPromptStrategy
    marks: tuple[str, str]


def layouts(form: PromptFormat) -> list[tuple[Layout, float]]:
    """Return every layout that a run can use at `form`, and the share of each."""
    tag = opro.choose_words(form).tag
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
    """A hidden utility in points: a sum over clauses, and a bonus for one pair of kinds."""

    base: float
    effects: dict[Kind, float]
    together: frozenset[Kind]
    synergy: float

    def score(self, rng: random.Random, instruction: Instruction, spread: float) -> float:
        """Return the score of `instruction`, 0 to 100, with Gaussian noise of `spread`."""
        value = self.base + sum(self.effects[clause.kind] for clause in instruction.clauses)
        value += self.synergy * (self.together <= instruction.kinds) + rng.gauss(0, spread)
        return min(100.0, max(0.0, value))


def draw_utility(rng: random.Random) -> Utility:
    """Draw a utility; a third of the kinds have no effect, as pep talk has none."""
    scale = rng.uniform(4, 18)
    effects = {kind: rng.gauss(0, scale) * (rng.random() < 0.67) for kind in KINDS}
    together = frozenset(rng.sample(KINDS, 2))
    return Utility(rng.uniform(5, 75), effects, together, abs(rng.gauss(0, scale)))


def play(rng: random.Random, family: Family) -> Iterator[tuple[list[Scored], list[Instruction]]]:
    """Simulate a search; yield the list at each step, ascending, and the proposals after it."""
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
        proposed = propose(rng, family, listed, PROPOSALS)
        yield listed, proposed
        for proposal in proposed:
            measure(proposal)


def optimizer_turns(seed: int) -> Iterator[Turn]:
    """Yield endless turns of the optimizer, those of a dozen searches mixed."""
    rng = random.Random(f"optimizer {seed}")
    while True:
        families = [rng.choice(FAMILIES) for _ in range(12)]
        steps = [(family, *step) for family in families for step in play(rng, family)]
        rng.shuffle(steps)
        for family, listed, proposed in steps:
            yield write_turn(rng, family, listed, proposed)


def write_turn(
    rng: random.Random, family: Family, listed: list[Scored], proposed: list[Instruction]
) -> Turn:
    """Write the meta-prompt in one of the layouts, and replies in the marks that it asks for."""
    form = USUAL_FORM if rng.random() < 0.75 else rng.choice(OTHER_FORMS)
    known = layouts(form)
    layout = rng.choices([each for each, _ in known], [share for _, share in known])[0]
    count = rng.choice((0, 0, 0, 1, 1, 2, 3))
    questions = [draw_question(rng, family, bbh_questions()) for _ in range(count)]
    respell = rng.choice((str, str.lower))  # as in the rows, or as the metric compares it
    material = MetaPromptMaterial(
        trajectory=tuple(_entry(rng, entry) for entry in listed),
        exemplars=tuple(Example(each.text, respell(each.target), "") for each in questions),
        format=form,
        score_buckets=rng.choice((100, 100, 100, 20, None)),
        description=rng.choice(DESCRIPTIONS),
    )
    begin, end = layout.marks
    text = join_messages(layout.strategy.meta_prompt(material))
    return Turn(text, tuple(f"{begin}{proposal.text}{end}" for proposal in proposed))


def _entry(rng: random.Random, entry: Scored) -> TrajectoryEntry:
    """Build a line of the list; one in twenty is of a candidate that was pruned."""
    score, text = entry.score / 100, entry.instruction.text
    if rng.random() < 0.95:
        return TrajectoryEntry(text, score)
    asked, of = rng.choice((10, 20, 30)), rng.choice((40, 50, 100))
    return TrajectoryEntry(text, score, wilson_interval(score, asked), (asked, of))


def layout_phrases() -> tuple[str, ...]:
    """Return the sentences that the layouts never vary, and the questions' own phrases."""
    positions: tuple[Position, ...] = ("Q_begin", "A_begin")
    words = [opro.choose_words(PromptFormat(position, qa_markers=True)) for position in positions]
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
