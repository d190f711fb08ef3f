"""The cost of a call before it is sent, by which limits let it go or hold it back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Upper bounds of one call: tokens of prompt and reply, and dollars in whole 1e-12.

    expected_tokens: what the call probably takes, for limits a minute; tokens is its upper bound.
    """

    tokens: int
    pico_usd: int
    expected_tokens: int = 0
