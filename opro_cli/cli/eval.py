"""`opro eval DATA...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    FailIf,
    Json,
    NoCache,
    NoPreflight,
    Plain,
    RunsDir,
    apply_gate,
    complete_run,
    complete_sweep,
    find_run,
    say,
)
from opro_cli.cli.session import OVER_BUDGET, name_ceiling, report_wait
from opro_cli.cli.swept import print_transfer_of, sweep_plan
from opro_cli.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from opro_cli.app.evaluate import Cell, Dataset
    from opro_cli.reports.matrix import Matrix
    from opro_cli.reports.recorded import RecordedRun

Split = Literal["train", "dev", "test"]


Data = Annotated[
    list[str] | None,
    typer.Argument(metavar="DATA", help="Configs or runs whose questions are asked."),
]
Prompts = Annotated[
    list[str] | None, typer.Option("--prompt", "-p", help="An instruction to score.")
]
Files = Annotated[
    list[Path] | None,
    typer.Option("--file", "-f", help="A file that holds one instruction; - is stdin."),
]
BestOf = Annotated[
    list[str] | None,
    typer.Option(
        "--best-of",
        metavar="RUN",
        help="Score the best prompt of a run.",
        autocompletion=complete_run,
    ),
]
Top = Annotated[int, typer.Option(min=1, help="Prompts to take from each --best-of.")]
Models = Annotated[
    list[str] | None, typer.Option("--model", "-m", help="Another scorer than the config's.")
]
Sweep = Annotated[
    str | None,
    typer.Option(
        metavar="SWEEP",
        help="Score its winners and start prompts on all its tasks and scorers.",
        autocompletion=complete_sweep,
    ),
]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Ask the first questions only, at most this many.")
]
Budget = Annotated[
    list[str] | None,
    typer.Option(help="A ceiling for each model on each dataset: usd=5, calls=1000 …"),
]
Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh", help="Ask all prompts anew, in one session, so that they can be compared."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count the missing calls; ask no model.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV on stdout.")]


def eval_(
    data: Data = None,
    prompt: Prompts = None,
    file: Files = None,
    best_of: BestOf = None,
    top: Top = 1,
    model: Models = None,
    sweep: Sweep = None,
    split: Annotated[Split, typer.Option(help="The split to ask.")] = "test",
    limit: Limit = None,
    budget: Budget = None,
    fresh: Fresh = False,
    dry_run: DryRun = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    as_json: Json = False,
    as_csv: Csv = False,
    no_preflight: NoPreflight = False,
    no_cache: NoCache = False,
    fail_if: FailIf = None,
) -> None:
    """Score prompts on datasets with models, without a search.

    Each model on each dataset is a run of its own in runs/evals: nothing is asked twice, and a
    stopped run continues. Prompts are compared only where they were asked in one session;
    `--fresh` asks all of them in one.

    \b
    Examples:
      opro eval mine.yaml -p "Let's think step by step." -p "" --best-of mine
      opro eval mine.yaml --best-of mine --top 3 -m openai/gpt-4o-mini -m ollama_chat/mistral
      opro eval a.yaml b.yaml -f prompt.txt --split dev --csv > scores.csv
      opro eval --sweep grid --dry-run
    """
    from opro_cli.app import evaluate as evaluating

    if as_json and as_csv:
        raise UsageError("--json and --csv: one of them")
    changes = budget or []
    if sweep is not None:
        _refuse_beside_sweep(data, prompt, file, best_of, model, limit, top != 1, split != "test")
        prompts, plan = sweep_plan(sweep, runs_dir, changes, fresh=fresh)
    elif data:
        prompts = _collect_prompts(prompt or [], file or [], best_of or [], top, runs_dir)
        sets = [_load_dataset(each, split, limit, runs_dir) for each in data]
        cells = evaluating.list_cells(prompts, sets, model or [], runs_dir, changes, fresh=fresh)
        plan = list(cells)
    else:
        raise UsageError("missing argument DATA", "name a config or a run, or --sweep SWEEP")
    _require_rivals(prompts, fail_if)
    if dry_run:
        _show_plan(plan, as_json=as_json, as_csv=as_csv)
        return
    asked = _ask(plan, fresh=fresh, plain=plain, preflight=not no_preflight, cached=not no_cache)
    matrix = evaluating.build_matrix(prompts, asked)
    if sweep is not None and not (as_json or as_csv):
        print_transfer_of(sweep, runs_dir)
    else:
        _show(matrix, as_json=as_json, as_csv=as_csv)
    apply_gate(matrix.verdicts, fail_if)


def _refuse_beside_sweep(*others: object) -> None:
    if any(others):
        raise UsageError(
            "--sweep says itself what is asked of whom",
            "leave out DATA, --prompt, --file, --best-of, --top, --model, --split and --limit",
        )


def _require_rivals(prompts: Sequence[str], fail_if: str | None) -> None:
    """Refuse a gate where there is only one instruction, before anything is asked."""
    if fail_if and len(prompts) < 2:
        raise UsageError(
            "--fail-if compares the others with the first instruction, and there is one",
            "name the one to compare with first: -p OLD -p NEW",
        )


def _show(matrix: Matrix, *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        print_json(matrix.to_json())
        return
    if as_csv:
        from opro_cli.render.tables import write_csv

        write_csv(matrix.to_json(), sys.stdout)
        return
    from opro_cli.render.consoles import make_console
    from opro_cli.render.matrix import print_matrix

    print_matrix(matrix.prompts, matrix.columns, make_console(sys.stdout))


def _show_plan(plan: Sequence[Cell], *, as_json: bool, as_csv: bool) -> None:
    """Show the calls that are missing, for people or for programs."""
    from opro_cli.app.evaluate import count_calls_left
    from opro_cli.render.safe import printable
    from opro_cli.render.tables import Table, make_page

    rows = [
        {
            "dataset": cell.dataset,
            "model": cell.model,
            "questions": len(cell.examples["test"]),
            "prompts": len(cell.settings.search.initial_instructions),
            "calls": count_calls_left(cell),
        }
        for cell in plan
    ]
    if as_json:
        print_json(rows)
        return
    if as_csv:
        from opro_cli.render.tables import write_csv

        write_csv(rows, sys.stdout)
        return
    page = make_page(sys.stdout)
    figures = [(key, *(str(row[key]) for row in rows)) for key in ("questions", "prompts", "calls")]
    room = (page.width - sum(max(map(len, column)) + 2 for column in figures) - 2) // 2
    names = (
        [printable(str(row[key]), max(room, 12)) for row in rows] for key in ("dataset", "model")
    )
    cells = zip(*names, *(column[1:] for column in figures), strict=True)
    page.write_table(Table.build(rows[0], cells, right=range(2, 5)))
    calls = sum(int(str(row["calls"])) for row in rows)
    page.write_line(f"{calls:,} calls at most; answers that the cache has take none", "dim")


def _ask(
    plan: Sequence[Cell], *, fresh: bool, plain: bool, preflight: bool, cached: bool
) -> list[tuple[Cell, RecordedRun]]:
    """Ask what is missing of each cell, under the live view.

    Raises:
        typer.Exit: A ceiling or Ctrl-C ended a session.
    """
    from opro_cli.app import evaluate as evaluating
    from opro_cli.render.consoles import make_observer

    for cell in plan:
        evaluating.require_ready(cell, cached=cached)
    asked = []
    for number, cell in enumerate(plan, start=1):
        say(f"{number}/{len(plan)} {cell.model} on {cell.dataset}")
        run, outcome = evaluating.evaluate(
            cell,
            lambda: [make_observer(plain=plain)],
            when_held=report_wait,
            preflight=preflight,
            cached=cached,
        )
        asked.append((cell, run))
        if outcome is not None and outcome.uncached:
            say(outcome.uncached)
        if outcome is not None and outcome.ending != "finished":
            again = "the same command" + (" without --fresh" if fresh else "")
            if outcome.stopped_by:
                again += f" with --budget {name_ceiling(outcome.stopped_by)}=+AMOUNT"
            say(f"{outcome.stopped_by or 'stopped'}; nothing is lost: {again} goes on")
            raise typer.Exit(OVER_BUDGET if outcome.stopped_by else Interrupted.exit_code)
    return asked


def _collect_prompts(
    texts: list[str], files: list[Path], runs: list[str], top: int, runs_dir: Path
) -> list[str]:
    """Return all instructions to score, each once, in the order in which they were named."""
    from opro_cli.app import evaluate as evaluating
    from opro_cli.app.given import read_instruction, refuse_halves

    prompts = dict.fromkeys((*texts, *map(read_instruction, files)))
    for name in runs:
        prompts |= dict.fromkeys(evaluating.list_best(name, find_run(name, runs_dir), top))
    refuse_halves(prompts)
    if not prompts:
        raise UsageError("no instruction to score", "name some: --prompt, --file or --best-of RUN")
    return list(prompts)


def _load_dataset(name: str, split: Split, limit: int | None, runs_dir: Path) -> Dataset:
    from opro_cli.app import evaluate as evaluating

    if Path(name).suffix in (".yaml", ".yml"):
        return evaluating.load_dataset(Path(name), split, limit)
    return evaluating.load_dataset_of_run(find_run(name, runs_dir), split, limit)
