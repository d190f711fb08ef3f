"""`opro init --data` on the layouts of well-known sets: what it chooses, and that it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from opro_cli import wiring
from opro_cli.app.init import write_first_config
from opro_cli.datasets import read_rows
from opro_cli.datasets.formats import Row
from opro_cli.datasets.guess import Guess, NoGuessError, guess_task
from tests.layouts import Layout, find_misses, write_rows
from tests.layouts.seen import SEEN
from tests.layouts.seen_more import MORE

KNOWN = [*SEEN, *MORE]


def guess_file(path: Path) -> Guess:
    return guess_task([row.fields for row in read_rows(str(path)) if isinstance(row, Row)])


@pytest.mark.parametrize("layout", KNOWN, ids=[each.name for each in KNOWN])
def test_a_known_layout_is_guessed(layout: Layout, tmp_path: Path) -> None:
    assert find_misses(layout, guess_file(write_rows(layout, tmp_path))) == []


@pytest.mark.parametrize("layout", KNOWN, ids=[each.name for each in KNOWN])
def test_the_config_for_a_layout_loads_all_of_its_rows(layout: Layout, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    first = write_first_config(config, str(write_rows(layout, tmp_path)))
    settings = wiring.fill_in_new(wiring.read_config(config), (tmp_path,))
    loaded = wiring.load_data(settings, folders=(tmp_path,))
    assert sum(map(len, loaded.examples.values())) + loaded.left_out == len(layout.rows)
    assert loaded.left_out <= len(layout.rows) // 10
    assert len(first.examples) == min(3, len(loaded.examples["train"]))
    assert first.open == ("open" in layout.answer)
