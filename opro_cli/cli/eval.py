"""`opro eval DATA...`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    run_called,
)
from opro_cli.cli.session import OVER_BUDGET
from opro_cli.cli.swept import print_transfer_of, show_plan, sweep_plan
from opro_cli.core.task.example import Split
from opro_cli.errors import DataError, Interrupted, RunFolderError, UsageError, reason_of

FORMULA = tuple("=+-@＝＋－＠")
"""How a formula begins for a spreadsheet, in wide characters, too (OWASP, CSV injection)."""
UNSEEN = "\ufeff\u200b\u2060\0"
"""Characters that do not show, and are no white space to Python."""

if TYPE_CHECKING:
    from opro_cli.app.evaluate import Dataset


def eval_(
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="DATA", help="Configs or runs whose questions are asked."),
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option("--prompt", "-p", help="An instruction to score.")
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", help="A file that holds one instruction; - is stdin."),
    ] = None,
    best_of: Annotated[
        list[str] | None,
        typer.Option(
            "--best-of",
            metavar="RUN",
            help="Score the best prompt of a run.",
            autocompletion=complete_run,
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Prompts to take from each --best-of.")] = 1,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="Another scorer than the config's.")
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="SWEEP",
            help="Score its winners and start prompts on all its tasks and scorers.",
            autocompletion=complete_sweep,
        ),
    ] = None,
    split: Annotated[Split, typer.Option(help="The split to ask.")] = "test",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Ask the first questions only, at most this many.")
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(help="A ceiling for each model on each dataset: usd=5, calls=1000 …"),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Ask all prompts anew, in one session, so that they can be compared."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count the missing calls; ask no model.")
    ] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV on stdout.")] = False,
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
    from opro_cli.render.consoles import make_console, make_observer
    from opro_cli.render.safe import printable
    from opro_cli.reports.matrix import build_column, list_rows

    changes = budget or []
    if sweep is not None:
        if data or prompt or file or best_of or model or limit or top != 1 or split != "test":
            raise UsageError(
                "--sweep says itself what is asked of whom",
                "leave out DATA, --prompt, --file, --best-of, --top, --model, --split and --limit",
            )
        prompts, plan = sweep_plan(sweep, runs_dir, changes, fresh=fresh)
    else:
        if not data:
            raise UsageError("missing argument DATA", "name a config or a run, or --sweep SWEEP")
        prompts = _prompts(prompt or [], file or [], best_of or [], top, runs_dir)
        datasets = [_dataset(each, split, limit, runs_dir) for each in data]
        named = model or []
        plan = list(evaluating.list_cells(prompts, datasets, named, runs_dir, changes, fresh=fresh))
    if fail_if and len(prompts) < 2:
        raise UsageError(
            "--fail-if compares the others with the first instruction, and there is one",
            "name the one to compare with first: -p OLD -p NEW",
        )
    if dry_run:
        show_plan(plan, as_json=as_json)
        return
    for cell in plan:
        evaluating.require_ready(cell, cached=not no_cache)
    columns = []
    for number, cell in enumerate(plan, start=1):
        label = f"{number}/{len(plan)} {cell.model} on {cell.dataset}"
        print(printable(label), file=sys.stderr)
        run, outcome = evaluating.evaluate(
            cell,
            lambda: [make_observer(plain=plain)],
            when_held=_tell_of_the_wait,
            preflight=not no_preflight,
            cached=not no_cache,
        )
        columns.append(build_column(cell.dataset, run, prompts))
        if outcome is not None and outcome.uncached:
            print(printable(outcome.uncached), file=sys.stderr)
        if outcome is not None and outcome.ending != "finished":
            why = outcome.stopped_by or "stopped"
            again = "the same command" + (" without --fresh" if fresh else "")
            if outcome.stopped_by:
                ceiling = outcome.stopped_by.removeprefix("budget.").partition(" ")[0]
                again += f" with --budget {ceiling}=+AMOUNT"
            print(f"{printable(why)}; nothing is lost: {again} goes on", file=sys.stderr)
            raise typer.Exit(OVER_BUDGET if outcome.stopped_by else Interrupted.exit_code)
    rows = list_rows(prompts, columns)
    if as_json:
        print_json(rows)
    elif as_csv:
        writer = csv.DictWriter(
            sys.stdout, list(rows[0]), lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC
        )
        writer.writeheader()
        writer.writerows(_cells_of(row) for row in rows)
    elif sweep is not None:
        print_transfer_of(sweep, runs_dir)
    else:
        from opro_cli.render.matrices import print_matrix

        print_matrix(prompts, columns, make_console(sys.stdout))
    apply_gate((entry.verdict for each in columns for entry in each.entries[1:]), fail_if)


def _tell_of_the_wait(held: RunFolderError) -> None:
    from opro_cli.render.safe import printable

    line = f"{held.message}; waiting for it to end (Ctrl-C stops waiting)"
    print(printable(line), file=sys.stderr, flush=True)


def _prompts(
    texts: list[str], files: list[Path], runs: list[str], top: int, runs_dir: Path
) -> list[str]:
    """All instructions to score, each once, in the order in which they were named."""
    from opro_cli.core.run.selection import sort_best_first
    from opro_cli.store.run_folder import read_run

    prompts = dict.fromkeys(texts)
    prompts.update(dict.fromkeys(map(_instruction_in, files)))
    for name in runs:
        best = sort_best_first(read_run(run_called(name, runs_dir)).state)
        if not best:
            raise UsageError(
                f"{name}: nothing is scored there yet", "`opro resume` goes on with it"
            )
        prompts.update(dict.fromkeys(each.instruction for each in best[:top]))
    for text in prompts:
        if text.encode("utf-8", "replace").decode() != text:
            raise UsageError(f"an instruction with half a character in it: {text!r:.60}")
    if not prompts:
        raise UsageError("no instruction to score", "name some: --prompt, --file or --best-of RUN")
    return list(prompts)


def _instruction_in(path: Path) -> str:
    """The instruction in a file, whole; "-" is stdin."""
    from opro_cli.files import read_file

    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else read_file(path)
        return data.decode().replace("\r\n", "\n").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 text (byte {error.start})", "save the file as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {reason_of(error)}", "name a text file") from None


def _dataset(name: str, split: Split, limit: int | None, runs_dir: Path) -> Dataset:
    from opro_cli.app import evaluate as evaluating

    if Path(name).suffix in (".yaml", ".yml"):
        return evaluating.load_dataset(Path(name), split, limit)
    return evaluating.load_dataset_of_run(run_called(name, runs_dir), split, limit)


def _cells_of(row: dict[str, object]) -> dict[str, object]:
    """Values as a spreadsheet takes them: a text that begins like a formula is none."""
    return {name: _inert(value) for name, value in row.items()}


def _inert(value: object) -> object:
    if isinstance(value, list):
        return " ".join(str(each) for each in value)
    if not isinstance(value, str):
        return value
    from opro_cli.render.safe import printable

    text = printable(value) if sys.stdout.isatty() else value
    seen = text.lstrip().lstrip(UNSEEN).lstrip()
    return f"'{text}" if seen.startswith(FORMULA) or text[:1] in ("\t", "\r", "\n") else text
