"""Rates of the verdict: `python -m tests.simulations [RUNS] [--only=WORD] [--all]`, 1,000 runs.

`--all` adds what is known and not mended. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import sys
import tempfile
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from opro_cli.core.stats.intervals import wilson_interval
from tests.simulations.groups import GROUPS, KNOWN
from tests.simulations.rows import DRIFT, OTHER, lucky

RUNS = 1000
FAMILIES, TIMES = 40, 20


def percent(count: int, runs: int) -> str:
    interval = wilson_interval(count / runs, runs)
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * count / runs:5.1f} % [{low:4.1f} to {high:4.1f}]"


def lucky_run(family: int) -> int:
    return lucky(family, TIMES)


def lucky_run_with_ledger(family: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return lucky(family, TIMES, Path(folder) / "ledger.jsonl")


def print_lucky(pool: Any) -> None:
    """Print how many families are misled within so many runs, without a ledger and with one."""
    for name, row in (("", lucky_run), (", with a ledger", lucky_run_with_ledger)):
        found = pool.map(row, range(FAMILIES), chunksize=1)
        for most in (1, 5, 10, 20):
            hits = sum(0 < each <= most for each in found)
            label = f"at most {most} seeds until improved{name}"
            print(f"{label:<48}{percent(hits, FAMILIES)}", flush=True)


def main() -> None:
    numbers = [int(each) for each in sys.argv[1:] if each.isdecimal()]
    runs = numbers[0] if numbers else RUNS
    only = next((a.partition("=")[2] for a in sys.argv[1:] if a.startswith("--only=")), "")
    everything = "--all" in sys.argv[1:]
    rows = {**DRIFT, **OTHER, **GROUPS, **(KNOWN if everything else {})}
    print(f"{runs:,} runs a row\n\n{'truth':<52}{'improved':<25}worse", flush=True)
    with Pool() as pool:
        for name, row in rows.items():
            if only in name:
                verdicts = pool.map(row, range(runs), chunksize=10)
                improved, worse = verdicts.count("improved"), verdicts.count("worse")
                print(f"{name:<52}{percent(improved, runs)}  {percent(worse, runs)}", flush=True)
        if everything and only in ("", "lucky"):
            print_lucky(pool)


if __name__ == "__main__":
    main()
