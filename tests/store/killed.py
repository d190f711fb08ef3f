"""`python -m tests.store.killed WHAT PLACE`: do something, killed at every moment of it.

PLACE/1, PLACE/2, … are what was left on disk: in PLACE/k the process killed itself at the k-th
moment, which is just before or just after a call that touches the disk. The last of them is
what is there when nothing kills it.
"""

from __future__ import annotations

import io
import itertools
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opro_cli.core.task.example import fingerprint_examples
from opro_cli.files import write_atomically
from opro_cli.store import run_folder
from opro_cli.store.journal import FileJournal
from opro_cli.store.run_files import encode_config
from opro_cli.store.run_folder import create_run, rewrite_config, write_result
from tests.loop.runs import examples, settings
from tests.store.journals import EVENTS, write

OLD, NEW = b"old " * 5000, b"new " * 6000
OLD_RESULT, NEW_RESULT = {"status": "stopped"}, {"status": "finished"}
READ_ONLY = {"fstat", "stat", "lstat", "fspath", "getpid", "pread", "scandir", "listdir"}


def _prepare_file(folder: Path) -> None:
    write_atomically(folder / "file", OLD)


def _write_file(folder: Path) -> None:
    write_atomically(folder / "file", NEW)


def _prepare_result(folder: Path) -> None:
    write_result(folder, OLD_RESULT, "old prompt")


def _write_result(folder: Path) -> None:
    write_result(folder, NEW_RESULT, "new prompt")


def _create_run(folder: Path) -> None:
    questions = examples()
    identity = {"data_fingerprint": fingerprint_examples(questions)}
    create_run(folder / "a" / "runs", settings(), questions, identity)


def _prepare_config(folder: Path) -> None:
    rewrite_config(folder, settings(steps=1))


def _rewrite_config(folder: Path) -> None:
    rewrite_config(folder, settings(steps=2))


def _prepare_journal(folder: Path) -> None:
    path = folder / "events.jsonl"
    path.touch()
    write(path, *EVENTS[:2])
    with path.open("ab") as file:
        file.write(b'{"event":"answered","text":"torn')


def _append(folder: Path) -> None:
    journal = FileJournal(folder / "events.jsonl")
    for event in EVENTS[2:]:
        journal.append(event)
        journal.sync()
    journal.close()


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done to a folder, and what is in it before."""

    do: Callable[[Path], None]
    prepare: Callable[[Path], None] = lambda folder: None


DEEDS = {
    "file": Deed(_write_file, _prepare_file),
    "result": Deed(_write_result, _prepare_result),
    "run": Deed(_create_run),
    "config": Deed(_rewrite_config, _prepare_config),
    "journal": Deed(_append, _prepare_journal),
}


def touches_the_disk(called: Any) -> bool:
    """Is it a system call that changes something, or a method of an open file?"""
    if isinstance(called.__self__, io.BufferedWriter | io.FileIO | io.TextIOWrapper):
        return True
    return called.__module__ in ("posix", "_io", "io") and called.__name__ not in READ_ONLY


def die_at(moment: int) -> None:
    """Kill this process just before or after the so-manieth call that touches the disk."""
    moments = itertools.count(1)

    def watch(frame: Any, event: str, called: Any) -> None:
        if event in ("c_call", "c_return") and touches_the_disk(called) and next(moments) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


def made_once(make: Callable[[Mapping[str, Any]], bytes]) -> Callable[[Mapping[str, Any]], bytes]:
    """The same, remembering: under a watch YAML takes a second, and touches no disk."""
    known: dict[str, bytes] = {}

    def made(plain: Mapping[str, Any]) -> bytes:
        key = repr(plain)
        if key not in known:
            known[key] = make(plain)
        return known[key]

    return made


def main() -> None:
    what, place = sys.argv[1:]
    # Looking up versions reads hundreds of files and writes none.
    run_folder.package_versions = dict  # type: ignore[attr-defined]
    vars(run_folder).update(config_bytes=made_once(encode_config))
    deed = DEEDS[what]
    with tempfile.TemporaryDirectory() as spare:  # so that all is imported when moments count
        deed.prepare(Path(spare))
        deed.do(Path(spare))
    for moment in itertools.count(1):
        folder = Path(place) / str(moment)
        folder.mkdir()
        deed.prepare(folder)
        child = os.fork()
        if child == 0:
            die_at(moment)
            deed.do(folder)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            return
        if code != -signal.SIGKILL:
            sys.exit(f"moment {moment}: exit code {code}")


if __name__ == "__main__":
    main()
