"""Bare `opro`, `opro help`, and what is said of a command line that cannot be read."""

from __future__ import annotations

import json

import pytest

from opro_cli import __version__
from tests.cli.conftest import Opro


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        ((), "Usage: opro [OPTIONS] COMMAND"),
        (("help",), "Usage: opro [OPTIONS] COMMAND"),
        (("cache",), "Usage: opro cache [OPTIONS] COMMAND"),
        (("help", "optimize"), "Usage: opro optimize [OPTIONS] {CONFIG}"),
        (("help", "cache", "info"), "Usage: opro cache info [OPTIONS]"),
    ],
)
def test_help_is_a_result(opro: Opro, arguments: tuple[str, ...], usage: str) -> None:
    said = opro(*arguments)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(usage)


@pytest.mark.parametrize("argument", ["--version", "-V", "version"])
def test_the_version_has_three_spellings(opro: Opro, argument: str) -> None:
    said = opro(argument)
    assert (said.code, said.out, said.err) == (0, f"opro {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message", "command"),
    [
        (("diff",), "Missing argument 'RUN'.", "opro diff"),
        (("cache", "inf"), "No such command 'inf'. Did you mean 'info'?", "opro cache"),
        (("help", "optimise"), "No such command 'optimise'. Did you mean 'optimize'?", "opro"),
        (
            ("eval", "c.yaml", "--split", "foo"),
            "Invalid value for '--split': 'foo' is not one of 'train', 'dev', 'test'.",
            "opro eval",
        ),
        (
            ("eval", "c.yaml", "--limit", "0"),
            "Invalid value for '--limit': expected at least 1, found 0",
            "opro eval",
        ),
        (
            ("sweep", "grid.yaml", "--processes", "two"),
            "Invalid value for '--processes': expected a whole number, found two",
            "opro sweep",
        ),
    ],
)
def test_a_usage_error_names_the_command_whose_help_shows_more(
    opro: Opro, arguments: tuple[str, ...], message: str, command: str
) -> None:
    said = opro(*arguments)
    assert said.code == 2
    assert said.err == f"opro: {message}\nhint: `{command} --help` shows what it takes\n"


def test_an_error_under_json_is_one_object(opro: Opro) -> None:
    said = opro("show", "nothing", "--json")
    assert (said.code, said.out) == (2, "")
    assert json.loads(said.err) == {
        "error": {
            "message": 'no run called "nothing" in runs',
            "hint": "`opro runs` lists the runs; see --runs-dir",
            "exit_code": 2,
        }
    }


def test_an_error_of_usage_under_json_is_one_object(opro: Opro) -> None:
    said = opro("diff", "--json", "--plian")
    assert said.code == 2
    error = json.loads(said.err)["error"]
    assert error["message"].startswith("No such option: --plian")
    assert error["hint"] == "`opro diff --help` shows what it takes"
