"""Sizes worked by hand; disjointness and stability as properties."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.settings.task import SplitSettings
from opro_cli.core.splits import Cut, cut_splits, describe_doubts
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.errors import DataError


def sizes(division: Cut) -> dict[Split, int]:
    return {split: len(division.rows[split]) for split in SPLITS}


@pytest.mark.parametrize(
    ("rows", "train", "dev", "test"),
    [
        (7473, 50, 100, 200),
        (350, 50, 100, 200),
        (349, 50, 100, 199),
        (250, 50, 93, 107),
        (200, 50, 70, 80),
        (100, 25, 35, 40),
        (10, 2, 3, 5),
        (2, 1, 0, 1),
        (1, 1, 0, 0),
    ],
)
def test_sizes_left_open(rows: int, train: int, dev: int, test: int) -> None:
    division = cut_splits({"train": rows}, SplitSettings())
    assert sizes(division) == {"train": train, "dev": dev, "test": test}
    assert ("too few" in division.note) == (rows < 350)


@pytest.mark.parametrize(
    ("settings", "train", "dev", "test"),
    [
        (SplitSettings(train=10, dev=0, test=0), 10, 0, 0),
        (SplitSettings(train=0.29, dev=0.5, test=0.21), 29, 50, 21),
        (SplitSettings(train=1.0, dev=0, test=0.0), 100, 0, 0),
        (SplitSettings(test=60), 25, 15, 60),
        (SplitSettings(train=90), 90, 4, 6),
    ],
)
def test_sizes_of_100_rows(settings: SplitSettings, train: int, dev: int, test: int) -> None:
    found = sizes(cut_splits({"train": 100}, settings))
    assert found == {"train": train, "dev": dev, "test": test}


def test_a_source_of_its_own_is_taken_whole_unless_told() -> None:
    available: Mapping[Split, int] = {"train": 400, "test": 1319}
    assert sizes(cut_splits(available, SplitSettings())) == {"train": 50, "dev": 100, "test": 1319}
    asked = SplitSettings(dev=300, test=0.1)
    assert sizes(cut_splits(available, asked)) == {"train": 50, "dev": 300, "test": 131}
    own: Mapping[Split, int] = {"train": 30, "dev": 20, "test": 10}
    assert sizes(cut_splits(own, SplitSettings())) == {"train": 30, "dev": 20, "test": 10}


@pytest.mark.parametrize(
    ("available", "settings", "message"),
    [
        ({"train": 100}, SplitSettings(train=50, dev=30, test=21), "50 train + 30 dev + 21 test"),
        ({"train": 100}, SplitSettings(train=50, dev=30, test=21), "= 101 rows wanted, only 100"),
        ({"train": 100}, SplitSettings(test=90), "25 train (default) + 90 test = 115"),
        ({"train": 9}, SplitSettings(train=10, dev=0, test=0), "10 train rows wanted, only 9"),
        ({"train": 9, "test": 5}, SplitSettings(test=6), "6 test rows wanted, only 5"),
        ({"train": 9}, SplitSettings(dev=0.1), "dev: 0.1 of 9 rows is less than one row"),
    ],
)
def test_too_few_rows_are_told_with_the_numbers(
    available: Mapping[Split, int], settings: SplitSettings, message: str
) -> None:
    with pytest.raises(DataError) as error:
        cut_splits(available, settings)
    assert message in error.value.message
    assert error.value.hint


def test_the_note_says_the_counts() -> None:
    note = cut_splits({"train": 100, "test": 40}, SplitSettings(seed=7)).note
    assert note == (
        "split: 41 train, 59 dev, 40 test of 40 rows, drawn with seed 7 from 100 rows; "
        "too few for the usual 50 train, 100 dev"
    )


def test_another_seed_draws_other_rows() -> None:
    first, second = (cut_splits({"train": 1000}, SplitSettings(seed=seed)) for seed in (0, 1))
    assert first.rows != second.rows
    assert first == cut_splits({"train": 1000}, SplitSettings(seed=0))


COUNTS = st.integers(0, 40)


@given(rows=st.integers(1, 2000), own=st.integers(0, 300), seed=st.integers(0, 9))
def test_defaults_always_fit_and_are_disjoint(rows: int, own: int, seed: int) -> None:
    available: dict[Split, int] = {"train": rows}
    if own:
        available["test"] = own
    division = cut_splits(available, SplitSettings(seed=seed))
    drawn = [*division.rows["train"], *division.rows["dev"]]
    if not own:
        drawn += division.rows["test"]
    assert len({*drawn}) == len(drawn)
    assert {*drawn} <= {*range(rows)}
    assert len(division.rows["train"]) >= 1


@given(train=st.integers(1, 40), dev=COUNTS, test=COUNTS, more=COUNTS)
def test_more_test_rows_change_no_other_split(train: int, dev: int, test: int, more: int) -> None:
    few = cut_splits({"train": 160}, SplitSettings(train=train, dev=dev, test=test))
    many = cut_splits({"train": 160}, SplitSettings(train=train, dev=dev, test=test + more))
    assert sizes(few) == {"train": train, "dev": dev, "test": test}
    assert many.rows["train"] == few.rows["train"]
    assert many.rows["dev"] == few.rows["dev"]
    assert {*many.rows["test"]} >= {*few.rows["test"]}


@given(train=st.integers(1, 40), more=COUNTS, test=COUNTS)
def test_more_train_rows_keep_train_and_test(train: int, more: int, test: int) -> None:
    few = cut_splits({"train": 160}, SplitSettings(train=train, dev=10, test=test))
    many = cut_splits({"train": 160}, SplitSettings(train=train + more, dev=10, test=test))
    assert many.rows["train"][:train] == few.rows["train"]
    assert many.rows["test"] == few.rows["test"]


def test_what_small_splits_cannot_tell_is_said() -> None:
    assert describe_doubts({"train": 50, "dev": 100, "test": 200}) == ()
    no_dev, no_test = describe_doubts({"train": 9, "dev": 0, "test": 0})
    assert no_dev == "no dev split: the winner is chosen on train, which it was made to fit"
    assert no_test == "no test split: no gain will be claimed"
    # Connor (1987): 45 questions, 30 % of them answered differently, power 80 %: 22 points.
    (few,) = describe_doubts({"train": 40, "dev": 40, "test": 45})
    assert few.startswith("45 test questions tell a gain of some 22 points or more from chance (")
    (very_few,) = describe_doubts({"train": 4, "dev": 4, "test": 4})
    assert very_few.startswith("4 test questions tell only very large gains from chance (")
