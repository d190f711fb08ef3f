"""Keys of the command line in place of those of the config, and what a session shows."""

from __future__ import annotations

import io
import json
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.config import file as config_file
from opro_cli.config import yaml_file
from opro_cli.config.overrides import apply_overrides, parse_override
from opro_cli.core.run.events import Answered
from opro_cli.errors import UsageError
from opro_cli.store.journal import read_events
from opro_cli.store.run_folder import read_examples, read_identity
from tests.cli.conftest import CONFIG, Opro


def run_of(folder: Path) -> dict[str, Any]:
    """The settings of the one run of a folder."""
    (run,) = (folder / "runs").glob("[!.]*")
    settings: dict[str, Any] = read_identity(run)["settings"]
    return settings


def test_options_take_the_place_of_keys(opro: Opro, folder: Path) -> None:
    options = ["--set", "search.candidates_per_step=2", "--set", 'scorer.stop=["Q:"]']
    short = ["--seed", "7", "--steps", "1", "--name", "smoke", "--budget", "calls=500"]
    assert opro("optimize", "c.yaml", *options, *short).code == 0
    settings = run_of(folder)
    assert (settings["name"], settings["budget"]["calls"]) == ("smoke", 500)
    search = settings["search"]
    assert (search["seed"], search["steps"], search["candidates_per_step"]) == (7, 1, 2)
    assert settings["scorer"]["stop"] == ["Q:"]


def test_a_run_with_options_does_not_say_that_its_file_was_edited(opro: Opro) -> None:
    opro("optimize", "c.yaml", "--set", "search.steps=1")
    opro("optimize", "c.yaml", "--steps", "3", "--budget", "calls=12")
    said = opro("resume", "@last", "--budget", "calls=none")
    assert said.code == 0
    assert "was edited since" not in said.err


def test_a_limit_takes_the_first_questions_and_shares_their_answers(
    opro: Opro, folder: Path
) -> None:
    opro("optimize", "c.yaml", "--limit", "3", "--name", "few")
    opro("optimize", "c.yaml", "--name", "all")
    few, whole = sorted(
        (folder / "runs").glob("[!.]*"), key=lambda run: not run.name.startswith("few")
    )
    small, large = read_examples(few), read_examples(whole)
    assert {split: len(rows) for split, rows in small.items()} == {"train": 3, "dev": 3, "test": 3}
    assert all(large[split][:3] == rows for split, rows in small.items())
    answers = [
        event for event in read_events(whole / "events.jsonl") if isinstance(event, Answered)
    ]
    assert {(a.question, a.via) for a in answers[:6]} >= {(i, "cache") for i in range(3)}
    assert {a.via for a in answers if a.question == 5} == {"call"}


def test_a_config_comes_from_stdin(
    opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stdin:
        buffer = io.BytesIO(CONFIG.encode())
        isatty = staticmethod(lambda: False)

    yaml_file._read_stdin.cache_clear()
    monkeypatch.setattr(sys, "stdin", Stdin)
    assert opro("optimize", "-", "--steps", "1").code == 0
    (run,) = (folder / "runs").glob("[!.]*")
    identity = read_identity(run)
    assert identity["config_source"] is None
    assert identity["part_folder"] == str(folder)
    yaml_file._read_stdin.cache_clear()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("search.stepz=1", '--set search.stepz: no such key; did you mean "steps"?'),
        (
            "search.steps=many",
            "--set search.steps: expected a whole number of at least 0 and at most 1,000,000, "
            "found 'many'",
        ),
        ("search.steps", "--set: expected KEY=VALUE, found 'search.steps'"),
        ("=1", "--set: expected KEY=VALUE, found '=1'"),
        ("search.steps.x=1", "--set search.steps.x: search.steps is 2, which has no x"),
        ("scorer.stop=[", "--set scorer.stop: expected a value as YAML has it, found '['"),
    ],
)
def test_an_option_that_fits_no_key_is_named(opro: Opro, option: str, message: str) -> None:
    for command in ("optimize", "check", "config"):
        said = opro(command, "c.yaml", "--set", option)
        assert said.code == 2
        assert message in said.err
        assert "Traceback" not in said.err


def test_check_and_config_take_the_same_keys(opro: Opro) -> None:
    assert "at most" in opro("check", "c.yaml", "--set", "search.steps=1").out
    keys = opro("config", "c.yaml", "--set", "search.steps=1", "--json").data["keys"]
    assert keys["search.steps"] == {"value": 1, "origin": "option", "line": None, "preset": None}
    assert keys["search.exemplars"]["origin"] == "file"


NAMES = st.from_regex(r"[a-z]{1,5}", fullmatch=True)
PLAIN = st.none() | st.booleans() | st.integers() | st.text(alphabet="abc: \n'\"[{#", max_size=9)


@given(st.lists(NAMES, min_size=1, max_size=4), PLAIN)
def test_what_is_set_is_what_is_read(names: list[str], value: object) -> None:
    typed = ".".join(names) + "=" + json.dumps(value)
    raw = apply_overrides({}, [parse_override(typed)])
    for name in names:
        raw = raw[name]
    assert raw == value


@given(st.dictionaries(NAMES, PLAIN, max_size=3), st.text(max_size=12))
def test_any_text_is_applied_or_refused(raw: dict[str, object], typed: str) -> None:
    before = yaml.safe_dump(raw)
    with suppress(UsageError):
        apply_overrides(raw, [parse_override(typed)])
    assert yaml.safe_dump(raw) == before


def test_an_element_of_a_list_is_replaced() -> None:
    override = parse_override("search.candidates.1=c")
    raw = {"search": {"candidates": ["a", "b"]}}
    assert apply_overrides(raw, [override]) == {"search": {"candidates": ["a", "c"]}}
    with pytest.raises(UsageError, match="which has no 2"):
        apply_overrides(raw, [parse_override("search.candidates.2=c")])


def test_quiet_shows_the_result_alone(opro: Opro) -> None:
    said = opro("optimize", "c.yaml", "--quiet")
    assert (said.code, said.err) == (0, "")
    assert "start (initial)" in said.out
    refused = opro("optimize", "c.yaml", "-q", "--plain")
    assert refused.code == 2
    assert "opro: --quiet excludes --plain: it shows no progress" in refused.err
    assert "leave out --quiet, or --plain" in refused.err
    both = opro("optimize", "c.yaml", "-q", "--plain", "--verbose")
    assert "--quiet excludes --plain and --verbose" in both.err


def test_verbose_and_the_log_have_a_line_for_each_answer(opro: Opro, folder: Path) -> None:
    said = opro("optimize", "c.yaml", "-v", "--steps", "0", "--log", "opro.log")
    answers = re.compile(r"initial · train \d+: '.+' → [01] · ", re.MULTILINE)
    assert len(answers.findall(said.err)) == 6
    log = (folder / "opro.log").read_text("utf-8")
    assert len(answers.findall(log)) == 6
    assert re.search(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] started", log, re.MULTILINE)
    opro("optimize", "c.yaml", "-q", "--steps", "0", "--log", "opro.log")
    assert (folder / "opro.log").read_text("utf-8").startswith(log)
    before = len(opro("runs", "--json").data)
    assert "cannot be written" in opro("optimize", "c.yaml", "--log", "no/such/opro.log").err
    assert len(opro("runs", "--json").data) == before


def test_labels_are_read_as_the_file_spells_them(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("task: {labels: [yes, No, true, 1]}\n")
    assert config_file.read_plain_config(path)["task"]["labels"] == ["yes", "No", "true", 1]
    path.write_text("task: {labels: {yes: on, 0: off}}\n")
    assert config_file.read_plain_config(path)["task"]["labels"] == {"yes": "on", 0: "off"}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("[Answer: yes or no]", "put it in quotes or write it after |-"),
        ("[Yes]", "quote it, since YAML reads it as true or false, found Yes"),
        ("[12]", "quote it, since YAML reads it as a number, found 12"),
        ("[null]", "quote it, since YAML reads it as nothing, found null"),
        ("[2024-01-01]", "quote it, since YAML reads it as date, found 2024-01-01"),
    ],
)
@pytest.mark.parametrize("key", ["initial_instructions", "baselines", "candidates"])
def test_a_text_that_yaml_reads_otherwise_is_to_be_quoted(
    opro: Opro, folder: Path, key: str, written: str, message: str
) -> None:
    config = CONFIG.replace("exemplars: 2}", f"exemplars: 2, {key}: {written}}}")
    (folder / "c.yaml").write_text(config)
    said = opro("check", "c.yaml")
    assert f"c.yaml:11: search.{key}.0: expected a text: " in said.err
    assert message in said.err


def test_a_tab_and_a_backslash_are_told_as_such(opro: Opro, folder: Path) -> None:
    (folder / "t.yaml").write_text("task:\n\tanswer: number\n")
    assert (
        "t.yaml:2:1: not YAML: a tab; YAML is indented with blanks" in opro("check", "t.yaml").err
    )
    (folder / "c.yaml").write_text(CONFIG.replace("train.jsonl", '"data\\new.jsonl"'))
    said = opro("check", "c.yaml")
    assert "data\\new.jsonl': no such file" in said.err
    assert "use single quotes" in said.err


def test_a_judge_is_shown_where_to_go(opro: Opro, folder: Path) -> None:
    (folder / "c.yaml").write_text(CONFIG.replace("answer: number", "answer: llm-judge"))
    assert "a model that judges is an evaluator" in opro("check", "c.yaml").err


def test_a_run_without_a_name_has_that_of_its_file(opro: Opro, folder: Path) -> None:
    (folder / "tickets.yaml").write_text(CONFIG.replace("name: sums\n", ""))
    opro("optimize", "tickets.yaml", "--steps", "0")
    (folder / "my tickets.yaml").write_text(CONFIG.replace("name: sums\n", ""))
    opro("optimize", "my tickets.yaml", "--steps", "0")
    names = {re.sub(r"-\d{8}-.*", "", run.name) for run in (folder / "runs").glob("[!.]*")}
    assert names == {"tickets", "run"}


def test_prompts_that_a_table_cuts_are_numbered_and_stand_below_in_full(opro: Opro) -> None:
    alike = "Be careful and precise, and mind every number in the question: "
    shown = opro("eval", "c.yaml", "-p", f"{alike}one", "-p", f"{alike}two").out
    assert shown.count("1. Be careful") == shown.count("2. Be careful") == 2
    flat = " ".join(shown.split())
    assert f"1. {alike}one 2. {alike}two" in flat
    assert "1." not in opro("eval", "c.yaml", "-p", "one", "-p", "two").out


def test_a_diff_within_one_run_says_nothing_of_its_spend(opro: Opro) -> None:
    opro("optimize", "c.yaml")
    assert "tokens in" not in opro("diff", "@last@start", "@last").out
    opro("optimize", "c.yaml", "--seed", "1")
    first = opro("runs", "--json").data[0]["run"]
    assert "tokens in" in opro("diff", first, "@last").out


@pytest.mark.parametrize("role", ["scorer", "optimizer"])
def test_a_section_that_is_null_is_as_missing_as_one_that_is_left_out(
    opro: Opro, folder: Path, role: str
) -> None:
    emptied = re.sub(f"(?m)^{role}: .*$", f"{role}:", CONFIG)
    (folder / "empty.yaml").write_text(emptied)
    complaint = f"{role}: missing; this key must be given"
    for command in ("check", "optimize"):
        for given_ in (("empty.yaml",), ("c.yaml", "--set", f"{role}=null")):
            said = opro(command, *given_)
            assert said.code == 2
            assert complaint in said.out + said.err
    assert not list((folder / "runs").glob("[!.]*"))
