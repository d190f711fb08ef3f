"""`snapshot.msgpack`: with it, readers say to the byte what they say without it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.core.run.events import Event, SessionStarted
from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import SPLITS, Example, Split, fingerprint_examples
from opro_cli.errors import OproError
from opro_cli.store import replay, run_folder
from opro_cli.store.journal import EMPTY_PREFIX, FileJournal, read_numbered_events
from opro_cli.store.replay import SNAPSHOT, load_snapshot, replay_journal, save_snapshot
from opro_cli.store.run_files import fingerprint_settings
from opro_cli.store.run_folder import create_run, read_run, read_run_start
from tests.core.histories import BASELINE, START, happenings, legal
from tests.core.runs import answered, proposed
from tests.core.test_snapshot import attributes
from tests.store.conftest import Opro, Said, copy_of, unfinished_copy

VERSIONS = [1, 2, 3]
EXAMPLES: dict[Split, list[Example]] = {
    split: [Example(f"{split} {n}?", "9", f"t:{n}", n) for n in range(3)] for split in SPLITS
}


@pytest.fixture(params=VERSIONS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A whole recorded run of an old opro, with a snapshot."""
    copy = copy_of(request.param, tmp_path / "runs")
    keep(copy)
    return copy


def keep(folder: Path) -> None:
    """Write the snapshot of a whole journal."""
    run = read_run_start(folder)
    replay_journal(run.state, folder / "events.jsonl")
    save_snapshot(folder, run.identity, run.state, (folder / "events.jsonl").stat().st_size)


def covered(folder: Path) -> int:
    """The bytes of the journal that a reader need not replay."""
    run = read_run_start(folder)
    return load_snapshot(folder, run.identity, run.state)[1].size


def told(folder: Path) -> object:
    """All that a reader learns of a run, or why it learns nothing."""
    try:
        run = read_run(folder)
    except OproError as error:
        return error.message, error.hint
    return run.status, attributes(run.state)


def told_without(folder: Path) -> object:
    """The same by replay."""
    kept = (folder / SNAPSHOT).read_bytes()
    (folder / SNAPSHOT).unlink()
    by_replay = told(folder)
    (folder / SNAPSHOT).write_bytes(kept)
    return by_replay


def asked_of(opro: Opro, folder: Path) -> Iterator[Said]:
    """What the commands print that read a run."""
    runs = ("--runs-dir", folder.parent)
    for flags in ([], ["--json"]):
        yield opro("show", folder, *flags)
        yield opro("diff", folder, f"{folder}@start", "--flips", *flags)
        yield opro("runs", *runs, *flags)
    yield opro("diff", folder, f"{folder}@1", "--replies")
    yield opro("report", folder, "--output", folder.parent / "page.html")
    yield Said(0, (folder.parent / "page.html").read_text(), "")


def new_run(parent: Path, rounds: int = 1, unanswerable: str = "wrong") -> Path:
    """A run of three questions a split that has not begun."""
    task = TaskSettings(
        DataSettings("/nowhere", "q", "a"),
        "number",
        second_round=rounds == 2,
        unanswerable=unanswerable,
    )
    search = SearchSettings(
        initial_instructions=(START,),
        steps=2,
        candidates_per_step=2,
        baselines=(BASELINE,),
        noise_check=True,
    )
    asked = Settings(task, ScorerSettings("a/b"), OptimizerSettings("a/b"), search=search)
    return create_run(parent, asked, EXAMPLES, {"data_fingerprint": fingerprint_examples(EXAMPLES)})


def write(folder: Path, *events: Event) -> None:
    journal = FileJournal(folder / "events.jsonl")
    for event in events:
        journal.append(event)
    journal.close()


def test_every_command_prints_the_same_with_and_without(folder: Path, opro: Opro) -> None:
    assert covered(folder) == (folder / "events.jsonl").stat().st_size
    kept = list(asked_of(opro, folder))
    (folder / SNAPSHOT).unlink()
    assert kept == list(asked_of(opro, folder))


@settings(max_examples=30, deadline=None)
@given(happenings, happenings, st.sampled_from([1, 2]), st.sampled_from(["wrong", "exclude"]))
def test_whatever_happened_before_and_after_it_readers_learn_the_same(
    before: list[Event], after: list[Event], rounds: int, unanswerable: str
) -> None:
    with TemporaryDirectory() as parent:
        folder = new_run(Path(parent), rounds, unanswerable)
        state = read_run_start(folder).state
        write(folder, *legal(state, before))
        keep(folder)
        size = (folder / "events.jsonl").stat().st_size
        write(folder, *legal(state, after))
        assert covered(folder) == size
        assert told(folder) == told_without(folder)


def test_a_run_stopped_amid_proposals_keeps_those_that_wait(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    write(folder, *(answered(START, n) for n in range(3)), proposed(1, 1, "count"))
    keep(folder)
    write(folder, proposed(1, 0, "add"))
    instructions = [each.instruction for each in read_run(folder).state.candidates.values()]
    assert instructions == [START, "add", "count"]
    assert told(folder) == told_without(folder)


def test_only_what_came_later_is_replayed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, SessionStarted(5e9, 4711, "0.1.0"))
    lines = len((folder / "events.jsonl").read_bytes().splitlines())
    seen = []

    def watched(*arguments: object) -> Iterator[tuple[int, Event]]:
        for line, event in read_numbered_events(*arguments):  # type: ignore[arg-type]
            seen.append(line)
            yield line, event

    monkeypatch.setattr("opro_cli.store.replay.read_numbered_events", watched)
    with suppress(OproError):  # a session after the end of a finished run
        read_run(folder)
    assert seen == [lines]


def test_damage_to_the_journal_is_told_as_without_a_snapshot(folder: Path) -> None:
    path = folder / "events.jsonl"
    whole = path.read_bytes()
    for place in range(0, len(whole), len(whole) // 50):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert covered(folder) == 0
        assert told(folder) == told_without(folder)
    for end in range(0, len(whole), len(whole) // 20):
        path.write_bytes(whole[:end])
        assert told(folder) == told_without(folder)
    path.unlink()
    assert told(folder) == told_without(folder)


def test_a_damaged_snapshot_is_none(folder: Path) -> None:
    path = folder / SNAPSHOT
    whole, expected = path.read_bytes(), told(folder)
    for place in range(0, len(whole), len(whole) // 50):
        changed = bytearray(whole)
        changed[place] ^= 1
        for damaged in (bytes(changed), whole[:place], whole[place + 1 :]):
            path.write_bytes(damaged)
            assert covered(folder) == 0
        assert told(folder) == expected


def test_a_snapshot_of_other_settings_or_another_opro_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_of(3, tmp_path)
    keep(folder)
    with monkeypatch.context() as other:
        other.setattr(replay, "__version__", "0.0.9")
        assert covered(folder) == 0
    assert covered(folder) > 0
    identity = json.loads((folder / "run.json").read_bytes())
    identity["settings"]["search"]["exemplars"] += 1
    identity["config_fingerprint"] = fingerprint_settings(identity["settings"])
    (folder / "run.json").write_text(json.dumps(identity))
    assert covered(folder) == 0


def test_a_copied_folder_is_read_by_its_snapshot(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for path in folder.iterdir():
        shutil.copyfile(path, copy / path.name)  # with other times
    assert covered(copy) == (folder / "events.jsonl").stat().st_size


def test_resume_believes_the_journal_alone(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    write(folder, answered(START, 0))
    lying = read_run(folder)
    lying.state.apply(answered(START, 1))
    save_snapshot(folder, lying.identity, lying.state, (folder / "events.jsonl").stat().st_size)
    assert read_run(folder).state.spend["scorer"].calls == 2
    assert read_run(folder, own=True).state.spend["scorer"].calls == 1


def test_a_session_that_ends_leaves_one(tmp_path: Path, opro: Opro) -> None:
    folder = unfinished_copy(tmp_path / "runs", events=20)
    assert opro("resume", folder, "--plain").code == 0
    assert covered(folder) == (folder / "events.jsonl").stat().st_size
    assert told(folder) == told_without(folder)


def test_readers_leave_one_where_much_was_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_of(3, tmp_path)
    read_run(folder)
    assert not (folder / SNAPSHOT).exists()
    size = (folder / "events.jsonl").stat().st_size
    monkeypatch.setattr(run_folder, "_MUCH", size)
    read_run(folder)
    assert covered(folder) == size
    (folder / SNAPSHOT).unlink()
    journal = FileJournal(folder / "events.jsonl")  # somebody is at work on it
    read_run(folder)
    journal.close()
    assert not (folder / SNAPSHOT).exists()


def test_a_folder_that_takes_none_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes, *, lasting: bool = True) -> None:
        raise OSError(28, "No space left on device")

    folder = copy_of(3, tmp_path)
    monkeypatch.setattr(run_folder, "_MUCH", 0)
    monkeypatch.setattr(replay, "write_atomically", full)
    assert read_run(folder).status == "finished"
    assert not (folder / SNAPSHOT).exists()


def test_what_it_cannot_hold_is_replayed_each_time(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    write(folder, *(answered(START, n) for n in range(3)), proposed(1, 0, "half \ud83d of it"))
    keep(folder)
    assert not (folder / SNAPSHOT).exists()
    assert read_run(folder).state.proposals.arrived[0].instructions == ("half \ud83d of it",)


def test_half_an_event_at_the_end_is_never_covered(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    write(folder, answered(START, 0), answered(START, 1))
    path = folder / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    keep(folder)
    assert covered(folder) == EMPTY_PREFIX.size
    assert not (folder / SNAPSHOT).exists()
