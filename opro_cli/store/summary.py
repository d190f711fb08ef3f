"""`summary.jsonl`: what `opro runs` and `opro show` print of a run, so that they need no replay."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from opro_cli import __version__
from opro_cli.files import compute_crc32
from opro_cli.store.folders import is_locked

if TYPE_CHECKING:
    from opro_cli.reports.recorded import RecordedRun

SUMMARY = "summary.jsonl"
_VERSION = 7
_MADE_OF = ("run.json", "examples.jsonl", "events.jsonl", "result.json")

_Stamps = list[tuple[int, ...] | None]
"""Inode, size and time of each source file; a change shows that it was written meanwhile."""


class RunDetails(NamedTuple):
    """The content of `opro show`.

    Attributes:
        result: As in `result.json`.
        candidates: In the order in which they joined.
    """

    status: str
    result: dict[str, Any]
    candidates: list[dict[str, Any]]


def read_run_summary(folder: Path) -> dict[str, Any]:
    """Return the run as `opro runs` lists it; raises the errors of `read_run`."""
    if lines := _load_lines(folder):
        return {**json.loads(lines[0]), "folder": str(folder)}
    run, details = _read_and_save(folder)
    if run.status == "running":  # no verdict yet
        return build_row(run, {})
    return build_row(run, (details or _detail(run)).result)


def read_run_details(folder: Path) -> RunDetails:
    """Return the run as `opro show` shows it; raises the errors of `read_run`."""
    if lines := _load_lines(folder):
        return RunDetails(*json.loads(lines[1]))
    run, details = _read_and_save(folder)
    return details or _detail(run)


def save_summary(run: RecordedRun, result: dict[str, Any]) -> None:
    """Write the summary of a run at rest, whose lock the caller holds; result: as on disk."""
    _write_summary(run, _build_details(run, result), _stat_files(Path(run.folder)))


def _load_lines(folder: Path) -> list[bytes]:
    """Return the stored lines of a run, as listed and as shown; [] if they are out of date."""
    try:
        header, *lines = (folder / SUMMARY).read_bytes().split(b"\n")
        if is_locked(folder / "events.jsonl") or header != _build_header(folder, lines):
            return []
    except OSError:
        return []
    return lines


def _build_header(folder: Path, lines: list[bytes]) -> bytes:
    """Return the sources of a summary with their checksums; OSError if a file cannot be read."""
    crc = zlib.crc32(b"\n".join(lines))
    header = {
        "opro": f"{_VERSION} {__version__}",
        "run": folder.resolve().name,
        **{name: _fingerprint_file(folder / name) for name in _MADE_OF},
        "crc32": f"{crc:08x}",
    }
    return json.dumps(header).encode()


def _fingerprint_file(path: Path) -> str | None:
    """Return size and CRC-32; None for a missing file."""
    with suppress(FileNotFoundError):
        return f"{path.stat().st_size} {compute_crc32(path):08x}"
    return None


def _stat_files(folder: Path) -> _Stamps:
    stamps: _Stamps = []
    for name in _MADE_OF:
        try:
            stat = (folder / name).stat()
            stamps.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
        except OSError:
            stamps.append(None)
    return stamps


def _read_and_save(folder: Path) -> tuple[RecordedRun, RunDetails | None]:
    """Read a run; write its summary, and return it, if the run is at rest in a writable folder."""
    from opro_cli.store.run_folder import read_run

    stamps = _stat_files(folder)
    run = read_run(folder)
    if run.status == "running" or not os.access(folder, os.W_OK):
        return run, None
    details = _detail(run)
    _write_summary(run, details, stamps)
    return run, details


def _detail(run: RecordedRun) -> RunDetails:
    from opro_cli.reports.result import build_result

    return _build_details(run, build_result(run, finished=run.status == "finished"))


def build_row(run: RecordedRun, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run as `opro runs` lists it; the result has its verdict and gain, if any."""
    from opro_cli.reports.result import summarize_run

    return {
        **summarize_run(run),
        "verdict": result.get("verdict"),
        "difference": result.get("difference"),
        "p_value": (result.get("paired_test") or {}).get("p_value"),
    }


def _build_details(run: RecordedRun, result: dict[str, Any]) -> RunDetails:
    from opro_cli.reports.result import serialize_candidates

    return RunDetails(run.status, result, serialize_candidates(run.state))


def _write_summary(run: RecordedRun, details: RunDetails, stamps: _Stamps) -> None:
    """Write a summary, unless a source file has changed since the stamps or the disk refuses."""
    from opro_cli.files import write_atomically

    folder = Path(run.folder)
    row = {**build_row(run, details.result), "folder": ""}  # filled in by the reader
    lines = [json.dumps(line).encode() for line in (row, details)]
    with suppress(OSError):
        content = b"\n".join([_build_header(folder, lines), *lines])
        if stamps == _stat_files(folder):
            write_atomically(folder / SUMMARY, content, lasting=False)
