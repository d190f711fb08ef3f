"""Messages as a person reads them: the words, the hint, nothing cut or eaten."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import CONFIG, Opro

_KEYS = (
    "opro: {where}no API key: ANTHROPIC_API_KEY and MISTRAL_API_KEY are not set\n"
    "hint: export ANTHROPIC_API_KEY=…\n"
    "export MISTRAL_API_KEY=…  (keys are read from the environment and never written)\n"
)


@pytest.mark.parametrize("command", [["check"], ["optimize"], ["eval", "-p", "x"]], ids=str)
def test_a_server_without_an_address_is_missed_before_there_is_a_run(
    opro: Opro, folder: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOSTED_VLLM_API_BASE", raising=False)
    (folder / "c.yaml").write_text(CONFIG.replace("scripted/scorer", "hosted_vllm/x"))
    said = opro(command[0], "c.yaml", *command[1:])
    assert said.code == 2
    where = "" if command[0] == "eval" else "c.yaml:9: "
    assert said.err == (
        f"opro: {where}scorer.model hosted_vllm/x has no address\n"
        "hint: set scorer.api_base or HOSTED_VLLM_API_BASE\n"
    )
    assert not (folder / "runs").exists()


def test_check_names_all_that_is_wrong_whatever_else_fails(opro: Opro, folder: Path) -> None:
    text = CONFIG.replace("scripted/scorer", "openai/gpt-4o-mini")
    text = text.replace("steps: 2", "stepz: 2").replace("input: question", "input: Question")
    (folder / "c.yaml").write_text(text.replace("answer: number", "answer: number\n  nmae: x"))
    said = opro("check", "c.yaml")
    assert said.code == 2
    lines = said.err.splitlines()
    assert lines[0] == "opro: c.yaml: 3 problems"
    assert any(line.startswith("c.yaml:9: task.nmae: no such key") for line in lines)
    assert 'c.yaml:12: search.stepz: no such key; did you mean "steps"?' in lines
    assert "no API key: OPENAI_API_KEY is not set" in lines
    # a task that cannot be read has no questions to look at; else they are looked at, too
    (folder / "c.yaml").write_text(text)
    said = opro("check", "c.yaml")
    assert "c.yaml:5: task.data.input: train.jsonl has no field Question" in said.err
    assert "no API key: OPENAI_API_KEY is not set" in said.err
    assert "search.stepz: no such key" in said.err


def test_a_fault_in_the_section_of_a_model_is_no_reason_to_miss_its_key(
    opro: Opro, folder: Path
) -> None:
    wrong = "{model: openai/gpt-4o, api_base: localhost}"
    (folder / "c.yaml").write_text(CONFIG.replace("{model: scripted/scorer}", wrong))
    said = opro("check", "c.yaml")
    assert "scorer.api_base: expected a URL" in said.err
    assert "OPENAI_API_KEY" not in said.err


@pytest.mark.parametrize(("command", "where"), [("optimize", ""), ("check", "c.yaml: ")])
def test_two_missing_keys_are_two_lines_to_copy(
    opro: Opro, folder: Path, command: str, where: str
) -> None:
    text = CONFIG.replace("scripted/scorer", "anthropic/claude-x")
    (folder / "c.yaml").write_text(text.replace("scripted/optimizer", "mistral/mistral-small"))
    said = opro(command, "c.yaml")
    assert (said.code, said.err) == (2, _KEYS.format(where=where))


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("yes", "yes"),
        ("~", "~"),
        ("2024-01-01", "2024-01-01"),
        ("-010", "-010"),
        ("1_0.5", "1_0.5"),
        ('"3"', "'3'"),
        ("", "nothing"),
        ("three", "'three'"),
    ],
)
def test_a_value_is_quoted_as_the_file_spells_it(
    opro: Opro, folder: Path, written: str, found: str
) -> None:
    (folder / "c.yaml").write_text(CONFIG.replace("steps: 2,", f"steps: {written},"))
    said = opro("optimize", "c.yaml")
    whole = "a whole number of at least 0 and at most 1,000,000"
    expected = f"c.yaml:11: search.steps: expected {whole}, found {found}"
    assert said.err.splitlines()[1] == expected


@pytest.mark.parametrize(
    ("template", "expected", "found"),
    [
        ("Subject: {Subject\\n{Message}", "a } after each { ({{ is the character itself)", None),
        ("x" * 40 + "{Subject", "a } after each {", "…xxxxxxxxxxxxxxxxxxxx{Subject'"),
        ("Subject}", "a { before each } (}} is the character itself)", "Subject}'"),
    ],
)
def test_a_brace_without_the_other_is_said_in_a_line(
    opro: Opro, folder: Path, template: str, expected: str, found: str | None
) -> None:
    text = CONFIG.replace("input: question", f'input: "{template}"')
    (folder / "c.yaml").write_text(text)
    line = opro("optimize", "c.yaml").err.splitlines()[1]
    assert line.startswith(f"c.yaml:5: task.data.input: expected {expected}")
    assert len(line) < 130
    if found:
        assert line.endswith(found)


def test_a_file_that_is_not_there_is_named_once(opro: Opro, folder: Path) -> None:
    said = opro("eval", "c.yaml", "-f", "/nope")
    assert (said.code, said.err) == (
        2,
        "opro: /nope: cannot be read: No such file or directory\nhint: name a text file\n",
    )


def test_an_instruction_may_come_from_stdin(
    opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Zähle.\n".encode())))
    rows = opro("eval", "c.yaml", "-f", "-", "--json").data
    assert [row["prompt"] for row in rows] == ["Zähle."]


COMMANDS = (
    ("check", "c.yaml"),
    ("optimize", "c.yaml", "--dry-run"),
    ("diff", "sums@start", "sums"),
    ("cache", "info"),
    ("eval", "c.yaml", "-p", "x", "-p", "y"),
    ("show", "sums"),
    ("runs",),
)


def test_nothing_in_a_pipe_ends_in_blanks(opro: Opro, folder: Path) -> None:
    opro("optimize", "c.yaml")
    for command in COMMANDS:
        lines = opro(*command).out.splitlines()
        assert lines
        assert [line for line in lines if line != line.rstrip()] == [], command


def test_every_line_of_a_prompt_stands_behind_a_bar(
    opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    _, _, rest = opro("check", "c.yaml").out.partition("first meta-prompt")
    title, _, prompt = rest.partition(":\n")
    assert " ".join(title.split()).startswith("for the optimizer (some ")
    shown = prompt.splitlines()
    assert len(shown) > 20
    assert all(line.startswith("  │") for line in shown if line)


def test_a_limit_without_its_s_is_a_typo_and_no_secret(opro: Opro) -> None:
    said = opro("check", "c.yaml", "--set", "scorer.max_token=5")
    assert 'scorer.max_token: no such key; did you mean "max_tokens"?' in said.err
