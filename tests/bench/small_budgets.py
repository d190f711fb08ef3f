"""What a search finds for few calls: `python -m tests.bench.small_budgets [SEEDS] [--dev]`, 20.

opro's own engine in memory against scripts, on landscapes of known truth: a scorer that is right
on so many questions under each of 200 instructions of mixed quality (normal(.50, .13); the start
prompt .397; how hard a question is, is shared, latent correlation .6 or .3), and a writer that
draws from them and reads nothing. Train 50, dev 100 questions; what each would return is worth its
true accuracy. `--dev` takes the seeds that the design was chosen on.

`--recorded [TASK …]` takes real answers in place of drawn ones: those of the embedded scorer under
the 240 instructions of `tests.bench.search.pool`, to the 400 rows of a task. A seed draws train 90
and dev 60 from these rows, and the rest tells what an instruction is worth. They are asked once, in
some five minutes a task, and kept in `.bench`. Drawn answers are not like them: here many of the
instructions get the very same answers, some the same answer to every question.

`--intervals` prints instead how many of the 95 % intervals of train scores hold the score on all
train questions.

    opro             budget: {calls: N}, proposals and all other calls among the N
    opro, questions  the same, N scorer calls, however many the proposals took
    halving x/y      successive halving of N/y proposals, rungs of equal cost, by means on the same
                     questions; proposals cost nothing
    random           as many proposals as N buys at 20 rows each
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing import Pool
from statistics import NormalDist, fmean, stdev
from typing import ClassVar

from opro_cli import wiring
from opro_cli.calls.attempts import RetryPolicy
from opro_cli.core.run.progress import ROLES
from opro_cli.core.run.selection import find_winner
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import ChatReply, ChatRequest, Example, Split
from opro_cli.loop.runner import Runner
from tests.bench.search.__main__ import build_scorer
from tests.bench.search.methods import ROOT
from tests.bench.search.pool import write_pool
from tests.bench.search.server import serve
from tests.bench.search.tasks import EMBEDDED, find_task
from tests.loop.runs import MemoryJournal, model_evaluator
from tests.simulations.landscapes import draw

BUDGETS = (100, 200, 500, 1000)
FIRST, SEEDS = 1000, 20
START, POOL = 0.397, 200
Sizes = dict[Split, int]
LABELS = ("login", "refund")
FOLDER = ROOT / ".bench" / "recorded"
_cut_at = NormalDist().inv_cdf


@dataclass(frozen=True)
class World:
    """A scorer and the accuracies of instructions; `shared` is the latent correlation."""

    seed: int
    shared: float = 0.6
    mean: float = 0.50
    spread: float = 0.13
    sizes: ClassVar[Sizes] = {"train": 50, "dev": 100, "test": 0}

    def worth(self, instruction: int) -> float:
        """The true accuracy of an instruction; 0 is the start prompt."""
        if not instruction:
            return START
        drawn = self.mean + self.spread * _cut_at(draw(self.seed, "worth", instruction))
        return min(0.97, max(0.03, drawn))

    def is_right(self, instruction: int, question: int) -> bool:
        return _is_right(self, instruction, question)

    def proposals(self) -> list[int]:
        """The pool in the order in which the writer draws it."""
        order = list(range(1, POOL + 1))
        random.Random(self.seed).shuffle(order)
        return order

    def answer(self, question: int) -> str:
        """The right answer to a question."""
        return LABELS[0]


@dataclass(frozen=True)
class Recorded:
    """The same, with answers that a real scorer gave: those of a task to the rows of a seed."""

    task: str
    seed: int
    sizes: ClassVar[Sizes] = {"train": 90, "dev": 60, "test": 0}

    def worth(self, instruction: int) -> float:
        """The accuracy on all rows that the search does not have."""
        answers, rows = record(self.task)[1][instruction], self._shuffle()
        return fmean(answers[row] == "1" for row in rows[sum(self.sizes.values()) :])

    def is_right(self, instruction: int, question: int) -> bool:
        return record(self.task)[1][instruction][self._shuffle()[question]] == "1"

    def proposals(self) -> list[int]:
        """The pool in the order in which the writer draws it."""
        order = list(range(1, len(record(self.task)[1])))
        random.Random(f"order {self.task} {self.seed}").shuffle(order)
        return order

    def answer(self, question: int) -> str:
        """The right answer to a question, as one of LABELS; the first one where there are more."""
        golds = record(self.task)[0]
        named = sorted({*golds})
        kind = named.index(golds[self._shuffle()[question]]) if len(named) == 2 else 0
        return LABELS[kind]

    def _shuffle(self) -> list[int]:
        return _shuffle(self.task, self.seed, len(record(self.task)[0]))


@cache
def _shuffle(task: str, seed: int, rows: int) -> list[int]:
    order = list(range(rows))
    random.Random(f"rows {task} {seed}").shuffle(order)
    return order


@cache
def record(name: str) -> tuple[list[str], list[str]]:
    """The gold answers of a task's rows, and for each instruction a digit a row: 1 for right.

    The first instruction is the start prompt.
    """
    task, kept = find_task(name), FOLDER / f"answers-{name}.json"
    rows = task.stock_rows()
    if not kept.exists():
        pool = [task.start, *(entry.text for entry in write_pool(task.family or "navigate"))]

        async def ask() -> list[str]:
            async with serve(FOLDER / "answers.sqlite", build_scorer) as (_, scorers):
                return [await scorers.score(task, task.build_chat(text), rows) for text in pool]

        FOLDER.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(asyncio.run(ask())), "utf-8")
    return [gold for _, gold in rows], json.loads(kept.read_text("utf-8"))


@cache
def _is_right(world: World, instruction: int, question: int) -> bool:
    hard = _cut_at(draw(world.seed, "hard", question))
    own = _cut_at(draw(world.seed, instruction, question))
    latent = math.sqrt(world.shared) * hard + math.sqrt(1 - world.shared) * own
    return latent < _cut_at(world.worth(instruction))


class Model:
    """The world, asked as scorer and as writer."""

    name = "simulated"

    def __init__(self, world: World | Recorded) -> None:
        self.world = world
        self.drawn = iter(world.proposals())
        self.answers = 0

    async def reply(self, request: ChatRequest) -> ChatReply:
        text = "\n".join(message.content for message in request.messages)
        if "Your task is to generate" in text:
            return ChatReply(f"<INS>{say(next(self.drawn, 1))}</INS>", "stop", 9, 9, 0.0)
        self.answers += 1
        number = int(text.rpartition("Message ")[2].split()[0])
        gold = self.world.answer(number)
        wrong = next(label for label in LABELS if label != gold)
        said = gold if self.world.is_right(read(text), number) else wrong
        return ChatReply(f"The team is {said}.", "stop", 9, 9, 0.0)

    async def aclose(self) -> None:
        pass


def say(instruction: int) -> str:
    """The text of an instruction."""
    digits = "".join(chr(97 + int(each)) for each in str(instruction))
    return f"Sort it as clerk {digits} would."


def read(text: str) -> int:
    """The instruction in a prompt."""
    if "as clerk " not in text:
        return 0
    digits = text.partition("as clerk ")[2].split()[0]
    return int("".join(str(ord(each) - 97) for each in digits))


def examples(world: World | Recorded) -> dict[Split, list[Example]]:
    numbers = iter(range(1000))
    return {
        split: [
            Example(f"Message {n}", world.answer(n), f"t:{n}", row)
            for row, n in enumerate(next(numbers) for _ in range(size))
        ]
        for split, size in world.sizes.items()
    }


def settings_of(world: World | Recorded, calls: int | None) -> Settings:
    return Settings(
        task=TaskSettings(
            DataSettings("t", "q", "a"), "label", labels=(("login", "login"), ("refund", "refund"))
        ),
        scorer=ScorerSettings("simulated/scorer", temperature=0.0, concurrency=8),
        optimizer=OptimizerSettings("simulated/optimizer", concurrency=1),
        search=SearchSettings(
            seed=world.seed,
            baselines=(),
            noise_check=False,
            racing=True,
            initial_instructions=("Sort the message.",),
            max_instruction_chars=500,
        ),
        budget=BudgetSettings(calls=calls),
    )


def conduct(world: World | Recorded, calls: int | None) -> tuple[RunState, Model]:
    """Run opro's search to its end; its state and the model that it asked."""
    settings, questions, model = settings_of(world, calls), examples(world), Model(world)
    runner = Runner(
        settings=settings,
        examples=questions,
        state=RunState.at_start(settings.search, questions, settings.task),
        models=dict.fromkeys(ROLES, (model,)),
        evaluator=model_evaluator(settings),
        strategy=wiring.build_strategy(settings),
        journal=MemoryJournal(),
        retry_policy=RetryPolicy(attempts=2, base=0.001),
        prices=dict.fromkeys(ROLES),
    )
    asyncio.run(runner.run())
    return runner.state, model


def opro(world: World | Recorded, calls: int) -> float:
    """The winner of a run with this budget."""
    best = find_winner(conduct(world, calls)[0])
    return world.worth(read(best.instruction) if best else 0)


def opro_questions(world: World | Recorded, calls: int) -> float:
    """The winner of the largest budget whose run asks at most so many questions."""
    budget = calls + calls // 10
    for _ in range(4):
        state, model = conduct(world, budget)
        over = model.answers - calls
        if -3 <= over <= 0:
            break
        budget -= over
    best = find_winner(state)
    return world.worth(read(best.instruction) if best else 0)


def score(world: World | Recorded, instruction: int, rows: Sequence[int]) -> float:
    return fmean(world.is_right(instruction, row) for row in rows)


def halving(world: World | Recorded, calls: int, share: int) -> float:
    """Successive halving of calls / share instructions, the start prompt among them."""
    alive = [0, *world.proposals()][: max(2, calls // share)]
    rounds, spent, depth = math.ceil(math.log2(len(alive))), 0, 0
    for left in range(rounds, 0, -1):
        more = max(1, (calls - spent) // left // len(alive))
        more = min(more, sum(world.sizes.values()) - depth)
        depth, spent = depth + more, spent + more * len(alive)
        alive.sort(key=lambda each: -score(world, each, range(depth)))
        if left > 1:
            alive = alive[: -(-len(alive) // 2)]
    return world.worth(alive[0])


def by_chance(world: World | Recorded, calls: int, rows: int = 20) -> float:
    """The best of so many proposals on `rows` questions each."""
    tried = [0, *world.proposals()][: max(1, calls // rows)]
    return world.worth(max(tried, key=lambda each: score(world, each, range(rows))))


METHODS: dict[str, Callable[[World | Recorded, int], float]] = {
    "opro": opro,
    "opro, questions": opro_questions,
    "halving N/16": lambda world, calls: halving(world, calls, 16),
    "halving N/10": lambda world, calls: halving(world, calls, 10),
    "halving N/4": lambda world, calls: halving(world, calls, 4),
    "random": by_chance,
}


def measure(job: tuple[str, World | Recorded, int]) -> float:
    method, world, calls = job
    return METHODS[method](world, calls)


def cover(job: tuple[World, int]) -> list[bool]:
    """Whether the interval of each estimate on train holds the score on all train questions."""
    world, calls = job
    held = []
    for candidate in conduct(world, calls)[0].candidates.values():
        if estimate := candidate.answers["train"].estimate:
            rows = range(world.sizes["train"])
            true = score(world, read(candidate.instruction), rows)
            low, high = estimate.interval.low, estimate.interval.high
            held.append(low - 1e-4 <= true <= high + 1e-4)  # they are recorded to 4 places
    return held


def print_intervals(seeds: Sequence[int]) -> None:
    """Print the share of intervals that hold what they should."""
    with Pool(2) as pool:
        for calls in (5, 10, 20, 40, *BUDGETS[:3]):
            jobs = [(World(seed, (0.6, 0.3)[seed % 2]), calls) for seed in seeds]
            held = [each for found in pool.map(cover, jobs, 4) for each in found]
            print(f"{calls:5}  {100 * fmean(held):5.1f} % of {len(held)}", flush=True)


def test_pairs(differences: Sequence[float]) -> float:
    """The two-sided p-value of a paired test, by the normal distribution."""
    spread = stdev(differences) / math.sqrt(len(differences))
    return math.erfc(abs(fmean(differences)) / max(spread, 1e-12) / math.sqrt(2))


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    seeds = next((int(each) for each in arguments if each.isdecimal()), SEEDS)
    first = 0 if "--dev" in arguments else FIRST
    only = next((a[9:] for a in arguments if a.startswith("--budget=")), "")
    everyone = range(first, first + seeds)
    if "--intervals" in arguments:
        print_intervals(everyone)
        return
    worlds: list[World | Recorded] = [World(seed, x) for x in (0.6, 0.3) for seed in everyone]
    if "--recorded" in arguments:
        tasks = [each for each in arguments if each in EMBEDDED] or ["navigate", "boolean"]
        worlds = [Recorded(task, seed) for task in tasks for seed in everyone]
        for task in tasks:
            record(task)  # before there are several processes
    with Pool(2) as pool:
        for calls in [int(only)] if only else BUDGETS:
            found = {
                method: pool.map(measure, [(method, world, calls) for world in worlds], 4)
                for method in METHODS
            }
            ours = found["opro"]
            for method, values in found.items():
                pairs = [own - other for own, other in zip(ours, values, strict=True)]
                near = 1.96 * stdev(values) / math.sqrt(len(values))
                told = (
                    ""
                    if method == "opro"
                    else (f"  opro {100 * fmean(pairs):+5.1f}, p = {test_pairs(pairs):.4f}")
                )
                print(f"{calls:5}  {method:16} {100 * fmean(values):5.1f} ±{100 * near:.1f}{told}")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
