"""The parts that differ on Windows and macOS, with what the system does put in its place."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opro_cli import files, locks, shell
from opro_cli.core.sweep import _build_name
from opro_cli.core.text import is_device
from opro_cli.errors import ConfigError, UsageError
from opro_cli.render.streams import take_any_text, take_utf8
from opro_cli.store import atomic_folders
from opro_cli.wiring import read_config


class _Msvcrt:
    """`msvcrt.locking`: another handle has the byte, or nobody."""

    LK_UNLCK, LK_NBLCK = 0, 2

    def __init__(self) -> None:
        self.locked: dict[int, int] = {}

    def locking(self, fd: int, mode: int, size: int) -> None:
        start = os.lseek(fd, 0, os.SEEK_CUR)
        assert size == 1
        if mode == self.LK_UNLCK:
            assert self.locked.pop(start) == fd
        elif start in self.locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        else:
            self.locked[start] = fd


def test_the_locked_byte_of_windows_is_behind_what_others_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = _Msvcrt()
    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setattr(locks, "_import_msvcrt", lambda: system)
    path = tmp_path / "claims"
    path.write_bytes(b"a line\n")
    one, other = (os.open(path, os.O_RDWR | files.BINARY) for _ in range(2))
    assert locks.try_lock(one)
    assert not locks.try_lock(other)
    assert min(system.locked) > 1 << 30
    locks.unlock(one)
    assert locks.try_lock(other)
    os.close(one)
    os.close(other)
    assert path.read_bytes() == b"a line\n"


def _in_use() -> PermissionError:
    error: Any = PermissionError(errno.EACCES, "The file is used by another process")
    error.winerror = 32
    return error  # type: ignore[no-any-return]


def test_a_file_that_another_process_reads_is_replaced_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [_in_use(), _in_use()]
    replace = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    files.write_atomically(tmp_path / "result.json", b"{}")
    assert (tmp_path / "result.json").read_bytes() == b"{}"


def test_a_file_that_stays_in_use_is_refused_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise _in_use()

    monkeypatch.setattr(files, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        files.write_atomically(tmp_path / "result.json", b"{}")
    assert not list(tmp_path.iterdir())


def test_a_refusal_for_good_is_not_tried_again() -> None:
    tries = []

    def refuse() -> None:
        tries.append(1)
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(PermissionError):
        files.retry_while_in_use(refuse)
    assert len(tries) == 1


@pytest.mark.parametrize("knows_it", [True, False])
def test_macos_is_asked_for_more_than_fsync(
    knows_it: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def fcntl(fd: int, command: int) -> None:
        asked.append(command)
        if not knows_it:
            raise OSError(errno.ENOTSUP, "Operation not supported")

    system = SimpleNamespace(F_FULLFSYNC=51, fcntl=fcntl)
    monkeypatch.setattr(files, "fcntl", system)
    monkeypatch.setattr(os, "fsync", lambda _: asked.append("fsync"))
    with (tmp_path / "journal").open("wb") as file:
        files.sync_file(file.fileno())
    assert asked == [51] if knows_it else [51, "fsync"]


def test_without_locks_of_folders_only_old_halves_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic_folders, "OPENS_FOLDERS", False)
    old, new = tmp_path / ".making-old", tmp_path / ".making-new"
    old.mkdir()
    new.mkdir()
    os.utime(old, (1, 1))
    assert atomic_folders.make_folder(tmp_path / "run", lambda folder: (folder / "a").touch())
    assert sorted(each.name for each in tmp_path.iterdir()) == [".making-new", "run"]
    assert not atomic_folders.make_folder(tmp_path / "run", lambda folder: (folder / "b").touch())


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("runs\\mine", "runs\\mine"),
        ("C:\\Users\\Max Muster\\a.yaml", '"C:\\Users\\Max Muster\\a.yaml"'),
        ("it's", '"it\'s"'),
        ("a&b", '"a&b"'),
        ("x=a,b", '"x=a,b"'),
        ("", '""'),
    ],
)
def test_hints_quote_as_cmd_and_powershell_take_it(
    word: str, quoted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "IS_WINDOWS", True)
    assert shell.quote(word) == quoted


def test_hints_name_what_windows_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "IS_WINDOWS", True)
    assert shell.chain("opro check a", "opro optimize a") == "opro check a, then opro optimize a"
    assert "export" not in shell.describe_setting("KEY")
    assert "kill" not in shell.describe_stop(17)
    assert "head" not in shell.describe_cut("events.jsonl", 3)
    assert shell.describe_removal("runs/a").startswith("rmdir")


def test_what_cp1252_lacks_has_a_stand_in() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252", newline="")
    take_any_text(stream)
    stream.write("──→ ▲★≈ “–” 不\n")
    stream.flush()
    assert raw.getvalue().decode("cp1252") == "--> ^*~ “–” \\u4e0d\n"


def test_data_for_a_file_is_utf_8() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252", newline="")
    take_utf8(stream)
    stream.write("不 →")
    stream.flush()
    assert raw.getvalue().decode("utf-8") == "不 →"


@pytest.mark.parametrize("name", ["aux", "CON", "nul.x", "com1", "LPT9.yaml"])
def test_no_cell_is_named_like_a_device(name: str) -> None:
    assert is_device(name)
    built = _build_name({"task.data.train": f"data/{name}"})
    assert not is_device(built)
    assert built.startswith(name.removesuffix(".yaml").replace(".", "-"))


def test_a_cell_is_named_by_a_file_and_not_by_its_drive() -> None:
    assert _build_name({"scorer.model": "gguf/C:\\Users\\me\\a.gguf"}) == "a.gguf"
    assert _build_name({"task.data.input": "Put it in \\boxed{}"}) == "Put-it-in-boxed"


def test_a_run_is_not_named_like_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.yaml").write_text("name: aux.1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="task") as elsewhere:
        read_config(tmp_path / "c.yaml")
    assert "device" not in str(elsewhere.value)
    monkeypatch.setattr(shell, "IS_WINDOWS", True)
    with pytest.raises(ConfigError, match="does not take for a device"):
        read_config(tmp_path / "c.yaml")


@pytest.mark.parametrize("path", ["C:\\Users\\me\\a.jsonl", "C:\\data\\a.jsonl"])
def test_a_windows_path_in_double_quotes_is_explained(path: str, tmp_path: Path) -> None:
    text = f'task:\n  data:\n    train: "{path}"\n'
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    with pytest.raises((ConfigError, UsageError), match="single quotes"):
        read_config(tmp_path / "c.yaml")
