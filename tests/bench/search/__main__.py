"""The benchmark that decides between searches: `make bench-search`.

Every method searches every task with every writer, from the same seeds and against the same
servers, which count the calls of the scorer. What it would return at each checkpoint is scored on
unseen rows, by opro's own strict reading. It can be interrupted at any time and goes on where it
was; `--table` prints what is known so far and asks nothing.

    python -m tests.bench.search --tasks navigate boolean counting --seeds 0-5 \
        --methods random halving opro --checkpoints 100 200 500 1000

`--tree FOLDER --label NAME` runs the opro of another checkout, and keeps it as another method;
`--anew` runs again what is known of the methods that are named.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import signal
import sys
import time
from pathlib import Path

from opro_cli.ports import ChatModel
from tests.bench.search.methods import (
    METHODS,
    ROOT,
    Method,
    SearchFailed,
    find_method,
    run_driver,
    run_opro,
)
from tests.bench.search.pool import write_pool
from tests.bench.search.real import REAL, build_real_model, count_tokens, read_pool
from tests.bench.search.results import Cell, Results, Returned, Score
from tests.bench.search.server import Counted, Scorers, SearchServer, serve
from tests.bench.search.table import CHECKPOINTS, START, print_table
from tests.bench.search.tasks import EMBEDDED, Task, find_task
from tests.bench.search.writers import Writer

WRITERS = ("pool", "reader", "embedded", "none")
FOLDER = ROOT / ".bench" / "search"
MATRIX_METHODS = ("opro", *METHODS)
REAL_METHODS = ("opro", "halving", "gepa", "mipro+demos", "dspy-random-search")


def build_scorer(name: str) -> ChatModel:
    """Return a model of either leg."""
    if name.startswith("gguf/"):
        return build_real_model(name)
    from opro_cli.models.embedded import EmbeddedModel

    return EmbeddedModel(name)


def open_search(task: Task, writer: str, seed: int) -> Counted:
    """Return the counters of a new search, with a writer of its own."""
    train, dev = task.search_rows(seed)
    writes = None
    if writer in ("pool", "reader"):
        pool = write_pool(task.family) if task.family else read_pool(task.pool)
        writes = Writer(pool, f"{task.name} {seed}", reads=writer == "reader")
    return Counted(task, (*train, *dev), writes)


async def search(
    server: SearchServer, options: argparse.Namespace, method: Method, cells: list[Cell]
) -> list[Returned]:
    """Run one search, and return what it would return at each checkpoint of `cells`."""
    first = cells[0]
    task = find_task(first.task)
    counted = open_search(task, first.writer, first.seed)
    name = (
        f"{first.task}-{first.writer}-{method.name.replace(':', '-')}-{first.seed}-{time.time_ns()}"
    )
    url = server.open(name, counted)
    rows, budget = task.search_rows(first.seed), max(cell.checkpoint for cell in cells)
    began = time.monotonic()
    if method.strategy:
        found = await run_opro(
            method,
            url,
            task,
            rows,
            first.seed,
            budget,
            writes=first.writer != "none",
            tree=options.tree.resolve(),
            settings=json.loads(options.search),
        )
    else:
        found = await run_driver(method, url, task, rows, first.seed, budget)
    seconds = round(time.monotonic() - began, 1)
    counts = counted.scorer, counted.writer, counted.writes.informed if counted.writes else 0
    start = task.build_chat(task.start)
    del server.searches[name]
    if method.plans:
        chat = found.timeline[-1][1] if found.timeline else start
        return [Returned(cell, chat, *counts, seconds, found.note) for cell in cells]
    return [
        Returned(cell, found.at(cell.checkpoint) or start, *counts, seconds, found.note)
        for cell in cells
    ]


async def score_missing(scorers: Scorers, results: Results, last: int) -> None:
    """Score every prompt that was returned and has no score yet; on BBH those at the end alone."""
    for returned in list(results.returned.values()):
        task = find_task(returned.cell.task)
        wanted = ["test"]
        if returned.cell.checkpoint == last and task.family:
            wanted.append("bbh")
        for rows in wanted:
            if (returned.key, rows) in results.scores:
                continue
            asked = task.test_rows() if rows == "test" else task.bbh_rows()
            right = await scorers.score(task, returned.chat, asked)
            tokens = count_tokens(task, returned.chat)
            results.keep_score(Score(returned.key, rows, right, tokens))


def plan(options: argparse.Namespace, results: Results) -> list[tuple[Method, list[Cell]]]:
    """Return the searches that are not known yet, seed by seed."""
    jobs: list[tuple[Method, list[Cell]]] = []
    matrix = itertools.product(options.seeds, options.tasks, options.writers, options.methods)
    for seed, task, writer, name in matrix:
        method = find_method(name)
        if not method.can_search(writer):
            continue
        label = options.label or name
        cells = [Cell(task, writer, label, seed, each) for each in options.checkpoints]
        for group in [[cell] for cell in cells] if method.plans else [cells]:
            if options.anew or any(cell not in results.returned for cell in group):
                jobs.append((method, group))
    return jobs


async def work(options: argparse.Namespace, results: Results) -> None:
    """Run every search that is missing; each is scored as soon as it ends."""
    jobs = plan(options, results)
    last = max(options.checkpoints)
    for task in options.tasks:
        chat = find_task(task).build_chat(find_task(task).start)
        start = Cell(task, "none", START, 0, last)
        if start not in results.returned:
            results.keep_returned([Returned(start, chat, 0, 0, 0, 0.0)])
    async with serve(options.folder / "replies.sqlite", build_scorer) as (server, scorers):
        await score_missing(scorers, results, last)
        for number, (method, cells) in enumerate(jobs, 1):
            try:
                returned = await search(server, options, method, cells)
            except SearchFailed as failure:
                print(f"{cells[0]}: {failure}", file=sys.stderr, flush=True)
                continue
            results.keep_returned(returned)
            await score_missing(scorers, results, last)
            scorers.save()
            for each in returned:
                accuracy = results.find_accuracy(each.cell) or 0.0
                print(
                    f"{number}/{len(jobs)} {each.cell.task} {each.cell.writer} "
                    f"{each.cell.method} seed {each.cell.seed} at {each.cell.checkpoint}: "
                    f"{100 * accuracy:.1f} % ({each.calls} scorer calls, {each.seconds} s) "
                    f"{each.note}",
                    file=sys.stderr,
                    flush=True,
                )


def read_seeds(text: str) -> list[int]:
    """Return the seeds of "3" or "0-5"."""
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search", description=__doc__)
    is_real = "--real" in arguments
    tasks, seeds, last = (REAL, "0-4", 566) if is_real else (EMBEDDED, "0-9", 1600)
    methods = REAL_METHODS if is_real else MATRIX_METHODS
    checkpoints = [each for each in CHECKPOINTS if each <= last]
    parser.add_argument("--real", action="store_true", help="the real leg: other defaults")
    parser.add_argument("--tasks", nargs="+", choices=[*EMBEDDED, *REAL], default=list(tasks))
    parser.add_argument("--writers", nargs="+", choices=WRITERS, default=["pool", "reader"])
    parser.add_argument("--methods", nargs="+", default=list(methods))
    parser.add_argument("--seeds", type=read_seeds, default=read_seeds(seeds))
    parser.add_argument("--checkpoints", nargs="+", type=int, default=checkpoints)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--tree", type=Path, default=ROOT, help="the checkout whose opro runs")
    parser.add_argument("--label", default="", help="the name in the table, for one method")
    parser.add_argument("--search", default="{}", help="keys of opro's search section, as JSON")
    parser.add_argument("--anew", action="store_true", help="also what is known already")
    parser.add_argument("--table", action="store_true", help="print what is known, ask nothing")
    options = parser.parse_args(arguments)
    if options.label and len(options.methods) > 1:
        parser.error("--label names one method")
    for name in options.methods:
        try:
            find_method(name)
        except KeyError:
            parser.error(f"no method {name!r}")
    return options


def main() -> None:
    options = parse(sys.argv[1:])
    results = Results(options.folder)
    if not options.table:
        for number in (signal.SIGINT, signal.SIGTERM):  # a shell's `&` would have it ignored
            signal.signal(number, signal.default_int_handler)
        try:
            asyncio.run(work(options, results))
        except KeyboardInterrupt:
            print("stopped; the same command goes on", file=sys.stderr)
    print_table(results, options.tasks, options.writers)


if __name__ == "__main__":
    main()
