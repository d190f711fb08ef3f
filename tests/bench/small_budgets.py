"""What a search finds for few calls: `python -m tests.bench.small_budgets [SEEDS] [--dev]`, 20.

opro's own engine in memory against scripts, on landscapes of known truth: a scorer that is right
on so many questions under each of 200 instructions of mixed quality (normal(.50, .13); the start
prompt .397; how hard a question is, is shared, latent correlation .6 or .3), and a writer that
draws from them and reads nothing. Train 50, dev 100 questions; what each would return is worth its
true accuracy. `--dev` takes the seeds that the design was chosen on.

    opro             budget: {calls: N}, proposals and all other calls among the N
    opro, questions  the same, N scorer calls, however many the proposals took
    halving x/y      successive halving of N/y proposals, rungs of equal cost, by means on the same
                     questions; proposals cost nothing
    random           as many proposals as N buys at 20 rows each
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing import Pool
from statistics import NormalDist, fmean, stdev

from opro_cli import wiring
from opro_cli.calls.attempts import RetryPolicy
from opro_cli.core.run.progress import ROLES
from opro_cli.core.run.selection import find_winner
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.settings import (
    BudgetSettings,
    DataSettings,
    OptimizerSettings,
    ScorerSettings,
    SearchSettings,
    Settings,
    TaskSettings,
)
from opro_cli.core.task.example import ChatReply, ChatRequest, Example, Split
from opro_cli.loop.runner import Runner
from tests.loop.runs import MemoryJournal, model_evaluator
from tests.simulations.landscapes import draw

BUDGETS = (100, 200, 500, 1000)
FIRST, SEEDS = 1000, 20
SIZES: dict[Split, int] = {"train": 50, "dev": 100, "test": 0}
START, POOL = 0.397, 200
_cut_at = NormalDist().inv_cdf


@dataclass(frozen=True)
class World:
    """A scorer and the accuracies of instructions; `shared` is the latent correlation."""

    seed: int
    shared: float = 0.6
    mean: float = 0.50
    spread: float = 0.13

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


@cache
def _is_right(world: World, instruction: int, question: int) -> bool:
    hard = _cut_at(draw(world.seed, "hard", question))
    own = _cut_at(draw(world.seed, instruction, question))
    latent = math.sqrt(world.shared) * hard + math.sqrt(1 - world.shared) * own
    return latent < _cut_at(world.worth(instruction))


class Model:
    """The world, asked as scorer and as writer."""

    name = "simulated"

    def __init__(self, world: World) -> None:
        self.world = world
        self.drawn = iter(world.proposals())
        self.answers = 0

    async def reply(self, request: ChatRequest) -> ChatReply:
        text = "\n".join(message.content for message in request.messages)
        if "Your task is to generate" in text:
            return ChatReply(f"<INS>{say(next(self.drawn, 1))}</INS>", "stop", 9, 9, 0.0)
        self.answers += 1
        number = int(text.rpartition("Message ")[2].split()[0])
        right = self.world.is_right(read(text), number)
        return ChatReply(f"The team is {'login' if right else 'refund'}.", "stop", 9, 9, 0.0)

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


def examples() -> dict[Split, list[Example]]:
    numbers = iter(range(1000))
    return {
        split: [
            Example(f"Message {n}", "login", f"t:{n}", row)
            for row, n in enumerate(next(numbers) for _ in range(size))
        ]
        for split, size in SIZES.items()
    }


def settings_of(world: World, calls: int | None) -> Settings:
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


def conduct(world: World, calls: int | None) -> tuple[RunState, Model]:
    """Run opro's search to its end; its state and the model that it asked."""
    settings, questions, model = settings_of(world, calls), examples(), Model(world)
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


def opro(world: World, calls: int) -> float:
    """The winner of a run with this budget."""
    best = find_winner(conduct(world, calls)[0])
    return world.worth(read(best.instruction) if best else 0)


def opro_questions(world: World, calls: int) -> float:
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


def score(world: World, instruction: int, rows: Sequence[int]) -> float:
    return fmean(world.is_right(instruction, row) for row in rows)


def halving(world: World, calls: int, share: int) -> float:
    """Successive halving of calls / share instructions, the start prompt among them."""
    alive = [0, *world.proposals()][: max(2, calls // share)]
    rounds, spent, depth = math.ceil(math.log2(len(alive))), 0, 0
    for left in range(rounds, 0, -1):
        more = max(1, (calls - spent) // left // len(alive))
        more = min(more, SIZES["train"] + SIZES["dev"] - depth)
        depth, spent = depth + more, spent + more * len(alive)
        alive.sort(key=lambda each: -score(world, each, range(depth)))
        if left > 1:
            alive = alive[: -(-len(alive) // 2)]
    return world.worth(alive[0])


def by_chance(world: World, calls: int, rows: int = 20) -> float:
    """The best of so many proposals on `rows` questions each."""
    tried = [0, *world.proposals()][: max(1, calls // rows)]
    return world.worth(max(tried, key=lambda each: score(world, each, range(rows))))


METHODS: dict[str, Callable[[World, int], float]] = {
    "opro": opro,
    "opro, questions": opro_questions,
    "halving N/16": lambda world, calls: halving(world, calls, 16),
    "halving N/10": lambda world, calls: halving(world, calls, 10),
    "halving N/4": lambda world, calls: halving(world, calls, 4),
    "random": by_chance,
}


def measure(job: tuple[str, World, int]) -> float:
    method, world, calls = job
    return METHODS[method](world, calls)


def test_pairs(differences: Sequence[float]) -> float:
    """The two-sided p-value of a paired test, by the normal distribution."""
    spread = stdev(differences) / math.sqrt(len(differences))
    return math.erfc(abs(fmean(differences)) / max(spread, 1e-12) / math.sqrt(2))


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    seeds = next((int(each) for each in arguments if each.isdecimal()), SEEDS)
    first = 0 if "--dev" in arguments else FIRST
    only = next((a[9:] for a in arguments if a.startswith("--budget=")), "")
    worlds = [World(seed, shared) for shared in (0.6, 0.3) for seed in range(first, first + seeds)]
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
