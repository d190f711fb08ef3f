"""Options and arguments that several commands share, and how a shell completes them.

Shells evaluate completions, so only names are offered that opro itself could have given.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer


def complete_run(context: typer.Context, incomplete: str) -> list[str]:
    """Complete RUN: runs, newest first, and the cells of sweeps."""
    from opro_cli.app.runs import complete

    return complete(incomplete, _runs_dir(context))


def complete_run_or_sweep(context: typer.Context, incomplete: str) -> list[str]:
    """Complete an argument that may be a run, a sweep or a cell."""
    from opro_cli.app.runs import complete

    return complete(incomplete, _runs_dir(context), sweeps=True)


def complete_sweep(context: typer.Context, incomplete: str) -> list[str]:
    """Complete SWEEP: the sweeps that have a folder."""
    from opro_cli.app.runs import complete

    return complete(incomplete, _runs_dir(context), runs=False, sweeps=True)


def complete_template(incomplete: str) -> list[str]:
    """Complete the name of a shipped config."""
    from opro_cli.app.runs import select_fitting
    from opro_cli.config.templates import META_PROMPT, template_names

    return select_fitting([*template_names(), META_PROMPT], incomplete)


def _runs_dir(context: typer.Context) -> Path:
    return Path(context.params.get("runs_dir") or "runs")


ConfigFile = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="A YAML config file; - reads it from stdin.")
]

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A key in place of the config's, such as search.steps=2; may be repeated.",
    ),
]

Seed = Annotated[int | None, typer.Option(help="The key search.seed.")]

Budget = Annotated[
    list[str] | None,
    typer.Option(help="A ceiling: usd=5, calls=1000, tokens=2000000 or minutes=30."),
]
"""Of a new run."""

RunsDir = Annotated[
    Path,
    typer.Option("--runs-dir", envvar="OPRO_RUNS_DIR", help="Where runs are kept."),
]
DEFAULT_RUNS_DIR = Path("runs")


def run_argument(metavar: str, description: str, *, sweeps: bool = False) -> Any:
    """Make an argument that names a run; sweeps: or a sweep."""
    complete = complete_run_or_sweep if sweeps else complete_run
    return typer.Argument(metavar=metavar, help=description, autocompletion=complete)


Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")]

Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown for a pull request.")]

NoPreflight = Annotated[
    bool,
    typer.Option(
        "--no-preflight", help="Skip the check that both models answer before the search."
    ),
]

KeepGoing = Annotated[
    bool,
    typer.Option(
        "--keep-going", help="Go on although the first answers are unreadable or beside the point."
    ),
]

NoCache = Annotated[
    bool,
    typer.Option(
        "--no-cache", help="Take no answers from the cache of all runs, and keep none in it."
    ),
]

Plain = Annotated[
    bool, typer.Option("--plain", help="Print one line for each event instead of the live view.")
]

Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Like --plain, with a line for each answer.")
]

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress: result and errors.")]

LogFile = Annotated[
    Path | None,
    typer.Option(
        "--log", metavar="FILE", envvar="OPRO_LOG", help="Add a line for each answer to a file."
    ),
]


Ledger = Annotated[
    Path | None,
    typer.Option(
        "--ledger",
        metavar="FILE",
        envvar="OPRO_LEDGER",
        help="Where the uses of test rows are recorded, in place of the user's own file.",
    ),
]


Run = Annotated[
    str | None, run_argument("RUN", "A run folder, any part of its name, a tag, or @last.")
]

RunOrSweep = Annotated[
    str | None,
    run_argument(
        "RUN", "A run folder, any part of its name, a tag, or @last; or a sweep.", sweeps=True
    ),
]

Last = Annotated[bool, typer.Option("--last", help="The newest run.")]


def find_run(name: str, runs_dir: Path) -> Path:
    """Find the run of a name; stderr says which one is meant where several have it."""
    from opro_cli.app import runs

    return runs.find_run(name, runs_dir, say)


def say(note: str) -> None:
    """Print a sentence on stderr."""
    from opro_cli.render.safe import printable

    print(printable(note), file=sys.stderr)


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def can_ask() -> bool:
    """Return whether somebody at a terminal sees a question and can answer it."""
    # A stream that the shell has closed is None.
    return all(each is not None and each.isatty() for each in (sys.stdin, sys.stderr))


def confirm(question: str, option: str) -> bool:
    """Ask on a terminal; return whether the answer is yes.

    Args:
        question: Ends with a question mark.
        option: The one that says yes where nobody can be asked.

    Raises:
        UsageError: There is no terminal.
    """
    from opro_cli.errors import UsageError
    from opro_cli.render.safe import printable

    if not can_ask():
        raise UsageError("there is no terminal to ask on", f"say {option} to go ahead")
    print(f"{printable(question)} y/N ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def choose_run(verb: str, run: str | None, last: bool, runs_dir: Path) -> Path:
    """Find the run that was named, or the newest."""
    from opro_cli.app import runs

    return runs.choose_run(verb, run, runs_dir, last=last, note=say)


GATED = 4
"""Exit code of a command that did its work, with a verdict that `--fail-if` names."""

FailIf = Annotated[
    Literal["worse", "not-improved"] | None,
    typer.Option("--fail-if", help=f"Exit with {GATED} on such a verdict on test questions."),
]


def apply_gate(verdicts: Iterable[str | None], fail_if: str | None) -> None:
    """End the command with GATED where a verdict is one that `--fail-if` names.

    Args:
        verdicts: "improved", "worse", "not_distinguishable", or None where nothing can be said.
        fail_if: "worse", or "not-improved" for everything but "improved"; None ends nothing.

    Raises:
        typer.Exit: There is such a verdict.
    """
    failing = {"worse"} if fail_if == "worse" else {"worse", "not_distinguishable", None}
    if fail_if is not None and not failing.isdisjoint(verdicts):
        raise typer.Exit(GATED)
