"""RUN@PLACE on the command line, and replies read from the journal."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from opro_cli.app.diff import read_replies, select_prompts
from opro_cli.app.named_prompts import find_prompt
from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Event, Refused
from opro_cli.errors import OproError, UsageError
from opro_cli.store.journal import encode_event
from tests.core.runs import answered, reasoned

FOLDERS = Path(__file__).parents[1] / "run_folders"


def runs_called(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).mkdir()
        (folder / name / "run.json").touch()
    return folder


@pytest.mark.parametrize(
    ("wanted", "run", "place"),
    [
        ("plain", "plain", "best"),
        ("plain@best", "plain", "best"),
        ("plain@start", "plain", "start"),
        ("lai@3", "plain", "3"),
        ("plain@3.2", "plain", "3.2"),
        ("me@home", "me@home", "best"),
        ("me@home@4", "me@home", "4"),
        ("you@2", "you@2", "best"),  # the name of a run, so the whole of it counts
        ("you@2@2", "you@2", "2"),
        ("@2", "you@2", "best"),  # a part of a name, as ever
    ],
)
def test_the_whole_is_a_name_before_its_end_is_a_place(
    tmp_path: Path, wanted: str, run: str, place: str
) -> None:
    runs = runs_called(tmp_path, "plain", "me@home", "you@2")
    folder, selector = find_prompt(runs, wanted)
    assert (folder.name, str(selector)) == (run, place)


def test_a_folder_may_be_named_with_a_place(tmp_path: Path) -> None:
    run = runs_called(tmp_path, "a@1") / "a@1"
    assert find_prompt(tmp_path / "nowhere", str(run))[0] == run
    folder, selector = find_prompt(tmp_path / "nowhere", f"{run}@1")
    assert (folder, str(selector)) == (run, "1")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("plain@end", '"@end" names no prompt of plain'),
        ("plain@", '"@" names no prompt of plain'),
        ("other@3", 'no run called "other"'),
        ("other@end", 'no run called "other@end"'),
        ("@best", 'no run called ""'),
        ("", 'no run called ""'),
        ("n@1", '"n" fits 2 runs'),
    ],
)
def test_names_of_nothing(tmp_path: Path, wanted: str, message: str) -> None:
    runs = runs_called(tmp_path, "plain", "number")
    with pytest.raises(UsageError) as caught:
        find_prompt(runs, wanted)
    assert caught.value.message.startswith(message)


def test_a_run_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = select_prompts(FOLDERS, ["format-2@start", "format-2", "format-1@0.1"])
    assert chosen[0].run is chosen[1].run
    assert [str(each.selector) for each in chosen] == ["start", "best", "0.1"]
    assert all(each.candidate for each in chosen)


def journal(folder: Path, *events: Event) -> Path:
    (folder / "events.jsonl").write_bytes(b"".join(map(encode_event, events)))
    return folder


def test_replies_are_those_of_the_candidate_and_the_questions(tmp_path: Path) -> None:
    folder = journal(
        tmp_path,
        replace(answered("Think.", 0), text="of train"),
        replace(answered("Think.", 0, split="test"), text="wanted"),
        replace(answered("Think.", 1, split="test"), text="another question"),
        replace(answered("Do.", 0, split="test"), text="another prompt"),
    )
    asked = {"train": set[int](), "dev": set[int](), "test": {0, 7}}
    assert read_replies(folder, make_candidate_id("Think."), asked) == {("test", 0): ("wanted",)}  # type: ignore[arg-type]


def test_both_rounds_are_replies_and_a_late_grade_is_none(tmp_path: Path) -> None:
    folder = journal(
        tmp_path,
        reasoned("Think.", 0, "9 + 9"),
        replace(answered("Think.", 0), text="18"),
        reasoned("Think.", 1, "kept ungraded"),
        replace(answered("Think.", 1), text="kept ungraded"),
        Refused(0.0, make_candidate_id("Think."), "train", 2, "filtered"),
    )
    replies = read_replies(folder, make_candidate_id("Think."), {"train": {0, 1, 2}})
    assert replies == {("train", 0): ("9 + 9", "18"), ("train", 1): ("kept ungraded",)}


def test_a_journal_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(OproError, match="cannot read the journal"):
        read_replies(tmp_path, "x", {"train": {0}})
