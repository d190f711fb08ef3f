"""`opro ledger`: which test rows verdicts have used; and what `check` and `optimize` make of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.task.content import digest_rows
from opro_cli.store.run_folder import read_examples
from opro_cli.store.use_ledger import FileTestLedger, UseOrigin, find_ledger_path
from tests.cli.conftest import Opro, only_run

START, WINNER = Candidate("a", "Add [up].", 0), Candidate("b", "Count\x1b[31m.", 1)


def use(
    rows: list[str] | tuple[str, ...], *runs: str, outcome: str = "not_distinguishable"
) -> None:
    for run in runs:
        ledger = FileTestLedger(find_ledger_path(), UseOrigin(run, run, "train.jsonl"))
        drawn = ledger.draw(START, WINNER, rows)
        ledger.close(drawn.use, outcome, run, repeats=False)


def test_an_empty_ledger_says_where_it_would_be(opro: Opro) -> None:
    said = opro("ledger")
    assert said.code == 0
    assert "no verdict has used any test rows" in said.out
    assert json.loads(opro("ledger", "--json").out)["sets"] == []


def test_the_uses_of_a_set(opro: Opro) -> None:
    use([f"r{n}" for n in range(20)], "one", "two", outcome="improved")
    use([f"r{n}" for n in range(10)], "three")
    said = opro("ledger")
    assert "train.jsonl, 20 rows" in said.out
    assert "improved" in said.out
    assert "Add [up]. → Count" in said.out
    assert "\x1b" not in said.out
    assert said.out.count("used 3 times in all: the next verdict needs p below 0.005") == 2
    first, second = json.loads(opro("ledger", "--json").out)["sets"]
    assert [each["number"] for each in first["uses"]] == [1, 2]
    assert [each["threshold"] for each in first["uses"]] == [0.05, 0.05]  # passed on
    assert second["uses"][0]["number"] == 3
    assert second["counted"] == 3


def test_a_set_is_forgotten_with_its_cost_told(opro: Opro) -> None:
    use(["a", "b"], "one", "two")
    (known,) = json.loads(opro("ledger", "--json").out)["sets"]
    refused = opro("ledger", "forget", known["set"][:4])
    assert refused.code == 2
    assert "no terminal to ask on" in refused.err
    assert "with a probability of at most 5 %" in refused.err
    said = opro("ledger", "forget", known["set"][:4], "--yes")
    assert (said.code, said.out) == (0, f"forgot 2 uses of {known['set']}\n")
    assert json.loads(opro("ledger", "--json").out)["sets"] == []
    assert "no set of test rows begins with" in opro("ledger", "forget", "a", "--yes").err


@pytest.mark.parametrize("behind", [True, False])
def test_a_ledger_is_named_before_the_verb_or_behind_it(
    opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch, behind: bool
) -> None:
    other = folder / "other.jsonl"
    with monkeypatch.context() as patch:
        patch.setenv("OPRO_LEDGER", str(other))
        use(["a", "b"], "one")
    name = json.loads(opro("ledger", "--ledger", str(other), "--json").out)["sets"][0]["set"]
    words = ["--ledger", str(other)]
    command = ["forget", name, "--yes", *words] if behind else [*words, "forget", name, "--yes"]
    assert opro("ledger", *command).code == 0
    assert json.loads(opro("ledger", "--ledger", str(other), "--json").out)["sets"] == []


def test_a_damaged_line_is_told_and_harms_no_other(opro: Opro) -> None:
    use(["a", "b"], "one")
    with find_ledger_path().open("ab") as file:
        file.write(b"<<<<<<< HEAD\n")
    said = opro("ledger")
    assert said.code == 0
    assert "line 4 is no record" in said.err
    assert "2 rows" in said.out


def test_a_ledger_that_is_a_folder_is_told(opro: Opro, folder: Path) -> None:
    said = opro("ledger", "--ledger", str(folder))
    assert said.code == 2
    assert "cannot be read: Is a directory" in said.err


def test_check_says_what_the_rows_can_still_tell(opro: Opro, folder: Path) -> None:
    fresh = json.loads(opro("check", "c.yaml", "--json").out)
    assert (fresh["test_use"]["earlier"], fresh["test_use"]["threshold"]) == (0, 0.05)
    assert not any("verdicts have used" in note for note in fresh["notes"])
    assert opro("optimize", "c.yaml", "--plain", "--no-preflight").code == 0
    rows = digest_rows(read_examples(only_run(folder))["test"], "question")
    use(rows, "one", "two", "three")
    worn = json.loads(opro("check", "c.yaml", "--json").out)["test_use"]
    assert worn["earlier"] in (3, 4)  # the run itself may have compared nothing
    assert worn["threshold"] == pytest.approx(0.1 / (worn["earlier"] + 1) / (worn["earlier"] + 2))
    assert worn["least_gain"] >= fresh["test_use"]["least_gain"]
    out = " ".join(opro("check", "c.yaml").out.split())
    assert "before: the next one needs p below" in out
    elsewhere = folder / "none.jsonl"
    empty = json.loads(opro("check", "c.yaml", "--ledger", str(elsewhere), "--json").out)
    assert empty["test_use"]["earlier"] == 0
    assert not elsewhere.exists()


def test_a_run_names_its_ledger(opro: Opro, folder: Path) -> None:
    named = folder / "sub" / "ledger.jsonl"
    said = opro("optimize", "c.yaml", "--plain", "--no-preflight", "--ledger", "sub/ledger.jsonl")
    assert said.code == 0
    about = json.loads((only_run(folder) / "run.json").read_text())["test_use"]
    assert about["ledger"] == str(named)
    use_of_rows = json.loads((only_run(folder) / "result.json").read_text())["test_use"]
    assert named.exists() == (use_of_rows is not None)
