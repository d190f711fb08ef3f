"""`python -m opro_cli.embedded.training.climb`: small OPRO runs, and two controls.

One control draws its candidates from the grammar of the training text and reads no score, the other
is the same optimizer with the scores of its list dealt out at random: an optimizer that does no
better has learned to write instructions, not to read the list.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Literal, get_args

from opro_cli.core.model import Example
from opro_cli.core.prompts import MetaPromptMaterial, TrajectoryEntry
from opro_cli.core.stats import paired_permutation
from opro_cli.embedded.chat import one_text
from opro_cli.embedded.config import OPTIMIZER, SCORER
from opro_cli.embedded.training.corpus import USUAL_FORM, bbh_rows
from opro_cli.embedded.training.evaluate import Player, Rows, validation_rows
from opro_cli.embedded.training.families import FAMILIES, Family
from opro_cli.embedded.training.grammar import START, draw_instruction
from opro_cli.strategies.opro import OproStrategy

SHOWN = 8  # as in configs/quickstart.yaml
EXEMPLARS = 2
CANDIDATES = 4
TEMPERATURE = 1.0
TRAIN = 40
Arm = Literal["model", "permuted", "grammar"]
ARMS: tuple[Arm, ...] = get_args(Arm)


@dataclass(frozen=True, slots=True)
class Climb:
    """What one run came to, in percent: the winner on other rows, means of thirds of the steps."""

    winner: float
    first: float
    last: float


@dataclass(slots=True)
class Scorer:
    """A player that is asked nothing twice."""

    player: Player
    known: dict[tuple[str, str], bool] = field(default_factory=dict)

    def accuracy(self, instruction: str, rows: Rows) -> float:
        """Share of `rows` that are answered right under `instruction`, 0 to 1."""
        fresh = [row for row in rows if (instruction, row[0]) not in self.known]
        right = self.player.right(instruction, fresh) if fresh else []
        for row, each in zip(fresh, right, strict=True):
            self.known[instruction, row[0]] = each
        return fmean(self.known[instruction, question] for question, _ in rows)


def listed(
    scores: dict[str, float], rng: random.Random, permuted: bool
) -> tuple[TrajectoryEntry, ...]:
    """The best SHOWN instructions, ascending; `permuted` deals their scores out at random."""
    best = sorted(scores.items(), key=lambda entry: entry[1])[-SHOWN:]
    values = [value for _, value in best]
    if permuted:
        rng.shuffle(values)
    entries = [TrajectoryEntry(text, value) for (text, _), value in zip(best, values, strict=True)]
    return tuple(sorted(entries, key=lambda entry: entry.score))


def proposals(
    optimizer: Player, entries: tuple[TrajectoryEntry, ...], shown: Rows, rng: random.Random
) -> list[str]:
    """What the optimizer proposes, as the tool asks it and reads it."""
    strategy = OproStrategy()
    exemplars = tuple(Example(question, target, "") for question, target in shown)
    material = MetaPromptMaterial(entries, exemplars, USUAL_FORM, 100)
    prompt = one_text(strategy.meta_prompt(material))
    seeds = [rng.getrandbits(32) for _ in range(CANDIDATES)]
    replies = optimizer.replies([prompt] * CANDIDATES, TEMPERATURE, seeds)
    return [text for reply in replies for text in strategy.read(reply)]


def climb(
    scorer: Scorer, optimizer: Player, family: Family, rows: Rows, seed: int, steps: int, arm: Arm
) -> Climb:
    """One run; START is measured first, the winner is the best on the run's TRAIN rows."""
    rng = random.Random(f"climb {seed}")
    rows = rng.sample(rows, len(rows))
    train, others = rows[:TRAIN], rows[TRAIN:]
    scores = {START: scorer.accuracy(START, train)}
    means = []
    for _ in range(steps):
        if arm == "grammar":
            texts = [draw_instruction(rng, family).text for _ in range(CANDIDATES)]
        else:
            entries = listed(scores, rng, arm == "permuted")
            texts = proposals(optimizer, entries, rng.sample(train, EXEMPLARS), rng)
        fresh = [scorer.accuracy(text, train) for text in texts]
        scores |= dict(zip(texts, fresh, strict=True))
        means += [fmean(fresh)] if fresh else []
    winner = max(scores, key=lambda text: scores[text])
    third = steps // 3
    return Climb(
        100 * scorer.accuracy(winner, others),
        100 * fmean(means[:third]),
        100 * fmean(means[-third:]),
    )


def compared(family: Family, runs: dict[Arm, list[Climb]]) -> list[str]:
    """Lines that compare the model with its controls, paired by seed."""
    lines = []
    for arm, climbs in runs.items():
        ends = [each.winner for each in climbs]
        first, last = fmean(each.first for each in climbs), fmean(each.last for each in climbs)
        spread = stdev(ends) if len(ends) > 1 else 0.0
        lines.append(
            f"| {family} | {arm} | {fmean(ends):.1f} ± {spread:.1f} | {first:.1f} | {last:.1f} |"
        )
    ours = runs.get("model", [])
    for arm in ("permuted", "grammar"):
        pairs = list(zip(ours, runs.get(arm, []), strict=False))
        for what in ("winner", "last"):
            gains = [getattr(a, what) - getattr(b, what) for a, b in pairs]
            if gains:
                p = paired_permutation(gains, random.Random(0))
                lines.append(
                    f"{family}: {what}, model less {arm}: {fmean(gains):+.1f}, p = {p:.2g}"
                )
    rises = [each.last - each.first for each in ours]
    if rises:
        p = paired_permutation(rises, random.Random(0))
        lines.append(f"{family}: last third less first: {fmean(rises):+.1f}, p = {p:.2g}")
    return lines


def main() -> None:
    """Climb on generated questions, or with `--bbh` on the real rows."""
    parser = argparse.ArgumentParser(prog="python -m opro_cli.embedded.training.climb")
    parser.add_argument("--scorer", type=Path, default=SCORER)
    parser.add_argument("--optimizer", type=Path, default=OPTIMIZER)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--bbh", action="store_true")
    options = parser.parse_args()
    scorer, optimizer = Scorer(Player(options.scorer)), Player(options.optimizer)
    print("| family | candidates from | winner | first third | last third |\n|---|---|---|---|---|")
    for family in options.families:
        rows = bbh_rows(family) if options.bbh else validation_rows(family, 125)
        began = time.monotonic()
        runs: dict[Arm, list[Climb]] = {
            arm: [
                climb(scorer, optimizer, family, rows, seed, options.steps, arm)
                for seed in range(options.seeds)
            ]
            for arm in options.arms
        }
        print("\n".join(compared(family, runs)))
        print(f"{family}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
