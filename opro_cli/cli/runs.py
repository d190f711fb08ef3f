"""Commands that look at runs: `opro runs`, `show` and `report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    FailIf,
    Json,
    RunsDir,
    Yes,
    apply_gate,
    confirm,
    find_run,
    run_argument,
    say,
)
from opro_cli.cli.session import list_closing
from opro_cli.cli.swept import report_on_sweeps
from opro_cli.errors import UsageError

if TYPE_CHECKING:
    from opro_cli.render.tables import Page

Only = Literal["wrong", "unreadable"] | None
"""Which answers are shown; None for all."""
Split = Literal["train", "dev", "test"]


Sort = Annotated[  # a default in words would have typer import pydantic
    Literal["date", "name", "best", "gain", "cost", "status"] | None,
    typer.Option(
        "--sort", help="The order, by date unless given; the newest or largest comes last."
    ),
]
Status = Annotated[
    str | None,
    typer.Option(
        "--status",
        help="Only those with this status (running, finished, stopped, failed or killed) or "
        "this verdict (improved, worse or not_distinguishable).",
    ),
]
Tag = Annotated[str | None, typer.Option("--tag", help="Only those with this tag.")]
Most = Annotated[
    int | None, typer.Option("--number", "-n", min=1, help="Only so many, the last ones.")
]


def runs(
    sort: Sort = None,
    status: Status = None,
    tag: Tag = None,
    most: Most = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: Json = False,
) -> None:
    """List the runs, newest last, with their verdict, gain and cost.

    \b
    Examples:
      opro runs
      opro runs --sort gain -n 10
      opro runs --json | jq '.[].best.scores.dev.mean'
    """
    from opro_cli.app.runs import describe_evals, select_rows, summarize_runs, summarize_sweeps

    rows = summarize_runs(runs_dir, say)
    is_all = (sort, status, tag, most) == (None, None, None, None)
    if not is_all:
        rows = select_rows(rows, sort=sort or "date", status=status, tag=tag, most=most)
    if as_json:
        print_json(rows)
        return
    from opro_cli.render.safe import printable
    from opro_cli.render.tables import make_page

    sweeps = summarize_sweeps(runs_dir, say) if is_all else []
    if not rows and not sweeps:
        none = f"no runs in {runs_dir}; start one with `opro optimize CONFIG`"
        say(none if is_all else f"no such runs in {runs_dir}; `opro runs` lists all")
    page = make_page(sys.stdout)
    if rows:
        from opro_cli.render.listings import print_runs

        print_runs(rows, page)
    for sweep in sweeps:
        line = f"sweep {sweep.name}: {sweep.finished} of {sweep.cells} cells finished"
        page.write_line(printable(f"{line}; opro diff {sweep.name}", page.width))
    if is_all and (evals := describe_evals(runs_dir)):
        page.write_line(printable(evals, page.width))


def rm(
    runs: Annotated[
        list[str],
        run_argument("RUN", "Runs, or sweeps: folders, or parts of their names.", sweeps=True),
    ],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove runs or sweeps, with every answer in them.

    Answers in the cache of all runs stay. A run that a process works on is not removed.

    \b
    Examples:
      opro rm quickstart-20261123-101500-3f9a
      opro rm @last --yes
    """
    from opro_cli.app.runs import describe_size, find_removable, remove
    from opro_cli.render.safe import printable

    chosen = list(dict.fromkeys(find_removable(name, runs_dir, say) for name in runs))
    if not yes:
        for folder in chosen:
            say(f"{folder}: {describe_size(folder)}")
        what = "it" if len(chosen) == 1 else f"these {len(chosen)}"
        if not confirm(f"remove {what}? They cannot be brought back.", "--yes"):
            say("nothing was removed")
            return
    for folder in chosen:
        remove(folder)
        if not as_json:
            print(f"removed {printable(str(folder))}")
    if as_json:
        print_json({"removed": [str(folder) for folder in chosen]})


def tag(
    run: Annotated[str, run_argument("RUN", "A run folder, or any part of its name.")],
    tags: Annotated[
        list[str] | None, typer.Argument(metavar="TAG", help="Names to give to the run.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="TAG", help="A tag to take away.")
    ] = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: Json = False,
) -> None:
    """Give a run names of your own, by which every command finds it.

    Several runs may have a tag; it then means the newest of them.

    \b
    Examples:
      opro tag @last before-launch
      opro show before-launch
      opro tag before-launch --remove before-launch
    """
    from opro_cli.app.runs import tag_run
    from opro_cli.render.safe import printable

    folder = find_run(run, runs_dir)
    present = tag_run(folder, tags or (), remove or ())
    if as_json:
        print_json({"run": folder.name, "tags": list(present)})
    else:
        print(printable(f"{folder.name}: {', '.join(present) or 'no tags'}"))


ShownRun = Annotated[
    str,
    run_argument(
        "RUN",
        "A run folder, or any part of its name; with --answers also RUN@start, RUN@STEP or "
        "RUN@STEP.NUMBER.",
    ),
]
Answers = Annotated[
    bool, typer.Option("--answers", help="Show every question under one prompt, with the replies.")
]
Wrong = Annotated[
    bool, typer.Option("--wrong", help="Of these, those that were read and are not right.")
]
Unreadable = Annotated[
    bool, typer.Option("--unreadable", help="Of these, those that could not be read.")
]
OneSplit = Annotated[
    Split | None, typer.Option("--split", help="Of these, those to questions of one split.")
]
NoPager = Annotated[
    bool, typer.Option("--plain", help="Print the answers; a terminal has a pager else.")
]


def show(
    run: ShownRun,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    answers: Answers = False,
    wrong: Wrong = False,
    unreadable: Unreadable = False,
    split: OneSplit = None,
    plain: NoPager = False,
    as_json: Json = False,
    fail_if: FailIf = None,
) -> None:
    """Show a run: its result so far and all of its candidates.

    With --answers, the replies behind the scores of one prompt; on a terminal in a pager, with what
    was read of each reply marked: arrows, n for the next wrong one, / to search, q to leave.

    \b
    Examples:
      opro show quickstart
      opro show quickstart@2.1 --answers --wrong
      opro show runs/quickstart-20261123-101500-3f9a --json
    """
    if answers:
        if fail_if or (wrong and unreadable):
            pair = "--answers and --fail-if" if fail_if else "--wrong and --unreadable"
            raise UsageError(f"{pair}: one of them")
        only: Only = "wrong" if wrong else "unreadable" if unreadable else None
        _show_answers(run, runs_dir, only, split, plain=plain, as_json=as_json)
        return
    if wrong or unreadable or split:
        raise UsageError("--wrong, --unreadable and --split: with --answers only", "add --answers")
    from opro_cli.app.runs import read_details

    folder = find_run(run, runs_dir)
    status, result, candidates = read_details(folder)
    if as_json:
        facts = {**result, "run_status": status, "candidates": candidates}
        print_json(facts)
    else:
        _print(candidates, result, status, folder)
    apply_gate([result["verdict"]], fail_if)


def _show_answers(
    name: str,
    runs_dir: Path,
    only: Only,
    split: Split | None,
    *,
    plain: bool,
    as_json: bool,
) -> None:
    from opro_cli.app.answers import read_answers

    shown = read_answers(runs_dir, name, only=only, split=split, note=say)
    if as_json:
        print_json(shown.to_json())
        return
    from opro_cli.render.tables import make_page

    page = make_page(sys.stdout)
    if shown.answers and not plain and page.is_terminal:
        from opro_cli.render.pager_screen import page_answers

        if page_answers(shown, sys.stdout):
            return
    from opro_cli.render.answers import print_answers

    print_answers(shown, page)


def _print(
    candidates: list[dict[str, Any]], result: dict[str, Any], status: str, folder: Path
) -> None:
    from opro_cli.render.listings import print_candidates
    from opro_cli.render.summary import print_result
    from opro_cli.render.tables import make_page

    page = make_page(sys.stdout)
    print_candidates(candidates, page, result)
    confusion = (result.get("closed_set") or {}).get("confusion")
    if page.is_terminal:
        page.write_line()
        _print_labels(confusion, page)
        if confusion:
            page.write_line()
        print_result(result, page, status, list_closing(folder, result))
        return
    print_result(result, page, status)
    if confusion:
        page.write_line()
    _print_labels(confusion, page)


def _print_labels(confusion: Any, page: Page) -> None:
    if confusion:
        from opro_cli.render.labels import print_confusion

        print_confusion(confusion, page)


Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The page to write; unless given, report.html in the run's folder (sweep.html in a "
        "sweep's), or report.html here for several runs.",
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]


def report(
    runs: Annotated[
        list[str],
        run_argument("RUN", "Runs, or one sweep: folders, or parts of their names.", sweeps=True),
    ],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    output: Output = None,
    open_page: Open = False,
    as_json: Json = False,
) -> None:
    """Write one run or several as an HTML page.

    The page of a run holds the answers under start prompt and winner, as many as 1.5 MB take; opro
    view shows all. Several runs stand side by side on top. No path of this machine is in it.

    For a sweep the page shows the matrix of test scores, the winners and the mean gain. A cell is
    a run with a page of its own, named as SWEEP/CELL.

    \b
    Examples:
      opro report quickstart
      opro report gsm8k-a gsm8k-b --output compared.html
      opro report grid
    """
    from opro_cli.app.report import report_on_runs
    from opro_cli.app.runs import find_sweeps

    if sweeps := find_sweeps(runs, runs_dir):
        page = report_on_sweeps(sweeps, runs_dir, output)
        _print_path(page, sorted({folder.name for folder in sweeps}), as_json=as_json)
        if open_page:
            _open(page)
        return
    # A run that was named twice is shown once.
    folders = list(dict.fromkeys(find_run(run, runs_dir) for run in runs))
    page = report_on_runs(folders, output)
    _print_path(page, [folder.name for folder in folders], as_json=as_json)
    if open_page:
        _open(page)


def _open(page: Path) -> None:
    from opro_cli.cli.view import open_browser

    if not open_browser(page.resolve().as_uri()):
        say("no browser can be opened here")


def _print_path(page: Path, names: list[str], *, as_json: bool) -> None:
    """Print the path of a page; under `--json` also the runs, or the sweep, that it shows."""
    from opro_cli.render.safe import printable
    from opro_cli.render.tables import make_page

    if as_json:
        print_json({"page": str(page), "shows": names})
    else:
        out = make_page(sys.stdout)
        out.write(out.link(printable(str(page)), page.resolve().as_uri()))
