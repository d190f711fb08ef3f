"""`--fail-if`: exit code 4 for a verdict, and today's exit codes without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from opro_cli.cli.options import apply_gate
from tests.cli.conftest import CONFIG, Opro
from tests.loop.runs import ShuffledModel, say

OLD, NEW, SAME = "Answer well.", "Answer badly.", "Answer."
PROMPTS = ("-p", OLD, "-p", NEW)


@pytest.fixture(autouse=True)
def knows_the_old_one(model: ShuffledModel, folder: Path) -> None:
    """Right under the old instruction, and under one that says the same; wrong under the new."""

    def reply(request: Any) -> Any:
        text = request.messages[-1].content
        if "Your task is to generate" in text or "?" not in text:
            return say(request)
        number = int(text.split("What is ")[1].split()[0])
        return f"The answer is {-1 if NEW in text else 2 * number}."

    model._say = reply
    text = CONFIG.replace("train: 6, dev: 5, test: 7", "train: 6, dev: 5, test: 15")
    (folder / "c.yaml").write_text(text)


@pytest.mark.parametrize(
    ("verdict", "failing"),
    [
        ("improved", set()),
        ("not_distinguishable", {"not-improved"}),
        ("worse", {"worse", "not-improved"}),
        (None, {"not-improved"}),
    ],
)
def test_which_verdict_fails(verdict: str | None, failing: set[str]) -> None:
    apply_gate([verdict], None)
    for fail_if in ("worse", "not-improved"):
        if fail_if in failing:
            with pytest.raises(typer.Exit) as ended:
                apply_gate(["improved", verdict], fail_if)
            assert ended.value.exit_code == 4
        else:
            apply_gate(["improved", verdict], fail_if)


def test_an_evaluation_may_fail_on_a_prompt_that_is_worse(opro: Opro) -> None:
    assert opro("eval", "c.yaml", *PROMPTS).code == 0
    said = opro("eval", "c.yaml", *PROMPTS, "--fail-if", "worse", "--json")
    assert said.code == 4
    assert [row["mark"] for row in said.data] == ["", "worse"]
    turned = ("-p", NEW, "-p", OLD)
    assert opro("eval", "c.yaml", *turned, "--fresh", "--fail-if", "not-improved").code == 0
    alike = ("-p", OLD, "-p", SAME, "--fresh")
    assert opro("eval", "c.yaml", *alike, "--fail-if", "worse").code == 0
    assert opro("eval", "c.yaml", *alike, "--fail-if", "not-improved").code == 4


def test_one_prompt_has_nothing_to_be_compared_with(opro: Opro, folder: Path) -> None:
    said = opro("eval", "c.yaml", "-p", OLD, "--fail-if", "worse")
    assert (said.code, "-p OLD -p NEW" in said.err) == (2, True)
    assert not (folder / "runs").exists()


def test_a_search_without_a_gain_may_fail(opro: Opro, folder: Path) -> None:
    said = opro("optimize", "c.yaml", "--json")
    assert (said.code, said.data["verdict"]) == (0, "not_distinguishable")
    for command in (("show", "sums"), ("resume", "--last"), ("optimize", "c.yaml")):
        assert opro(*command, "--fail-if", "worse").code == 0
        failed = opro(*command, "--fail-if", "not-improved", "--json")
        assert failed.code == 4
        assert failed.data["verdict"] == "not_distinguishable"
        assert "opro: " not in failed.err


def test_diff_goes_by_test_questions(opro: Opro, folder: Path) -> None:
    for prompt in (OLD, NEW):
        text = (folder / "c.yaml").read_text()
        text = text.replace("steps: 2", f"steps: 0, initial_instructions: [{prompt!r}]")
        (folder / f"{len(prompt)}.yaml").write_text(
            text.replace("name: sums", f"name: n{len(prompt)}")
        )
        assert opro("optimize", f"{len(prompt)}.yaml").code == 0
    old, new = f"n{len(OLD)}", f"n{len(NEW)}"
    assert opro("diff", old, new).code == 0
    assert opro("diff", old, new, "--fail-if", "worse").code == 4
    assert opro("diff", new, old, "--fail-if", "worse").code == 0
    assert opro("diff", new, old, "--fail-if", "not-improved").code == 0
    assert opro("diff", old, old, "--fail-if", "not-improved").code == 4
    assert opro("diff", old, new, "--json", "--fail-if", "worse").data["flips"]
