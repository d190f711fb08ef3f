"""`opro diff RUN_A RUN_B`."""

from __future__ import annotations

import json
import sys
from typing import Annotated

from opro_cli.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir, run_argument


def diff(
    run_a: Annotated[str, run_argument("RUN_A", "A run folder, or any part of its name.")],
    run_b: Annotated[str, run_argument("RUN_B", "The run to compare it with.")],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: Json = False,
) -> None:
    """Compare the best prompts of two runs, word by word, and what they are worth.

    \b
    Examples:
      opro diff quickstart-20261123-101500-3f9a quickstart-20261123-111230-c07d
      opro diff gsm8k-a gsm8k-b --json
    """
    from opro_cli.adapters.find_runs import find_run
    from opro_cli.adapters.run_folder import read_run
    from opro_cli.reports.diff import as_data, diff_runs

    compared = diff_runs(read_run(find_run(runs_dir, run_a)), read_run(find_run(runs_dir, run_b)))
    if as_json:
        print(json.dumps(as_data(compared), indent=2))
        return
    from opro_cli.ui.consoles import console_for
    from opro_cli.ui.diff_view import print_diff

    print_diff(compared, console_for(sys.stdout))
