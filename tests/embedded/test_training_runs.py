"""Training is a fixed function of its seed (extra `train`): the beginning of it, twice."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

pytestmark = pytest.mark.train

STEPS = 6
"""A few of practice, then a few of both roles."""


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    from opro_cli.embedded.training.train import SEED, train

    def trained(name: str, seed: int) -> dict[str, bytes]:
        train(tmp_path / name, STEPS, seed)
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    one = trained("one", SEED)
    assert trained("again", SEED) == one
    other = trained("other", SEED + 1)
    assert other["model.safetensors"] != one["model.safetensors"]
