"""`sweep.json`: what is written is read back, and what was not is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opro_cli.core.sweep import Cell
from opro_cli.errors import RunFolderError
from opro_cli.store.folders import is_sweep
from opro_cli.store.sweep_folder import (
    RecordedSweep,
    hold_sweep,
    is_at_work,
    read_sweep,
    write_sweep,
)

CELLS = (Cell("seed0", {"search.seed": 0}), Cell("a_b", {"task": {"preset": "gsm8k"}}))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "grid"
    assert not is_sweep(folder)
    id = write_sweep(folder, "grid", CELLS)
    assert is_sweep(folder)
    assert read_sweep(folder) == RecordedSweep("grid", folder, CELLS, id=id)
    assert write_sweep(folder, "grid", CELLS[:1]) == id
    assert read_sweep(folder).cells == CELLS[:1]
    assert write_sweep(tmp_path / "other", "grid", CELLS) != id
    assert [path.name for path in folder.iterdir()] == ["sweep.json"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.text(max_size=9), VALUES, max_size=4))
def test_any_values_are_read_back(tmp_path: Path, values: dict[str, Any]) -> None:
    write_sweep(tmp_path, "grid", [Cell("one", values)])
    assert read_sweep(tmp_path).cells == (Cell("one", values),)


def test_a_folder_of_no_sweep_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"sweep\.json: No such file or directory"):
        read_sweep(tmp_path)


def test_another_format_is_told(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text('{"format": 2, "name": "x", "cells": []}')
    with pytest.raises(RunFolderError, match=r"format 2; this opro reads 1"):
        read_sweep(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "3", "{}", '"x"', "\x00", "[" * 100_000),
        '{"format": 1}',
        '{"format": 1, "name": "x", "cells": 3}',
        '{"format": 1, "name": "x", "cells": [3]}',
        '{"format": 1, "name": "x", "cells": [{"name": "a", "values": 3}]}',
        '{"format": 1, "name": "x", "cells": [{"name": "a", "values": ["b"]}]}',
    ],
    ids=lambda text: str(text)[:30],
)
def test_a_broken_one_says_how_to_mend_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(RunFolderError) as caught:
        read_sweep(tmp_path)
    assert "not what `opro sweep` writes" in caught.value.message
    assert caught.value.hint == "run `opro sweep` again: it writes it anew"


def test_one_process_works_on_a_sweep_at_a_time_and_on_each_of_its_parts(tmp_path: Path) -> None:
    refused = pytest.raises(RunFolderError, match="another opro is working on this sweep")
    with (
        hold_sweep(tmp_path, "1/2"),
        hold_sweep(tmp_path, "2/2"),
        refused,
        hold_sweep(tmp_path, "1/2"),
    ):
        raise AssertionError("two at once")
    with hold_sweep(tmp_path, "1/2"):
        pass


def test_who_is_at_work_is_known_and_looking_disturbs_nobody(tmp_path: Path) -> None:
    with hold_sweep(tmp_path, "1/2"):
        assert is_at_work(tmp_path, "1/2")
        assert not is_at_work(tmp_path, "2/2")
    assert not is_at_work(tmp_path, "1/2")
    with hold_sweep(tmp_path, "1/2"):
        pass
