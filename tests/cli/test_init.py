"""`opro init`: what is written, what is there already, and where else a template may go."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Opro

FILES = ["opro.yaml", "data/bbh_navigate.jsonl", ".opro.schema.json"]


@pytest.fixture(autouse=True)
def at_home(folder: Path) -> Path:
    return folder


def test_what_is_there_already_is_told_from_what_is_written(opro: Opro, folder: Path) -> None:
    first = opro("init", "--json").data
    assert (sorted(first["written"]), first["unchanged"]) == (sorted(FILES), [])
    (folder / "opro.yaml").unlink()
    before = (folder / FILES[1]).stat().st_mtime_ns
    assert opro("init").out == (
        "wrote opro.yaml\n"
        "data/bbh_navigate.jsonl is there already, unchanged\n"
        ".opro.schema.json is there already, unchanged\n"
        "next: opro check opro.yaml && opro optimize opro.yaml\n"
    )
    again = opro("init", "--json").data
    assert (again["written"], sorted(again["unchanged"])) == ([], sorted(FILES))
    assert (folder / FILES[1]).stat().st_mtime_ns == before


def test_an_edited_config_is_kept_and_another_name_helps(opro: Opro, folder: Path) -> None:
    (folder / "opro.yaml").write_text("mine")
    said = opro("init")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "opro: opro.yaml is there already, with other content\n"
        "hint: name another file: opro init FILE\n"
    )
    assert opro("init", "other.yaml").code == 0
    assert (folder / "opro.yaml").read_text() == "mine"


@pytest.mark.parametrize("taken", [False, True])
def test_edited_data_is_kept_and_the_remedy_works(opro: Opro, folder: Path, taken: bool) -> None:
    assert opro("init", "mine.yaml", "--template", "own-data").code == 0
    (folder / "data" / "tickets.csv").write_text("edited")
    if taken:
        (folder / "own-data").mkdir()
    said = opro("init", "other.yaml", "--template", "own-data")
    assert said.code == 2
    assert said.err.startswith("opro: data/tickets.csv is there already, with other content\n")
    command = said.err.splitlines()[1].partition("into another folder: ")[2]
    words = shlex.split(command)
    assert words[0] == "opro"
    assert opro(*words[1:]).code == 0
    place = folder / ("own-data-2" if taken else "own-data")
    assert (place / "data" / "tickets.csv").read_text() != "edited"
    assert opro("check", str(place / "other.yaml")).code == 2  # no key; the config is read
    assert not (folder / "other.yaml").exists()
