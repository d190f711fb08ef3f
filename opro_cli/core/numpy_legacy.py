"""numpy's legacy generator, `numpy.random.RandomState`, as far as the paper's draws need it.

The stream is the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), which Python's own
generator is too; only the seeding differs (numpy takes init_genrand of the 2002 version). numpy
has frozen this stream for good (NEP 19). Not imported from there: the core knows no library.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_WORDS = 624


class LegacyStream:
    """The stream of `numpy.random.RandomState(seed)`; seeds count modulo 2**32."""

    def __init__(self, seed: int) -> None:
        word = seed % 2**32
        state = [word]
        for index in range(1, _WORDS):
            word = (1812433253 * (word ^ (word >> 30)) + index) % 2**32
            state.append(word)
        self._bits = random.Random()
        self._bits.setstate((3, (*state, _WORDS), None))

    def choice(self, items: Sequence[T], size: int) -> list[T]:
        """`choice(items, size, replace=False)`: the first of a shuffled copy.

        Raises ValueError when there are fewer items.
        """
        if size > len(items):
            raise ValueError(f"{size} of {len(items)} items")
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self._at_most(last)
            order[last], order[other] = order[other], order[last]
        return order[:size]

    def _at_most(self, bound: int) -> int:
        """A number from 0 to `bound` (below 2**32), by masking and rejecting."""
        mask = (1 << bound.bit_length()) - 1
        while (value := self._bits.getrandbits(32) & mask) > bound:
            pass
        return value
