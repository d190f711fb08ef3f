"""An optimizer that a strategy never asks: nothing of it has to be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import CONFIG, Opro, only_run

DOWN = 'openai/x, api_base: "http://127.0.0.1:1/v1"'
LISTED = "strategy: list, candidates: [Add., Double it.], "


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)


def write(folder: Path, optimizer: str, search: str, scorer: str = "scripted/scorer") -> None:
    text = CONFIG.replace("scripted/optimizer", optimizer).replace("scripted/scorer", scorer)
    (folder / "c.yaml").write_text(text.replace("search: {steps: 2, ", f"search: {{{search}"))


SEARCHES = (LISTED, "strategy: demos, steps: 1, ", "strategy: place, ")
OPTIMIZERS = ("anthropic/claude-opus-4-1", DOWN)


@pytest.mark.parametrize("search", SEARCHES, ids=["list", "demos", "place"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["no key", "down"])
def test_a_search_that_asks_no_optimizer_needs_none(
    opro: Opro, folder: Path, optimizer: str, search: str
) -> None:
    write(folder, optimizer, search)
    checked = opro("check", "c.yaml")
    assert checked.code == 0, checked.err
    said = opro("optimize", "c.yaml", "--json", "-q")
    assert said.code == 0, said.err
    assert said.data["models"]["optimizer"].startswith(optimizer.partition(",")[0])


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [(OPTIMIZERS[0], "ANTHROPIC_API_KEY is not set"), (DOWN, "127.0.0.1:1")],
)
def test_a_search_that_asks_it_needs_it_as_ever(
    opro: Opro, folder: Path, optimizer: str, message: str
) -> None:
    write(folder, optimizer, "steps: 2, ")
    said = opro("optimize", "c.yaml")
    assert said.code in (1, 2)
    assert message in said.err
    assert not (folder / "runs").exists()


def test_a_scorer_without_a_key_is_refused_whoever_is_asked(opro: Opro, folder: Path) -> None:
    write(folder, "scripted/optimizer", LISTED, scorer=OPTIMIZERS[0])
    assert "ANTHROPIC_API_KEY is not set" in opro("optimize", "c.yaml").err


def test_a_ceiling_in_dollars_asks_for_no_price_of_it(opro: Opro, folder: Path) -> None:
    write(
        folder, "scripted/optimizer", LISTED, scorer="scripted/scorer, price: {input: 1, output: 1}"
    )
    said = opro("optimize", "c.yaml", "--budget", "usd=1")
    assert said.code == 0, said.err
    # What the run began with stays in its record.
    assert "scripted/optimizer" in (only_run(folder) / "config.yaml").read_text()
