"""A search with worked examples on the command line: shown, printed whole, and written out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opro_cli.app.view import RunsViewer
from opro_cli.cli.session import list_closing
from opro_cli.core.task.example import ChatRequest
from opro_cli.models import MODELS
from opro_cli.store.reopened import get_best_prompt
from opro_cli.store.run_folder import write_result
from opro_cli.testing.session import ScriptedModel
from tests.cli.conftest import Opro

CONFIG = """\
name: films
task:
  data:
    train: rows.jsonl
    input: film
    target: label
    split: {train: 16, dev: 16, test: 40}
  answer: label
scorer: {model: scripted/scorer}
search:
  strategy: demos
  start: file:start.md
  steps: 1
  candidates_per_step: 4
  baselines: [""]
  options: {shown_as: text, answers: gold}
"""
START = "Is it good?\n"


def follow_examples(request: ChatRequest) -> str:
    """Right where an example of the same kind is shown, else chatter that nobody can read."""
    *shown, asked = request.messages[-1].content.split("Film ")[1:]
    kind, sign = ("lovely", "yes") if "lovely" in asked else ("dull", "no")
    return sign if any(kind in each and sign in each for each in shown) else "A film, I believe."


@pytest.fixture
def model_of_films() -> ScriptedModel:
    return ScriptedModel(follow_examples)


@pytest.fixture
def films(
    folder: Path, opro: Opro, monkeypatch: pytest.MonkeyPatch, model_of_films: ScriptedModel
) -> Path:
    """A folder with a finished search whose winner shows examples."""
    monkeypatch.setitem(MODELS, "scripted", lambda _: model_of_films)
    rows = [
        {"film": f"Film {n} is {'lovely' if n % 2 else 'dull'}.", "label": "yes" if n % 2 else "no"}
        for n in range(100, 180)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "start.md").write_text(START)
    (folder / "films.yaml").write_text(CONFIG)
    return folder


def run(opro: Opro) -> None:
    said = opro("optimize", "films.yaml", "--plain")
    assert said.code == 0, said.err


def test_check_needs_no_optimizer_and_forecasts_longer_prompts(films: Path, opro: Opro) -> None:
    said = opro("check", "films.yaml")
    assert said.code == 0, said.err
    assert "optimizer     none" in said.out
    assert "meta-prompt" not in said.out
    with_examples = opro("optimize", "films.yaml", "--dry-run", "--json").data
    (films / "films.yaml").write_text(
        CONFIG.replace("strategy: demos", "strategy: place").split("  options")[0]
    )
    without = opro("optimize", "films.yaml", "--dry-run", "--json").data
    tokens = [
        facts["roles"]["scorer"]["expected"]["prompt_tokens"]
        / facts["roles"]["scorer"]["expected"]["calls"]
        for facts in (with_examples, without)
    ]
    assert tokens[0] > 1.5 * tokens[1]


def test_examples_and_the_tokens_of_an_answer_stand_beside_each_candidate(
    films: Path, opro: Opro
) -> None:
    run(opro)
    shown = opro("show", "films").out
    assert "[4 examples]" in shown
    assert "tokens: of an answer" in shown
    (line,) = [
        line
        for line in shown.splitlines()
        if line.startswith("tokens") and "answer" in line and ":" not in line
    ]
    start, best = [int(word) for word in line.split() if word.isdigit()]
    assert best > start
    best = opro("show", "films", "--json").data["best"]
    assert len(best["demos"]) in (2, 4, 6, 8)
    assert {demo["shown"] for demo in best["demos"]} == {"gold"}


def test_the_difference_on_train_is_of_the_rows_that_both_were_asked(
    films: Path, opro: Opro
) -> None:
    run(opro)
    data = opro("show", "films", "--json").data
    asked = 16 - len(data["best"]["demos"])
    assert data["shared"] == {"train": {"n": asked, "start": 0.0, "best": 1.0}}
    shown = opro("show", "films").out
    assert f"difference on train: of the {asked} questions that both were asked" in shown
    diff = opro("diff", "films@start", "films@best").out
    assert "+100.0 points" in diff


def test_the_prompt_is_printed_with_its_examples(films: Path, opro: Opro) -> None:
    run(opro)
    text = opro("prompt", "films").out
    facts = opro("prompt", "films", "--json").data
    rows = [json.loads(line) for line in (films / "rows.jsonl").read_text().splitlines()]
    answers = {row["film"]: row["label"] for row in rows}
    blocks = [block for block in text.split("Q: ") if "Film" in block]
    assert len(blocks) == len(facts["demos"])
    for block in blocks:
        question, _, answer = block.strip().rpartition("\n\nA: ")
        assert answers[question.splitlines()[-1]] == answer
    assert text.endswith("{{question}}\n\nA:")


def test_the_page_compares_prompts_with_their_examples(films: Path, opro: Opro) -> None:
    run(opro)
    start, best = RunsViewer(films / "runs").compare(["films@start", "films"])["prompts"]
    assert "examples" not in start
    assert len(best["examples"]) == len(best["form"]["demos"])
    assert all("Film" in question for question, _ in best["examples"])
    assert best["form_words"].startswith(f"{len(best['examples'])} example")
    assert best["whole"] == opro("prompt", "films").out


def test_apply_writes_the_examples_beside_the_file(films: Path, opro: Opro) -> None:
    run(opro)
    said = opro("apply", "films", "--yes", "--json")
    assert said.code == 0, said.err
    chat = films / "start.md.chat.json"
    assert said.data["chat"] == str(chat)
    whole = json.loads(chat.read_text())
    printed = opro("prompt", "films", "--json").data
    assert whole["messages"] == printed["messages"]
    assert whole["demos"] == printed["demos"]
    assert (films / "start.md").read_text().strip() == printed["instruction"].strip()
    again = opro("apply", "films", "--yes")
    assert "already" in again.err
    chat.write_text("mine")
    assert opro("apply", "films", "--yes").code == 0
    assert json.loads(chat.read_text()) == whole
    assert (films / "start.md.chat.json.bak").read_text() == "mine"


def test_eval_does_not_take_a_prompt_without_its_examples(films: Path, opro: Opro) -> None:
    run(opro)
    said = opro("eval", "films.yaml", "--best-of", "films")
    assert said.code == 2
    assert "has worked examples or a layout of its own" in said.err


def test_a_gate_asks_both_prompts_with_the_winners_examples(
    films: Path, opro: Opro, model_of_films: ScriptedModel
) -> None:
    run(opro)
    facts = opro("prompt", "films", "--json").data
    winner = facts["messages"][0]["content"].rpartition("{{question}}")[0]
    (films / "new.md").write_text("Say yes or no.\n")
    model_of_films.requests.clear()
    said = opro("gate", "films", "--prompt", "new.md", "--margin", "20", "--plain")
    assert said.code == 0, said.out + said.err
    count = len(facts["demos"])
    note = f"the new prompt is asked with the winner's {count} worked examples, in its place"
    assert note in " ".join(said.out.split())
    asked = {
        text.rpartition("Film ")[0]
        for text in (request.messages[0].content for request in model_of_films.requests)
        if "Film" in text
    }
    assert winner in asked
    (new,) = asked - {winner}
    assert "Say yes or no.\n" in new
    assert new.count("Film ") == winner.count("Film ") == count
    assert "optimizer" not in said.err


def test_two_prompts_of_the_same_words_are_told_apart(films: Path, opro: Opro) -> None:
    run(opro)
    rows = opro("show", "films", "--json").data["candidates"]
    (place,) = [
        f"films@1.{number}"
        for number, row in enumerate((row for row in rows if row["step"] == 1), start=1)
        if row["instruction"] == START and len(row["demos"]) == 4
    ]
    said = opro("diff", "films@start", place).out
    assert "(the same words)" in said
    assert "[4 examples]" in said
    shown = [line.strip() for line in said.splitlines() if line.startswith("  + Film ")]
    assert len(shown) == 4
    assert all(line.endswith("→ yes" if "lovely" in line else "→ no") for line in shown)
    back = opro("diff", place, "films@start").out
    assert [line.strip() for line in back.splitlines() if line.startswith("  - Film ")] == [
        line.replace("+", "-", 1) for line in shown
    ]
    same = opro("diff", place, place).out
    assert len([line for line in same.splitlines() if line.startswith("    Film ")]) == 4
    written = opro("diff", "films@start", place, "--markdown").out
    assert "### Worked examples\n\n```diff\n+Film " in written
    facts = opro("diff", "films@start", place, "--json").data
    assert "demos" not in facts["before"]
    assert len(facts["after"]["demos"]) == 4
    answers = opro("show", place, "--answers")
    assert "[4 examples] Is it good?" in answers.out
    assert len(opro("show", place, "--answers", "--json").data["demos"]) == 4


def test_no_file_pretends_to_hold_a_winner_with_examples(films: Path, opro: Opro) -> None:
    run(opro)
    (folder,) = (films / "runs").glob("films-*")
    result = json.loads((folder / "result.json").read_text())
    assert result["best"]["demos"]
    assert not (folder / "best_prompt.txt").exists()
    closing = dict(list_closing(Path("runs") / folder.name, result))
    assert closing["prompt"] == f"opro prompt {folder.name}"
    (folder / "best_prompt.txt").write_text("of an earlier winner")
    write_result(folder, result, get_best_prompt(result))
    assert not (folder / "best_prompt.txt").exists()
    assert opro("resume", folder.name).code == 0


def test_the_page_copies_the_winner_with_its_examples(films: Path, opro: Opro) -> None:
    run(opro)
    printed = opro("prompt", "films").out
    assert "{{question}}" in printed
    (folder,) = (films / "runs").glob("films-*")
    live = RunsViewer(films / "runs").show_run(folder.name)["prompts"]
    assert opro("report", folder.name).code == 0
    frozen = (folder / "report.html").read_text("utf-8").partition('id="frozen">')[2]
    data = json.loads(frozen.partition("</script>")[0])
    for prompts in (live, data["runs"][folder.name]["prompts"]):
        whole = {p["is_best"]: p["whole"] for p in prompts if "whole" in p}
        assert whole == {True: printed.removesuffix("\n")}  # the start prompt is all there is of it
