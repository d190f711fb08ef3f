"""`opro prune`: the best prompt of a run, without what it does not need."""

from __future__ import annotations

from typing import Annotated

import typer

from opro_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    Budget,
    FailIf,
    Json,
    KeepGoing,
    Ledger,
    LogFile,
    NoCache,
    NoPreflight,
    Plain,
    Quiet,
    RunsDir,
    Seed,
    Verbose,
    find_run,
    run_argument,
)
from opro_cli.cli.progress import Output, require_log
from opro_cli.cli.session import Asking, run_session

FinishedRun = Annotated[
    str, run_argument("RUN", "A finished run: a folder, or any part of its name.")
]
Margin = Annotated[
    float | None,
    typer.Option("--margin", help="Points of a loss that would matter; 2 unless given."),
]


def prune(
    run: FinishedRun,
    margin: Margin = None,
    seed: Seed = None,
    budget: Budget = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    log: LogFile = None,
    as_json: Json = False,
    no_preflight: NoPreflight = False,
    keep_going: KeepGoing = False,
    no_cache: NoCache = False,
    ledger: Ledger = None,
    fail_if: FailIf = None,
) -> None:
    """Drop what the best prompt of a run does not need, in a new run.

    Sentences, clauses and worked examples are left out one by one and stay out where the train
    questions show no loss; dev chooses, and test proves that no more than the margin is lost. No
    optimizer is asked. `opro resume` continues it like any run.

    \b
    Examples:
      opro prune @last
      opro prune quickstart --margin 1 --budget usd=2
      opro prune quickstart --json | jq .pruned
    """
    from opro_cli.app.prune import start_pruning

    output = Output(plain, verbose, quiet, log)
    folder = find_run(run, runs_dir)
    asking = Asking(
        preflight=not no_preflight, keep_going=keep_going, cached=not no_cache, ledger=ledger
    )
    require_log(output)
    new = start_pruning(
        folder,
        runs_dir,
        margin=margin,
        seed=seed,
        budget=budget or (),
        cached=asking.cached,
        ledger=ledger,
    )
    run_session(new.folder, new.settings, output, asking, as_json=as_json, fail_if=fail_if)
