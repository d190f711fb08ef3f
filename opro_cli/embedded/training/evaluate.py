"""`python -m opro_cli.embedded.training.evaluate`: measure how wording changes accuracy.

It asks generated validation questions, by which the recipe is chosen, or with `--bbh` the real
rows, which are in no training text, for the report only. It prints the table of the model card. If
several such processes run at once, OPENBLAS_NUM_THREADS=1 keeps their threads from waiting for each
other.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from opro_cli.embedded.config import SCORER
from opro_cli.embedded.decoding import decode
from opro_cli.embedded.mistral import Mistral, load_checkpoint
from opro_cli.embedded.prompts import ChatFormat, Prompt
from opro_cli.embedded.training.battery import Probe, battery
from opro_cli.embedded.training.corpus import bbh_questions, bbh_rows, scorer_prompt
from opro_cli.embedded.training.families import FAMILIES, Family, draw_question
from opro_cli.embedded.training.grammar import outlines
from opro_cli.embedded.training.questions import Question
from opro_cli.embedded.training.workings import TOP, level

Rows = list[tuple[str, str]]
APART = 2.0
"""Points between the accuracies of two levels that count as two plateaus."""


def validation_questions(family: Family, count: int) -> list[Question]:
    """Draw questions from a seed that no training uses."""
    rng = random.Random(f"validation {family}")
    return [draw_question(rng, family, bbh_questions()) for _ in range(count)]


def validation_rows(family: Family, count: int) -> Rows:
    """Draw validation questions as (question, answer) rows."""
    return [(each.text, each.target) for each in validation_questions(family, count)]


class Player:
    """A checkpoint that answers many prompts at once."""

    def __init__(self, folder: Path) -> None:
        self._model = Mistral(load_checkpoint(folder))
        self._format = ChatFormat(folder)

    def replies(
        self, prompts: Sequence[str], temperature: float = 0.0, seeds: Sequence[int] = ()
    ) -> list[str]:
        """Return the answers in order, greedy unless there is a temperature and a seed for each."""
        asked = [
            Prompt(self._format.ids(prompt), temperature, 320, seeds[index] if seeds else 0)
            for index, prompt in enumerate(prompts)
        ]
        return [self._format.text(answer.ids) for answer in decode(self._model, asked)]

    def right(self, instruction: str, rows: Rows) -> list[bool]:
        """Return for each row whether the reply ends in the gold answer."""
        replies = self.replies([scorer_prompt(instruction, question) for question, _ in rows])
        return [
            reply.endswith(f"The answer is {target}.")
            for reply, (_, target) in zip(replies, rows, strict=True)
        ]

    def accuracy(self, instruction: str, rows: Rows) -> float:
        """Return the share of `rows` that are answered right, 0 to 1."""
        return fmean(self.right(instruction, rows))


def report(folder: Path, family: Family, count: int, bbh: bool) -> None:
    """Print every instruction with its level and accuracy in percent, and a summary."""
    player = Player(folder)
    rows = bbh_rows(family) if bbh else validation_rows(family, count)
    probes = battery(family)
    accuracies = [100 * player.accuracy(probe.instruction.text, rows) for probe in probes]
    print(f"\n{family}, {'BBH' if bbh else 'generated'}, n = {len(rows)}\n")
    print("| level | accuracy | instruction |\n|---|---|---|")
    ranked = sorted(zip(accuracies, probes, strict=True), key=lambda each: -each[0])
    for accuracy, probe in ranked:
        mark = " (U)" if probe.unseen else ""
        reached = level(probe.instruction.kinds, family)
        print(f"| {reached} | {accuracy:.1f} | {probe.instruction.text or '(empty)'}{mark} |")
    print(f"\n{'; '.join(summarize_landscape(family, probes, accuracies))}", flush=True)


def summarize_landscape(family: Family, probes: list[Probe], accuracies: list[float]) -> list[str]:
    """Summarize a landscape: range, plateaus, classics, rarity, unseen wordings, pep talk."""
    reached = [level(probe.instruction.kinds, family) for probe in probes]
    of_level = [
        fmean(a for a, at in zip(accuracies, reached, strict=True) if at == wanted)
        for wanted in sorted(set(reached))
    ]
    plateaus = 1 + sum(high - low >= APART for low, high in pairwise(sorted(of_level)))
    by_outline = {p.outline: a for p, a in zip(probes, accuracies, strict=True) if p.outline}
    unseen = [
        by_outline[each] - by_outline[each.replace("?", "")]
        for each in by_outline
        if "?" in each and each.replace("?", "") in by_outline
    ]
    pep = [
        by_outline[each] - by_outline[each.removeprefix("pep ")]
        for each in by_outline
        if each.startswith("pep ")
    ]
    pep += [by_outline["pep"] - accuracies[1], by_outline["pep?"] - accuracies[1]]
    ranks = sorted(accuracies, reverse=True)
    classics = [1 + ranks.index(each) for each in accuracies[2:6]]
    rare = sum(chance for k, chance in outlines(family).items() if level(k, family) == TOP)
    return [
        f"worst {min(accuracies):.1f}, best {max(accuracies):.1f}",
        f"{plateaus} plateaus (levels: {', '.join(f'{each:.1f}' for each in of_level)})",
        f"classics rank {', '.join(map(str, classics))} of {len(probes)}",
        f"top level in {100 * rare:.2f} % of draws",
        f"unseen less seen {min(unseen):+.1f} to {max(unseen):+.1f}",
        f"pep talk {min(pep):+.1f} to {max(pep):+.1f}",
    ]


def main() -> None:
    """Compare wordings on a checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m opro_cli.embedded.training.evaluate")
    parser.add_argument("folder", type=Path, nargs="?", default=SCORER)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    parser.add_argument("--count", type=int, default=250, help="generated questions a family")
    parser.add_argument("--bbh", action="store_true", help="the real rows; for the final report")
    options = parser.parse_args()
    for family in options.families:
        report(options.folder, family, options.count, options.bbh)


if __name__ == "__main__":
    main()
