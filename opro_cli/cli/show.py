"""`opro show RUN`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from opro_cli.cli.chosen_run import run_called
from opro_cli.cli.gate import FailIf, apply_gate
from opro_cli.cli.json_output import print_json
from opro_cli.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir, run_argument


def show(
    run: Annotated[str, run_argument("RUN", "A run folder, or any part of its name.")],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: Json = False,
    fail_if: FailIf = None,
) -> None:
    """Show a run: its result so far and all of its candidates.

    \b
    Examples:
      opro show quickstart
      opro show runs/quickstart-20261123-101500-3f9a --json
    """
    from opro_cli.store.summary import read_run_details

    status, result, candidates = read_run_details(run_called(run, runs_dir))
    if as_json:
        facts = {**result, "run_status": status, "candidates": candidates}
        print_json(facts)
    else:
        _print(candidates, result)
    apply_gate([result["verdict"]], fail_if)


def _print(candidates: list[dict[str, Any]], result: dict[str, Any]) -> None:
    from opro_cli.render.listings import print_candidates
    from opro_cli.render.summary import print_result
    from opro_cli.render.tables import make_page

    page = make_page(sys.stdout)
    print_candidates(candidates, page)
    print_result(result, page)
