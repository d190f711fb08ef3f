"""What a command imports before it does anything: seconds of start-up, where it is too much."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from opro_cli.cli.app import GROUPS, MODULES, VERBS
from tests.bench.start_up import first_request
from tests.cli.conftest import Opro

RUNS = Path(__file__).parents[1] / "run_folders"
QUICKSTART = str(Path(__file__).parents[2] / "configs" / "quickstart.yaml")

HEAVY = {"litellm", "datasets", "pandas", "pyarrow", "numpy", "scipy", "aiohttp"}
"""A command that asks no model and reads no dataset of the hub has no use for any of them."""
SLOW = {"pydantic", "yaml", "asyncio", "filelock", "jsonlines"}
"""Not as slow, and still half of a short command's time together."""

WRAPPER = """\
import atexit, sys
atexit.register(lambda: print("\\n::", *sys.modules))
from opro_cli.cli.app import main
main()
"""


def imported(*arguments: str) -> set[str]:
    """The modules in memory when `opro ARGUMENTS`, in a pipe, has ended well."""
    ended = subprocess.run(
        [sys.executable, "-c", WRAPPER, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert ended.returncode == 0, ended.stderr
    modules = set(ended.stdout.rpartition("\n::")[2].split())
    assert "opro_cli.cli.app" in modules
    return modules


@pytest.mark.parametrize("arguments", [["--help"], *([verb, "--help"] for verb in VERBS)], ids=str)
def test_help_imports_typer_and_no_more(arguments: list[str]) -> None:
    found = imported(*arguments)
    assert "typer" in found
    assert not found & {*HEAVY, *SLOW, "rich", "msgspec", "opro_cli.core.settings.schema"}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of runs that nobody has looked at."""
    return shutil.copytree(RUNS, tmp_path / "runs")


@pytest.mark.parametrize(
    "arguments",
    [
        ["runs"],
        ["runs", "--json"],
        ["show", "format-3"],
        ["show", "format-3", "--json"],
        ["diff", "format-3", "format-3@start"],
    ],
    ids=str,
)
def test_looking_at_runs_imports_nothing_slow(arguments: list[str], runs: Path) -> None:
    found = imported(*arguments, "--runs-dir", str(runs))
    assert not found & {*HEAVY, *SLOW}
    assert ("rich.console" in found) == ("diff" in arguments)


@pytest.mark.parametrize("arguments", [["runs"], ["show", "format-4"]], ids=str)
@pytest.mark.parametrize("how", [[], ["--json"]], ids=str)
def test_looking_again_imports_next_to_nothing(
    arguments: list[str], how: list[str], runs: Path
) -> None:
    asked = [*arguments, *how, "--runs-dir", str(runs)]
    assert "opro_cli.core.run.state" in imported(*asked)
    again = imported(*asked)
    assert not again & {*HEAVY, *SLOW, "rich.console", "rich.text", "msgspec", "statistics"}
    assert {name for name in again if name.startswith("opro_cli.core.")} <= {"opro_cli.core.scale"}


def test_a_config_is_checked_without_what_asks_models() -> None:
    assert not imported("check", QUICKSTART) & HEAVY


def test_help_of_all_imports_no_verb() -> None:
    assert not imported("--help") & {f"opro_cli.cli.{MODULES.get(verb, verb)}" for verb in VERBS}


@pytest.mark.parametrize("verb", VERBS)
def test_the_line_of_a_verb_is_the_first_of_its_help(verb: str) -> None:
    module = import_module(f"opro_cli.cli.{MODULES.get(verb, verb)}")
    function = vars(module).get(verb) or vars(module)[f"{verb}_"]
    if isinstance(function, typer.Typer):  # one with verbs of its own
        callback = function.registered_callback
        own = callback and (inspect.getdoc(callback.callback) or "").splitlines()[0]
        assert VERBS[verb] == (own or function.info.help)
    else:
        assert VERBS[verb] == (inspect.getdoc(function) or "").splitlines()[0]


def test_help_of_all_shows_the_whole_line_of_every_verb_in_80_columns(
    opro: Opro, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = opro("--help").out.splitlines()
    shown = [tuple(line.split(maxsplit=1)) for line in lines if line.startswith("  ")]
    assert [pair for pair in shown if pair[0] in VERBS] == list(VERBS.items())
    assert [line for line in lines if line in ("Search:", "Look:", "Set up:")] == [
        f"{group}:" for group in GROUPS
    ]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["diff", "only"], "one prompt is not enough"),
        (["diff", "\udcff", "b"], 'no run called "\\udcff" in runs'),
        (["runs", "--runs-dir", "a\udcffb"], "no runs in a\\udcffb"),
        (["runs", "--runs-dir", "lone \ud83d half"], "Invalid value for '--runs-dir'"),
        (["runs", "--runs-dir", "a\0b"], "Invalid value for '--runs-dir'"),
        (["show", "a", "--runs-dir", "x/y"], 'no run called "a" in x/y'),
        (["eval", "x.yaml", "--top", "0"], "expected at least 1, found 0"),
        (["eval", "x.yaml", "--top", "many"], "--top"),
        (["eval", "x.yaml", "--split", "y"], "'y' is not one of 'train', 'dev', 'test'"),
        (["eval", "x.yaml", "-f", "a.txt", "-f", "b.txt"], "a.txt: cannot be read"),
        (["eval", "x.yaml", "-p", ""], "x.yaml: cannot be read"),
    ],
    ids=str,
)
def test_what_was_typed_arrives(opro: Opro, arguments: list[str], told: str) -> None:
    """Texts and paths, one or many, go around pydantic; numbers and choices are checked there."""
    assert told in opro(*arguments).err


def test_an_environment_variable_is_a_value_too(
    opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPRO_RUNS_DIR", "from-there")
    assert "no runs in from-there" in opro("runs").err
    assert "no runs in typed" in opro("runs", "--runs-dir", "typed").err


def test_the_bench_sees_the_first_request(tmp_path: Path) -> None:
    here = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": here, "OPENAI_API_KEY": "sk-none"}
    assert first_request(tmp_path, environment).wall > 0
