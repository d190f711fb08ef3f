"""The first thing a person runs: OPRO climbs, on the models that ship inside, without a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Opro, only_run
from tests.documented import blocks
from tests.manual import README

CONFIG = Path(__file__).parents[2] / "configs" / "quickstart.yaml"


@pytest.mark.slow
def test_the_quickstart_climbs_at_least_ten_points_on_dev(opro: Opro, folder: Path) -> None:
    said = opro("optimize", str(CONFIG), "--json")
    assert said.code == 0
    result = said.data
    start, best = result["initial"]["scores"]["dev"], result["best"]["scores"]["dev"]
    assert best["mean"] - start["mean"] >= 0.10
    assert result["initial"]["instruction"] == "Let's solve the problem."
    assert result["spend"]["usd"] == 0.0
    assert result["verdict"] in ("improved", "not_distinguishable")
    assert (only_run(folder) / "best_prompt.txt").read_text() == result["best"]["instruction"]
    # What the README shows is this result, in a terminal of 80 columns, where the verdict is last.
    (screen,) = (text for text in blocks(README, "text") if text.startswith("split "))
    piped = " ".join(opro("show", "quickstart").out.split())
    shown, closing = screen.splitlines()[:-3], screen.splitlines()[-3:]
    assert [line.split()[0] for line in closing] == ["report", "prompt", "next"]
    for line in shown:
        assert " ".join(line.split()) in piped, line
