"""Racing on the embedded models: `python -m tests.bench.racing_embedded [SEEDS [TRAIN]]`.

The search of the quickstart, with racing and without, for each of 12 seeds, on its 40 train
questions or another number of them (75 at most). What is counted is the calls
(optimizer and train questions) until the best on train so far scores at least so much on the 40
dev questions, which are asked for the measurement alone and not counted. Ratios are paired by
seed; their interval is a bootstrap's over the seeds. One row a seed, then the medians.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median

from opro_cli import wiring
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.deciding import measure_mean
from opro_cli.core.run.events import Answered, Event, Proposed
from opro_cli.core.run.state import RunState
from opro_cli.loop.runner import Runner

CONFIG = Path("configs/quickstart.yaml")
SEEDS = 12
QUESTIONS, DEV, ROWS = 40, 40, 125
TARGETS = (0.8, 0.9, 0.95)
RESAMPLES = 5_000


class _Kept:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(self, *events: Event) -> None:
        self.events.extend(events)

    def sync(self) -> None:
        pass


def searched(job: tuple[int, bool, int]) -> tuple[dict[float, int | None], int, float]:
    """Calls to each target (None: not reached), calls in all, the dev score of the last leader."""
    seed, racing, questions = job
    settings = wiring.fill_in_new(wiring.read_config(CONFIG))
    data = settings.task.data
    split = replace(data.split, train=questions, test=min(45, ROWS - DEV - questions))
    settings = replace(settings, task=replace(settings.task, data=replace(data, split=split)))
    search = replace(
        settings.search, seed=seed, racing=racing, eval_interval=1, baselines=(), noise_check=False
    )
    settings = replace(settings, search=search)
    examples = wiring.load_data(settings).examples
    parts, journal = wiring.assemble(settings, examples, cached=False), _Kept()
    runner = Runner(
        settings=settings,
        examples=examples,
        state=RunState.at_start(search, examples, settings.task),
        models=parts.models,
        evaluator=parts.evaluator,
        strategy=parts.strategy,
        journal=journal,
    )
    asyncio.run(runner.run())
    return _told(journal.events, runner.state)


def _told(events: list[Event], state: RunState) -> tuple[dict[float, int | None], int, float]:
    reached: dict[float, int | None] = dict.fromkeys(TARGETS)
    asked: dict[str, int] = {}
    calls, leader = 0, None
    for event in events:
        if isinstance(event, Proposed) and event.via == "call":
            calls += 1
        if not isinstance(event, Answered) or event.split != "train":
            continue
        calls += 1
        asked[event.candidate] = asked.get(event.candidate, 0) + 1
        if asked[event.candidate] < state.sizes["train"]:
            continue
        candidate = state.candidates[event.candidate]
        if leader is None or measure_mean(candidate, "train") > measure_mean(leader, "train"):
            leader = candidate
        for target in TARGETS:
            if reached[target] is None and _dev(leader) >= target:
                reached[target] = calls
    return reached, calls, _dev(leader) if leader else 0.0


def _dev(candidate: Candidate) -> float:
    return measure_mean(candidate, "dev")


def _ratio(pairs: list[tuple[float, float]]) -> str:
    """Racing's calls over plain OPRO's, in all, with a 95 % bootstrap interval over seeds."""
    if not pairs:
        return "-"
    chance = random.Random(0)

    def of(chosen: list[tuple[float, float]]) -> float:
        return sum(a for a, _ in chosen) / sum(b for _, b in chosen)

    drawn = sorted(of(chance.choices(pairs, k=len(pairs))) for _ in range(RESAMPLES))
    low, high = drawn[RESAMPLES // 40], drawn[-RESAMPLES // 40]
    return f"{of(pairs):.2f} [{low:.2f} to {high:.2f}]"


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    questions = int(sys.argv[2]) if len(sys.argv) > 2 else QUESTIONS
    jobs = [(seed, racing, questions) for seed in range(seeds) for racing in (True, False)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        told = pool.imap(searched, jobs)
        found = {job[:2]: each for job, each in zip(jobs, told, strict=True)}
    heads = "".join(f"{f'to {target:.0%}':>14}" for target in TARGETS)
    print(f"{'seed':>4}{heads}{'in all':>14}{'dev of the leader':>20}   racing / plain")
    for seed in range(seeds):
        raced, plain = found[seed, True], found[seed, False]
        cells = [f"{raced[0][t] or '-'} / {plain[0][t] or '-'}" for t in TARGETS]
        cells.append(f"{raced[1]} / {plain[1]}")
        print(f"{seed:>4}" + "".join(f"{cell:>14}" for cell in cells), end="")
        print(f"{f'{raced[2]:.1%} / {plain[2]:.1%}':>20}")
    for target in TARGETS:
        both = [(found[s, True][0][target], found[s, False][0][target]) for s in range(seeds)]
        pairs = [(float(a), float(b)) for a, b in both if a is not None and b is not None]
        alone = [sum(x is not None for x in side) for side in zip(*both, strict=True)]
        print(f"to {target:.0%}: reached by {alone[0]} / {alone[1]} of {seeds}; {_ratio(pairs)}")
    print(f"in all: {_ratio([(found[s, True][1], found[s, False][1]) for s in range(seeds)])}")
    gaps = [found[s, True][2] - found[s, False][2] for s in range(seeds)]
    print(
        f"dev of the leader, racing minus plain: median {100 * median(gaps):+.1f} points, "
        f"mean {100 * sum(gaps) / seeds:+.1f}"
    )


if __name__ == "__main__":
    main()
