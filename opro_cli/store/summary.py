"""`summary.jsonl`: what `opro runs` and `opro show` print of a run, so that they need no replay."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from opro_cli import __version__
from opro_cli.store.lock import is_locked

if TYPE_CHECKING:
    from opro_cli.reports.recorded import RecordedRun


_BLOCK = 1 << 20


def compute_crc32(path: Path, size: int = -1) -> int:
    """That of the first `size` bytes of a file, or of all it has; OSError when it has no such."""
    crc = 0
    with path.open("rb") as file:
        for block in read_blocks(file, size):
            crc = zlib.crc32(block, crc)
    return crc


def read_blocks(file: BinaryIO, size: int = -1) -> Iterator[bytes]:
    """The first `size` bytes of a file, or all it has."""
    while block := file.read(_BLOCK if size < 0 else min(size, _BLOCK)):
        size -= len(block)
        yield block


SUMMARY = "summary.jsonl"
_VERSION = 1
_MADE_OF = ("run.json", "examples.jsonl", "events.jsonl", "result.json")
_Stamps = tuple[tuple[int, ...] | None, ...]
"""By which a change of a file is noticed while it is being read."""


class RunDetails(NamedTuple):
    """What `opro show` shows. result: as in `result.json`; candidates: in order of joining."""

    status: str
    result: dict[str, Any]
    candidates: list[dict[str, Any]]


def read_run_summary(folder: Path) -> dict[str, Any]:
    """The run as `opro runs` lists it. Raises what `read_run` raises."""
    kept = _load_lines(folder)
    if kept:
        row: dict[str, Any] = json.loads(kept[0])
        return {**row, "folder": str(folder)}
    from opro_cli.reports.result import summarize_run

    read = _read(folder)
    if read.to_keep:
        _write_summary(read.run, _build_details(read.run), read.stamps)
    return summarize_run(read.run)


def read_run_details(folder: Path) -> RunDetails:
    """The run as `opro show` shows it. Raises what `read_run` raises."""
    kept = _load_lines(folder)
    if kept:
        return RunDetails(*json.loads(kept[1]))
    read = _read(folder)
    shown = _build_details(read.run)
    if read.to_keep:
        _write_summary(read.run, shown, read.stamps)
    return shown


def save_summary(run: RecordedRun, result: dict[str, Any]) -> None:
    """Write the summary of a run that is at its end for now; the caller holds its lock.

    result: what `result.json` holds by now.
    """
    from opro_cli.reports.result import serialize_candidates

    shown = RunDetails(run.status, result, serialize_candidates(run.state))
    _write_summary(run, shown, _stat_files(Path(run.folder)))


def _load_lines(folder: Path) -> list[bytes]:
    """The lines that are kept of a run: as listed, as shown; [] when they do not fit it."""
    try:
        header, *lines = (folder / SUMMARY).read_bytes().split(b"\n")
        if is_locked(folder / "events.jsonl") or header != _build_header(folder, lines):
            return []
    except OSError:
        return []
    return lines


def _build_header(folder: Path, lines: list[bytes]) -> bytes:
    """What a summary says that it is of; OSError when a file cannot be read."""
    crc = zlib.crc32(b"\n".join(lines))
    of = {
        "opro": f"{_VERSION} {__version__}",
        "run": folder.resolve().name,
        **{name: _fingerprint_file(folder / name) for name in _MADE_OF},
        "crc32": f"{crc:08x}",
    }
    return json.dumps(of).encode()


def _fingerprint_file(path: Path) -> str | None:
    """Size and CRC-32; None for a file that is not there. OSError when it cannot be read."""
    with suppress(FileNotFoundError):
        return f"{path.stat().st_size} {compute_crc32(path):08x}"
    return None


def _stat_files(folder: Path) -> _Stamps:
    found: list[tuple[int, ...] | None] = []
    for name in _MADE_OF:
        try:
            about = (folder / name).stat()
            found.append((about.st_ino, about.st_size, about.st_mtime_ns))
        except OSError:
            found.append(None)
    return tuple(found)


class _ReadRun(NamedTuple):
    """A run, the stamps of its files before it was read, and whether its folder takes a summary."""

    run: RecordedRun
    stamps: _Stamps
    to_keep: bool


def _read(folder: Path) -> _ReadRun:
    from opro_cli.store.run_folder import read_run

    stamps = _stat_files(folder)
    run = read_run(folder)
    return _ReadRun(run, stamps, run.status != "running" and os.access(folder, os.W_OK))


def _build_details(run: RecordedRun) -> RunDetails:
    from opro_cli.reports.result import build_result, serialize_candidates

    result = build_result(run, finished=run.status == "finished")
    return RunDetails(run.status, result, serialize_candidates(run.state))


def _write_summary(run: RecordedRun, shown: RunDetails, stamps: _Stamps) -> None:
    """Write a summary, unless a file has changed since the stamps, or the disk refuses."""
    from opro_cli.files import write_atomically
    from opro_cli.reports.result import summarize_run

    folder = Path(run.folder)
    row = {**summarize_run(run), "folder": ""}  # wherever it is then
    lines = [json.dumps(each).encode() for each in (row, shown)]
    with suppress(OSError):
        whole = b"\n".join([_build_header(folder, lines), *lines])
        if stamps == _stat_files(folder):
            write_atomically(folder / SUMMARY, whole, lasting=False)
