"""Does the probe foretell what a search finds? `python -m tests.bench.headroom [SEEDS]`

`--embedded` asks the embedded models instead, `--real` small pretrained ones (headroom_real);
`--keep=FILE` goes on with what is measured there.
Each cell is one probe and one whole search of opro's own engine, in memory, that begins from the
same prompt and ends in a verdict. `truth` is whether that is "improved". Simulated cells
(tests/simulations/landscapes) have the seeds from FIRST on; some below it were used to choose the
design of the probe and its thresholds. The search tries the best prompts of its probe, as it does
after `opro check --headroom`. Embedded cells are the five tasks of
configs/embedded-sweep.yaml: as they are, from a good start prompt, with gold answers in random
order, and with room for a few tokens only.

A false go is one of the goes that no "improved" followed, a false no one of the noes that one did.
AUC is the chance that a cell that improved had the higher `chance`; its interval is a bootstrap's.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import Pool
from pathlib import Path

from opro_cli import wiring
from opro_cli.app.probed import choose_drafts
from opro_cli.calls.attempts import RetryPolicy
from opro_cli.core.labels import find_closed_set, get_kind
from opro_cli.core.run.progress import ROLES, Role
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.settings import Settings
from opro_cli.core.stats.intervals import wilson_interval
from opro_cli.core.task.example import Example, Split
from opro_cli.loop.planner import plan_next
from opro_cli.loop.probe import choose_shape, plan_probe
from opro_cli.loop.runner import Plan, Runner
from opro_cli.ports import ChatModel, Strategy
from opro_cli.reports.finding import Headroom
from opro_cli.reports.headroom import PromptKind, judge_headroom
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from opro_cli.strategies.headroom import HeadroomStrategy, ProbedStrategy, build_kinds
from tests.loop.runs import MemoryJournal, model_evaluator
from tests.simulations.landscapes import (
    FAMILIES,
    WITH,
    WITHOUT,
    Model,
    draw_landscape,
    examples_of,
    settings_of,
)

FIRST, SEEDS = 2000, 20
CALLS = 150
RESAMPLES = 1000
CONFIGS = Path(__file__).parents[2] / "configs"
TASKS = (
    "quickstart",
    "embedded-boolean",
    "embedded-counting",
    "embedded-dyck",
    "embedded-tracking",
)
TWISTS = ("as it is", "good start", "golds in random order", "no room")
GOOD: Mapping[str, str] = {
    "quickstart": "Track the position after each move. Write every intermediate result.",
    "embedded-boolean": "Simplify one operator at a time. Write every intermediate result.",
    "embedded-counting": "Add every item to the sum. Write every intermediate result.",
    "embedded-dyck": "Keep the stack of open brackets. Write every intermediate result.",
    "embedded-tracking": "Track who holds what after each swap. Write every intermediate result.",
}
Examples = Mapping[Split, Sequence[Example]]


@dataclass(frozen=True)
class Cell:
    """One probe, and what its search came to.

    Attributes:
        group: "with", "without", "doubtful", "embedded" or "real".
        gain: Of the winner on test; None where the start prompt won.
    """

    group: str
    name: str
    seed: int
    outcome: str
    chance: float
    kind: str
    calls: int
    verdict: str | None
    gain: float | None

    @property
    def improved(self) -> bool:
        return self.verdict == "improved"


def conduct(
    settings: Settings,
    examples: Examples,
    models: Mapping[Role, Sequence[ChatModel]],
    strategy: Strategy,
    plan: Plan = plan_next,
) -> RunState:
    """Run a search or a probe to its end, and return its state."""
    state = RunState.at_start(settings.search, examples, settings.task)
    evaluator = model_evaluator(settings)
    evaluator.examples = examples["train"]
    runner = Runner(
        settings=settings,
        examples=examples,
        state=state,
        models=models,
        evaluator=evaluator,
        strategy=strategy,
        journal=MemoryJournal(),
        retry_policy=RetryPolicy(attempts=2, base=0.001),
        prices=dict.fromkeys(ROLES),
        plan=plan,
    )
    asyncio.run(runner.run())
    return state


def probe(
    settings: Settings, examples: Examples, models: Mapping[Role, Sequence[ChatModel]]
) -> tuple[Headroom, Sequence[str]]:
    """Probe a search as `opro check --headroom` does; also the prompts that the search tries."""
    starts = settings.search.initial_instructions
    shape = choose_shape(CALLS, len(examples["train"]) - 1, len(starts))
    assert shape is not None
    labels = find_closed_set(get_kind(settings.task.answer), examples)
    kinds = build_kinds(
        settings.task,
        starts[0],
        labels.labels if labels else (),
        shape.rows,
        wordings=shape.kinds,
        others=shape.aside,
    )
    search = replace(
        settings.search,
        steps=1,
        candidates_per_step=shape.proposals,
        baselines=(),
        noise_check=False,
    )
    strategy = wiring.build_strategy(settings)
    state = conduct(
        replace(settings, search=search),
        {"train": examples["train"][: shape.rows + 1], "dev": [], "test": []},
        models,
        HeadroomStrategy(kinds, strategy, shape.proposals),
        partial(plan_probe, shape=shape, aside=[kind.id for kind in kinds if not kind.wording]),
    )
    calls = sum(spend.calls for spend in state.spend.values())
    found = judge_headroom(
        state,
        shape.rows,
        {split: len(rows) for split, rows in examples.items()},
        {kind.id: PromptKind(kind.name, kind.groups, kind.wording) for kind in kinds},
        labels=labels,
        calls=calls,
    )
    return found, choose_drafts(state)


def search(
    settings: Settings,
    examples: Examples,
    models: Mapping[Role, Sequence[ChatModel]],
    drafts: Sequence[str],
) -> tuple[str | None, float | None]:
    """Search to the end; the verdict, and the gain of the winner on test."""
    strategy = ProbedStrategy(wiring.build_strategy(settings), drafts)
    state = conduct(settings, examples, models, strategy)
    run = RecordedRun(
        name="r",
        folder="r",
        settings={role: {"model": "m"} for role in ROLES},
        identity={},
        examples=examples,
        state=state,
        status="finished",
    )
    result = build_result(run, finished=True)
    difference = result["difference"]
    return result["verdict"], difference["mean"] if difference else None


def simulate(job: tuple[str, int]) -> Cell:
    """One cell of known truth."""
    family, seed = job
    land = draw_landscape(family, seed)
    settings, examples = settings_of(land), examples_of(land)
    found, drafts = probe(settings, examples, dict.fromkeys(ROLES, (Model(land),)))
    verdict, gain = search(settings, examples, dict.fromkeys(ROLES, (Model(land),)), drafts)
    group = "with" if family in WITH else "without" if family in WITHOUT else "doubtful"
    return build_cell(group, family, seed, found, verdict, gain)


def build_cell(
    group: str, name: str, seed: int, found: Headroom, verdict: str | None, gain: float | None
) -> Cell:
    judged = found.outcome, found.chance, found.kind, found.calls
    return Cell(group, name, seed, *judged, verdict, gain)


def embedded_cell(task: str, twist: str, seed: int) -> Cell:
    """One cell on the embedded models."""
    settings = wiring.fill_in_new(wiring.read_config(CONFIGS / f"{task}.yaml"))
    changed = replace(settings.search, seed=seed, baselines=(), noise_check=False)
    if twist == "good start":
        changed = replace(changed, initial_instructions=(GOOD[task],))
    settings = replace(settings, search=changed)
    if twist == "no room":
        settings = replace(settings, scorer=replace(settings.scorer, max_tokens=8))
    examples: dict[Split, Sequence[Example]] = dict(wiring.load_data(settings).examples)
    if twist == "golds in random order":
        for split, rows in examples.items():
            golds = [example.target for example in rows]
            random.Random(f"{split} {seed}").shuffle(golds)
            examples[split] = [
                replace(row, target=gold) for row, gold in zip(rows, golds, strict=True)
            ]

    def build() -> Mapping[Role, Sequence[ChatModel]]:
        return wiring.build_models(settings)

    found, drafts = probe(settings, examples, build())
    verdict, gain = search(settings, examples, build(), drafts)
    return build_cell("embedded", f"{task}, {twist}", seed, found, verdict, gain)


def measure_auc(cells: Sequence[Cell]) -> float | None:
    """The chance that a cell that improved has the higher chance of two; None without both."""
    right = [cell.chance for cell in cells if cell.improved]
    wrong = [cell.chance for cell in cells if not cell.improved]
    if not right or not wrong:
        return None
    wins = sum((a > b) + 0.5 * (a == b) for a in right for b in wrong)
    return wins / (len(right) * len(wrong))


def describe_auc(cells: Sequence[Cell]) -> str:
    auc = measure_auc(cells)
    if auc is None:
        return "–"
    chance = random.Random(0)
    drawn = sorted(
        each
        for _ in range(RESAMPLES)
        if (each := measure_auc(chance.choices(cells, k=len(cells)))) is not None
    )
    return f"{auc:.2f} [{drawn[len(drawn) // 40]:.2f} to {drawn[-1 - len(drawn) // 40]:.2f}]"


def describe_share(count: int, of: int) -> str:
    if not of:
        return "–"
    interval = wilson_interval(count / of, of)
    low, high = 100 * interval.low, 100 * interval.high
    return f"{count} of {of}, {100 * count / of:.0f} % [{low:.0f} to {high:.0f}]"


def summarize(cells: Sequence[Cell]) -> dict[str, str]:
    """The figures of some cells, in words."""
    goes = [cell for cell in cells if cell.outcome == "go"]
    noes = [cell for cell in cells if cell.outcome == "no"]
    unsure = len(cells) - len(goes) - len(noes)
    return {
        "cells": str(len(cells)),
        "improved": str(sum(cell.improved for cell in cells)),
        "AUC": describe_auc(cells),
        "false go": describe_share(sum(not cell.improved for cell in goes), len(goes)),
        "false no": describe_share(sum(cell.improved for cell in noes), len(noes)),
        "cannot tell": describe_share(unsure, len(cells)),
    }


def print_table(cells: Sequence[Cell]) -> None:
    """Print the figures of all cells, of each group, and of each family."""
    clear = [cell for cell in cells if cell.group in ("with", "without")]
    rows = {"all": cells, "with and without headroom": clear}
    rows |= {
        name: [c for c in cells if c.group == name] for name in ("doubtful", "embedded", "real")
    }
    heads = tuple(summarize(cells))
    print("| cells | " + " | ".join(heads) + " |\n|" + "---|" * (len(heads) + 1))
    for name, chosen in rows.items():
        if chosen:
            print(f"| {name} | " + " | ".join(summarize(chosen).values()) + " |")
    print("\n| landscape | cells | improved | go | cannot tell | no | kinds |\n|" + "---|" * 7)
    for name in dict.fromkeys(cell.name for cell in cells):
        chosen = [cell for cell in cells if cell.name == name]
        counts = [sum(c.outcome == each for c in chosen) for each in ("go", "cannot tell", "no")]
        kinds = ", ".join(dict.fromkeys(c.kind for c in chosen))
        improved = sum(cell.improved for cell in chosen)
        print(f"| {name} | {len(chosen)} | {improved} | {' | '.join(map(str, counts))} | {kinds} |")


def main() -> None:
    numbers = [int(each) for each in sys.argv[1:] if each.isdecimal()]
    keep = next((a.partition("=")[2] for a in sys.argv[1:] if a.startswith("--keep=")), "")
    path = Path(keep) if keep else None
    cells: list[Cell] = []
    if path and path.exists():
        cells = [Cell(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]
    known = {(cell.name, cell.seed) for cell in cells}
    for cell in measure(numbers[0] if numbers else SEEDS, known):
        cells.append(cell)
        if path:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(cell)) + "\n")
    print_table(cells)


def measure(seeds: int, known: Collection[tuple[str, int]]) -> Iterator[Cell]:
    """Yield the cells that are not known yet."""
    if "--embedded" in sys.argv[1:]:
        for task, twist in itertools.product(TASKS, TWISTS):
            if (f"{task}, {twist}", 0) not in known:
                yield embedded_cell(task, twist, 0)
        return
    if "--real" in sys.argv[1:]:
        from tests.bench.headroom_real import draw_cells  # needs packages of its own

        for each in draw_cells(seeds, known):
            found, drafts = probe(each.settings, each.examples, each.build_models())
            found_by = search(each.settings, each.examples, each.build_models(), drafts)
            yield build_cell("real", each.name, each.seed, found, *found_by)
        return
    jobs = [(f, seed) for seed in range(FIRST, FIRST + seeds) for f in FAMILIES]
    with Pool(2) as pool:
        yield from pool.imap(simulate, [job for job in jobs if job not in known])


if __name__ == "__main__":
    main()
