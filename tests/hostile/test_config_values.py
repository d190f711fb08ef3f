"""YAML that means harm: nothing in a config is run, expanded without end, or changed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import CONFIG, Opro, only_run
from tests.hostile.cases import CASES
from tests.hostile.conftest import assert_harmless

TEXT_KEYS = (
    "name",
    "task.answer",
    "task.scoring",
    "task.preset",
    "task.instruction_position",
    "task.data.input",
    "task.data.target",
    "task.data.rows",
    "scorer.model",
    "scorer.api_base",
    "scorer.concurrency",
    "optimizer.model",
    "optimizer.temperature_schedule",
    "search.strategy",
    "search.preset",
    "search.initial_instructions",
    "search.steps",
)


TEXTS = [case.text for case in CASES if case.is_text]
END = CONFIG.count("\n") + 1
"""The line after the config."""


def with_values(values: Mapping[str, Any]) -> str:
    """The config with other values, by dotted key."""
    config = yaml.safe_load(CONFIG)
    for key, value in values.items():
        *sections, last = key.split(".")
        place = config
        for section in sections:
            place = place[section]
        place[last] = value
    return str(yaml.safe_dump(config))


def refused(opro: Opro, folder: Path, text: str) -> str:
    """What is said about a config that cannot be used."""
    (folder / "c.yaml").write_text(text)
    said = opro("check", "c.yaml")
    assert said.code == 2, said.err
    assert_harmless(said)
    assert not (folder / "runs").exists()
    return said.err


@pytest.mark.parametrize("begin", range(len(TEXT_KEYS)))
def test_values_are_quoted_and_never_used(opro: Opro, folder: Path, begin: int) -> None:
    """Each text at several keys, and every key has had all kinds of texts in the end."""
    for start in range(begin, len(TEXTS), 2 * len(TEXT_KEYS)):
        texts = itertools.islice(itertools.cycle(TEXTS), start, None)
        err = refused(opro, folder, with_values(dict(zip(TEXT_KEYS, texts, strict=False))))
        assert "scorer.api_base: expected a URL" in err


def test_a_text_is_no_config(opro: Opro, folder: Path) -> None:
    for text in TEXTS:
        refused(opro, folder, text)


@pytest.mark.parametrize("section", ["task", "scorer", "search", "task.data", "task.data.split"])
def test_sections_may_be_anything(opro: Opro, folder: Path, section: str) -> None:
    for text in TEXTS[::10]:
        refused(opro, folder, with_values({section: text}))


def test_keys_may_be_anything(opro: Opro, folder: Path) -> None:
    keys = {case.text: 1 for case in CASES if case.is_text}
    err = refused(opro, folder, CONFIG + yaml.safe_dump(keys))
    assert err.count("no such key") == len(keys)


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch pwned']",
        "!!python/object/new:os.system ['touch pwned']",
        "!!python/object/apply:subprocess.check_output [[touch, pwned]]",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/tuple [1]",
        "!include /etc/passwd",
        "!ENV ${HOME}",
    ],
)
def test_tags_are_not_obeyed(opro: Opro, folder: Path, tag: str) -> None:
    err = refused(opro, folder, f"{CONFIG}extra: {tag}\n")
    assert f"c.yaml:{END}:8: not YAML: could not determine a constructor" in err
    assert not (folder / "pwned").exists()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("2024-13-45", "timestamp"),
        ("9" * 5000, "int"),
        ("!!int abc", "int"),
        ("!!float abc", "float"),
        ("!!bool maybe", "bool"),
        ("!!timestamp soon", "timestamp"),
    ],
)
def test_values_that_are_not_what_they_look_like(
    opro: Opro, folder: Path, value: str, kind: str
) -> None:
    err = refused(opro, folder, f"{CONFIG}extra: {value}\n")
    assert f"c.yaml:{END}:8: not YAML: found " in err
    assert f"which is no {kind}; is it meant as text? quote it" in err


NINE = range(9)
LISTS = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join(f'*a{n - 1}' for _ in NINE)}]\n" for n in range(1, 10)
)
MAPPINGS = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{{', '.join(f'k{k}: *a{n - 1}' for k in NINE)}}}\n" for n in range(1, 10)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join(f'*a{n - 1}' for _ in NINE)}], y{n}: 1}}\n"
    for n in range(1, 10)
)


@pytest.mark.parametrize("bomb", [LISTS, MAPPINGS, MERGES], ids=["lists", "mappings", "merges"])
def test_aliases_that_stand_for_a_billion_values(opro: Opro, folder: Path, bomb: str) -> None:
    assert "more than 100,000 values" in refused(opro, folder, bomb + CONFIG)


@pytest.mark.parametrize("text", ["a: &a {b: *a}", "name: &a [*a]", "[" * 500])
def test_values_without_an_end(opro: Opro, folder: Path, text: str) -> None:
    assert "nested too deeply" in refused(opro, folder, text)


def test_anchors_are_still_good_for_something(opro: Opro, folder: Path) -> None:
    text = CONFIG.replace("scorer: {", "scorer: &s {").replace(
        "optimizer: {model: scripted/optimizer}", "optimizer: {<<: *s}"
    )
    (folder / "c.yaml").write_text(text)
    assert opro("check", "c.yaml", "--json").data["models"]["optimizer"] == "scripted/scorer"


def test_an_emoji_may_be_escaped_as_json_does(opro: Opro, folder: Path) -> None:
    """YAML reads two halves; kept like that, the run would not know its own answers again."""
    said = json.dumps("Think 🤔 twice.")
    assert said == '"Think \\ud83e\\udd14 twice."'
    text = CONFIG.replace("steps: 2", f"steps: 1, initial_instructions: [{said}]")
    (folder / "c.yaml").write_text(text)
    assert opro("optimize", "c.yaml").code == 0
    shown = opro("show", "sums", "--json").data
    assert shown["initial"]["instruction"] == "Think 🤔 twice."
    assert "Think 🤔 twice." in (only_run(folder) / "config.yaml").read_text("utf-8")


def test_half_a_character_is_refused_with_its_line(opro: Opro, folder: Path) -> None:
    text = CONFIG.replace("steps: 2", 'steps: 1, initial_instructions: ["a \\ud83e b"]')
    err = refused(opro, folder, text)
    where = f"c.yaml:{END - 1}: search.initial_instructions"
    assert f"{where}: expected text, found half a character in 'a \\ud83e b'" in err


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\r\n", "\x0b"])
def test_a_run_reads_back_the_config_it_wrote(opro: Opro, folder: Path, end: str) -> None:
    instruction = f"one{end}two"
    text = with_values({"search.initial_instructions": [instruction]})
    (folder / "c.yaml").write_text(text)
    assert opro("optimize", "c.yaml").code == 0
    (only_run(folder) / "result.json").unlink()
    assert opro("resume", "--last").code == 0
    said = opro("show", "sums", "--json").data
    assert said["initial"]["instruction"] == instruction
