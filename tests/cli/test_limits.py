"""The length of a proposal: it follows the start prompt, and `check` says what it cuts off."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import CONFIG, Opro, only_run

LONG = "Read it twice. " * 100


def write(folder: Path, search: str = "", optimizer: str = "") -> None:
    text = CONFIG.replace("exemplars: 2", f"exemplars: 2{search}")
    text = text.replace("scripted/optimizer", f"scripted/optimizer{optimizer}")
    (folder / "c.yaml").write_text(text)


@pytest.mark.parametrize(
    ("search", "limit"),
    [
        ("", 500),
        (", initial_instructions: [short]", 500),
        (f', initial_instructions: [short, "{LONG}"]', 4 * len(LONG)),
        (f', initial_instructions: ["{LONG}"], max_instruction_chars: 700', 700),
        (f', initial_instructions: ["{LONG}"], rules: paper, racing: false', 500),
    ],
)
def test_a_new_run_records_its_limit(opro: Opro, folder: Path, search: str, limit: int) -> None:
    write(folder, search)
    assert opro("optimize", "c.yaml").code == 0
    kept = yaml.safe_load((only_run(folder) / "config.yaml").read_text())
    assert kept["search"]["max_instruction_chars"] == limit
    assert opro("check", "c.yaml", "--json").code == 0


def test_check_says_which_rewrites_would_be_lost(opro: Opro, folder: Path) -> None:
    write(folder, f', initial_instructions: ["{LONG}"]', ", max_tokens: 300")
    dropped, cut = "rewrites of its length are dropped", "rewrites of its length are cut"
    notes = opro("check", "c.yaml", "--json").data["notes"]
    (note,) = [each for each in notes if "rewrites" in each]
    assert cut in note
    assert "optimizer.max_tokens is 300" in note
    write(folder, f', initial_instructions: ["{LONG}"], max_instruction_chars: 700')
    notes = opro("check", "c.yaml", "--json").data["notes"]
    (note,) = [each for each in notes if "rewrites" in each]
    assert f"1,500 characters: {dropped}, since search.max_instruction_chars is 700" in note
    write(folder)
    assert not [n for n in opro("check", "c.yaml", "--json").data["notes"] if "rewrites" in n]


def test_a_run_of_an_older_opro_is_not_told_that_its_config_was_edited(
    opro: Opro, folder: Path
) -> None:
    write(folder, f', initial_instructions: ["{LONG}"], max_instruction_chars: 500')
    assert opro("optimize", "c.yaml", "--plain").code == 0  # as one that had 500 by default
    write(folder, f', initial_instructions: ["{LONG}"]')
    run = only_run(folder)
    lines = (run / "events.jsonl").read_bytes().splitlines(keepends=True)
    (run / "events.jsonl").write_bytes(b"".join(lines[:20]))
    (run / "result.json").unlink()
    said = opro("resume", "sums", "--plain")
    assert said.code == 0
    assert "was edited since" not in said.err
