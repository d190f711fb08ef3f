"""A run that works meanwhile: what is new is taken, nothing is read twice, and ETags tell."""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from opro_cli import files
from opro_cli.app import open_runs, view
from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Answered, Event, FirstReply, Refused, SessionStarted
from opro_cli.errors import OproError
from opro_cli.store import opened_run
from opro_cli.store import replay as replaying
from opro_cli.store.answer_index import AnswerIndex
from opro_cli.store.journal import FileJournal, decode_event, encode_event
from opro_cli.store.opened_run import OpenedRun
from opro_cli.store.run_folder import read_run
from tests.core.histories import START
from tests.core.runs import answered, proposed
from tests.store.conftest import cut_off
from tests.store.test_snapshot import keep, new_run
from tests.viewer.conftest import Page
from tests.viewer.test_answers import name_of

ID = make_candidate_id(START)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The lines that are decoded for a state."""
    lines: list[bytes] = []
    decode = decode_event

    def note(line: bytes) -> Event:
        lines.append(line)
        return decode(line)

    monkeypatch.setattr(replaying, "decode_event", note)
    return lines


@pytest.fixture
def journal(runs: Path) -> Iterator[FileJournal]:
    """That of a new run, at work; the other runs are gone."""
    shutil.rmtree(runs)
    runs.mkdir()
    folder = new_run(runs)
    folder.rename(runs / "new")
    journal = FileJournal(runs / "new" / "events.jsonl")
    journal.append(SessionStarted(1.0, 4711, "0.1.0"))
    yield journal
    journal.close()


async def marks(page: Page, split: str = "train") -> str:
    grid = await page.get(f"grid?run=new&split={split}")
    found: str = grid["prompts"][ID]
    return found


async def test_a_run_at_work_is_followed(
    page: Page, journal: FileJournal, decoded: list[bytes]
) -> None:
    shown = await page.get("run?name=new")
    assert shown["row"]["status"] == "running"
    assert shown["live"]["phase"] == "scoring the start prompts"
    assert await marks(page) == "..."
    assert len(decoded) == 1
    journal.append(answered(START, 1))
    assert await marks(page) == ".r."
    journal.append(answered(START, 2, 0.0), answered(START, 0, None))
    assert await marks(page) == "urw"
    await page.get("run?name=new")
    assert len(decoded) == 4
    journal.append(proposed(1, 0, "count"))
    shown = await page.get("run?name=new")
    assert shown["live"]["newest"] == ["count"]
    assert shown["live"]["phase"] == "step 1 of 2: scoring"
    assert shown["live"]["spent"]["calls"] == shown["live"]["calls_done"] == 4
    assert shown["live"]["calls_expected"] > 4
    got = await page.get(f"answer?run=new&split=train&question=2&prompt={ID}")
    assert (got["judgement"], got["answer"], got["replies"]) == ("wrong", "yes", ["…"])
    assert len(decoded) == 5
    rows = (await page.get("runs"))["runs"]
    assert [(row["run"], row["status"], row["calls"]) for row in rows] == [("new", "running", 4)]
    assert len(decoded) == 5  # the list has it from the run that is open


async def test_an_etag_holds_until_something_is_written(page: Page, journal: FileJournal) -> None:
    paths = ["api/runs", "api/run?name=new", "api/grid?run=new&split=train"]
    paths += ["api/trend?config=run", "api/questions?run=new&split=dev"]
    tags = [(await page.ask(path)).headers["ETag"] for path in paths]
    for path, tag in zip(paths, tags, strict=True):
        got = await page.ask(path, If_None_Match=tag)
        assert (got.status, got.body, got.headers["ETag"]) == (304, b"", tag)
        assert (await page.ask(path, If_None_Match='"other"')).status == 200
    journal.append(answered(START, 1))
    for path, tag in zip(paths, tags, strict=True):
        got = await page.ask(path, If_None_Match=tag)
        assert got.status == 200
        assert got.headers["ETag"] != tag


async def test_the_end_of_a_process_changes_the_etag(page: Page, journal: FileJournal) -> None:
    """A kill writes nothing; only the lock is free again."""
    path = "api/run?name=new"
    tag = (await page.ask(path)).headers["ETag"]
    journal.close()
    got = await page.ask(path, If_None_Match=tag)
    assert (got.status, got.data["row"]["status"], got.data["live"]) == (200, "killed", None)
    assert (await page.get("runs"))["runs"][0]["status"] == "killed"


async def test_half_a_line_is_waited_for(page: Page, journal: FileJournal) -> None:
    line = encode_event(answered(START, 1))
    with journal.path.open("ab") as file:
        file.write(line[:50])
        file.flush()
        assert await marks(page) == "..."
        file.write(line[50:])
        file.flush()
        assert await marks(page) == ".r."


async def test_a_run_that_goes_on_after_a_torn_line_is_opened_anew(
    page: Page, journal: FileJournal
) -> None:
    """A whole event without its line end counts; the next session writes that end, or cuts it."""
    journal.close()
    with journal.path.open("ab") as file:
        file.write(encode_event(answered(START, 1))[:-1])
    assert await marks(page) == ".r."
    resumed = FileJournal(journal.path)
    resumed.append(SessionStarted(2.0, 4712, "0.1.0"), answered(START, 0, 0.0))
    assert await marks(page) == "wr."
    resumed.close()


async def test_a_run_that_is_replaced_is_opened_anew(page: Page) -> None:
    name, other = name_of(4), page.runs / name_of(3)
    assert (await page.get(f"run?name={name}"))["row"]["calls"] == 385
    shutil.rmtree(page.runs / name)
    other.rename(page.runs / name)
    assert (await page.get(f"run?name={name}"))["row"]["calls"] == 43
    shutil.rmtree(page.runs / name)
    got = await page.ask(f"api/run?name={name}")
    assert got.status == 404
    assert name not in {row["run"] for row in (await page.get("runs"))["runs"]}


async def test_another_journal_of_the_same_size_is_read_anew(
    page: Page, journal: FileJournal, tmp_path: Path
) -> None:
    journal.append(answered(START, 1))
    assert await marks(page) == ".r."
    journal.close()
    lines = encode_event(SessionStarted(1.0, 4711, "0.1.0")) + encode_event(answered(START, 2))
    other = tmp_path / "other"
    other.write_bytes(lines)
    assert len(lines) == journal.path.stat().st_size
    other.rename(journal.path)
    assert await marks(page) == "..r"


async def test_a_damaged_run_is_one_error_and_hides_no_other(page: Page) -> None:
    name = name_of(4)
    journal = page.runs / name / "events.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole.replace(b'"answered"', b'"answerad"', 1))
    for path in (f"run?name={name}", f"grid?run={name}&split=test"):
        got = await page.ask(f"api/{path}")
        assert got.status == 422
        assert "events.jsonl:" in got.data["error"]
        assert got.data["hint"]
        assert "Traceback" not in got.body.decode()
    data = await page.get("runs")
    assert len(data["runs"]) == 8
    assert len(data["unread"]) == 1
    assert "events.jsonl:" in data["unread"][0]
    journal.write_bytes(whole)
    assert (await page.get(f"run?name={name}"))["row"]["status"] == "finished"


@pytest.mark.parametrize("file", ["run.json", "examples.jsonl", "events.jsonl", "result.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"a": 1}\n', None])
async def test_no_damage_is_a_defect(page: Page, file: str, content: bytes | None) -> None:
    path = page.runs / name_of(5) / file
    path.unlink() if content is None else path.write_bytes(content)
    for request in ("runs", f"run?name={name_of(5)}", f"grid?run={name_of(5)}&split=test"):
        got = await page.ask(f"api/{request}")
        assert got.status in (200, 404, 422), got.body
        assert got.status == 200 or got.data["error"]


async def test_looking_writes_nothing_but_what_runs_writes(page: Page) -> None:
    before = {path: path.read_bytes() for path in page.runs.rglob("*") if path.is_file()}
    name = name_of(4)
    shown = await page.get(f"run?name={name}")
    start = next(each for each in shown["prompts"] if each["is_start"])["id"]
    for path in (
        f"grid?run={name}&split=test",
        f"questions?run={name}&split=test",
        f"answer?run={name}&split=train&question=0&prompt={start}",
        f"compare?prompts={name}&prompts={name}@start",
        f"search?run={name}&split=train&text=a&prompts={start}",
        f"export?run={name}&split=train&prompts={start}",
    ):
        assert (await page.ask(f"api/{path}")).status == 200, path
    now = {path: path.read_bytes() for path in page.runs.rglob("*") if path.is_file()}
    assert now == before
    await page.get("runs")
    now = {path: path.read_bytes() for path in page.runs.rglob("*") if path.is_file()}
    assert {path.name for path in now.keys() - before.keys()} == {"summary.jsonl"}
    assert {path: now[path] for path in before} == before


async def test_a_read_only_folder_is_shown(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may be root, who can write everywhere: so the disk itself refuses."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(files, "write_atomically", refuse)
    monkeypatch.setattr(replaying, "write_atomically", refuse)
    data = await page.get("runs")
    assert (len(data["runs"]), data["unread"]) == (9, [])
    assert (await page.get(f"run?name={name_of(4)}"))["row"]["status"] == "finished"
    assert not list(page.runs.rglob("summary.jsonl"))


async def test_many_ask_at_once(page: Page, journal: FileJournal) -> None:
    journal.append(*(answered(START, number) for number in range(3)))
    paths = ["runs", "run?name=new", "grid?run=new&split=train", "compare?prompts=new&prompts=new"]
    got = await asyncio.gather(*(page.ask(f"api/{path}") for path in paths * 10))
    assert {each.status for each in got} == {200}


def describe(run: OpenedRun) -> dict[str, Any]:
    """All that is known of the answers of a run."""
    state = run.run.state
    return {
        f"{id} {split}": (
            run.index.get_marks(id, split),
            [run.index.read_events(id, split, number) for number in range(size)],
        )
        for id in state.candidates
        for split, size in state.sizes.items()
    }


@pytest.mark.parametrize("version", range(1, 10))
def test_what_a_snapshot_covers_is_indexed_alike(
    runs: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without texts, as in a long run, and with them."""
    folder = runs / name_of(version)
    plain = describe(OpenedRun(folder))
    keep(folder)
    with_history = OpenedRun(folder)
    monkeypatch.setattr(opened_run, "_MUCH", 0)
    without = OpenedRun(folder)
    assert plain == describe(with_history) == describe(without)
    assert with_history.history != without.history


def test_what_comes_behind_a_snapshot_is_added(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened_run, "_MUCH", 0)
    folder = runs / name_of(3)
    whole = describe(OpenedRun(folder))
    lines = (folder / "events.jsonl").read_bytes()
    cut_off(folder, 30)
    keep(folder)
    (folder / "events.jsonl").write_bytes(lines)
    assert describe(OpenedRun(folder)) == whole


@pytest.mark.parametrize("torn", [False, True])
def test_a_long_journal_is_indexed_when_somebody_asks_for_its_answers(
    runs: Path, monkeypatch: pytest.MonkeyPatch, torn: bool
) -> None:
    """The report needs no index, and is there before; what was written meanwhile is in it too."""
    monkeypatch.setattr(opened_run, "_MUCH", 0)
    folder = runs / name_of(3)
    journal = folder / "events.jsonl"
    whole = describe(OpenedRun(folder))
    lines = journal.read_bytes()
    cut_off(folder, 30)
    keep(folder)
    scanned: list[int] = []
    scan = AnswerIndex.scan

    def note(index: AnswerIndex, size: int) -> None:
        scanned.append(size)
        scan(index, size)

    monkeypatch.setattr(AnswerIndex, "scan", note)
    run = OpenedRun(folder)
    journal.write_bytes(lines.removesuffix(b"\n") if torn else lines)
    run.refresh()
    assert scanned == []
    assert describe(run) == whole
    assert len(scanned) == 1
    if not torn:
        journal.write_bytes(lines + b"\n")
    run.refresh()
    assert describe(run) == whole
    assert len(scanned) == 1


EVENTS: list[Event] = [
    SessionStarted(1.0, 4711, "0.1.0"),
    FirstReply(2.0, ID, "train", 0, "cut off", "length", 3, 4, 1e-05, 0.5),
    replace(answered(START, 0, None), text="cut off", finish_reason="recalled"),
    FirstReply(2.0, ID, "train", 1, "thoughts", "length", 3, 4, 1e-05, 0.5),
    replace(answered(START, 1), text="9"),
    replace(answered(START, 2, 0.5), text="half \ud800", finish_reason="max_tokens"),
    replace(answered(START, 0, None, "dev"), text="", finish_reason="content_filter"),
    replace(answered(START, 1, None, "dev"), text="…", finish_reason="content_filter"),
    Refused(4.0, ID, "dev", 2, "filtered"),
    replace(answered(START, 0, None, "test"), text="I cannot", finish_reason="refusal"),
]


@pytest.mark.parametrize("covered", [False, True])
def test_every_kind_of_answer_has_its_letter(
    tmp_path: Path, covered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reply that comes again with its grade is as long as it was; another one is not."""
    monkeypatch.setattr(opened_run, "_MUCH", 0)
    folder = new_run(tmp_path)
    journal = FileJournal(folder / "events.jsonl")
    journal.append(*EVENTS)
    journal.close()
    if covered:
        keep(folder)
    run = OpenedRun(folder)
    assert run.index.get_marks(ID, "train") == "UrP"
    assert run.index.get_marks(ID, "dev") == "xux"
    assert run.index.get_marks(ID, "test") == "x.."
    assert [type(each) for each in run.index.read_events(ID, "train", 0)] == [FirstReply, Answered]
    texts = [each.text for each in run.index.read_events(ID, "train", 2) if hasattr(each, "text")]
    assert texts == ["half \ud800"]
    assert run.index.read_events(ID, "test", 1) == run.index.read_events("nobody", "test", 0) == []


def test_an_index_of_a_journal_that_was_changed_says_so(runs: Path) -> None:
    folder = runs / name_of(4)
    run = OpenedRun(folder)
    start = read_run(folder).state.of_step(0)[0].id
    journal = folder / "events.jsonl"
    journal.write_bytes(b" " * 40 + journal.read_bytes())
    with pytest.raises(OproError, match="not the event that stood at byte"):
        run.index.read_events(start, "train", 0)


async def test_the_report_of_a_run_at_work_is_built_less_often_and_at_its_end(
    page: Page, journal: FileJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "_REST", 1e9)
    first = (await page.get("run?name=new"))["html"]
    journal.append(answered(START, 1))
    second = await page.get("run?name=new")
    assert second["html"] == first
    assert second["row"]["calls"] == 1
    journal.close()
    last = (await page.get("run?name=new"))["html"]
    assert "(running)" in first
    assert "(killed)" in last


async def test_runs_at_work_stay_open_however_many_there_are(
    page: Page, journal: FileJournal, decoded: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_runs, "_MOST_OPEN", 2)
    others = []
    for number in range(4):
        folder = new_run(page.runs).rename(page.runs / f"other-{number}")
        others.append(FileJournal(folder / "events.jsonl"))
        others[-1].append(SessionStarted(1.0, 4711, "0.1.0"))
    assert len((await page.get("runs"))["runs"]) == 5
    assert len(decoded) == 5
    journal.append(answered(START, 1))
    await page.get("runs")
    assert len(decoded) == 6
    for other in others:
        other.close()
    names = [f"other-{number}" for number in range(4)]
    for name in names * 2:
        await page.get(f"run?name={name}")
    assert len(decoded) > 6


async def test_a_run_without_a_scored_prompt_has_nothing_to_compare(
    page: Page, journal: FileJournal
) -> None:
    got = await page.ask("api/compare?prompts=new&prompts=new")
    assert got.status == 400
    assert got.data["hint"]
    assert (await page.ask("api/compare?prompts=new@0.1&prompts=new@0.1")).status == 200


def test_runs_that_have_ended_or_are_gone_are_forgotten(
    runs: Path, journal: FileJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen at work in the list, and never asked for again; one that is at rest stays open."""
    monkeypatch.setattr(open_runs, "_MOST_OPEN", 1)
    viewer = view.RunsViewer(runs)
    folders = [new_run(runs).rename(runs / f"other-{number}") for number in range(4)]
    others = [FileJournal(folder / "events.jsonl") for folder in folders]
    for other in others:
        other.append(SessionStarted(1.0, 4711, "0.1.0"))
    viewer.list_runs()
    assert len(viewer._runs._slots) == len(viewer._rows) == 5
    for other, folder in zip(others, folders, strict=True):
        other.close()
        shutil.rmtree(folder)
    viewer.list_runs()
    assert len(viewer._runs._slots) == 2  # with the one that is at work
    assert [folder.name for folder in viewer._rows] == ["new"]
