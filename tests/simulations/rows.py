"""What may be true of a server, a dataset or a user, while no prompt is better than another.

Each function simulates one whole run, or one sweep, and returns its verdict: "improved", "worse"
or anything else. None of the first group's prompts differ in what they are worth, so an honest
rate is 2.5 % on each side. Those of `KNOWN` are faults that are not mended yet.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from opro_cli.core.task.example import ChatReply, Split
from opro_cli.errors import ModelError
from opro_cli.reports.paired import QuestionKey
from opro_cli.reports.sweeps.measured import average_over_tasks
from opro_cli.store.use_ledger import FileTestLedger, UseOrigin
from tests.simulations.server import SHARED, Asked, Server, cut_at, normal, run_once

Verdict = str | None
Row = Callable[[int], Verdict]

WHOLE = 480
"""Scorer calls that the slow drifts take for their whole way; a run makes about as many."""
MANY: Mapping[Split, int] = {"train": 20, "dev": 20, "test": 200}


def verdict_of(result: dict[str, Any]) -> Verdict:
    verdict: Verdict = result["verdict"]
    return verdict


def drifting(seed: int, accuracy: Callable[[Server, Asked], float], **options: Any) -> Verdict:
    """One run on a server whose accuracy depends on its calls and on no prompt."""
    return verdict_of(run_once(seed, Server(random.Random(seed), accuracy, **options)))


def nothing_changes(seed: int) -> Verdict:
    return drifting(seed, lambda *_: 0.6)


def ramp_up(seed: int) -> Verdict:
    return drifting(seed, lambda server, _: 0.5 + 0.3 * min(1, server.n / WHOLE))


def ramp_down(seed: int) -> Verdict:
    return drifting(seed, lambda server, _: 0.8 - 0.3 * min(1, server.n / WHOLE))


def step(seed: int, before: float, after: float) -> Verdict:
    at = random.Random(seed * 7).uniform(0, WHOLE)
    return drifting(seed, lambda server, _: before if server.n < at else after)


def step_50_70(seed: int) -> Verdict:
    return step(seed, 0.5, 0.7)


def step_60_70(seed: int) -> Verdict:
    return step(seed, 0.6, 0.7)


def step_60_65(seed: int) -> Verdict:
    return step(seed, 0.6, 0.65)


def step_between(seed: int) -> Verdict:
    """From .60 to .70 as soon as the start prompt has been asked half of the test questions, or
    another prompt its first after the start prompt's last: what came first when it was found."""
    asked: dict[str, int] = {"start": 0, "other": 0}

    def accuracy(server: Server, question: Asked) -> float:
        if question.on_test:
            asked["start" if question.start else "other"] += 1
        all_of_start = asked["start"] >= server.sizes["test"] and asked["other"] > 0
        both_half = min(asked.values()) >= server.sizes["test"] // 2
        return 0.7 if all_of_start or both_half else 0.6

    return drifting(seed, accuracy)


def alternating_blocks(seed: int) -> Verdict:
    phase = random.Random(seed * 7).uniform(0, 200)
    return drifting(seed, lambda server, _: 0.5 if (server.n + phase) // 100 % 2 else 0.7)


def old_cache(seed: int, now: float = 0.72) -> Verdict:
    """The start prompt is in the cache of an earlier run, and the server has become better."""
    cache: dict[bytes, ChatReply] = {}
    hardness = {n: normal("hardness", seed, n) for n in range(1, sum(MANY.values()) + 1)}
    for salt, accuracy in ((2 * seed, 0.6), (2 * seed + 1, now)):
        server = Server(
            random.Random(salt),
            lambda *_, accuracy=accuracy: accuracy,
            sizes=MANY,
            hardness=hardness,
            salt=salt,
        )
        result = run_once(salt, server, cache=cache)
    return verdict_of(result)


def refused_questions(seed: int) -> Verdict:
    """New prompts get the harder half of the questions refused and do better on the rest."""

    def score(server: Server, asked: Asked) -> float:
        assert server.hardness is not None
        if not asked.start and server.hardness[asked.question] > 0:
            raise ModelError("filtered", transient=False, unanswerable=True)
        return server.draw(asked, server.random.gauss(0, 1))

    server = Server(
        random.Random(seed), lambda _, asked: 0.6 if asked.start else 0.75, score, sizes=MANY
    )
    return verdict_of(run_once(seed, server, unanswerable="exclude"))


def skewed(seed: int, test: int) -> Verdict:
    """The start prompt always scores .9, others 1 nine times of ten and else 0."""

    def score(server: Server, asked: Asked) -> float:
        return 0.9 if asked.start else float(server.random.random() < 0.9)

    sizes: Mapping[Split, int] = {"train": 20, "dev": 20, "test": test}
    return verdict_of(run_once(seed, Server(random.Random(seed), score=score, sizes=sizes)))


def skewed_25(seed: int) -> Verdict:
    return skewed(seed, 25)


def skewed_50(seed: int) -> Verdict:
    return skewed(seed, 50)


def skewed_100(seed: int) -> Verdict:
    return skewed(seed, 100)


def skewed_200(seed: int) -> Verdict:
    return skewed(seed, 200)


def tied(seed: int, differing: float) -> Verdict:
    """Prompts answer alike but for a small share of the questions, where each is right or wrong."""

    def score(server: Server, asked: Asked) -> float:
        assert server.hardness is not None
        own = server.random.random() < differing
        return float((server.random.gauss(0, 1) if own else server.hardness[asked.question]) < 0.25)

    return verdict_of(run_once(seed, Server(random.Random(seed), score=score)))


def tied_3(seed: int) -> Verdict:
    return tied(seed, 0.03)


def tied_15(seed: int) -> Verdict:
    return tied(seed, 0.15)


def tiny(seed: int, test: int) -> Verdict:
    sizes: Mapping[Split, int] = {"train": 5, "dev": 5, "test": test}
    return drifting(seed, lambda *_: 0.6, sizes=sizes)


def tiny_6(seed: int) -> Verdict:
    return tiny(seed, 6)


def tiny_12(seed: int) -> Verdict:
    return tiny(seed, 12)


def tiny_25(seed: int) -> Verdict:
    return tiny(seed, 25)


def graded(seed: int) -> Verdict:
    """Scores such as F1: a third 0, a third 1, the others between."""

    def score(server: Server, asked: Asked) -> float:
        assert server.hardness is not None
        own = server.random.gauss(0, 1)
        drawn = math.sqrt(SHARED) * server.hardness[asked.question] + math.sqrt(1 - SHARED) * own
        return min(1.0, max(0.0, round(0.5 + drawn, 2)))

    return verdict_of(run_once(seed, Server(random.Random(seed), score=score)))


def refused_at_random(seed: int) -> Verdict:
    """One answer of ten is refused, whatever the prompt, and left out."""

    def score(server: Server, asked: Asked) -> float:
        if server.random.random() < 0.1:
            raise ModelError("filtered", transient=False, unanswerable=True)
        return server.draw(asked, server.random.gauss(0, 1))

    server = Server(random.Random(seed), score=score, sizes=MANY)
    return verdict_of(run_once(seed, server, unanswerable="exclude"))


def every_second_call(seed: int) -> Verdict:
    return drifting(seed, lambda server, _: 0.5 if server.n % 2 else 0.7)


def asked_before(seed: int) -> Verdict:
    """A question is answered better when it was asked before, as from a warm cache."""
    seen: set[int] = set()

    def accuracy(server: Server, asked: Asked) -> float:
        known = asked.question in seen
        seen.add(asked.question)
        return 0.75 if known else 0.55

    return drifting(seed, accuracy)


def same_as_last(seed: int) -> Verdict:
    """A prompt is answered better right behind itself."""
    last = [""]

    def accuracy(server: Server, asked: Asked) -> float:
        instruction = asked.prompt.partition("\n")[0]
        again, last[0] = instruction == last[0], instruction
        return 0.7 if again else 0.55

    return drifting(seed, accuracy)


def lucky(family: int, times: int, ledger: Path | None = None) -> int:
    """Other seeds on one test split until "improved": which run it was, 0 for none of them.

    Answers are decided by prompt and question, as at temperature 0. ledger: a file of the family
    alone, or None for runs that know nothing of each other.
    """
    hardness = {n: normal("hardness", family, n) for n in range(1, 141)}
    for run in range(times):

        def score(server: Server, asked: Asked, run: int = run) -> float:
            instruction = "start" if asked.start else f"{run} {asked.prompt.partition(chr(10))[0]}"
            return server.draw(asked, normal(family, instruction, asked.question))

        seed = family * 1000 + run
        server = Server(random.Random(seed), score=score, hardness=hardness, salt=seed)
        own = None
        if ledger is not None:
            own = FileTestLedger(ledger, UseOrigin(str(run), str(run), "simulated"))
        if verdict_of(run_once(seed, server, ledger=own)) == "improved":
            return run + 1
    return 0


TEMPLATES = (
    "{}",
    "Q: {} A:",
    "Read this, and answer. {}",
    "{} Think before you answer!",
    "Here is a question:\n{}\nWhat is the answer?",
)


def sweep(seed: int, tasks: int, spread: float = 0.05, copies: bool = False) -> Verdict:
    """The mean gain over the tasks of a sweep with three seeds; the true mean is 0.

    spread: of the tasks' own gains. copies: one set of questions under other names.
    """
    chance = random.Random(seed)
    measured = []
    hard: list[float] = []
    start: list[bool] = []
    for task in range(tasks):
        if not (copies and hard):
            hard = [chance.gauss(0, 1) for _ in range(100)]
            start = [_right(chance, each, 0.6) for each in hard]
        gain = 0.0 if copies else chance.gauss(0, spread)
        for _ in range(3):
            won = [_right(chance, each, min(0.99, max(0.01, 0.6 + gain))) for each in hard]
            words = TEMPLATES[task] if copies else f"task {'abcdefghijklmnopqrst'[task]}, {{}}"
            asks = "What are {} pears and {} apples?" if copies else "question {}"
            gains = {
                QuestionKey(words.format(asks.format(i, i * i)), "t", 0): float(after)
                - float(before)
                for i, (before, after) in enumerate(zip(start, won, strict=True))
            }
            measured.append((f"task{task}", gains))
    estimate = average_over_tasks(measured).estimate
    assert estimate is not None
    interval = estimate.interval
    return "improved" if interval.low > 0 else "worse" if interval.high < 0 else "none"


def _right(chance: random.Random, hard: float, accuracy: float) -> bool:
    drawn = math.sqrt(SHARED) * hard + math.sqrt(1 - SHARED) * chance.gauss(0, 1)
    return drawn < cut_at(accuracy)


def sweep_2(seed: int) -> Verdict:
    return sweep(seed, 2)


def sweep_3(seed: int) -> Verdict:
    return sweep(seed, 3)


def sweep_5(seed: int) -> Verdict:
    return sweep(seed, 5)


def sweep_5_still(seed: int) -> Verdict:
    return sweep(seed, 5, spread=0.0)


def sweep_copies(seed: int) -> Verdict:
    return sweep(seed, 5, copies=True)


DRIFT: Mapping[str, Row] = {
    "nothing changes (control)": nothing_changes,
    "better all along the run, .50 to .80": ramp_up,
    "worse all along the run, .80 to .50": ramp_down,
    "a step from .50 to .70 at a random call": step_50_70,
    "a step from .60 to .70": step_60_70,
    "a step from .60 to .65": step_60_65,
    "a step from .60 to .70 between test questions": step_between,
    ".50 and .70 in turns of 100 calls": alternating_blocks,
    "order: .50 and .70 in turns of one call": every_second_call,
    "order: .55, and .75 for a question seen before": asked_before,
    "order: .55, and .70 for the prompt of the last call": same_as_last,
    "an old cache: .60 then, .72 now": old_cache,
}
OTHER: Mapping[str, Row] = {
    "half of the questions refused, excluded": refused_questions,
    "one answer of ten refused, excluded": refused_at_random,
    "ties: 3 % of the answers are the prompt's own": tied_3,
    "ties: 15 %": tied_15,
    "tiny: 6 test questions": tiny_6,
    "tiny: 12": tiny_12,
    "tiny: 25": tiny_25,
    "graded scores, a third 0 and a third 1": graded,
    "skewed scores, 25 test questions": skewed_25,
    "skewed scores, 50": skewed_50,
    "skewed scores, 100": skewed_100,
    "skewed scores, 200": skewed_200,
    "sweep of 2 tasks, gains normal(0, .05)": sweep_2,
    "sweep of 3 tasks": sweep_3,
    "sweep of 5 tasks": sweep_5,
    "sweep of 5 tasks, no gain anywhere": sweep_5_still,
}
