"""A scorer and an optimizer out of whose mouths comes whatever a test wants said."""

from __future__ import annotations

import re
from collections.abc import Sequence

from opro_cli.core.task.example import ChatRequest
from opro_cli.errors import ModelError
from tests.hostile.cases import Hostile

NEW = "New: "
ROW = re.compile(r"\(row (\d+)\)")


class Mouth:
    """Says the texts of `cases`, as instruction, as answer and as error.

    To the question of row n it answers with text n, rightly only under a proposed instruction;
    before that it fails once in passing, with that text as the reason. Proposals are the texts
    behind NEW. `fails_with`: what the next proposal fails with, for good.
    """

    def __init__(self, cases: Sequence[Hostile]) -> None:
        self.texts = [case.text for case in cases]
        self.fails_with: str | None = None
        self._samples: dict[int | None, int] = {}
        self._failed: set[int] = set()

    def say(self, request: ChatRequest) -> str:
        asked = request.messages[-1].content
        if "Your task is to generate" in asked:
            return self._proposal(request.seed)
        row = ROW.search(asked)
        return self._answer(int(row[1]), right=NEW in asked) if row else "Ready."

    def _proposal(self, seed: int | None) -> str:
        if self.fails_with is not None:
            text, self.fails_with = self.fails_with, None
            raise ModelError(text, text, transient=False)
        sample = self._samples.setdefault(seed, len(self._samples))
        return f"Sure: <INS>{NEW}{self.texts[sample]}</INS> {self.texts[sample]}"

    def _answer(self, row: int, right: bool) -> str:
        text = self.texts[row]
        if row not in self._failed:
            self._failed.add(row)
            raise ModelError(text, transient=True)
        return text if right else f"{text}: no idea"
