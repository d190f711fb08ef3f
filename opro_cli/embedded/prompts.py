"""What is asked of the network, and what it says; light, for those who only pass it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["stop", "stop_string", "length"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids to continue, and how: temperature 0 is greedy; `limit` is a number of tokens."""

    ids: tuple[int, ...]
    temperature: float
    limit: int
    seed: int


@dataclass(frozen=True, slots=True)
class Continuation:
    """The tokens decoded, and what ended them.

    finish_reason: "stop" for the end mark, which is not among the ids; "stop_string" for a text,
    which the last of them completes; "length" for the limit.
    """

    ids: tuple[int, ...]
    finish_reason: FinishReason
