"""The claims of all sessions on a sweep's budget: one line each in `.claims.jsonl`."""

from __future__ import annotations

import errno
import json
import os
import zlib
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from opro_cli.calls.budget import Spent, add_up
from opro_cli.errors import OproError
from opro_cli.files import BINARY, read_at
from opro_cli.locks import try_lock, unlock

if TYPE_CHECKING:
    from filelock import SoftFileLock

CLAIMS = ".claims.jsonl"
FORMAT = 1
LINE = 512
"""Bytes of a line. It divides a page of memory, so that no line crosses one."""
NOTHING = Spent(0, 0, 0)
_LONGEST_HOST = 64


@dataclass(frozen=True, slots=True)
class Claim:
    """The line of one session; its fields are written in this order.

    Attributes:
        session: A unique id.
        unclaimed: What the journals had beyond all claims as the session began: from cells resumed
            by hand, or from before there were claims.
        spent: By its calls that are over.
        in_flight: The upper bounds of its other calls.
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
        """The amount that its own calls have taken, or may take."""
        return add_up((self.spent, self.in_flight))

    @property
    def total(self) -> Spent:
        """The whole amount that it counts."""
        return add_up((self.unclaimed, self.own))


def excess(amount: Spent, counted: Spent) -> Spent:
    """Return the part of an amount that is not counted yet, kind by kind; never negative."""
    return Spent(*(max(0, one - other) for one, other in zip(amount, counted, strict=True)))


def larger(one: Spent, other: Spent) -> Spent:
    """Return the larger amount, kind by kind."""
    return Spent(*map(max, one, other))


def sum_claims(folder: Path) -> Spent:
    """Add up what the sessions of a sweep have claimed, as far as its file can be read."""
    try:
        lines = _split((folder / CLAIMS).read_bytes())
    except OSError:
        return NOTHING
    return add_up(claim.total for claim in map(decode, lines) if claim is not None)


def encode(claim: Claim) -> bytes:
    """Return the line of a claim, `LINE` bytes long."""
    host = claim.host[:_LONGEST_HOST].encode("ascii", "replace").decode()
    fields = {"format": FORMAT, **asdict(claim), "host": host}
    return seal(json.dumps(fields, separators=(",", ":"))[:-1].encode())


@lru_cache(maxsize=4096)  # every call reads the lines of all sessions, and few have changed
def decode(line: bytes) -> Claim | None:
    """Return the claim of a line, None where the line is damaged.

    Raises:
        OproError: A newer opro wrote it.
    """
    body, mark, check = line.rpartition(b',"check":"')
    if not mark or check.rstrip() != b'%08x"}' % zlib.crc32(body):
        return None
    try:
        fields = json.loads(body + b"}")
        found = fields.pop("format")
        if found != FORMAT:
            raise OproError(f"{CLAIMS}: format {found}; this opro reads {FORMAT}", "update opro")
        for name in ("unclaimed", "spent", "in_flight"):
            fields[name] = Spent(*fields[name])
        return Claim(**fields)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def seal(body: bytes) -> bytes:
    """Return the line of a JSON object that still lacks its checksum and closing brace."""
    line = b'%s,"check":"%08x"}' % (body, zlib.crc32(body))
    if len(line) >= LINE:
        raise AssertionError(f"a claim of {len(line)} bytes")
    return line.ljust(LINE - 1) + b"\n"


def _split(raw: bytes) -> list[bytes]:
    """Split a file into its whole lines."""
    return [raw[at : at + LINE] for at in range(0, len(raw) - LINE + 1, LINE)]


_COUNTS_ANEW = "run `opro sweep` again: it counts what the journals of the cells have"


class ClaimsFile:
    """The claims of a sweep, open for one session.

    All methods but `try_lock` and `close` need the lock. When the disk refuses, they raise an
    OproError that names the file, and nothing has changed.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / CLAIMS
        self._offset = 0  # of our own line
        self._from = 0  # claims before it are of sessions that are over: they do not change
        self._fixed = b""  # the part of our own line that does not change
        self._soft_lock: SoftFileLock | None = None
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | BINARY, 0o666)
        except OSError as error:
            raise self._make_error("open", error) from error

    def try_lock(self) -> bool:
        """Take the lock; False while another process has it."""
        if self._soft_lock is not None:
            return _try_soft_lock(self._soft_lock)
        try:
            return try_lock(self._fd)
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise self._make_error("lock", error) from error
            from filelock import SoftFileLock

            # Lustre without `-o flock` has no locks: there the file itself is one.
            self._soft_lock = SoftFileLock(self.path.with_suffix(".lock"))
            return _try_soft_lock(self._soft_lock)

    def unlock(self) -> None:
        """Give the lock back."""
        if self._soft_lock is not None:
            self._soft_lock.release()
        else:
            unlock(self._fd)

    def read_all(self) -> list[Claim | None]:
        """Return the claims in the order of their lines, None for a damaged one."""
        claims = [decode(line) for line in _split(self._read(0, self._size()))]
        self._offset = len(claims) * LINE  # a line that a full disk cut short is written over
        return claims

    def append(self, claim: Claim, fixed_lines: int) -> None:
        """Begin our own line behind all others; to be called after `read_all`.

        Args:
            claim: Ours.
            fixed_lines: The number of lines at the beginning whose sessions are over; they are not
                read again.
        """
        line = encode(claim)
        self._write(line, self._offset)
        self._from = fixed_lines * LINE
        self._fixed = line.partition(b',"spent":')[0]

    def write(self, spent: Spent, in_flight: Spent) -> None:
        """Put new amounts into our own line."""
        amounts = b',"spent":[%d,%d,%d],"in_flight":[%d,%d,%d]' % (*spent, *in_flight)
        self._write(seal(self._fixed + amounts), self._offset)

    def read_others(self) -> tuple[Claim, ...]:
        """Return the claims of others behind the fixed lines.

        Raises:
            OproError: A line is damaged.
        """
        size = self._size()
        if self._from == self._offset and size == self._offset + LINE:
            return ()
        others = []
        for number, line in enumerate(_split(self._read(self._from, size)), self._from // LINE):
            if number * LINE == self._offset:
                continue
            claim = decode(line)
            if claim is None:
                what = f"{self.path}:{number + 1}: damaged while sessions are at work"
                raise OproError(what, _COUNTS_ANEW)
            others.append(claim)
        return tuple(others)

    def close(self) -> None:
        """Give the file back."""
        os.close(self._fd)

    def _size(self) -> int:
        status = os.fstat(self._fd)
        if status.st_nlink == 0:
            raise OproError(
                f"{self.path}: deleted or replaced while this session is at work", _COUNTS_ANEW
            )
        return status.st_size

    def _read(self, start: int, end: int) -> bytes:
        try:
            return read_at(self._fd, end - start, start)
        except OSError as error:
            raise self._make_error("read", error) from error

    def _write(self, line: bytes, offset: int) -> None:
        try:
            os.lseek(self._fd, offset, os.SEEK_SET)
            written = os.write(self._fd, line)
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise self._make_error("write", error) from error

    def _make_error(self, what: str, error: OSError) -> OproError:
        return OproError(
            f"{self.path}: cannot {what} the claims on the sweep's budget: {error.strerror}",
            "make room or fix the permissions, then run `opro sweep` again: nothing answered is "
            "lost",
        )


def _try_soft_lock(lock: SoftFileLock) -> bool:
    from filelock import Timeout

    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True
