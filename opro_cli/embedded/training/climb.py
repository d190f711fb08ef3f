"""`python -m opro_cli.embedded.training.climb`: a small OPRO of both roles, and its control.

The control draws its candidates from the grammar of the training text and never reads a score: an
optimizer that does no better has learned to write instructions, not to read the list.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from statistics import fmean

from opro_cli.embedded.config import SHIPPED
from opro_cli.embedded.training.corpus import bbh_rows
from opro_cli.embedded.training.evaluate import Player, validation_rows
from opro_cli.embedded.training.grammar import START, Clause, Instruction, draw_instruction
from opro_cli.embedded.training.metaprompts import Scored, kind_weights, meta_prompt
from opro_cli.embedded.training.questions import FAMILIES, Family, Question

SHOWN = 8  # as in configs/quickstart.yaml
EXEMPLARS = 2
Rows = list[tuple[str, str]]


def listed(scores: dict[str, float], rng: random.Random, permuted: bool) -> list[Scored]:
    """The best SHOWN instructions, ascending; `permuted` deals their scores out at random."""
    best = sorted(scores.items(), key=lambda entry: entry[1])[-SHOWN:]
    values = [value for _, value in best]
    if permuted:
        rng.shuffle(values)
    entries = [
        Scored(Instruction((Clause("neutral", text),)), round(100 * value))
        for (text, _), value in zip(best, values, strict=True)
    ]
    return sorted(entries, key=lambda entry: entry.score)


def proposals(player: Player, prompt: str, seeds: list[int]) -> list[str]:
    """An instruction sampled with each of `seeds`; replies without tags are dropped."""
    texts = player.replies([prompt] * len(seeds), 1.0, seeds)
    return [text[5:-6].strip() for text in texts if text[:5] == "<INS>" and text[-6:] == "</INS>"]


def climb(
    player: Player, family: Family, rows: Rows, seed: int, steps: int, how: str
) -> list[float]:
    """Dev accuracy of the best instruction on train, at the start and after each step."""
    rng = random.Random(f"climb {seed}")
    rows = rng.sample(rows, 80)
    train, dev = rows[:40], rows[40:]
    scores = {START: player.accuracy(START, train)}
    curve = [player.accuracy(START, dev)]
    best = START
    for _ in range(steps):
        if how == "grammar":
            texts = [draw_instruction(rng, kind_weights(family)).text for _ in range(4)]
        else:
            exemplars = [Question(family, *row) for row in rng.sample(train, EXEMPLARS)]
            prompt = meta_prompt(listed(scores, rng, how == "permuted"), exemplars)
            texts = proposals(player, prompt, [rng.getrandbits(32) for _ in range(4)])
        for text in dict.fromkeys(texts):
            if text not in scores:
                scores[text] = player.accuracy(text, train)
        if scores[winner := max(scores, key=lambda text: scores[text])] > scores[best]:
            best = winner
            curve.append(player.accuracy(best, dev))
        else:
            curve.append(curve[-1])
    print(f"  {how} seed {seed}: {' '.join(f'{100 * value:.0f}' for value in curve)}  {best!r}")
    return curve


def report(options: argparse.Namespace) -> None:
    """Print a curve for each seed and the mean gain."""
    player = Player(options.folder)
    for family in options.families:
        rows = bbh_rows(family) if options.bbh else validation_rows(family, 200)
        for how in options.how:
            began = time.monotonic()
            curves = [
                climb(player, family, rows, seed, options.steps, how)
                for seed in range(options.seeds)
            ]
            gains = [100 * (curve[-1] - curve[0]) for curve in curves]
            last = fmean(100 * curve[-1] for curve in curves)
            spent = (time.monotonic() - began) / options.seeds
            print(
                f"{family} {how}: end {last:.1f}, gain {fmean(gains):.1f}, least {min(gains):.1f}"
            )
            print(f"  {spent:.0f} s a climb", flush=True)


def main() -> None:
    """Climb on generated questions, or with `--bbh` on the real rows."""
    parser = argparse.ArgumentParser(prog="python -m opro_cli.embedded.training.climb")
    parser.add_argument("folder", type=Path, nargs="?", default=SHIPPED)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    hows = ("model", "permuted", "grammar")
    parser.add_argument("--how", nargs="+", choices=hows, default=("model", "grammar"))
    parser.add_argument("--bbh", action="store_true")
    report(parser.parse_args())


if __name__ == "__main__":
    main()
