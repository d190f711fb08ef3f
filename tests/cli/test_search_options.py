"""`search.options` that no strategy could use: refused before a run, with line, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from opro_cli.config import file
from tests.cli.conftest import Opro


def write(folder: Path, strategy: str, options: str) -> None:
    config = (folder / "c.yaml").read_text()
    search = f"search: {{strategy: {strategy}, options: {options}, start: [Add. Then stop.], "
    (folder / "c.yaml").write_text(config.replace("search: {", search))


@pytest.mark.parametrize(
    ("strategy", "options", "complaint"),
    [
        ("auto", "{most: 2}", "search.options.most: found with search.strategy auto, which has no"),
        ("opro", "{most: 2}", "search.options.most: found with search.strategy opro, which has no"),
        ("place", "{positions: []}", "search.options.positions: expected at least one, found []"),
        (
            "evolve",
            "{epsilon: 1.5}",
            "search.options.epsilon: expected a number of at least 0 and at most 1, found 1.5",
        ),
        ("evolve", "{epsilonn: 1}", 'search.options.epsilonn: no such key; did you mean "epsilon"'),
        (
            "reflect",
            "{failures: 0}",
            "search.options.failures: expected a whole number of at least 1, found 0",
        ),
        (
            "demos",
            "{most: 7}",
            "search.options.most: expected at most 6, as many as there are train rows, found 7",
        ),
        ("evolv", "{}", "auto (did you mean \"evolve\"?), found 'evolv'"),
    ],
)
@pytest.mark.parametrize("command", ["check", "optimize"])
def test_what_no_strategy_could_use_is_refused(
    opro: Opro, folder: Path, command: str, strategy: str, options: str, complaint: str
) -> None:
    write(folder, strategy, options)
    said = opro(command, "c.yaml")
    assert said.code == 2
    assert complaint in said.err
    assert "c.yaml:11: search." in said.err
    assert not [*folder.glob("runs/*")]


def test_an_option_of_the_command_line_is_named_with_the_key_below_it(
    opro: Opro, folder: Path
) -> None:
    said = opro(
        *("check", "c.yaml", "--set", "search.strategy=demos"),
        *("--set", "search.options={most: 0}"),
    )
    assert said.code == 2
    assert "--set search.options: search.options.most: expected a whole number" in said.err


def test_a_run_that_began_with_options_nobody_looked_at_goes_on(
    opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "opro", "{most: 2}")
    with monkeypatch.context() as as_before:
        as_before.setattr(file, "find_option_faults", lambda *_: ())
        assert opro("optimize", "c.yaml", "-q", "--set", "budget.calls=30").code == 0
    said = opro("resume", "--last", "-q", "--budget", "calls=none")
    assert said.code == 0, said.err
    assert opro("check", "c.yaml").code == 2
