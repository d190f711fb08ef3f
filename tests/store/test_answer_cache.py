"""The answer cache in its file: writing, size, other processes, and every way to fail."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from opro_cli.core.settings.models import EndpointSettings, ScorerSettings
from opro_cli.core.task.example import ChatReply, ChatRequest, Message, Took
from opro_cli.errors import UsageError
from opro_cli.store import answer_file
from opro_cli.store.answer_cache import WRITE_AT, AnswerStore, BoundCache
from opro_cli.store.answer_file import (
    MEGABYTE,
    clear_cache,
    connect,
    find_cache_path,
    read_cache_info,
    read_cache_limit,
)

MODEL = "openai/stub"
REPLY = ChatReply("4", "stop", 9, 1, 0.001)


def asking(number: int) -> ChatRequest:
    return ChatRequest((Message("user", f"question {number}"),), 0.0, 50)


def opened(clock: Callable[[], float] = lambda: 1_000_000.0) -> BoundCache:
    """The cache of this test, for one model."""
    return AnswerStore(find_cache_path(), read_cache_limit(), clock).bind(ScorerSettings(MODEL))


def keep(*numbers: int, at: float = 1_000_000.0, text: str = "4") -> None:
    cache = opened(lambda: at)
    for number in numbers:
        cache.put(cache.key(asking(number)), ChatReply(text, "stop", 1, 1, 0.0))
    cache.close()
    assert cache.trouble == ""


def kept(*numbers: int, at: float = 1_000_000.0) -> list[int]:
    """Which of these questions have an answer."""
    cache = opened(lambda: at)
    found = [number for number in numbers if cache.get(cache.key(asking(number)))]
    cache.close()
    assert cache.trouble == ""
    return found


def test_answers_outlive_the_session(tmp_path: Path) -> None:
    keep(*range(3))
    assert kept(*range(4)) == [0, 1, 2]
    assert stat.S_IMODE(find_cache_path().stat().st_mode) == 0o600
    assert stat.S_IMODE(find_cache_path().parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("text", ["plain", "line\nline\0", "é 漢 🙂", "half a pair \ud83d"])
def test_a_text_comes_back_as_it_was(text: str) -> None:
    cache = opened()
    cache.put(cache.key(asking(1)), ChatReply(text, text, 1, 1, None))
    cache.close()
    cache = opened()
    assert cache.get(cache.key(asking(1))) == ChatReply(
        text, text, 0, 0, 0.0, took=Took(1, 1, None)
    )
    cache.close()


@pytest.mark.parametrize(
    "broken", [ChatReply(" \n", "stop", 1, 0, None), ChatReply("It has 3 ap", "error", 1, 3, None)]
)
def test_a_broken_answer_of_an_older_opro_is_replaced(broken: ChatReply) -> None:
    cache = opened()
    key = cache.key(asking(1))
    cache.put(key, broken)
    cache.close()
    cache = opened()
    assert cache.get(key) is None
    cache.close()
    cache = opened()
    cache.put(key, ChatReply("7", "stop", 1, 1, None))
    cache.close()
    cache = opened()
    assert cache.get(key) == ChatReply("7", "stop", 1, 1, None).set_free()
    cache.close()


def test_no_prompt_and_no_key_is_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-secret-key")
    keep(7)
    written = b"".join(path.read_bytes() for path in find_cache_path().parent.iterdir())
    assert b"openai/stub" in written
    assert b"question" not in written
    assert b"secret" not in written


def comes(true: Callable[[], bool]) -> bool:
    """Does it become true by itself, within a minute?"""
    for _ in range(60_000):
        if true():
            return True
        time.sleep(0.001)
    return False


@pytest.mark.parametrize("many", [1, 2 * WRITE_AT])
def test_answers_are_written_without_waiting_for_the_end(many: int) -> None:
    """Another session finds them while the first one is open."""
    cache, other = opened(), opened()
    for number in range(many):
        cache.put(cache.key(asking(number)), REPLY)
        assert cache.get(cache.key(asking(number))) is not None
    assert comes(lambda: other.get(other.key(asking(0))) is not None)
    other.close()
    cache.close()
    assert len(kept(*range(many))) == many


def test_an_answer_is_found_while_it_waits_for_another_process() -> None:
    keep(1)
    with contextlib.closing(connect(find_cache_path())) as other:
        other.execute("BEGIN IMMEDIATE")
        cache = opened()
        cache.put(cache.key(asking(2)), REPLY)
        assert comes(lambda: not cache.store._new)
        assert cache.get(cache.key(asking(2))) is not None
        other.execute("COMMIT")
        cache.close()
    assert kept(1, 2) == [1, 2]


def test_of_two_answers_the_first_one_stays() -> None:
    """Whoever asks later gets the same: within a session, and when two ask at one time."""
    one, other = opened(), opened()
    for cache, text in ((one, "a"), (one, "b"), (other, "c")):
        cache.put(cache.key(asking(1)), ChatReply(text, "stop", 1, 1, 0.0))
    one.close()
    other.close()
    cache = opened()
    assert cache.get(cache.key(asking(1))) == ChatReply("a", "stop", 1, 1, 0.0).set_free()
    cache.close()


def test_a_lookup_within_the_hour_writes_nothing() -> None:
    keep(1, at=1_000_000)
    before = find_cache_path().read_bytes()
    assert kept(1, at=1_003_600) == [1]
    assert find_cache_path().read_bytes() == before
    assert kept(1, at=1_003_601) == [1]
    assert find_cache_path().read_bytes() != before


def test_the_least_recently_used_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 answers of 8 kB, of which the oldest ten are used again, under a limit of 1 MiB."""
    monkeypatch.setenv("OPRO_CACHE_MB", "1")
    keep(*range(100), at=1_000_000, text="a" * 8000)
    assert kept(*range(10), at=1_010_000) == list(range(10))
    keep(*range(100, 150), at=1_020_000, text="a" * 8000)
    assert find_cache_path().stat().st_size <= MEGABYTE
    left = kept(*range(150), at=1_020_000)
    assert left[:10] == list(range(10))
    assert left[-50:] == list(range(100, 150))
    assert 100 < len(left) < 125  # 1 MiB less a tenth holds 117


def test_the_file_shrinks(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(*range(400), text="a" * 8000)
    assert find_cache_path().stat().st_size > 3 * MEGABYTE
    monkeypatch.setenv("OPRO_CACHE_MB", "1")
    keep(400)
    assert find_cache_path().stat().st_size <= MEGABYTE


@pytest.mark.parametrize("told", ["0", "-1", "1.5", "much", "²", "1e3"])
def test_a_limit_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("OPRO_CACHE_MB", told)
    with pytest.raises(UsageError, match="OPRO_CACHE_MB: expected a whole number"):
        read_cache_limit()


def test_the_folder_is_where_programs_keep_such_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("OPRO_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert find_cache_path() == tmp_path / ".cache" / "opro" / "answers.sqlite"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert find_cache_path() == tmp_path / "xdg" / "opro" / "answers.sqlite"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert find_cache_path() == tmp_path / "Library" / "Caches" / "opro" / "answers.sqlite"


PUT_MANY = """\
import sys
from tests.store.test_answer_cache import asking, opened
from opro_cli.core.task.example import ChatReply
cache = opened()
for number in range(int(sys.argv[1]), int(sys.argv[2])):
    cache.put(cache.key(asking(number)), ChatReply(sys.argv[1], "stop", 1, 1, 0.0))
cache.close()
sys.exit(cache.trouble or 0)
"""


def test_processes_share_the_file() -> None:
    """Three write at once, in part the same: nothing is lost, and each question has one answer."""
    spans = [("0", "1500"), ("1000", "2500"), ("2000", "3000")]
    command = [sys.executable, "-c", PUT_MANY]
    processes = [
        subprocess.Popen([*command, *span], stderr=subprocess.PIPE, env=dict(os.environ))
        for span in spans
    ]
    for process in processes:
        _, err = process.communicate()
        assert process.returncode == 0, err
    assert kept(*range(3001)) == list(range(3000))
    assert read_cache_info().answers == 3000


def test_a_process_that_ends_takes_nothing_from_one_that_goes_on() -> None:
    """Whoever closes the file last removes its log: an open session must not be overlooked."""
    log = find_cache_path().with_name("answers.sqlite-wal")
    cache = opened()
    cache.put(cache.key(asking(0)), REPLY)
    with contextlib.closing(connect(find_cache_path())) as file:
        count = "SELECT count(*) FROM answers"
        assert comes(lambda: file.execute(count).fetchone() == (1,))
    subprocess.run([sys.executable, "-c", PUT_MANY, "1", "9"], check=True)
    assert log.exists()
    cache.put(cache.key(asking(9)), REPLY)
    cache.close()
    assert not log.exists()
    assert kept(*range(11)) == list(range(10))


def damage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def damage_inside(path: Path) -> None:
    """The tables are named as ever, and what they hold is not theirs."""
    whole = bytearray(path.read_bytes())
    whole[4096:] = b"\xff" * (len(whole) - 4096)
    path.write_bytes(whole)


def write_as_a_newer_opro(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 6")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (damage, "is damaged; `opro cache clear` removes it"),
        (damage_inside, "is damaged; `opro cache clear` removes it"),
        (write_as_a_newer_opro, "was written by a newer opro; `opro cache clear` removes it"),
    ],
)
def test_an_unusable_file_ends_the_cache_and_nothing_else(
    spoil: Callable[[Path], None], told: str
) -> None:
    keep(*range(100))
    spoil(find_cache_path())
    cache = opened()
    assert cache.get(cache.key(asking(1))) is None
    cache.put(cache.key(asking(1)), REPLY)
    cache.close()
    assert cache.trouble == f"no answer cache: {find_cache_path()} {told}"
    with pytest.raises(UsageError, match="opro cache clear"):
        read_cache_info()
    clear_cache()
    keep(1)
    assert kept(1, 2) == [1]


def test_a_folder_that_cannot_be_ends_the_cache_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("OPRO_CACHE_DIR", str(tmp_path / "file"))
    cache = opened()
    cache.put(cache.key(asking(1)), REPLY)
    assert cache.get(cache.key(asking(1))) is None
    cache.close()
    assert cache.trouble == f"no answer cache: {tmp_path}/file/answers.sqlite: File exists"


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPRO_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(answer_file, "_find_home", lambda: Path("~"))
    cache = opened()
    cache.close()
    assert cache.trouble.endswith("there is no home folder; set OPRO_CACHE_DIR")
    assert not Path("~").exists()


def test_a_full_disk_ends_the_cache_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(1)

    def small(path: Path) -> sqlite3.Connection:
        file = connect(path)
        file.execute("PRAGMA max_page_count = 8")
        return file

    monkeypatch.setattr("opro_cli.store.answer_cache.connect", small)
    cache = opened()
    for number in range(2, 100):
        cache.put(cache.key(asking(number)), ChatReply("a" * 8000, "stop", 1, 1, 0.0))
    cache.close()
    assert cache.trouble == f"no answer cache: {find_cache_path()}: database or disk is full"


def test_a_file_that_another_keeps_for_itself_ends_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(1)
    monkeypatch.setattr(answer_file, "BUSY_SECONDS", 0.0)
    with contextlib.closing(connect(find_cache_path())) as other:
        other.execute("BEGIN IMMEDIATE")
        cache = opened()
        assert cache.get(cache.key(asking(1))) is not None  # looking up waits for nobody
        cache.put(cache.key(asking(2)), REPLY)
        cache.close()
        assert cache.trouble == f"no answer cache: {find_cache_path()}: database is locked"
        with pytest.raises(Exception, match="another opro is writing"):
            clear_cache()
    assert kept(1, 2) == [1]


def test_clearing_leaves_an_open_cache_at_work() -> None:
    keep(*range(100), text="a" * 8000)
    cache = opened()
    assert cache.get(cache.key(asking(1))) is not None
    removed = clear_cache()
    assert removed.answers == 100
    assert removed.size > 100 * 8000
    assert cache.get(cache.key(asking(1))) is None
    cache.put(cache.key(asking(2)), REPLY)
    cache.close()
    assert cache.trouble == ""
    assert kept(1, 2) == [2]


def test_an_answer_of_one_endpoint_is_an_answer_of_all() -> None:
    def at(*places: str) -> BoundCache:
        several = tuple(EndpointSettings(f"http://{place}/v1") for place in places)
        settings = ScorerSettings(MODEL, endpoints=several)
        return AnswerStore(find_cache_path(), read_cache_limit()).bind(settings)

    def has(cache: BoundCache, number: int) -> bool:
        found = cache.get(cache.key(asking(number))) is not None
        cache.close()
        return found

    cache = at("a", "b")
    cache.put(cache.key(asking(1)), REPLY)
    cache.close()
    assert has(at("b", "c"), 1), "a was replaced by c"
    alone = ScorerSettings(MODEL, api_base="http://b/v1")
    assert has(AnswerStore(find_cache_path(), read_cache_limit()).bind(alone), 1)
    assert not has(at("c", "d"), 1), "nobody says that these have the same model"
    assert not has(at("a", "b"), 2)


def test_a_repeat_is_another_question_and_the_first_is_the_one_of_before() -> None:
    cache, first = opened(), asking(1)
    second = replace(first, repeat=2)
    assert cache.key(first) == cache.key(replace(first, repeat=1))
    assert len({cache.key(first), cache.key(second), cache.key(replace(first, repeat=3))}) == 3
    cache.put(cache.key(first), REPLY)
    assert cache.get(cache.key(second)) is None
    cache.put(cache.key(second), replace(REPLY, text="5"))
    cache.close()
    texts = [opened().get(opened().key(each)) for each in (first, second)]
    assert [reply and reply.text for reply in texts] == ["4", "5"]
