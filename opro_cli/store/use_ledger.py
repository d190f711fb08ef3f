"""The ledger of test sets: which rows verdicts have used, one record a line, append-only.

The user's own, `ledger.jsonl` in the state folder, or a file of a repository that `--ledger` names.
Records say each thing once and name what they are about by unique ids, so that lines may come
twice and in any order, as a merge of two branches leaves them. A line that is damaged does not
count, and is reported. Only `forget` takes anything back, by a record of its own.
"""

from __future__ import annotations

import errno
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, takewhile
from pathlib import Path

import msgspec

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.uses import DrawnUse, Use, plan_use
from opro_cli.core.task.content import digest_set
from opro_cli.errors import OproError, UsageError, reason_of

LEDGER = "ledger.jsonl"
LOCK_S = 10.0
"""Seconds that a run waits for others; they hold the lock for milliseconds."""
_RETRY_S = 0.005
_MARK = b',"crc32":"'
_SHOWN = 80
"""Characters of a prompt that the ledger keeps for people."""


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
    """What came of a use; the fields are those of `Use`."""

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
        what = f"line {lines} is" if len(self.damaged) == 1 else f"lines {lines} are"
        return (
            f"{path}: {what} no record of this opro's and does not count, so that test rows may "
            "have been used more often than is known"
        )


def find_ledger_path(given: Path | None = None, recorded: str | None = None) -> Path:
    """Return the ledger: the one given, that of OPRO_LEDGER, the one recorded, or the user's own.

    Args:
        given: By an option.
        recorded: The one that a run began with.
    """
    named = given or os.environ.get("OPRO_LEDGER") or recorded
    return Path(named).absolute() if named else _find_state() / LEDGER


def _find_state() -> Path:
    """Return OPRO_STATE_DIR, or the folder for opro's state of this system."""
    if given := os.environ.get("OPRO_STATE_DIR"):
        return Path(given).absolute()
    try:
        home = Path.home()
    except RuntimeError:  # a user without a name, as in some containers
        home = Path("~")
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "opro"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "opro"
    xdg = Path(os.environ.get("XDG_STATE_HOME", ""))
    # Relative paths are to be ignored (XDG Base Directory Specification).
    return (xdg if xdg.is_absolute() else home / ".local" / "state") / "opro"


@dataclass(frozen=True, slots=True)
class UseOrigin:
    """A run as the ledger names it, from its `run.json`.

    Attributes:
        id: Of its use.
        run: The name of its folder.
        data: Where its rows came from.
        group: Common to the cells of a sweep on the same data; "" for any other run.
        sharers: The number of these cells.
    """

    id: str
    run: str
    data: str
    group: str = ""
    sharers: int = 1


class FileTestLedger:
    """The `TestLedger` of one run, in a file that all runs share."""

    def __init__(self, path: Path, origin: UseOrigin) -> None:
        self.path, self._origin = path, origin

    def draw(self, start: Candidate, winner: Candidate, rows: Sequence[str]) -> DrawnUse:
        """Record the use of a set of rows, or find it where it is recorded; see `TestLedger`."""
        content = LedgerContent()
        try:
            with _open_ledger(self.path) as file:
                content = file.read()
                if own := self._find_own(content, rows):
                    return self._recall(content, own)
                drawn = self._plan(content, start, winner, rows)
                file.append(*self._describe(content, drawn, start, winner, rows))
        except OSError as error:
            note = (
                f"the use of the test rows could not be recorded in {self.path} "
                f"({reason_of(error)}): later runs will not count it"
            )
            content = content if content.began else _read_if_possible(self.path)
            drawn = self._plan(content, start, winner, rows)
        else:
            note = content.describe_damage(self.path)
        return DrawnUse(drawn.number, drawn.level, drawn.known, drawn.use, drawn.sharers, note)

    def close(self, use: str, outcome: str, answers: str, *, repeats: bool) -> str:
        """Record what came of a use; see `TestLedger`."""
        try:
            with _open_ledger(self.path) as file:
                content = file.read()
                if use in content.began and use not in content.ended:
                    file.append(Ended(use, outcome, answers, repeats, round(time.time(), 3)))
        except OSError as error:
            return (
                f"the verdict could not be recorded in {self.path} ({reason_of(error)}): an "
                "improvement passes nothing on to the next use of the test rows"
            )
        return ""

    def _find_own(self, content: LedgerContent, rows: Sequence[str]) -> Began | None:
        """Return the use that a killed session of this run has recorded and not come to use."""
        recorded = takewhile(content.began.__contains__, self._list_ids())
        own = max(map(content.began.__getitem__, recorded), key=lambda each: each.at, default=None)
        if own is None or own.use in content.ended or own.use in content.forgotten:
            return None
        return own if own.set == digest_set(rows) else None

    def _list_ids(self) -> Iterator[str]:
        """Yield the ids of this run's uses: one, but for its copies, and cuts of its journal."""
        yield self._origin.id
        yield from (f"{self._origin.id}-{number}" for number in count(2))

    def _recall(self, content: LedgerContent, own: Began) -> DrawnUse:
        order = {use: at for at, use in enumerate(content.began)}
        before = [use for use in content.list_uses() if order[use.id] < order[own.use]]
        rows = content.sets.get(own.set, frozenset())
        planned = plan_use(before, rows, group=own.group, start=own.start, winner=own.winner)
        note = content.describe_damage(self.path)
        return DrawnUse(own.number, own.level, planned.known, own.use, own.sharers, note)

    def _plan(
        self, content: LedgerContent, start: Candidate, winner: Candidate, rows: Sequence[str]
    ) -> DrawnUse:
        origin = self._origin
        use = next(each for each in self._list_ids() if each not in content.began)
        group = origin.group if origin.group and use == origin.id else use
        planned = plan_use(
            content.list_uses(),
            frozenset(rows),
            group=group,
            sharers=origin.sharers,
            start=start.id,
            winner=winner.id,
        )
        return DrawnUse(planned.number, planned.level, planned.known, use, origin.sharers)

    def _describe(
        self,
        content: LedgerContent,
        drawn: DrawnUse,
        start: Candidate,
        winner: Candidate,
        rows: Sequence[str],
    ) -> Iterator[Record]:
        name = digest_set(rows)
        if name not in content.sets:
            yield RowSet(name, tuple(sorted(set(rows))))
        origin = self._origin
        yield Began(
            drawn.use,
            origin.group if drawn.use == origin.id and origin.group else drawn.use,
            name,
            drawn.number,
            drawn.level,
            drawn.sharers,
            start.id,
            winner.id,
            round(time.time(), 3),
            _clean(origin.run),
            _clean(origin.data),
            _clean(start.instruction[:_SHOWN]),
            _clean(winner.instruction[:_SHOWN]),
        )


def _clean(text: str) -> str:
    """Return a text that UTF-8 can spell."""
    return text.encode("utf-8", "replace").decode()


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
            f"{path}: cannot be read: {error.strerror}", "name another ledger with --ledger"
        ) from None


def _read_if_possible(path: Path) -> LedgerContent:
    try:
        return read_ledger(path)
    except UsageError:
        return LedgerContent()


def forget_uses(path: Path, choose: Callable[[LedgerContent], Sequence[str]]) -> tuple[str, ...]:
    """Record that uses count no more; return their ids.

    Args:
        path: The ledger.
        choose: Returns the ids, from the ledger as it is under the lock.

    Raises:
        OproError: The disk refuses.
    """
    try:
        with _open_ledger(path) as file:
            ids = tuple(choose(file.read()))
            if ids:
                file.append(Forgot(ids, round(time.time(), 3)))
            return ids
    except OSError as error:
        raise OproError(
            f"{path}: cannot be written: {reason_of(error)}", "make room or fix the permissions"
        ) from None


class _OpenLedger:
    """A ledger whose lock is held."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._torn = False

    def read(self) -> LedgerContent:
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
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, size)
            raise


@contextmanager
def _open_ledger(path: Path) -> Iterator[_OpenLedger]:
    """Open a ledger, which is made where there is none, and hold its lock.

    Raises:
        OSError: The system refuses, or others hold the lock for too long.
    """
    if not path.is_absolute():
        raise FileNotFoundError(errno.ENOENT, "there is no home folder; set OPRO_STATE_DIR")
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + LOCK_S
    while True:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o666)
        try:
            with _hold(fd, path, until):
                # A checkout of git, say, may have put another file in its place meanwhile.
                if os.fstat(fd).st_ino == path.stat().st_ino:
                    yield _OpenLedger(fd)
                    return
        finally:
            os.close(fd)


@contextmanager
def _hold(fd: int, path: Path, until: float) -> Iterator[None]:
    """Hold the lock of a file; OSError where others have it until that time."""
    import fcntl

    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise OSError(errno.EAGAIN, "another process holds its lock") from None
            time.sleep(_RETRY_S)
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
            break
        else:
            yield
            return
    from filelock import SoftFileLock, Timeout

    # Lustre without `-o flock` has no locks: there a file beside it is one.
    try:
        with SoftFileLock(path.with_name(f".{path.name}.lock"), timeout=LOCK_S):
            yield
    except Timeout:
        raise OSError(errno.EAGAIN, "another process holds its lock") from None
