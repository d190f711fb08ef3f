"""`python -m opro_cli.embedded.training [FOLDER]`: train the shipped checkpoint from nothing."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path


def main() -> None:
    """Write a checkpoint to the folder of the package, or to another one."""
    shipped = Path(__file__).resolve().parents[1] / "tiny_mistral"
    parser = argparse.ArgumentParser(prog="python -m opro_cli.embedded.training")
    parser.add_argument("folder", type=Path, nargs="?", default=shipped)
    parser.add_argument("--steps", type=int, help="fewer than the recipe's, for a trial")
    options = parser.parse_args()
    if importlib.util.find_spec("torch") is None:
        parser.error("training needs torch: pip install -e '.[train]'")
    from opro_cli.embedded.training.train import STEPS, train

    train(options.folder, options.steps or STEPS)


if __name__ == "__main__":
    main()
