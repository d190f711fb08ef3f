"""`python -m opro_cli.embedded.training`: train the checkpoints that ship from nothing."""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
from pathlib import Path

from opro_cli.embedded.config import OPTIMIZER, SCORER

FOLDERS = {"scorer": SCORER, "optimizer": OPTIMIZER}


def main() -> None:
    """Write both checkpoints, or one, to the folders of the package or elsewhere."""
    parser = argparse.ArgumentParser(prog="python -m opro_cli.embedded.training")
    parser.add_argument("roles", nargs="*", default=list(FOLDERS), help="scorer, optimizer")
    parser.add_argument("--into", type=Path, help="a folder for them, instead of the package's")
    parser.add_argument("--steps", type=int, help="fewer than the recipe's, for a trial")
    options = parser.parse_args()
    if unknown := set(options.roles) - set(FOLDERS):
        parser.error(f"expected scorer or optimizer, found {', '.join(sorted(unknown))}")
    if importlib.util.find_spec("torch") is None:
        parser.error("training needs torch: pip install -e '.[train]'")
    from opro_cli.embedded.training.recipes import make  # here, because it needs torch

    # Each in its own process: they are independent, and torch has one seed a process.
    context = multiprocessing.get_context("spawn")
    processes = []
    for role in options.roles:
        folder = options.into / role if options.into else FOLDERS[role]
        processes.append(context.Process(target=make, args=(role, folder, options.steps)))
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    raise SystemExit(max(abs(process.exitcode or 0) for process in processes))


if __name__ == "__main__":
    main()
