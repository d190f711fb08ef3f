"""Randomness without generator state: every draw is a function of seed and purpose.

The paper's draws need numpy's legacy generator, of which the parts in use are reimplemented here.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar

from opro_cli.core.text import encode_text

__all__ = ["LegacyStream", "Random", "create_rng", "derive_seed"]


def create_rng(seed: int, purpose: str, *parts: int | str) -> Random:
    """Return a new generator that depends only on the arguments."""
    return Random(_digest(seed, purpose, *parts))


def derive_seed(seed: int, purpose: str, *parts: int | str) -> int:
    """Return the `seed` of one model call, 0 to 2**31 - 1 (what every provider accepts)."""
    return _digest(seed, purpose, *parts) % 2**31


def _digest(*parts: int | str) -> int:
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(encode_text(text)).digest()[:8], "big")


T = TypeVar("T")

_WORDS = 624


class LegacyStream:
    """The stream of `numpy.random.RandomState(seed)`, with the seed taken modulo 2**32."""

    def __init__(self, seed: int) -> None:
        word = seed % 2**32
        state = [word]
        for index in range(1, _WORDS):
            word = (1812433253 * (word ^ (word >> 30)) + index) % 2**32
            state.append(word)
        self._bits = Random()
        self._bits.setstate((3, (*state, _WORDS), None))
        self._spare: float | None = None

    def choice(self, items: Sequence[T], size: int) -> list[T]:
        """Return numpy's `choice(items, size, replace=False)`; ValueError for too few items."""
        if size > len(items):
            raise ValueError(f"{size} of {len(items)} items")
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self._draw(last)
            order[last], order[other] = order[other], order[last]
        return order[:size]

    def uniform(self, low: float, high: float, size: int) -> list[float]:
        """Return numpy's `uniform(low, high, size)`."""
        return [low + (high - low) * self._bits.random() for _ in range(size)]

    def normal(self, size: int) -> list[float]:
        """Return numpy's `randn(size)`: normal deviates by the polar method, made in pairs."""
        return [self._draw_normal() for _ in range(size)]

    def _draw_normal(self) -> float:
        if self._spare is not None:
            spare, self._spare = self._spare, None
            return spare
        square = 0.0
        while not 0.0 < square < 1.0:
            first, second = (2.0 * self._bits.random() - 1.0 for _ in range(2))
            square = first * first + second * second
        factor = math.sqrt(-2.0 * math.log(square) / square)
        self._spare = factor * first
        return factor * second

    def _draw(self, bound: int) -> int:
        """Return a number from 0 to `bound` (below 2**32), by masking and rejecting."""
        mask = (1 << bound.bit_length()) - 1
        while (value := self._bits.getrandbits(32) & mask) > bound:
            pass
        return value
