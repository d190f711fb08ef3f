"""The legacy stream against numpy itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.draws import LegacyStream

SEEDS = st.integers(0, 2**32 - 1)


def test_the_reference_draws_these_rows_of_ten() -> None:
    # numpy.random.seed(0); numpy.random.choice(10, 10, replace=False), as in numpy's own examples
    assert LegacyStream(0).choice(range(10), 10) == [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]


@given(seed=SEEDS, draws=st.lists(st.integers(0, 300), min_size=1, max_size=4), data=st.data())
def test_every_draw_of_a_stream_is_numpys(seed: int, draws: list[int], data: st.DataObject) -> None:
    ours, theirs = LegacyStream(seed), np.random.RandomState(seed)
    for total in draws:
        size = data.draw(st.integers(0, total))
        items = [7 * item for item in range(total)]
        # numpy refuses to draw from nothing, even nothing.
        expected: list[int] = theirs.choice(items, size, replace=False).tolist() if total else []
        assert ours.choice(items, size) == expected


@pytest.mark.parametrize("total", [1, 2, 31, 32, 33, 1319, 7473])
def test_whole_data_sets_are_shuffled_as_numpy_does(total: int) -> None:
    expected = np.random.RandomState(total).choice(total, total, replace=False)
    assert LegacyStream(total).choice(range(total), total) == expected.tolist()


@given(seed=SEEDS, turns=st.integers(1, 3))
def test_seeds_count_modulo_two_to_the_32(seed: int, turns: int) -> None:
    items = "abcdefgh"
    beyond = LegacyStream(seed + turns * 2**32)
    assert beyond.choice(items, 8) == LegacyStream(seed).choice(items, 8)


def test_the_items_are_left_as_they_were() -> None:
    items = [3, 1, 2]
    LegacyStream(5).choice(items, 3)
    assert items == [3, 1, 2]


@pytest.mark.parametrize(("items", "size"), [([], 1), ([1, 2], 3)])
def test_more_than_there_are_is_refused(items: list[int], size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} of {len(items)} items"):
        LegacyStream(0).choice(items, size)
