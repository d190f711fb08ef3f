"""`opro gate RUN --prompt NEW`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    Json,
    Markdown,
    NoPreflight,
    Plain,
    RunsDir,
    run_argument,
    say,
)
from opro_cli.cli.session import name_ceiling, report_wait
from opro_cli.errors import OproError, UsageError

if TYPE_CHECKING:
    from opro_cli.app.gate import GatePlan
    from opro_cli.reports.gate import GateReport
    from opro_cli.reports.thresholds import Thresholds

Target = Annotated[
    str,
    run_argument("TARGET", "A run, whose winner is the old prompt, or a config; its test rows."),
]
Prompts = Annotated[
    list[Path] | None,
    typer.Option(
        "--prompt",
        "-p",
        metavar="FILE",
        help="A file with the new prompt; twice: with the old one, then the new one.",
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        metavar="REVISION", help="The old prompt is the config's at this git revision: main, HEAD~1"
    ),
]
Margin = Annotated[
    float, typer.Option(metavar="POINTS", help="The loss that is not accepted, in points.")
]
Split = Annotated[
    Literal["train", "dev", "test"] | None,
    typer.Option(help="The rows to ask; the default, test, has tuned nothing."),
]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Ask the first rows of the split only, at most this many.")
]
Budget = Annotated[
    list[str] | None, typer.Option(help="A ceiling for this gate: usd=5, calls=1000 …")
]
MinScore = Annotated[
    float | None, typer.Option(metavar="PERCENT", help="The least score of the new prompt.")
]
MaxUnreadable = Annotated[
    float | None, typer.Option(metavar="PERCENT", help="Its most unreadable answers.")
]
MaxTokens = Annotated[
    float | None, typer.Option(metavar="N", help="Its most tokens per 1,000 answers.")
]
MaxUsd = Annotated[
    float | None, typer.Option(metavar="USD", help="Its most dollars per 1,000 answers.")
]
Junit = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the finding as JUnit's XML, too.")
]


def gate(
    target: Target,
    prompt: Prompts = None,
    against: Against = None,
    margin: Margin = 5.0,
    split: Split = None,
    limit: Limit = None,
    budget: Budget = None,
    min_score: MinScore = None,
    max_unreadable: MaxUnreadable = None,
    max_tokens: MaxTokens = None,
    max_usd: MaxUsd = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    plain: Plain = False,
    as_json: Json = False,
    markdown: Markdown = False,
    junit: Junit = None,
    no_preflight: NoPreflight = False,
) -> None:
    """Say whether a changed prompt has become worse: a check for CI.

    Both prompts are asked anew, side by side, until that is clear; a prompt that is the same asks
    nothing. Exit 0: not worse by the margin; 4: worse beyond noise, or a threshold is broken; 5:
    cannot tell with these rows; 3: budget; 1: the model failed, which says nothing of the prompt.

    \b
    Examples:
      opro gate mine --prompt new.md
      opro gate mine.yaml --against origin/main --junit gate.xml --markdown
      opro gate mine --prompt old.md --prompt new.md --margin 3 --max-unreadable 2
    """
    from opro_cli.app.gate import plan_gate, read_margin, read_thresholds
    from opro_cli.app.gate_pair import GateRequest

    if as_json and markdown:
        raise UsageError("--json and --markdown: one of them")
    if junit is not None and not junit.parent.is_dir():
        raise UsageError(f"--junit: there is no folder {junit.parent}", "make it first")
    thresholds = read_thresholds(min_score, max_unreadable, max_tokens, max_usd)
    files, ceilings = tuple(prompt or ()), tuple(budget or ())
    loss = read_margin(margin)
    request = GateRequest(target, files, against, split or "test", limit, loss, ceilings)
    plan = plan_gate(request, runs_dir, say)
    if plan.warning:
        say(plan.warning)
    report = _run(plan, thresholds, junit, plain=plain, preflight=not no_preflight)
    _show(report, as_json=as_json, markdown=markdown)
    _write_junit(report, junit)
    if report.verdict == "unfinished":
        again, ended = "the same command", report.failure
        again += f" with --budget {name_ceiling(ended)}=+AMOUNT" if ended else ""
        say(f"{ended or 'stopped'}; nothing is lost: {again} goes on")
    raise typer.Exit(report.exit_code)


def _run(
    plan: GatePlan, thresholds: Thresholds, junit: Path | None, *, plain: bool, preflight: bool
) -> GateReport:
    """Ask what is missing, under the live view.

    Raises:
        OproError: The gate could not go on; JUnit's file has it as an error.
    """
    from opro_cli.app.gate import build_outage, run_gate
    from opro_cli.render.consoles import make_observer

    try:
        return run_gate(
            plan,
            thresholds,
            lambda: [make_observer(plain=plain)],
            when_held=report_wait,
            preflight=preflight,
        )
    except OproError as error:
        _write_junit(build_outage(plan, error), junit)
        raise


def _write_junit(report: GateReport, path: Path | None) -> None:
    """Write JUnit's file, if one is wanted.

    Raises:
        UsageError: It cannot be written.
    """
    if path is None:
        return
    from opro_cli.render.gate import write_junit

    try:
        path.write_bytes(write_junit(report))
    except OSError as error:
        raise UsageError(
            f"--junit: {path} cannot be written: {error.strerror}", "name another file"
        ) from None


def _show(report: GateReport, *, as_json: bool, markdown: bool) -> None:
    if as_json:
        print_json(report.to_json())
        return
    from opro_cli.render.consoles import make_console
    from opro_cli.render.gate import format_gate, print_gate
    from opro_cli.render.streams import take_utf8

    if markdown:
        take_utf8(sys.stdout)
        print(format_gate(report), end="")
    else:
        print_gate(report, make_console(sys.stdout))
