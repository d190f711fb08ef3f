"""`python -m opro_cli.embedded.training.climb`: small OPRO runs, and two controls.

One control draws its candidates from the grammar of the training text and reads no score. The other
is the same optimizer with the scores in its list permuted: an optimizer that does no better has
learned to write instructions, not to read the list.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Literal, Protocol, get_args

from opro_cli.core.task.example import Example
from opro_cli.core.task.prompt import MetaPromptMaterial, TrajectoryEntry
from opro_cli.embedded.config import OPTIMIZER, SCORER
from opro_cli.embedded.prompts import join_messages
from opro_cli.embedded.training.corpus import USUAL_FORM, bbh_rows
from opro_cli.embedded.training.evaluate import Player, Rows, validation_questions
from opro_cli.embedded.training.families import FAMILIES, Family
from opro_cli.embedded.training.grammar import START, WORDINGS, Kind, draw_instruction
from opro_cli.embedded.training.questions import Question
from opro_cli.embedded.training.workings import BUDGETS, level
from opro_cli.strategies.opro import OproStrategy

SHOWN = 20  # the default of search.history, and the paper's
EXEMPLARS = 2
CANDIDATES = 4
TEMPERATURE = 1.0
TRAIN = 40
FLIPS, RESAMPLES = 9_999, 2_000
Arm = Literal["model", "permuted", "grammar"]
ARMS: tuple[Arm, ...] = get_args(Arm)


@dataclass(frozen=True, slots=True)
class Climb:
    """Accuracies of one run in percent: the winner on other rows, means of thirds of the steps."""

    winner: float
    first: float
    last: float


class Scorer(Protocol):
    """A source of accuracies."""

    def accuracy(self, instruction: str, rows: Rows) -> float:
        """Return the share of `rows` that are answered right under `instruction`, 0 to 1."""


@dataclass(slots=True)
class Asked:
    """A player that remembers which rows it answered right."""

    player: Player
    known: dict[tuple[str, str], bool] = field(default_factory=dict)

    def accuracy(self, instruction: str, rows: Rows) -> float:
        """Return the share of right answers; only new rows are asked."""
        fresh = [row for row in rows if (instruction, row[0]) not in self.known]
        right = self.player.right(instruction, fresh) if fresh else []
        for row, each in zip(fresh, right, strict=True):
            self.known[instruction, row[0]] = each
        return fmean(self.known[instruction, question] for question, _ in rows)


class Rule:
    """The rule of the scorer's training text, applied to generated questions without a model."""

    def __init__(self, family: Family, questions: list[Question]) -> None:
        self._budgets = BUDGETS[family]
        self._family = family
        self._known = {question.text: question for question in questions}

    def accuracy(self, instruction: str, rows: Rows) -> float:
        """Return the share of right answers after the steps that the instruction asks for."""
        steps = self._budgets[level(find_kinds(instruction), self._family)]
        questions = [self._known[text] for text, _ in rows]
        return fmean(each.answers[min(steps, len(each.lines))] == each.target for each in questions)


@cache
def _kinds() -> dict[str, Kind]:
    return {wording: kind for kind, wordings in WORDINGS.items() for wording in wordings}


def find_kinds(text: str) -> frozenset[Kind]:
    """Return the kinds of the grammar's clauses in a text; other sentences have none."""
    sentences = re.split(r"(?<=[.!?]) ", text)
    return frozenset(_kinds()[each] for each in sentences if each in _kinds())


def build_trajectory(
    scores: dict[str, float], rng: random.Random, permuted: bool
) -> tuple[TrajectoryEntry, ...]:
    """Return the best SHOWN instructions, ascending; `permuted` shuffles their scores."""
    best = sorted(scores.items(), key=lambda entry: entry[1])[-SHOWN:]
    values = [value for _, value in best]
    if permuted:
        rng.shuffle(values)
    entries = [TrajectoryEntry(text, value) for (text, _), value in zip(best, values, strict=True)]
    return tuple(sorted(entries, key=lambda entry: entry.score))


def propose(
    optimizer: Player, entries: tuple[TrajectoryEntry, ...], shown: Rows, rng: random.Random
) -> list[str]:
    """Ask the optimizer for instructions, with the prompt and the parser of a run."""
    strategy = OproStrategy()
    exemplars = tuple(Example(question, target, "") for question, target in shown)
    material = MetaPromptMaterial(entries, exemplars, USUAL_FORM, 100)
    prompt = join_messages(strategy.meta_prompt(material))
    seeds = [rng.getrandbits(32) for _ in range(CANDIDATES)]
    replies = optimizer.replies([prompt] * CANDIDATES, TEMPERATURE, seeds)
    return [text for reply in replies for text in strategy.read(reply)]


def climb(
    scorer: Scorer, optimizer: Player, family: Family, rows: Rows, seed: int, steps: int, arm: Arm
) -> Climb:
    """Do one run: START is measured first, the winner is the best on the run's TRAIN rows."""
    rng = random.Random(f"climb {seed}")
    rows = rng.sample(rows, len(rows))
    train, others = rows[:TRAIN], rows[TRAIN:]
    scores = {START: scorer.accuracy(START, train)}
    means = []
    for _ in range(steps):
        if arm == "grammar":
            texts = [draw_instruction(rng, family).text for _ in range(CANDIDATES)]
        else:
            entries = build_trajectory(scores, rng, arm == "permuted")
            texts = propose(optimizer, entries, rng.sample(train, EXEMPLARS), rng)
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


def compare_arms(family: Family, runs: dict[Arm, list[Climb]]) -> list[str]:
    """Return lines that compare the model with its controls, paired by seed."""
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
        for field_name in ("winner", "last"):
            gains = [getattr(a, field_name) - getattr(b, field_name) for a, b in pairs]
            lines += describe_gains(f"{family}: {field_name}, model less {arm}", gains)
    return lines + describe_gains(
        f"{family}: last third less first", [a.last - a.first for a in ours]
    )


def describe_gains(label: str, gains: list[float]) -> list[str]:
    """Return a line on the mean of paired differences, or no line without any."""
    if not gains:
        return []
    low, high = bootstrap_interval(gains, random.Random(0))
    p = sign_flip_p(gains, random.Random(0))
    return [f"{label}: {fmean(gains):+.1f} ({low:+.1f} to {high:+.1f}), p = {p:.2g}"]


def bootstrap_interval(gains: list[float], rng: random.Random) -> tuple[float, float]:
    """Return the ends of the 95 % percentile bootstrap interval of the mean over seeds."""
    means = sorted(fmean(rng.choices(gains, k=len(gains))) for _ in range(RESAMPLES))
    return means[RESAMPLES * 25 // 1000], means[RESAMPLES * 975 // 1000 - 1]


def sign_flip_p(gains: list[float], rng: random.Random) -> float:
    """Return the two-sided p-value of random sign flips: seeds are few, their gains symmetric."""
    observed, as_large = abs(math.fsum(gains)), 1
    for _ in range(FLIPS):
        flipped = math.fsum(rng.choice((gain, -gain)) for gain in gains)
        as_large += abs(flipped) >= observed - 1e-9
    return as_large / (FLIPS + 1)


def main() -> None:
    """Run on generated questions, with `--bbh` on the real rows, with `--rule` without a scorer."""
    parser = argparse.ArgumentParser(prog="python -m opro_cli.embedded.training.climb")
    parser.add_argument("--scorer", type=Path, default=SCORER)
    parser.add_argument("--optimizer", type=Path, default=OPTIMIZER)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--bbh", action="store_true", help="real rows instead of generated ones")
    where.add_argument("--rule", action="store_true", help="the training's rule instead of a model")
    options = parser.parse_args()
    optimizer = Player(options.optimizer)
    asked = None if options.rule else Asked(Player(options.scorer))
    print("| family | candidates from | winner | first third | last third |\n|---|---|---|---|---|")
    for family in options.families:
        questions = validation_questions(family, 125)
        scorer = asked or Rule(family, questions)
        rows = bbh_rows(family) if options.bbh else [(each.text, each.target) for each in questions]
        began = time.monotonic()
        runs: dict[Arm, list[Climb]] = {
            arm: [
                climb(scorer, optimizer, family, rows, seed, options.steps, arm)
                for seed in range(options.seeds)
            ]
            for arm in options.arms
        }
        print("\n".join(compare_arms(family, runs)))
        print(f"{family}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
