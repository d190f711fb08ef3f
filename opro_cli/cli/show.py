"""`opro show RUN`."""

from __future__ import annotations

import json
import sys
from typing import Annotated

from opro_cli.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir, run_argument


def show(
    run: Annotated[str, run_argument("RUN", "A run folder, or any part of its name.")],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: Json = False,
) -> None:
    """Show a run: its result so far and all candidates with their scores.

    \b
    Examples:
      opro show quickstart
      opro show runs/quickstart-20261123-101500-3f9a --json
    """
    from opro_cli.adapters.find_runs import find_run
    from opro_cli.adapters.run_folder import read_run
    from opro_cli.reports.result import candidates_of, result_of

    recorded = read_run(find_run(runs_dir, run))
    result = result_of(recorded, finished=recorded.status == "finished")
    rows = candidates_of(recorded.state)
    if as_json:
        print(json.dumps({**result, "run_status": recorded.status, "candidates": rows}, indent=2))
        return
    from opro_cli.ui.consoles import console_for
    from opro_cli.ui.listings import print_candidates
    from opro_cli.ui.summary import print_result

    console = console_for(sys.stdout)
    print_candidates(rows, console)
    print_result(result, console)
