"""The claim of one session on a sweep's budget, and the line of text that keeps it."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Protocol

from opro_cli.engine.budget import Spent, add_up
from opro_cli.errors import OproError

CLAIMS = ".claims.jsonl"
FORMAT = 1
LINE = 512
"""Bytes of a line. It divides a page of memory, so that no line crosses one."""
NOTHING = Spent(0, 0, 0)
_LONGEST_HOST = 64
_FIELDS = ("calls", "tokens", "pico_usd")


class Amount(Protocol):
    """A sum of spending, fixed as `Spent` or not."""

    @property
    def calls(self) -> int:
        """How many calls."""
        ...

    @property
    def tokens(self) -> int:
        """Their tokens."""
        ...

    @property
    def pico_usd(self) -> int:
        """Dollars in whole 1e-12."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """The line of one session.

    session: unique. spent: by its calls that are over. in_flight: the upper bounds of the others.
    unclaimed: what the journals had, as the session began, beyond all claims: of cells resumed by
    hand, or from before there were claims.
    """

    session: str
    shard: str
    host: str
    pid: int
    began: str
    unclaimed: Spent = NOTHING
    spent: Spent = NOTHING
    in_flight: Spent = NOTHING

    @property
    def own(self) -> Spent:
        """All that its own calls have taken, or may take."""
        return add_up((self.spent, self.in_flight))

    @property
    def total(self) -> Spent:
        """All that it counts."""
        return add_up((self.unclaimed, self.own))


def excess(amount: Spent, counted: Spent) -> Spent:
    """The part of an amount that is not counted yet, kind by kind; never negative."""
    return Spent(
        max(0, amount.calls - counted.calls),
        max(0, amount.tokens - counted.tokens),
        max(0, amount.pico_usd - counted.pico_usd),
    )


def larger(one: Spent, other: Spent) -> Spent:
    """The larger amount, kind by kind."""
    return add_up((one, excess(other, one)))


def encode(claim: Claim) -> bytes:
    """The line of a claim, `LINE` bytes long."""
    spelt = {
        "format": FORMAT,
        "session": claim.session,
        "shard": claim.shard,
        "host": claim.host[:_LONGEST_HOST].encode("ascii", "replace").decode(),
        "pid": claim.pid,
        "began": claim.began,
        "unclaimed": _plain(claim.unclaimed),
        "spent": _plain(claim.spent),
        "in_flight": _plain(claim.in_flight),
    }
    body = json.dumps(spelt, separators=(",", ":"))[:-1].encode()
    return seal(body)


def decode(line: bytes) -> Claim | None:
    """The claim of a line; None where the line is damaged.

    Raises OproError for one that a newer opro wrote.
    """
    body, mark, check = line.rpartition(b',"check":"')
    if not mark or check.rstrip() != b'%08x"}' % zlib.crc32(body):
        return None
    try:
        fields = json.loads(body + b"}")
        if fields["format"] != FORMAT:
            raise OproError(
                f"{CLAIMS}: format {fields['format']}; this opro reads {FORMAT}", "update opro"
            )
        return Claim(
            session=str(fields["session"]),
            shard=str(fields["shard"]),
            host=str(fields["host"]),
            pid=int(fields["pid"]),
            began=str(fields["began"]),
            unclaimed=_spent(fields["unclaimed"]),
            spent=_spent(fields["spent"]),
            in_flight=_spent(fields["in_flight"]),
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _plain(amount: Spent) -> list[int]:
    return [getattr(amount, name) for name in _FIELDS]


def _spent(plain: list[int]) -> Spent:
    calls, tokens, pico_usd = map(int, plain)
    return Spent(calls, tokens, pico_usd)


def seal(body: bytes) -> bytes:
    """A line of what is in it but the checksum and the closing brace."""
    line = b'%s,"check":"%08x"}' % (body, zlib.crc32(body))
    if len(line) >= LINE:
        raise AssertionError(f"a claim of {len(line)} bytes")
    return line.ljust(LINE - 1) + b"\n"
