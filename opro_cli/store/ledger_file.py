"""The file of the ledger of test sets: one record a line, append-only, under a lock.

Records say each thing once and name what they are about by unique ids, so that lines may come
twice and in any order, as a merge of two branches leaves them. A line that is damaged does not
count, and is reported. Only `forget` takes anything back, by a record of its own.
"""

from __future__ import annotations

import errno
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from opro_cli.core.run.uses import Use
from opro_cli.errors import UsageError
from opro_cli.files import BINARY, NONBLOCK, sync_file
from opro_cli.locks import try_lock

LOCK_S = 10.0
"""Seconds that a run waits for others; they hold the lock for milliseconds."""
_RETRY_S = 0.005
_MARK = b',"crc32":"'


class _Record(msgspec.Struct, frozen=True, tag_field="record"):
    """The base of all records."""


class RowSet(_Record, frozen=True, tag="set"):
    """A set of test rows, by what they are known by."""

    set: str
    rows: tuple[str, ...]


class Began(_Record, frozen=True, tag="use"):
    """A use of a set begins; the fields are those of `Use`, and what people want to know.

    at: seconds since the epoch. data: where the rows came from. before, after: the beginnings of
    both prompts.
    """

    use: str
    group: str
    set: str
    number: int
    level: float
    sharers: int
    start: str
    winner: str
    at: float
    run: str
    data: str
    before: str
    after: str


class Ended(_Record, frozen=True, tag="end"):
    """The outcome of a use; the fields are those of `Use`."""

    use: str
    outcome: str
    answers: str
    repeats: bool
    at: float


class Forgot(_Record, frozen=True, tag="forget"):
    """Uses that count no more, as somebody has said."""

    uses: tuple[str, ...]
    at: float


Record = RowSet | Began | Ended | Forgot

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def encode_line(record: Record) -> bytes:
    """Return a record as one line, with its checksum and its newline."""
    body = _ENCODER.encode(record).removesuffix(b"}")
    return b'%b%b%08x"}\n' % (body, _MARK, zlib.crc32(body))


def decode_line(line: bytes) -> Record | None:
    """Return the record of a line, None for one that is damaged or of a newer opro."""
    body, mark, checksum = line.rpartition(_MARK)
    if not mark or checksum.rstrip() != b'%08x"}' % zlib.crc32(body):
        return None
    try:
        return _DECODER.decode(line)
    except (ValueError, RecursionError):
        return None


@dataclass(slots=True)
class LedgerContent:
    """The records of a ledger, each once, in the order in which they came first.

    Attributes:
        damaged: The numbers of lines that are no records.
    """

    sets: dict[str, frozenset[str]] = field(default_factory=dict)
    began: dict[str, Began] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    damaged: list[int] = field(default_factory=list)

    @classmethod
    def parse(cls, data: bytes) -> LedgerContent:
        """Read the bytes of a ledger; what is no record is only counted."""
        content = cls()
        for number, line in enumerate(data.split(b"\n"), start=1):
            if not line.strip():
                continue
            match decode_line(line):
                case RowSet() as each:
                    content.sets.setdefault(each.set, frozenset(each.rows))
                case Began() as each:
                    content.began.setdefault(each.use, each)
                case Ended() as each:
                    content.ended.setdefault(each.use, each)
                case Forgot() as each:
                    content.forgotten.update(each.uses)
                case None:
                    content.damaged.append(number)
        return content

    def list_uses(self) -> list[Use]:
        """Return the uses that count, in their order."""
        return [
            self.build_use(each)
            for each in self.began.values()
            if each.use not in self.forgotten and each.set in self.sets
        ]

    def build_use(self, began: Began) -> Use:
        """Return a use with what came of it."""
        ended = self.ended.get(began.use)
        return Use(
            began.use,
            began.group,
            self.sets[began.set],
            began.number,
            began.level,
            began.start,
            began.winner,
            ended.outcome if ended else "",
            ended.answers if ended else "",
            bool(ended and ended.repeats),
        )

    def describe_damage(self, path: Path) -> str:
        """Return a sentence about lines that do not count, "" where all do."""
        if not self.damaged:
            return ""
        lines = ", ".join(map(str, self.damaged[:5])) + (" …" if len(self.damaged) > 5 else "")
        if len(self.damaged) == 1:
            what = f"line {lines} is no record of this opro's and does not count"
        else:
            what = f"lines {lines} are no records of this opro's and do not count"
        return f"{path}: {what}, so that test rows may have been used more often than is known"


def read_ledger(path: Path) -> LedgerContent:
    """Return the content of a ledger, that of an empty one where there is no file.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return LedgerContent.parse(path.read_bytes())
    except FileNotFoundError:
        return LedgerContent()
    except OSError as error:
        raise UsageError(
            f"the ledger of test rows, {path}, cannot be read: {error.strerror}",
            "name another one with --ledger",
        ) from None


class OpenLedger:
    """A ledger whose lock is held."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._torn = False

    def read(self) -> LedgerContent:
        """Return its content."""
        data = b""
        os.lseek(self._fd, 0, os.SEEK_SET)
        while block := os.read(self._fd, 1 << 20):
            data += block
        self._torn = bool(data) and not data.endswith(b"\n")
        return LedgerContent.parse(data)

    def append(self, *records: Record) -> None:
        """Write records behind all others, whole and on the disk, or raise OSError."""
        # What a crash left of a line stays a line of its own.
        data = b"\n" * self._torn + b"".join(map(encode_line, records))
        size = os.fstat(self._fd).st_size
        try:
            rest = data
            while rest:
                written = os.write(self._fd, rest)
                if not written:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                rest = rest[written:]
            sync_file(self._fd)
        except OSError:
            os.ftruncate(self._fd, size)
            raise


@contextmanager
def open_ledger(path: Path) -> Iterator[OpenLedger]:
    """Open a ledger, which is made where there is none, and hold its lock.

    Raises:
        OSError: The system refuses, or others hold the lock for too long.
    """
    if not path.is_absolute():
        raise FileNotFoundError(errno.ENOENT, "there is no home folder; set OPRO_STATE_DIR")
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + LOCK_S
    while True:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | NONBLOCK | BINARY, 0o666)
        try:
            with _hold(fd, path, until):
                # A checkout of git, say, may have put another file in its place meanwhile.
                if os.path.samestat(os.fstat(fd), path.stat()):
                    yield OpenLedger(fd)
                    return
        finally:
            os.close(fd)


@contextmanager
def _hold(fd: int, path: Path, until: float) -> Iterator[None]:
    """Hold the lock of a file; OSError where others have it until that time."""
    while True:
        try:
            is_ours = try_lock(fd)
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
            break
        if is_ours:
            yield
            return
        if time.monotonic() > until:
            raise OSError(errno.EAGAIN, "another process holds its lock")
        time.sleep(_RETRY_S)
    from filelock import SoftFileLock, Timeout

    # Lustre without `-o flock` has no locks: there a file beside it is one.
    try:
        with SoftFileLock(path.with_name(f".{path.name}.lock"), timeout=LOCK_S):
            yield
    except Timeout:
        raise OSError(errno.EAGAIN, "another process holds its lock") from None
