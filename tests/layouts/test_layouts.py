"""`opro init --data` on the layouts of well-known sets: what it chooses, and that it runs."""

from __future__ import annotations

import json
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


def _ask(turns: int, **more: object) -> dict[str, object]:
    chat = [
        {"role": "system", "from": [], "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": f"Is {turns} odd?"},
        {"role": "assistant", "content": f"It is {turns % 2}"},
    ]
    return {"talk": {"messages": chat}, **more}


def test_the_system_turn_of_a_chat_is_read_as_any_turn_wherever_the_chat_is(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(json.dumps(_ask(turns)) for turns in range(40)))
    first = write_first_config(tmp_path / "mine.yaml", str(rows))
    assert first.prompt == "Be brief."
    assert all(each.target.startswith("It is ") for each in first.examples)


def test_what_is_named_is_looked_at_wherever_it_is() -> None:
    chats = [_ask(turns, mood=["glad", "sad", "calm"][turns % 3]) for turns in range(60)]
    guess = guess_task(chats, target="mood")
    assert guess.answer == "label"
    assert guess.why["target"] == "you named it"
    lists = [{"question": f"How many of {n} are odd?", "found": [{"n": n}]} for n in range(60)]
    assert guess_task(lists, target="found[0].n").answer == "number"


def test_a_row_without_options_does_not_end_the_guess() -> None:
    rows: list[dict[str, object]] = [
        {"question": f"Which {n}?", "choices": ["a", "b", f"c{n}"], "labels": [1, 0, 0]}
        for n in range(40)
    ]
    rows[3] = {**rows[3], "choices": None}
    rows[4] = {**rows[4], "labels": None}
    assert guess_task(rows).inputs == ("question",)
