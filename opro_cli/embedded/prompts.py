"""What is asked of the network, and what it says; light, for those who only pass it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids to continue, and how: temperature 0 is greedy; `limit` is a number of tokens."""

    ids: tuple[int, ...]
    temperature: float
    limit: int
    seed: int


@dataclass(frozen=True, slots=True)
class Continuation:
    """The tokens decoded, without the end mark, and what ended them: that mark or the limit."""

    ids: tuple[int, ...]
    finish_reason: Literal["stop", "length"]
