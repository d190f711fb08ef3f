"""`python -m opro_cli.embedded.training.evaluate`: what wording does to accuracy, by the runtime.

On generated validation questions, by which the recipe is chosen, and with `--bbh` on the real rows
that no training text holds, for the report only.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Sequence
from pathlib import Path

from opro_cli.embedded.chat import ChatFormat
from opro_cli.embedded.checkpoint import load_checkpoint
from opro_cli.embedded.config import SHIPPED
from opro_cli.embedded.decoding import decode
from opro_cli.embedded.mistral import Mistral
from opro_cli.embedded.prompts import Prompt
from opro_cli.embedded.training.corpus import bbh_questions, bbh_rows, scorer_prompt
from opro_cli.embedded.training.grammar import START
from opro_cli.embedded.training.questions import FAMILIES, Family, draw_question

METHODS: dict[Family, str] = {
    "boolean": "Simplify the expression operator by operator.",
    "navigate": "Track the position after each move.",
}
UNSEEN_METHODS: dict[Family, str] = {
    "boolean": "Simplify one operator at a time.",
    "navigate": "Trace the path move by move.",
}
GENERAL = (
    "",
    START,
    "Let's think step by step.",
    "Take a deep breath and work on this problem step-by-step.",
    "You can do it!",
    "Answer at once.",
    "Write every intermediate result.",
    "Think step by step. Write every intermediate result.",
)


def instructions(family: Family) -> list[str]:
    """What is compared on `family`: general advice, the method alone, the method in full."""
    method, unseen = METHODS[family], UNSEEN_METHODS[family]
    fine, unseen_fine = "Write every intermediate result.", "Show each partial result."
    return [*GENERAL, method, f"{method} {fine}", f"{fine} {method}", f"{unseen} {unseen_fine}"]


def validation_rows(family: Family, count: int) -> list[tuple[str, str]]:
    """Generated questions of a seed that no training uses."""
    rng = random.Random(f"validation {family}")
    drawn = (draw_question(rng, family, bbh_questions()) for _ in range(count))
    return [(question.text, question.target) for question in drawn]


class Player:
    """A checkpoint in either role, asked many things at once."""

    def __init__(self, folder: Path) -> None:
        self._model = Mistral(load_checkpoint(folder))
        self._format = ChatFormat(folder)

    def replies(
        self, prompts: Sequence[str], temperature: float = 0.0, seeds: Sequence[int] = ()
    ) -> list[str]:
        """The answers in order, greedy unless there is a temperature and a seed for each."""
        asked = [
            Prompt(self._format.ids(prompt), temperature, 256, seeds[index] if seeds else 0)
            for index, prompt in enumerate(prompts)
        ]
        return [self._format.text(answer.ids) for answer in decode(self._model, asked)]

    def accuracy(self, instruction: str, rows: list[tuple[str, str]]) -> float:
        """Share of `rows` whose reply ends in the gold answer, 0 to 1."""
        replies = self.replies([scorer_prompt(instruction, question) for question, _ in rows])
        said = [re.findall(r"The answer is (\w+)\.", reply) for reply in replies]
        pairs = zip(said, rows, strict=True)
        return sum(words[-1:] == [target] for words, (_, target) in pairs) / len(rows)


def report(folder: Path, count: int, bbh: bool) -> None:
    """Print a table of accuracies, in percent, and the speed."""
    player = Player(folder)
    for family in FAMILIES:
        rows = bbh_rows(family) if bbh else validation_rows(family, count)
        print(f"{family}, {'BBH' if bbh else 'generated'}, n = {len(rows)}")
        began = time.monotonic()
        for instruction in instructions(family):
            print(f"  {100 * player.accuracy(instruction, rows):5.1f}  {instruction!r}", flush=True)
        asked = len(rows) * len(instructions(family))
        print(f"  {asked / (time.monotonic() - began):.0f} answers/s")


def main() -> None:
    """Compare wordings on a checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m opro_cli.embedded.training.evaluate")
    parser.add_argument("folder", type=Path, nargs="?", default=SHIPPED)
    parser.add_argument("--count", type=int, default=250, help="generated questions a family")
    parser.add_argument("--bbh", action="store_true", help="the real rows; for the final report")
    options = parser.parse_args()
    report(options.folder, options.count, options.bbh)


if __name__ == "__main__":
    main()
