"""Rows that belong together, while no prompt is better than another.

As in `rows`, but for `KNOWN`, whose rates are not honest: rows that are cut and compared as if each
stood alone, and a server that answers a prompt better right behind itself.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping

from opro_cli.core.settings.task import SplitSettings
from opro_cli.core.splits import cut_splits
from opro_cli.core.task.example import SPLITS, Split
from tests.simulations.rows import Row, Verdict, sweep_copies, verdict_of
from tests.simulations.server import SHARED, Asked, Server, cut_at, normal, run_once


def grouped(seed: int, documents: int, share: float, *, by_group: bool = True) -> Verdict:
    """Rows of few documents: what a prompt does to each differs, and is 0 over all of them.

    share: of what makes an answer right, that of prompt and document together. by_group: the rows
    are cut with `task.data.group`.
    """
    rows = 350
    groups = [row % documents for row in range(rows)] if by_group else ()
    cut = cut_splits({"train": rows}, SplitSettings(seed=seed), groups)
    numbers = itertools.count(1)
    document = {next(numbers): row % documents for split in SPLITS for row in cut.rows[split]}

    def score(server: Server, asked: Asked) -> float:
        assert server.hardness is not None
        instruction = asked.prompt.partition("\n")[0]
        effect = normal(seed, "document", instruction, document[asked.question])
        drawn = (
            math.sqrt(0.4) * server.hardness[asked.question]
            + math.sqrt(share) * effect
            + math.sqrt(0.6 - share) * server.random.gauss(0, 1)
        )
        return float(drawn < cut_at(0.6))

    sizes: Mapping[Split, int] = {split: len(cut.rows[split]) for split in SPLITS}
    server = Server(random.Random(seed), score=score, sizes=sizes)
    names = {number: f"document {each}" for number, each in document.items()}
    return verdict_of(run_once(seed, server, groups=names if by_group else None))


def grouped_10(seed: int) -> Verdict:
    return grouped(seed, 10, 0.3)


def grouped_20(seed: int) -> Verdict:
    return grouped(seed, 20, 0.2)


def grouped_50(seed: int) -> Verdict:
    return grouped(seed, 50, 0.1)


def ungrouped_20(seed: int) -> Verdict:
    return grouped(seed, 20, 0.2, by_group=False)


def copied(seed: int, alike: int) -> Verdict:
    """Each question in so many wordings, all answered alike under one prompt, as by a model."""

    def wording_of(question: int) -> int:
        return (question - 1) // alike

    def score(server: Server, asked: Asked) -> float:
        instruction = asked.prompt.partition("\n")[0]
        once = wording_of(asked.question)
        drawn = math.sqrt(SHARED) * normal(seed, once) + math.sqrt(1 - SHARED) * normal(
            seed, instruction, once
        )
        return float(drawn < cut_at(0.6))

    sizes: Mapping[Split, int] = {"train": 20, "dev": 20, "test": 100}
    groups = {n: f"copies of {wording_of(n)}" for n in range(1, 1 + sum(sizes.values()))}
    return verdict_of(run_once(seed, Server(random.Random(seed), score=score), groups=groups))


def copied_4(seed: int) -> Verdict:
    return copied(seed, 4)


def few_copies(seed: int) -> Verdict:
    """Of 100 test questions, the last ten are five in two wordings; answers as of `copied`."""

    def once(question: int) -> int:
        return question if question <= 130 else 131 + (question - 131) // 2

    def score(server: Server, asked: Asked) -> float:
        instruction = asked.prompt.partition("\n")[0]
        own = normal(seed, instruction, once(asked.question))
        drawn = math.sqrt(SHARED) * normal(seed, once(asked.question)) + math.sqrt(1 - SHARED) * own
        return float(drawn < cut_at(0.6))

    groups = {n: f"copies of {once(n)}" for n in range(131, 141)}
    return verdict_of(run_once(seed, Server(random.Random(seed), score=score), groups=groups))


GROUPS: Mapping[str, Row] = {
    "rows of 10 documents": grouped_10,
    "rows of 20 documents": grouped_20,
    "rows of 50 documents": grouped_50,
    "each question in four wordings": copied_4,
    "five questions of 100 in two wordings": few_copies,
    "sweep of 5 copies of one set of questions": sweep_copies,
}
KNOWN: Mapping[str, Row] = {
    "rows of 20 documents, no task.data.group": ungrouped_20,
}
