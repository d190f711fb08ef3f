"""The line of a claim: read back as it was written, or known to be damaged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.calls.budget import Spent, add_up
from opro_cli.errors import OproError
from opro_cli.sweep.claims import LINE, Claim, decode, encode, excess, larger, seal

AMOUNTS = st.builds(Spent, *[st.integers(0, 10**27)] * 3)
CLAIMS = st.builds(
    Claim,
    session=st.text("0123456789abcdef", min_size=8, max_size=8),
    shard=st.sampled_from(["1/1", "2/5", "999999999/999999999"]),
    host=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=64),
    pid=st.integers(1, 2**32),
    began=st.just("2026-11-28T20:15:00+00:00"),
    unclaimed=AMOUNTS,
    spent=AMOUNTS,
    in_flight=AMOUNTS,
)


@given(CLAIMS)
def test_a_line_is_read_back(claim: Claim) -> None:
    line = encode(claim)
    assert len(line) == LINE
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == claim


@given(CLAIMS, st.integers(0, 8 * LINE - 1))
def test_a_flipped_bit_never_makes_another_claim(claim: Claim, bit: int) -> None:
    line = bytearray(encode(claim))
    line[bit // 8] ^= 1 << bit % 8
    assert decode(bytes(line)) in (None, claim)


@given(st.binary(max_size=LINE))
def test_what_is_no_line_is_damaged(data: bytes) -> None:
    assert decode(data) is None


def test_a_newer_line_is_refused() -> None:
    with pytest.raises(OproError, match=r"format 2; this opro reads 1") as caught:
        decode(seal(b'{"format":2'))
    assert caught.value.hint == "update opro"


def test_amounts_by_hand() -> None:
    one, other = Spent(3, 10, 100), Spent(1, 20, 100)
    assert add_up((one, other)) == Spent(4, 30, 200)
    assert excess(one, other) == Spent(2, 0, 0)
    assert larger(one, other) == Spent(3, 20, 100)
