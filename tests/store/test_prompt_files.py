"""Prompts in files: read once and byte for byte, and what is said of those that cannot be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from opro_cli import wiring
from opro_cli.config.file import read_plain_config
from opro_cli.config.overrides import parse_override
from opro_cli.config.prompts import MOST_BYTES
from opro_cli.core.settings.differences import convert_to_plain, find_changes
from opro_cli.core.settings.filled import overlay
from opro_cli.core.settings.prompts import hash_prompt
from opro_cli.core.settings.settings import Settings
from opro_cli.errors import ConfigError

CONFIG = """\
task:
  data: {train: rows.jsonl, input: question, target: answer}
  answer: number
scorer: {model: openai/x}
optimizer: {model: openai/x}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (tmp_path / "prompts").mkdir()
    return tmp_path


def read(folder: Path, more: str, *, task: str = "", is_copy: bool = False) -> Settings:
    config = folder / "mine.yaml"
    head, scorer, tail = CONFIG.partition("scorer:")
    config.write_text(f"{head}{task}{scorer}{tail}{more}", "utf-8")
    return wiring.read_config(config, is_copy=is_copy)


def refuse(folder: Path, more: str, *, task: str = "") -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        read(folder, more, task=task)
    return [line.removeprefix(f"{folder}/") for line in refusal.value.problems]


@pytest.mark.parametrize(
    "data",
    [b"one line", b"# Title\n\n* a\n* b\n", b"a\r\nb\r\n", b"a\n\n\n", "Grüße 你好 🎉\n".encode()],
)
def test_a_file_is_the_start_prompt_byte_for_byte(folder: Path, data: bytes) -> None:
    (folder / "prompts/start.md").write_bytes(data)
    settings = read(folder, "search: {start: 'file:prompts/start.md'}")
    (text,) = settings.search.initial_instructions
    assert text.encode() == data
    (file,) = settings.prompt_files or ()
    assert (file.place, file.file) == ("search.start.0", str(folder / "prompts/start.md"))
    assert file.sha256 == hash_prompt(text)


def test_a_byte_order_mark_is_no_text(folder: Path) -> None:
    (folder / "start.md").write_bytes(b"\xef\xbb\xbfHello\n")
    assert read(folder, "search: {start: 'file:start.md'}").search.initial_instructions == (
        "Hello\n",
    )


def test_start_takes_one_text_or_several_and_files_among_them(folder: Path) -> None:
    (folder / "a.md").write_text("A")
    one = read(folder, "search: {start: Name it}")
    assert one.search.initial_instructions == ("Name it",)
    assert one.prompt_files is None
    older = read(folder, "search: {initial_instructions: Name it}")
    assert older == one
    several = read(folder, "search: {start: [Name it, 'file:a.md']}")
    assert several.search.initial_instructions == ("Name it", "A")
    assert [file.place for file in several.prompt_files or ()] == ["search.start.1"]


def test_a_file_in_the_current_folder_is_found_too(folder: Path) -> None:
    Path("here.md").write_text("Here")
    assert read(folder, "search: {start: 'file:here.md'}").search.initial_instructions == ("Here",)


def test_both_names_of_the_start_prompts_are_one_too_many(folder: Path) -> None:
    assert refuse(folder, "search:\n  start: a\n  initial_instructions: [b]\n") == [
        "mine.yaml:7: search.start: found beside search.initial_instructions, its older name; "
        "keep one of them"
    ]


def test_a_value_that_is_no_prompt_is_named_as_it_is_given(folder: Path) -> None:
    for name in ("start", "initial_instructions"):
        (problem,) = refuse(folder, f"search:\n  steps: 1\n  {name}: [a, a]\n")
        assert problem.startswith(f"mine.yaml:8: search.{name}: expected a prompt, file:PATH")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("strat.md", ': no such file (did you mean "start.md"?)'),
        ("none/x.md", ": no such file; there is no folder"),
        (".", ": cannot be read: Is a directory"),
        ("latin.md", ": not UTF-8 text (byte 6, line 2); save it as UTF-8"),
        ("blank.md", ": is empty"),
        ("nul.md", ": holds a NUL character, so it is no text"),
        ("large.md", ": larger than 1 MB, which is no prompt"),
        ("pipe", ": cannot be read: it is a named pipe, not a file"),
        ("a\\0b", ": cannot be read: "),
    ],
)
def test_a_file_that_is_no_prompt_is_refused_with_its_line(
    folder: Path, name: str, fault: str
) -> None:
    (folder / "start.md").write_text("Hello")
    (folder / "latin.md").write_bytes("Hallo\nä".encode("latin-1"))
    (folder / "blank.md").write_bytes(b" \n\n")
    (folder / "nul.md").write_bytes(b"a\x00b")
    (folder / "large.md").write_bytes(b"x" * (MOST_BYTES + 1))
    os.mkfifo(folder / "pipe")
    (problem,) = refuse(folder, f'search:\n  start:\n  - fine\n  - "file:{name}"\n')
    assert problem.startswith("mine.yaml:9: search.start.1: ")
    assert fault in problem


def test_a_path_must_follow(folder: Path) -> None:
    assert refuse(folder, "search: {start: 'file: '}") == [
        "mine.yaml:6: search.start: expected a path behind file:, found none"
    ]


def test_every_missing_file_is_named_at_once(folder: Path) -> None:
    task = "  prompt:\n  - system: file:a.md\n  - user: '{{instruction}} {{question}}'\n"
    problems = refuse(folder, "search: {start: 'file:b.md'}", task=task)
    assert [problem.partition(" ")[0] for problem in problems] == ["mine.yaml:5:", "mine.yaml:9:"]


CHAT = "  prompt:\n  - system: file:prompts/support.md\n  - user: '{{question}}'\n"


def test_a_message_with_the_hole_is_frozen(folder: Path) -> None:
    (folder / "prompts/support.md").write_text("You are.\n\n{{instruction}}\n")
    settings = read(folder, "search: {start: Be brief}", task=CHAT)
    assert settings.task.prompt == (
        ("system", "You are.\n\n{{instruction}}\n"),
        ("user", "{{question}}"),
    )
    assert [file.place for file in settings.prompt_files or ()] == ["task.prompt.0"]


def test_a_message_without_the_hole_is_the_start_prompt(folder: Path) -> None:
    text = "You help {name}.\n\n{{ticket}} {{ is no hole here\n"
    (folder / "prompts/support.md").write_text(text)
    settings = read(folder, "", task=CHAT)
    assert settings.task.prompt == (("system", "{{instruction}}"), ("user", "{{question}}"))
    assert settings.search.initial_instructions == (text,)
    assert [file.place for file in settings.prompt_files or ()] == ["search.start.0"]


def test_an_empty_section_gives_no_start_prompt(folder: Path) -> None:
    (folder / "prompts/support.md").write_text("You are.")
    settings = read(folder, "search:\n", task=CHAT)
    assert settings.search.initial_instructions == ("You are.",)


@pytest.mark.parametrize("turn", ["file:prompts/support.md", "{tool: x}", "{user: 3}"])
def test_a_message_that_is_none_is_named_by_its_line(folder: Path, turn: str) -> None:
    (problem,) = refuse(folder, "", task=f"{CHAT}  - {turn}\n".replace("file:prompts", "a", 1))
    assert problem.startswith("mine.yaml:7: task.prompt.2: expected {system: TEXT}, {user: TEXT}")


def test_runs_of_a_file_are_called_after_it_whoever_reads_it(folder: Path) -> None:
    assert read(folder, "").name == "mine"
    assert read_plain_config(folder / "mine.yaml")["name"] == "mine"
    read(folder, "name: other\n")
    assert read_plain_config(folder / "mine.yaml")["name"] == "other"


def test_two_start_prompts_are_one_too_many(folder: Path) -> None:
    (folder / "prompts/support.md").write_text("You are.")
    (problem, *_) = refuse(folder, "search: {start: Be brief}", task=CHAT)
    assert problem.startswith("mine.yaml:5: task.prompt.0.system: ")
    assert "has no {{instruction}}, and search.start is the start prompt" in problem
    (problem, *_) = refuse(folder, "", task=CHAT + "  - assistant: file:prompts/support.md\n")
    assert "more than one message is from a file" in problem


def test_a_malformed_hole_is_named_by_file_and_line(folder: Path) -> None:
    (folder / "prompts/support.md").write_text("You are.\n{{instruction}}\n{{x\n")
    (problem,) = refuse(folder, "", task=CHAT)
    assert problem.startswith("mine.yaml:5: task.prompt.0.system: ")
    assert f"{folder}/prompts/support.md:3: expected a }}}} behind each {{{{" in problem


def test_a_copy_is_read_back_without_the_files(folder: Path) -> None:
    (folder / "prompts/support.md").write_text("file:other.md {{instruction}} {{question}}\n")
    (folder / "start.md").write_text("file:start.md\r\n")
    settings = read(folder, "search: {start: 'file:start.md'}", task=CHAT)
    copy = folder / "copy.yaml"
    plain = convert_to_plain(settings)
    copy.write_text(yaml.safe_dump(plain), "utf-8")
    for path in ("prompts/support.md", "start.md"):
        (folder / path).unlink()
    assert wiring.read_config(copy, is_copy=True) == settings
    assert wiring.read_config(copy) == settings  # `opro optimize` of a copy
    assert "instruction_position" not in plain["task"]


def test_a_copy_of_an_older_run_has_texts_and_no_files(folder: Path) -> None:
    """They were sent as they stand, and a resume does not read them otherwise."""
    text = "search: {initial_instructions: ['file:prompt.txt']}"
    settings = read(folder, text, is_copy=True)
    assert settings.search.initial_instructions == ("file:prompt.txt",)


def test_where_a_text_is_from_is_no_difference(folder: Path) -> None:
    (folder / "a.md").write_text("A")
    named, typed = (read(folder, f"search: {{start: '{each}'}}") for each in ("file:a.md", "A"))
    assert find_changes(convert_to_plain(named), convert_to_plain(typed)) == ()


def test_the_file_of_a_text_that_was_replaced_is_forgotten(folder: Path) -> None:
    (folder / "a.md").write_text("A")
    plain: dict[str, Any] = convert_to_plain(read(folder, "search: {start: 'file:a.md'}"))
    plain["search"]["initial_instructions"] = ["B"]
    settings = wiring.parse_settings(plain)
    assert settings is not None
    assert settings.prompt_files is None


def test_what_is_not_given_leaves_no_trace_in_a_record(folder: Path) -> None:
    plain = convert_to_plain(read(folder, ""))
    assert "prompt" not in plain["task"]
    assert "prompt_files" not in plain
    assert not {"start", "keep_placeholders"} & plain["search"].keys()


@pytest.mark.parametrize(
    ("start", "rules", "kept"),
    [("Hi {name}", "opro", True), ("Hi", "opro", None), ("Hi {name}", "paper", False)],
)
def test_placeholders_are_kept_where_there_are_any(
    folder: Path, start: str, rules: str, kept: bool | None
) -> None:
    settings = read(folder, f"search: {{start: '{start}', rules: {rules}}}")
    assert wiring.fill_in_new(settings).search.keep_placeholders is kept


@pytest.mark.parametrize(
    ("below", "above", "left"),
    [
        ({"initial_instructions": ["a"]}, {"start": "b"}, {"start": "b"}),
        ({"start": "a"}, {"initial_instructions": ["b"]}, {"initial_instructions": ["b"]}),
        ({"qa_markers": True, "instruction_position": "Q_end"}, {"prompt": []}, {"prompt": []}),
        ({"prompt": []}, {"qa_markers": True}, {"qa_markers": True}),
        ({"start": "a"}, {"steps": 2}, {"start": "a", "steps": 2}),
        ({}, {"prompt": [], "qa_markers": True}, {"prompt": [], "qa_markers": True}),
    ],
)
def test_a_key_on_top_takes_the_place_of_its_other_name(
    below: Mapping[str, Any], above: Mapping[str, Any], left: Mapping[str, Any]
) -> None:
    assert overlay({"section": below}, {"section": above}) == {"section": left}


def test_an_override_takes_the_place_of_the_older_name(folder: Path) -> None:
    read(folder, "search: {initial_instructions: [a]}")
    override = parse_override("search.start=file:b.md")
    (folder / "b.md").write_text("B")
    settings = wiring.read_config(folder / "mine.yaml", [override])
    assert settings.search.initial_instructions == ("B",)
