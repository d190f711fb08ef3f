"""`opro runs`."""

from __future__ import annotations

import sys

from opro_cli.cli.json_output import print_json
from opro_cli.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir
from opro_cli.cli.swept import list_sweeps
from opro_cli.errors import OproError


def runs(runs_dir: RunsDir = DEFAULT_RUNS_DIR, as_json: Json = False) -> None:
    """List the runs, newest last, with their status and best score.

    \b
    Examples:
      opro runs
      opro runs --json | jq '.[].best.scores.dev.mean'
    """
    from opro_cli.render.safe import printable
    from opro_cli.store.find import list_runs
    from opro_cli.store.summary import read_run_summary

    rows = []
    for folder in list_runs(runs_dir):
        try:
            rows.append(read_run_summary(folder))
        except OproError as error:  # one damaged run must not hide the others
            print(f"left out: {printable(error.message)}", file=sys.stderr)
    if as_json:
        print_json(rows)
        return
    from opro_cli.render.tables import make_page
    from opro_cli.store import find as find_sweeps

    sweeps = find_sweeps.list_sweeps(runs_dir)
    if not rows and not sweeps:
        where = printable(str(runs_dir))
        print(f"no runs in {where}; start one with `opro optimize CONFIG`", file=sys.stderr)
        return
    page = make_page(sys.stdout)
    if rows:
        from opro_cli.render.listings import print_runs

        print_runs(rows, page)
    if sweeps:
        list_sweeps(sweeps, page)
