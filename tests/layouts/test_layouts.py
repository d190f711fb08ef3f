"""`opro init --data` on the layouts of well-known sets: what it chooses, and that it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from opro_cli import wiring
from opro_cli.app.init import write_first_config
from opro_cli.datasets import read_rows
from opro_cli.datasets.formats import Row
from opro_cli.datasets.guess import Guess, guess_task
from tests.layouts import Layout, find_misses, write_rows
from tests.layouts.later import LATER
from tests.layouts.seen import SEEN
from tests.layouts.seen_more import MORE
from tests.layouts.unseen import UNSEEN

KNOWN = [*SEEN, *MORE]
UNSEEN_FLOOR = 19
"""Of 20. At their first run it was 18: MultiNLI's parse trees were asked as a part of the question,
and Dolly's category was taken for the gold answer. Both causes were mended."""
LATER_FLOOR = 13
"""Of 14. At their first run it was 11: CaseHOLD, NarrativeQA and the invoices were wrong."""


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


def _count_right(layouts: list[Layout], folder: Path) -> int:
    right = 0
    for layout in layouts:
        place = folder / str(layouts.index(layout))
        place.mkdir()
        right += not find_misses(layout, guess_file(write_rows(layout, place)))
    return right


def test_layouts_that_were_kept_apart_are_guessed_as_often_as_recorded(tmp_path: Path) -> None:
    (tmp_path / "unseen").mkdir()
    (tmp_path / "later").mkdir()
    assert len(UNSEEN) == 20
    assert _count_right(UNSEEN, tmp_path / "unseen") >= UNSEEN_FLOOR
    assert _count_right(LATER, tmp_path / "later") >= LATER_FLOOR


@pytest.mark.parametrize("layout", [*UNSEEN, *LATER], ids=[e.name for e in [*UNSEEN, *LATER]])
def test_the_config_for_an_unseen_layout_loads(layout: Layout, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    write_first_config(config, str(write_rows(layout, tmp_path)))
    settings = wiring.fill_in_new(wiring.read_config(config), (tmp_path,))
    assert wiring.load_data(settings, folders=(tmp_path,)).examples["train"]
