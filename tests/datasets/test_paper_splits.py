"""`method: paper`: a case by hand, then numpy itself as the other side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.settings.task import SplitSettings
from opro_cli.core.splits import Cut, cut_splits
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.errors import DataError


def paper(available: int | Mapping[Split, int], **settings: Any) -> Cut:
    rows: Mapping[Split, int] = {"train": available} if isinstance(available, int) else available
    return cut_splits(rows, SplitSettings(method="paper", **settings))


def test_ten_rows_by_hand() -> None:
    # numpy.random.RandomState(0).permutation(10) is 2 8 4 9 1 6 7 3 0 5.
    assert paper(10, train=0.35).rows == {
        "train": (2, 4, 8),
        "dev": (),
        "test": (0, 1, 3, 5, 6, 7, 9),
    }
    assert paper(10, train=10).rows["train"] == tuple(range(10))


def test_the_published_sizes() -> None:
    gsm8k = paper({"train": 7473, "test": 1319}, train=0.035, dev=0).rows
    assert [len(gsm8k[split]) for split in SPLITS] == [261, 0, 1319]
    bbh = paper(250, train=0.2, dev=0).rows
    assert [len(bbh[split]) for split in SPLITS] == [50, 0, 200]
    mmlu = paper(135, train=0.8, dev=0.2).rows
    assert [len(mmlu[split]) for split in SPLITS] == [108, 27, 0]


@given(total=st.integers(1, 400), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_train_and_dev_are_what_numpy_draws(total: int, seed: int, data: st.DataObject) -> None:
    train_share = data.draw(st.floats(0, 1))
    dev_share = data.draw(st.floats(0, 1 - train_share))
    stream = np.random.RandomState(seed)
    train = sorted(stream.choice(total, int(train_share * total), replace=False).tolist())
    left = sorted({*range(total)} - {*train})
    size = int(dev_share * total)
    dev = sorted(stream.choice(left, size, replace=False).tolist()) if left else []
    rows = paper(total, train=train_share, dev=dev_share, seed=seed).rows
    assert list(rows["train"]) == train
    assert list(rows["dev"]) == dev
    assert list(rows["test"]) == sorted({*left} - {*dev})


@given(
    total=st.integers(0, 30),
    dev=st.integers(0, 30),
    test=st.integers(0, 30),
    seed=st.integers(0, 99),
)
def test_splits_ascend_are_disjoint_and_come_again(
    total: int, dev: int, test: int, seed: int
) -> None:
    sizes = {"train": total, "dev": dev, "test": test}
    rows = paper(90, **sizes, seed=seed).rows
    assert rows == paper(90, **sizes, seed=seed).rows
    assert {split: len(rows[split]) for split in SPLITS} == sizes
    assert all(list(rows[split]) == sorted(rows[split]) for split in SPLITS)
    drawn = [row for split in SPLITS for row in rows[split]]
    assert len({*drawn}) == len(drawn)


def test_a_test_source_of_its_own_is_taken_whole_and_train_keeps_its_rows() -> None:
    rows = paper({"train": 10, "test": 4}, train=3, dev=2).rows
    assert rows["train"] == (2, 4, 8)
    assert rows["test"] == (0, 1, 2, 3)
    # The same rows as without: dev comes before test in the stream.
    assert rows["dev"] == paper(10, train=3, dev=2).rows["dev"]


def test_a_dev_source_of_its_own_leaves_the_rest_to_test() -> None:
    rows = paper({"train": 10, "dev": 6}, train=3, dev=2).rows
    stream = np.random.RandomState(0)
    stream.choice(10, 3, replace=False)
    assert list(rows["dev"]) == sorted(stream.choice(6, 2, replace=False))
    assert rows["test"] == (0, 1, 3, 5, 6, 7, 9)


def test_dev_is_only_drawn_when_it_is_asked_for() -> None:
    rows = cut_splits({"train": 100, "test": 9}, SplitSettings(train=10, method="paper")).rows
    assert [len(rows[split]) for split in SPLITS] == [10, 0, 9]


def test_another_seed_draws_other_rows() -> None:
    assert paper(500, train=50, seed=1).rows != paper(500, train=50, seed=2).rows


def test_a_number_of_test_rows_leaves_some_over() -> None:
    rows = paper(100, train=10, dev=0, test=20).rows
    assert len(rows["test"]) == 20
    assert not {*rows["test"]} & {*rows["train"]}
    assert rows["train"] == paper(100, train=10, dev=0).rows["train"]


def test_fractions_are_cut_as_doubles() -> None:
    # 0.29 * 100 is 28.999999999999996 to a computer, and the reference takes the whole part.
    assert len(paper(100, train=0.29, dev=0).rows["train"]) == 28
    assert len(cut_splits({"train": 100}, SplitSettings(train=0.29)).rows["train"]) == 29


def test_a_fraction_of_less_than_one_row_is_none() -> None:
    rows = paper(9, train=0.2, dev=0.1).rows
    assert [len(rows[split]) for split in SPLITS] == [1, 0, 8]
    with pytest.raises(DataError, match="less than one row"):
        cut_splits({"train": 9}, SplitSettings(train=0.2, dev=0.1))


def test_too_few_rows_are_told_with_the_numbers() -> None:
    with pytest.raises(DataError, match=r"6 train \+ 5 dev = 11 rows wanted, only 10 usable"):
        paper(10, train=6, dev=5)
    with pytest.raises(DataError, match="5 test rows wanted, only 4 usable"):
        paper({"train": 10, "test": 4}, train=3, test=5)


def test_the_note_says_how_the_rows_were_drawn() -> None:
    note = paper({"train": 20, "test": 4}, train=0.5, dev=0, seed=3).note
    assert note == (
        "split: 10 train, 0 dev, 4 test of 4 rows, drawn with seed 3 from 20 rows, "
        "as the paper's reference draws them"
    )
