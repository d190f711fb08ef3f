"""`python -m opro_cli.embedded.training.climb`: a small OPRO of both roles, and its control.

The control draws its candidates from the grammar of the training text and never reads a score: an
optimizer that does no better has learned to write instructions, not to read the list.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

from opro_cli.adapters.models.embedded import EmbeddedModel
from opro_cli.embedded.checkpoint import SHIPPED
from opro_cli.embedded.training.corpus import bbh_rows
from opro_cli.embedded.training.evaluate import accuracy, request, validation_rows
from opro_cli.embedded.training.grammar import START, Clause, Instruction, draw_instruction
from opro_cli.embedded.training.metaprompts import Scored, kind_weights, meta_prompt
from opro_cli.embedded.training.questions import FAMILIES, Family, Question

SHOWN = 20
EXEMPLARS = 3
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


async def proposals(
    model: EmbeddedModel, prompt: str, count: int, seed: Callable[[], int]
) -> list[str]:
    """`count` sampled instructions; replies without tags are dropped."""
    requests = [request(prompt, 1.0, seed()) for _ in range(count)]
    replies = await asyncio.gather(*map(model.reply, requests))
    texts = [reply.text for reply in replies]
    return [text[5:-6].strip() for text in texts if text[:5] == "<INS>" and text[-6:] == "</INS>"]


async def climb(
    model: EmbeddedModel, family: Family, rows: Rows, seed: int, steps: int, how: str
) -> list[float]:
    """Dev accuracy of the best instruction on train, at the start and after each step."""
    rng = random.Random(f"climb {seed}")
    rows = rng.sample(rows, 80)
    train, dev = rows[:40], rows[40:]
    scores = {START: await accuracy(model, START, train)}
    curve = [await accuracy(model, START, dev)]
    best = START
    for _ in range(steps):
        if how == "grammar":
            texts = [draw_instruction(rng, kind_weights(family)).text for _ in range(4)]
        else:
            exemplars = [Question(family, *row) for row in rng.sample(train, EXEMPLARS)]
            prompt = meta_prompt(listed(scores, rng, how == "permuted"), exemplars)
            texts = await proposals(model, prompt, 4, lambda: rng.getrandbits(32))
        for text in dict.fromkeys(texts):
            if text not in scores:
                scores[text] = await accuracy(model, text, train)
        if scores[winner := max(scores, key=lambda text: scores[text])] > scores[best]:
            best = winner
            curve.append(await accuracy(model, best, dev))
        else:
            curve.append(curve[-1])
    print(f"  {how} seed {seed}: {' '.join(f'{100 * value:.0f}' for value in curve)}  {best!r}")
    return curve


async def report(options: argparse.Namespace) -> None:
    """Print a curve for each seed and the mean gain."""
    model = EmbeddedModel(options.folder)
    for family in options.families:
        rows = bbh_rows(family) if options.bbh else validation_rows(family, 200)
        for how in options.how:
            began = time.monotonic()
            curves = [
                await climb(model, family, rows, seed, options.steps, how)
                for seed in range(options.seeds)
            ]
            gains = [100 * (curve[-1] - curve[0]) for curve in curves]
            last = fmean(100 * curve[-1] for curve in curves)
            spent = (time.monotonic() - began) / options.seeds
            print(
                f"{family} {how}: end {last:.1f}, gain {fmean(gains):.1f}, least {min(gains):.1f}"
            )
            print(f"  {spent:.0f} s a climb", flush=True)
    await model.aclose()


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
    asyncio.run(report(parser.parse_args()))


if __name__ == "__main__":
    main()
