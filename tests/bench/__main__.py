"""All figures in one table: `python -m tests.bench` (some minutes), `--full` for the long ones.

Daily: one job over HTTP, the commands' start-up, a short search at the paper's width and its
readers, what the cells of a sweep ask of its process, races and verdicts over some simulated runs,
the embedded models. Full: the paper's 200 steps, 1,000 races with all other settings, races on the
embedded models, verdicts, tests of graded scores, and the replay of 400,000 events, each with its
own table.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import embedded, job, paper_scale, racing, start_up, sweep_server
from tests.bench.table import Row, printed

DAILY_STEPS = 20
DAILY_RACES = 40
LONG = (
    ("tests.bench.paper_scale",),
    ("tests.bench.racing", "--all"),
    ("tests.bench.racing_embedded",),
    ("tests.bench.verdicts", "10000"),
    ("tests.bench.graded", "20000"),
    ("tests.bench.replay",),
)


def rows() -> Iterator[Row]:
    """Every figure, as soon as it is measured."""
    yield from job.rows()
    yield from start_up.rows(5)
    with tempfile.TemporaryDirectory() as folder:
        yield from paper_scale.rows(Path(folder), DAILY_STEPS)
    yield from sweep_server.rows()
    yield from racing.rows(DAILY_RACES)
    yield from embedded.rows()


def main() -> None:
    missed = printed(rows())
    if "--full" in sys.argv[1:]:
        for module, *arguments in LONG:
            print(f"\n{module} {' '.join(arguments)}".rstrip(), flush=True)
            subprocess.run([sys.executable, "-m", module, *arguments], check=True)
    # Not a failure: machines differ, and the table is there to be read.
    print(f"\n{missed} targets missed" if missed else "\nall targets met")


if __name__ == "__main__":
    main()
