"""`reflect`, meta-prompts of the user's own and what is refused, at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Opro

REFLECT = ("--set", "search.strategy=reflect")
WORDS = (
    "Your task is to generate a better instruction than {{prompt}}, in <{{tag}}>.\n{{failures}}\n"
)
FOREIGN = ("--set", "optimizer.model=embedded/tiny-optimizer")


def test_lineage_names_what_a_candidate_was_made_for(opro: Opro, folder: Path) -> None:
    (folder / "words.md").write_text(WORDS)
    words = ("--set", "search.meta_prompt=words.md")
    said = opro("optimize", "c.yaml", *REFLECT, *words, "--json", "-q")
    assert said.code == 0, said.err
    shown = opro("show", said.data["run"], "--json").data
    young = [each for each in shown["candidates"] if each["step"]]
    assert young
    for each in young:
        aim, _, kind = each["note"].partition(": ")
        assert aim in ("root cause", "harden", "simplify", "exemplify")
        assert "a wrong answer, given at once" in kind
        assert each["parents"]
    assert not any("note" in each or "parents" in each for each in shown["candidates"][:1])
    table = " ".join(opro("show", said.data["run"]).out.split())
    assert "[from 0.1: " in table
    page = next((folder / "runs").glob("sums-*/report.html")).read_text()
    assert "a wrong answer, given at once" in page
    assert "from 0.1" in page
    if shown["best"]["step"]:
        assert shown["best"]["note"] in table


def test_check_renders_the_users_words_on_the_start_state(opro: Opro, folder: Path) -> None:
    (folder / "words.md").write_text(WORDS)
    words = ("--set", "search.meta_prompt=words.md")
    said = opro("check", "c.yaml", *REFLECT, *words, "--json")
    assert said.code == 0, said.err
    (message,) = said.data["meta_prompt"]
    assert message["content"].startswith(
        "Your task is to generate a better instruction than Let's solve the problem., in <INS>."
    )
    assert "Question: What is" in message["content"]
    assert said.data["meta_prompt_tokens"] == pytest.approx(len(message["content"]) / 4, abs=2)
    (note,) = [each for each in said.data["notes"] if "meta_prompt" in each]
    assert "no hole {{other}}, {{trajectory}}, {{contrasts}}" in note
    assert "{{failures}}" not in note


def test_a_changed_file_of_words_is_noticed_at_a_resume(opro: Opro, folder: Path) -> None:
    (folder / "words.md").write_text(WORDS)
    config = (folder / "c.yaml").read_text()
    config = config.replace("search: {", "search: {strategy: reflect, meta_prompt: words.md, ")
    (folder / "c.yaml").write_text(config)
    opro("optimize", "c.yaml", "-q", "--set", "budget.calls=10")
    (run,) = (folder / "runs").glob("sums-*")
    about = json.loads((run / "run.json").read_text())
    assert about["settings"]["search"]["meta_prompt"] == WORDS
    (file,) = about["settings"]["prompt_files"]
    assert (file["place"], Path(file["file"]).name) == ("search.meta_prompt", "words.md")
    (folder / "words.md").write_text(WORDS + "Be brief.\n")
    said = opro("resume", "--last", "--plain", "--budget", "calls=none")
    assert said.code == 0, said.err
    assert "was edited since (search.meta_prompt)" in said.out + said.err
    (folder / "words.md").unlink()
    assert opro("resume", "--last", "--plain").code == 0


def test_other_words_in_the_runs_own_copy_are_refused(opro: Opro, folder: Path) -> None:
    (folder / "words.md").write_text(WORDS)
    words = ("--set", "search.meta_prompt=words.md")
    opro("optimize", "c.yaml", *REFLECT, *words, "-q", "--set", "budget.calls=10")
    (copy,) = (folder / "runs").glob("sums-*/config.yaml")
    copy.write_text(copy.read_text().replace("better instruction", "worse instruction"))
    said = opro("resume", "--last")
    assert said.code == 2
    assert "search.meta_prompt" in said.err


def test_a_file_that_is_not_there_is_the_only_fault(opro: Opro, folder: Path) -> None:
    said = opro("check", "c.yaml", *REFLECT, "--set", "search.meta_prompt=wrods.md")
    assert said.code == 2
    assert "wrods.md: no such file" in said.err
    assert "{{" not in said.err


def test_faults_are_named_with_file_and_line(opro: Opro, folder: Path) -> None:
    (folder / "words.md").write_text("Improve\n{{promt}} {{prompt}} {{tag}}\n")
    said = opro("check", "c.yaml", *REFLECT, "--set", "search.meta_prompt=words.md")
    assert said.code == 2
    assert "words.md:2: no hole is called {{promt}}; did you mean {{prompt}}?" in said.err


def test_init_writes_words_that_check_takes(opro: Opro, folder: Path) -> None:
    said = opro("init", "--template", "meta-prompt")
    assert said.code == 0
    assert "wrote meta-prompt.md" in said.out
    assert "opro check CONFIG --set search.meta_prompt=meta-prompt.md" in said.out
    (folder / "opro.yaml").touch()
    again = opro("init", "meta-prompt.md", "--template", "meta-prompt")
    assert "is there already, unchanged" in again.out
    assert "opro check opro.yaml --set search.meta_prompt=meta-prompt.md" in again.out
    checked = opro("check", "c.yaml", *REFLECT, "--set", "search.meta_prompt=meta-prompt.md")
    assert checked.code == 0, checked.err
    (folder / "meta-prompt.md").write_text("mine")
    refused = opro("init", "--template", "meta-prompt")
    assert refused.code == 2
    assert "with other content" in refused.err


@pytest.mark.parametrize("command", ["check", "optimize"])
def test_the_embedded_optimizer_is_refused_on_a_foreign_task(
    opro: Opro, folder: Path, command: str
) -> None:
    said = opro(command, "c.yaml", *FOREIGN)
    assert said.code == 2
    assert "optimizer.model: embedded/tiny-optimizer writes instructions for its own" in said.err
    assert not [*(folder / "runs").glob("sums-*")]


@pytest.mark.parametrize("strategy", ["reflect", "evolve"])
def test_the_embedded_optimizer_is_refused_words_that_it_does_not_know(
    opro: Opro, folder: Path, strategy: str
) -> None:
    opro("init", "quick.yaml")
    said = opro("check", "quick.yaml", "--set", f"search.strategy={strategy}")
    assert said.code == 2
    assert f"search.strategy {strategy} with nothing that could be tried" in said.err
    assert opro("check", "quick.yaml").code == 0


def test_without_steps_nobody_is_asked_and_nothing_refused(opro: Opro, folder: Path) -> None:
    assert opro("check", "c.yaml", *FOREIGN, "--set", "search.steps=0").code == 0
