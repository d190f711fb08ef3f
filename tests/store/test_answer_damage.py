"""Damage to the answer cache: a miss, and never an exception or another answer."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from opro_cli.core.task.example import ChatReply
from opro_cli.errors import UsageError
from opro_cli.store import answer_table as answer_rows
from opro_cli.store.answer_cache import AnswerStore
from opro_cli.store.answer_file import clear_cache, connect, find_cache_path, read_cache_info
from opro_cli.store.answer_table import CONVERTED, CONVERTING, compute_checksum
from tests.store.conftest import ROOT

LIMIT = 2**30
ANSWERS = {
    number.to_bytes(16, "big"): f"The answer is {number}. " + "x" * (number * 7 % 900)
    for number in range(120)
}
NEW_KEY = b"\xff" * 16

# As opro wrote it before rows had checksums.
SCHEMA_1 = """\
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
CREATE TABLE answers (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  text BLOB NOT NULL,
  finish_reason BLOB NOT NULL,
  model BLOB NOT NULL,
  made INTEGER NOT NULL,
  used INTEGER NOT NULL
);
CREATE INDEX by_use ON answers (used, model);
PRAGMA user_version = 1;
"""
INSERT_1 = "INSERT INTO answers (key, text, finish_reason, model, made, used) VALUES (?,?,?,?,?,?)"


def paid(text: str) -> ChatReply:
    return ChatReply(text, "stop", 9, 1, 0.001)


def reply(text: str) -> ChatReply:
    """The answer as the cache gives it."""
    return paid(text).set_free()


def reply_of_old(text: str) -> ChatReply:
    """The answer that an older opro kept, without what it took."""
    return ChatReply(text, "stop", 0, 0, 0.0)


def write_answers(path: Path) -> bytes:
    """A cache with ANSWERS, as bytes."""
    store = AnswerStore(path, LIMIT)
    for key, text in ANSWERS.items():
        store.put(key, "openai/m", paid(text))
    store.close()
    assert store.trouble == ""
    return path.read_bytes()


def write_schema_1(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.executescript(SCHEMA_1)
        rows = [(key, text.encode(), b"stop", b"m", 9, 9) for key, text in ANSWERS.items()]
        file.executemany(INSERT_1, rows)
        file.commit()


def use(path: Path, of: Callable[[str], ChatReply] = reply) -> Counter[str]:
    """Look up all answers and keep one; what came of it."""
    seen: Counter[str] = Counter()
    store = AnswerStore(path, LIMIT)
    for key, text in ANSWERS.items():
        found = store.get(key)
        seen["missed" if found is None else "right" if found == of(text) else "WRONG"] += 1
    store.put(NEW_KEY, "openai/m", paid("new"))
    if not store.trouble:
        assert store.get(NEW_KEY) == reply("new")
    store.close()
    store.close()
    seen["trouble"] += bool(store.trouble)
    return seen


def use_commands() -> None:
    """`opro cache info` and `clear`: they say what there is, or refuse with a remedy."""
    with contextlib.suppress(UsageError):
        read_cache_info()
    clear_cache()
    assert read_cache_info().answers == 0


def flip(data: bytearray, moments: random.Random) -> None:
    data[moments.randrange(len(data))] ^= 1 << moments.randrange(8)


def zero_a_page(data: bytearray, moments: random.Random) -> None:
    start = moments.randrange(len(data)) // 4096 * 4096
    data[start : start + 4096] = bytes(4096)


def scramble_a_sector(data: bytearray, moments: random.Random) -> None:
    start = moments.randrange(len(data)) // 512 * 512
    data[start : start + 512] = moments.randbytes(512)


def cut(data: bytearray, moments: random.Random) -> None:
    """Cut the end off, more often a little than a lot: only then is anything left to be right."""
    del data[len(data) - int(len(data) * moments.random() ** 3) - 1 :]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "times"), [(flip, 1500), (zero_a_page, 150), (scramble_a_sector, 150), (cut, 60)]
)
def test_damage_is_a_miss_and_never_another_answer(
    tmp_path: Path, spoil: Callable[[bytearray, random.Random], None], times: int
) -> None:
    whole = write_answers(tmp_path / "whole.sqlite")
    path = find_cache_path()
    seed = int(os.environ.get("OPRO_FLIP_SEED", random.randrange(10**6)))
    moments, seen = random.Random(seed), Counter[str]()
    for _ in range(times):
        data = bytearray(whole)
        spoil(data, moments)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        seen += use(path)
        use_commands()
        for each in path.parent.iterdir():
            each.unlink()
    print(f"OPRO_FLIP_SEED={seed}", dict(seen))
    assert seen["WRONG"] == 0, seed
    assert seen["right"] > 0


def change(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute(statement)
        file.commit()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE answers SET text = 7 WHERE id = 5",
        "UPDATE answers SET text = CAST(text AS TEXT) || 'y' WHERE id = 5",
        "UPDATE answers SET finish_reason = 1.5 WHERE id = 5",
        "UPDATE answers SET finish_reason = x'ff' WHERE id = 5",
        "UPDATE answers SET text = x'ff00' WHERE id = 5",
        "UPDATE answers SET crc = NULL WHERE id = 5",
        "UPDATE answers SET crc = crc + 1 WHERE id = 5",
        "UPDATE answers SET crc = 'crc' WHERE id = 5",
        "UPDATE answers SET took = NULL WHERE id = 5",
        "UPDATE answers SET took = x'5b392c312c302e30315d' WHERE id = 5",  # a tenth of a cent more
        # The row of another key, as a damaged index finds it.
        "UPDATE answers SET text = (SELECT text FROM answers WHERE id = 6), "
        "crc = (SELECT crc FROM answers WHERE id = 6) WHERE id = 5",
    ],
)
def test_a_damaged_row_is_missed_and_replaced_by_the_next_answer(statement: str) -> None:
    path, key = find_cache_path(), list(ANSWERS)[4]
    write_answers(path)
    change(path, statement)
    store = AnswerStore(path, LIMIT)
    assert store.get(key) is None
    assert all(store.get(other) == reply(ANSWERS[other]) for other in ANSWERS if other != key)
    store.put(key, "openai/m", paid("asked again"))
    store.close()
    assert store.trouble == ""
    store = AnswerStore(path, LIMIT)
    assert store.get(key) == reply("asked again")
    store.close()


@pytest.mark.parametrize("column", ["used", "made", "model"])
@pytest.mark.parametrize("value", ["'soon'", "x'ff'", "9223372036854775807", "-1e300"])
def test_what_no_answer_depends_on_may_be_damaged(column: str, value: str) -> None:
    path = find_cache_path()
    write_answers(path)
    change(path, f"UPDATE answers SET {column} = {value}")
    assert use(path) == Counter({"right": len(ANSWERS)})
    assert read_cache_info().answers == len(ANSWERS) + 1
    assert clear_cache().answers == len(ANSWERS) + 1


def version(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as file:
        return int(file.execute("PRAGMA user_version").fetchone()[0])


def test_the_answers_of_an_older_opro_are_found_and_get_their_checksums() -> None:
    path = find_cache_path()
    write_schema_1(path)
    assert read_cache_info().answers == len(ANSWERS)
    assert version(path) == CONVERTING
    store = AnswerStore(path, LIMIT, clock=lambda: 10.0)
    assert all(store.get(key) == reply_of_old(text) for key, text in ANSWERS.items())
    assert store._writer is not None  # it works though nothing is put
    while not store._converted:
        assert store.trouble == ""
    store.close()
    assert version(path) == CONVERTED
    with contextlib.closing(sqlite3.connect(path)) as file:
        rows = file.execute("SELECT key, text, finish_reason, crc FROM answers").fetchall()
    assert all(row[3] == compute_checksum(*row[:3]) for row in rows)
    assert use(path, reply_of_old) == Counter({"right": len(ANSWERS)})
    change(path, "UPDATE answers SET crc = NULL WHERE id = 5")
    assert use(path, reply_of_old) == Counter({"right": len(ANSWERS) - 1, "missed": 1})


def write_schema_3(path: Path) -> None:
    """As opro wrote it before it kept what answers took: with a checksum in each row."""
    write_schema_1(path)
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("ALTER TABLE answers ADD COLUMN crc INTEGER")
        rows = file.execute("SELECT key, text, finish_reason, id FROM answers").fetchall()
        crcs = [(compute_checksum(*row[:3]), row[3]) for row in rows]
        file.executemany("UPDATE answers SET crc = ? WHERE id = ?", crcs)
        file.execute("PRAGMA user_version = 3")
        file.commit()


def test_answers_of_an_opro_that_kept_no_tokens_are_found_without_them() -> None:
    path = find_cache_path()
    write_schema_3(path)
    assert use(path, reply_of_old) == Counter({"right": len(ANSWERS)})
    assert version(path) == CONVERTED
    store = AnswerStore(path, LIMIT)
    assert store.get(NEW_KEY) == reply("new")
    store.close()
    change(path, "UPDATE answers SET crc = NULL WHERE id = 5")  # each had a checksum before
    assert use(path, reply_of_old) == Counter({"right": len(ANSWERS) - 1, "missed": 1})


def test_a_session_that_ends_early_leaves_a_file_half_converted_and_the_next_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = find_cache_path()
    write_schema_1(path)
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.executemany(
            INSERT_1, [(n.to_bytes(4, "big"), b"x", b"stop", b"m", 9, 9) for n in range(20_000)]
        )
        file.commit()
    with monkeypatch.context() as patch:
        patch.setattr("opro_cli.store.answer_table.CONVERT_FOR", 0.001)
        AnswerStore(path, LIMIT).close()
    assert version(path) == CONVERTING
    assert use(path, reply_of_old) == Counter({"right": len(ANSWERS)})
    store = AnswerStore(path, LIMIT)
    while not store._converted:
        assert store.trouble == ""
    store.close()
    assert version(path) == CONVERTED


def test_a_full_disk_keeps_a_file_from_being_converted_and_not_from_being_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = find_cache_path()
    write_schema_1(path)

    def small(path: Path) -> sqlite3.Connection:
        file = connect(path)
        file.execute("PRAGMA max_page_count = 1")  # of those that it has, none more
        return file

    read_cache_info()
    monkeypatch.setattr("opro_cli.store.answer_cache.connect", small)
    store = AnswerStore(path, LIMIT, clock=lambda: 10.0)
    while store._to_convert is not None:
        assert not store._converted
    assert all(store.get(key) == reply_of_old(text) for key, text in ANSWERS.items())
    store.close()
    assert store.trouble == ""
    assert version(path) == CONVERTING


OPEN = """\
import sys
from pathlib import Path
from tests.store.test_answer_damage import reply_of_old, use
print(sorted(use(Path(sys.argv[1]), reply_of_old).items()))
"""


def test_several_processes_convert_one_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    write_schema_1(path)
    command = [sys.executable, "-c", OPEN, str(path)]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    told = {process.communicate()[0] for process in processes}
    assert told == {f"{[('right', len(ANSWERS)), ('trouble', 0)]}\n"}
    store = AnswerStore(path, LIMIT)
    while not store._converted:
        assert store.trouble == ""
    store.close()
    assert version(path) == CONVERTED


def test_an_answer_of_an_older_opro_that_is_still_at_work_is_not_in_the_way() -> None:
    """It goes on putting rows without a checksum into a file that is converted."""
    path, key = find_cache_path(), b"k" * 16
    write_answers(path)
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute(INSERT_1, (key, b"old", b"stop", b"m", 9, 9))
        file.commit()
    store = AnswerStore(path, LIMIT)
    assert store.get(key) is None
    store.put(key, "m", paid("new"))
    store.close()
    store = AnswerStore(path, LIMIT)
    assert store.get(key) == reply("new")
    store.close()


def test_the_checksum_is_one_of_the_key_and_of_where_its_parts_end() -> None:
    assert compute_checksum(b"ab", b"c", b"d") != compute_checksum(b"a", b"bc", b"d")
    assert compute_checksum(b"a", b"bc", b"d") != compute_checksum(b"a", b"b", b"cd")
    assert compute_checksum(b"a", b"b", b"cd", b"e") != compute_checksum(b"a", b"b", b"c", b"de")
    assert compute_checksum(b"a", b"b", b"c", b"") != compute_checksum(b"a", b"b", b"c")
    assert compute_checksum(b"a", b"b", 1) is None
    assert compute_checksum(b"a", b"b", b"c", 1) is None
    assert answer_rows.decode_reply((1, b"b", b"c", 0, None, None), b"a", converted=True) is None
