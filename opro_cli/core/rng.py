"""Randomness without generator state: every draw is a function of the run's seed and its purpose.

Nothing needs saving, so a resumed run draws what the uninterrupted run would have drawn.
"""

from __future__ import annotations

import hashlib
import random


def rng_for(seed: int, purpose: str, *parts: int | str) -> random.Random:
    """A fresh generator that depends on the arguments only."""
    return random.Random(_digest(seed, purpose, *parts))


def seed_for(seed: int, purpose: str, *parts: int | str) -> int:
    """The `seed` of one model call, 0 to 2**31 - 1 (what every provider accepts)."""
    return _digest(seed, purpose, *parts) % 2**31


def _digest(*parts: int | str) -> int:
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
