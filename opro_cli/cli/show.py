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
    from opro_cli.store.find import find_run
    from opro_cli.store.summary import show_run

    status, result, candidates = show_run(find_run(runs_dir, run))
    if as_json:
        told = {**result, "run_status": status, "candidates": candidates}
        print(json.dumps(told, indent=2))
        return
    from opro_cli.render.listings import print_candidates
    from opro_cli.render.page import page_for
    from opro_cli.render.summary import print_result

    page = page_for(sys.stdout)
    print_candidates(candidates, page)
    print_result(result, page)
