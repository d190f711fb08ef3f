"""Which run a name means."""

from __future__ import annotations

from pathlib import Path

import pytest

from opro_cli.errors import RunFolderError
from opro_cli.store.folders import find_run, is_part

RUNS = (
    "sums-20260101-000000-3f9ae7b2",
    "sums-20260102-000000-e1e1e1e1",
    "sums-big-20260103-000000-0a1b2c3d",
    "old-20251231-235959-abcd",
    "seed0",
)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name in RUNS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (RUNS[0], 0),
        ("3f9a", 0),
        ("3f9ae7b2", 0),
        ("20260102", 1),
        ("000000-e1", 1),
        ("big", 2),
        ("sums-big", 2),
        ("old", 3),
        ("abcd", 3),
        ("ol", 3),
        ("seed0", 4),
        ("eed", 4),
    ],
)
def test_a_name_or_a_part_of_one_is_enough(runs: Path, wanted: str, found: int) -> None:
    notes: list[str] = []
    assert find_run(runs, wanted, notes.append).name == RUNS[found]
    assert notes == []


def test_the_name_of_a_config_means_its_newest_run(runs: Path) -> None:
    notes: list[str] = []
    assert find_run(runs, "sums", notes.append).name == RUNS[1]
    assert notes == [f'"sums" fits 2 runs; taking the newest, {RUNS[1]}']


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("sum", '"sum" fits 3 runs'),
        ("202601", '"202601" fits 3 runs'),
        ("1e1e", 'no run called "1e1e"'),
        ("7b2", 'no run called "7b2"'),
        ("bcd", 'no run called "bcd"'),
        ("", "no run called"),
    ],
)
def test_what_fits_several_or_only_random_digits_is_refused(
    runs: Path, wanted: str, words: str
) -> None:
    with pytest.raises(RunFolderError, match=words):
        find_run(runs, wanted)


def test_one_letter_is_not_looked_for_among_random_digits(runs: Path) -> None:
    fitting = [name for name in RUNS if is_part("e", name)]
    assert fitting == [RUNS[1], "seed0"]  # at the beginning of the digits, and in a name
