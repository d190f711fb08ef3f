"""`snapshot.msgpack`: the state that a run's journal leads to, so that readers need no replay.

It is derived from the journal and can always be deleted; `opro resume` ignores it and checks every
line. Readers use it only while the journal begins with the bytes that it was made from (length and
CRC-32), and apply the later events, so that damage to the journal is reported as without it. It
must also be from this version of opro, have the settings and questions that the folder has now, and
fit its own checksum; otherwise it is ignored.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from opro_cli import __version__
from opro_cli.core.run.answers import Outcome
from opro_cli.core.run.events import FORMAT_VERSION
from opro_cli.core.run.snapshot import Outcomes, Snapshot, restore, take_snapshot
from opro_cli.core.run.state import RunState
from opro_cli.errors import RunFolderError
from opro_cli.files import write_atomically
from opro_cli.store.journal import EMPTY_PREFIX, JournalPrefix
from opro_cli.store.run_files import fingerprint_settings
from opro_cli.store.summary import compute_crc32, read_blocks

SNAPSHOT = "snapshot.msgpack"
_VERSION = 5
_CRC_BYTES = 4


@dataclass(frozen=True, slots=True)
class _Header:
    """The source of a snapshot: opro and the run, and size, lines and CRC-32 of the journal."""

    of: tuple[str, ...]
    size: int
    lines: int
    crc: int


def load_snapshot(
    folder: Path, identity: Mapping[str, Any], start: RunState
) -> tuple[RunState, JournalPrefix]:
    """Return the state in a run's snapshot, and the part of the journal that it covers.

    Without a valid snapshot that is `start`, the state before the first event, and nothing.
    """
    from msgspec import MsgspecError

    path = folder / SNAPSHOT
    try:
        data = path.read_bytes()
        if int.from_bytes(data[:_CRC_BYTES]) != zlib.crc32(memoryview(data)[_CRC_BYTES:]):
            return start, EMPTY_PREFIX
        header, body = _build_header_decoder().decode(memoryview(data)[_CRC_BYTES:])
        journal = folder / "events.jsonl"
        if (
            header.of != _identify(identity)
            or journal.stat().st_size < header.size
            or compute_crc32(journal, header.size) != header.crc
        ):
            return start, EMPTY_PREFIX
        state = restore(start, _build_body_decoder(path).decode(body))
    except (OSError, MsgspecError, KeyError):
        return start, EMPTY_PREFIX
    return state, JournalPrefix(header.size, header.lines)


def save_snapshot(folder: Path, identity: Mapping[str, Any], state: RunState, size: int) -> None:
    """Write the snapshot of a state that has the first `size` bytes of its journal.

    A refusing disk or a lone surrogate from a model leaves the run without a snapshot, which costs
    its readers the replay.
    """
    from msgspec.msgpack import encode

    for candidate in state.candidates.values():
        state.leaks_of(candidate.instruction)  # every reader asks, and it takes a second
    with suppress(OSError, UnicodeEncodeError, OverflowError):
        lines, crc, last = 0, 0, b"\n"
        with (folder / "events.jsonl").open("rb") as file:
            for block in read_blocks(file, size):
                lines, crc, last = lines + block.count(b"\n"), zlib.crc32(block, crc), block[-1:]
        if last != b"\n":  # half an event, which is not in the state
            return
        header = _Header(_identify(identity), size, lines, crc)
        data = encode((header, take_snapshot(state)), enc_hook=_pack)
        whole = zlib.crc32(data).to_bytes(_CRC_BYTES) + data
        write_atomically(folder / SNAPSHOT, whole, lasting=False)


def _identify(identity: Mapping[str, Any]) -> tuple[str, ...]:
    versions = f"{_VERSION} {FORMAT_VERSION} {__version__}"
    settings = fingerprint_settings(identity["settings"])
    return (versions, settings, str(identity.get("data_fingerprint")))


@cache
def _build_header_decoder() -> Any:
    from msgspec import Raw  # 50 ms, as in journal_lines
    from msgspec.msgpack import Decoder

    return Decoder(tuple[_Header, Raw])


def _build_body_decoder(path: Path) -> Any:
    from msgspec.msgpack import Decoder

    return Decoder(
        Snapshot, dec_hook=lambda _, data: Outcomes(data[0], partial(_unpack, path, data[1]))
    )


def _pack(outcomes: Any) -> Any:
    """Return the outcomes of one candidate as their number and bytes."""
    from msgspec.msgpack import encode

    return len(outcomes), encode([(question, *outcome) for question, outcome in outcomes.items()])


def _unpack(path: Path, data: bytes) -> dict[int, Outcome]:
    from msgspec import MsgspecError

    try:
        rows = _build_row_decoder().decode(data)
    except MsgspecError as error:  # its checksum is right, so another program wrote it
        raise RunFolderError(f"{path}: not what opro wrote: {error}", "delete it") from None
    return {question: Outcome(*outcome) for question, *outcome in rows}


@cache
def _build_row_decoder() -> Any:
    from msgspec.msgpack import Decoder

    # A journal may have a whole number for a float, and it is shown as it is.
    return Decoder(list[tuple[int, str | None, int | float | None, bool, int, int | float]])
