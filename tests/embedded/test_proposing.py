"""What the optimizer's weights are for: it reads every meta-prompt of the tool, and its scores."""

from __future__ import annotations

import pytest

from opro_cli.core.task.example import Example, Position
from opro_cli.core.task.prompt import MetaPromptMaterial, PromptFormat, TrajectoryEntry
from opro_cli.embedded.config import OPTIMIZER
from opro_cli.embedded.prompts import join_messages
from opro_cli.embedded.training.corpus import USUAL_FORM, bbh_rows
from opro_cli.embedded.training.evaluate import Player
from opro_cli.embedded.training.metaprompts import layouts
from opro_cli.strategies.opro import MetaPromptStrategy, OproStrategy

GENERAL = ("Answer at once.", "Read it twice.", "Be brief.", "Believe in yourself.")
DRAWS = 32


@pytest.fixture(scope="module")
def player() -> Player:
    return Player(OPTIMIZER)


def proposed(
    player: Player,
    strategy: MetaPromptStrategy,
    listed: list[tuple[str, float]],
    form: PromptFormat = USUAL_FORM,
    draws: int = DRAWS,
) -> list[str]:
    """What the tool reads from replies at temperature 1, three real problems being shown."""
    shown = tuple(Example(text, target, "") for text, target in bbh_rows("navigate")[:3])
    entries = tuple(TrajectoryEntry(text, score) for text, score in listed)
    material = MetaPromptMaterial(entries, shown, form, 100, "navigation")
    prompt = join_messages(strategy.meta_prompt(material))
    replies = player.replies([prompt] * draws, 1.0, range(draws))
    return [text for reply in replies for text in strategy.read(reply) if text]


def twenty() -> list[tuple[str, float]]:
    method = "Track the position after each move."
    texts = [f"{one} {other}" for one in GENERAL for other in (method, *GENERAL) if one != other]
    return [(text, 0.3 + at / 50) for at, text in enumerate([*texts, *GENERAL])]


@pytest.mark.parametrize("position", ["Q_begin", "Q_end", "A_begin", "before_Q", "system"])
def test_every_meta_prompt_of_the_tool_gets_instructions(
    player: Player, position: Position
) -> None:
    """Twenty in the history and three problems, in each layout: 13 of 16 replies hold one."""
    form = PromptFormat(position, qa_markers=True)
    assert len(twenty()) == 20
    for layout, _ in layouts(form):
        assert len(proposed(player, layout.strategy, twenty(), form, 16)) >= 13


def test_it_builds_on_what_scored_well(player: Player) -> None:
    """The same instructions with their scores the other way round: the other clauses come back."""
    texts = (
        "Answer at once. Sort the dates.",
        "Believe in yourself.",
        "Let's solve the problem.",
        "Skip no step. Write each partial result.",
    )
    scores = (0.2, 0.3, 0.4, 0.8)

    def share(order: tuple[str, ...], *wanted: str) -> float:
        found = proposed(player, OproStrategy(), list(zip(order, scores, strict=True)), draws=64)
        return sum(any(clause in text for clause in wanted) for text in found) / len(found)

    for good, order in ((texts[3], texts), (texts[0], texts[::-1])):
        clauses = [f"{clause.rstrip('.')}." for clause in good.split(". ")]
        assert share(order, *clauses) > share(order[::-1], *clauses) + 0.2


def test_proposals_are_new_and_differ(player: Player) -> None:
    listed = [("Let's solve the problem.", 0.4), ("Follow the path. Write each result.", 0.6)]
    found = proposed(player, OproStrategy(), listed)
    assert len(set(found)) > DRAWS // 2
    assert sum(text in dict(listed) for text in found) <= 2
