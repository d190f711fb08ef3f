"""Drive one search of one tool: `python -m tests.bench.search.drive METHOD`, in its environment.

A line of JSON on stdin says what the search is given, a last line on stdout what came of it: the
prompts that the tool would have returned, each with the scorer calls before it. Tools that plan by
their budget are run once for each budget, all others once, to the last.

Best of random and successive halving are here; the released tools are in `peers`.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Callable
from functools import partial
from statistics import fmean

from tests.bench.search.client import Search

TAG = "Write one instruction for this task. It should begin with <INS> and end with </INS>.\n\n"
LOOK = 20
"""Rows of each proposal of best-of-random."""
FIRST_LOOK = 4
"""Rows of the first look of successive halving."""


def propose(search: Search) -> str:
    """Return an instruction of the writer."""
    reply = search.write(TAG + search.description)
    return reply.removeprefix("<INS>").removesuffix("</INS>")


def shuffle_rows(search: Search) -> list[tuple[str, str]]:
    """Return all rows in an order that the seed decides."""
    return random.Random(f"rows {search.seed}").sample(search.rows, len(search.rows))


def run_random(search: Search) -> None:
    """Score proposals on LOOK rows each, the same for all; the best stands."""
    rows = shuffle_rows(search)[: search.options.get("look", LOOK)]
    best, chat = -1.0, search.build_chat(search.start)
    while search.calls + len(rows) <= search.budget:
        score = fmean(search.evaluate(chat, rows)[1])
        if score > best:
            best = score
            search.returns(chat)
        chat = search.build_chat(propose(search))


def run_halving(search: Search, first: int = FIRST_LOOK) -> None:
    """Successive halving (Karnin et al. 2013): the better half goes on to twice as many new rows.

    As many proposals as the budget has `first` · n · log2(n) calls for; looks add up.
    """
    rows, number = shuffle_rows(search), 1
    while first * (number + 1) * math.ceil(math.log2(number + 1)) <= search.budget:
        number += 1
    arms = [search.build_chat(search.start)]
    while len(arms) < number:
        arms.append(search.build_chat(propose(search)))
    scores: dict[int, list[float]] = {arm: [] for arm in range(number)}
    alive, seen, look = list(scores), 0, first
    while True:
        asked = rows[seen : seen + look]
        for arm in alive:
            if search.calls + len(asked) <= search.budget:
                scores[arm] += search.evaluate(arms[arm], asked)[1]
        seen += len(asked)
        known = [arm for arm in alive if scores[arm]]
        alive = sorted(known, key=lambda arm: -fmean(scores[arm]))[: math.ceil(len(known) / 2)]
        if len(alive) == 1 or not asked:
            break
        look *= 2
    search.returns(arms[alive[0]])


OWN: dict[str, Callable[[Search], None]] = {
    "random": run_random,
    "halving": run_halving,
    "halving-8": partial(run_halving, first=8),
}


def main() -> None:
    method = sys.argv[1]
    search = Search(**json.loads(sys.stdin.read()))
    if method in OWN:
        OWN[method](search)
    else:
        from tests.bench.search.peers import PEERS

        PEERS[method](search)
    print("\n" + json.dumps({"timeline": search.timeline, "calls": search.calls}))


if __name__ == "__main__":
    main()
