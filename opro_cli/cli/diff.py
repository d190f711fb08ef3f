"""`opro diff RUN RUN …`, `opro diff SWEEP` and `opro diff SWEEP SWEEP`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    FailIf,
    Json,
    Markdown,
    RunsDir,
    apply_gate,
    run_argument,
    say,
)
from opro_cli.cli.swept import diff_sweeps
from opro_cli.errors import UsageError

if TYPE_CHECKING:
    from opro_cli.reports.comparison import PromptComparison


Compared = Annotated[
    list[str],
    run_argument(
        "RUN",
        "Two or more: RUN, RUN@start, RUN@STEP or RUN@STEP.NUMBER; or one sweep or two.",
        sweeps=True,
    ),
]
Flips = Annotated[bool, typer.Option("--flips", help="List every question that flipped, in full.")]
Replies = Annotated[bool, typer.Option("--replies", help="List them with the scorer's replies.")]
Explain = Annotated[
    bool, typer.Option("--explain", help="Say how the figures of a sweep are computed.")
]


def diff(
    runs: Compared,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    flips: Flips = False,
    replies: Replies = False,
    markdown: Markdown = False,
    explain: Explain = False,
    as_json: Json = False,
    fail_if: FailIf = None,
) -> None:
    """Compare prompts word by word, and their scores.

    RUN is a run folder, or any part of its name, and means its best prompt. RUN@start is the
    prompt that it started from, RUN@3 the best of step 3 on train, RUN@3.2 the second candidate
    of that step, as `opro show` counts. All others are compared with the first.

    For one sweep it prints the matrix of test scores, the winners and the mean gain over tasks;
    for two, the difference of each cell and the mean over tasks.

    \b
    Examples:
      opro diff quickstart-20261123-101500-3f9a quickstart-20261123-111230-c07d
      opro diff gsm8k@start gsm8k@best --flips
      opro diff gsm8k-a gsm8k-b gsm8k-c --markdown
      opro diff grid
    """
    from opro_cli.app.runs import find_sweeps

    if markdown and as_json:
        raise UsageError("--markdown and --json: one of them")
    if sweeps := find_sweeps(runs, runs_dir):
        if flips or replies or fail_if:
            raise UsageError(
                "--flips, --replies and --fail-if: of runs", "name two cells as SWEEP/CELL"
            )
        diff_sweeps(sweeps, runs_dir, as_json=as_json, markdown=markdown, explain=explain)
        return
    if len(runs) < 2:
        raise UsageError(
            "one prompt is not enough to compare",
            "name another run, or another prompt of the same: opro diff RUN@start RUN",
        )
    from opro_cli.app.diff import compare

    compared = compare(runs_dir, runs, replies=replies, note=say)
    _show(compared, every_flip=flips or replies, markdown=markdown, as_json=as_json)
    apply_gate(compared.verdicts, fail_if)


def _show(compared: PromptComparison, *, every_flip: bool, markdown: bool, as_json: bool) -> None:
    if as_json:
        print_json(compared.to_json())
        return
    from opro_cli.render.consoles import make_console

    console = make_console(sys.stdout)
    if markdown:
        from opro_cli.render.diff import format_comparison
        from opro_cli.render.streams import take_utf8

        take_utf8(sys.stdout)
        print(format_comparison(compared, every_flip=every_flip), end="")
        return
    from opro_cli.render.diff import print_comparison

    print_comparison(compared, console, every_flip=every_flip)
