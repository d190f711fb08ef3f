"""Each hostile text as instruction, answer, question, gold answer and error of a whole run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from opro_cli.errors import ModelError
from tests.cli.conftest import Opro
from tests.hostile.cases import CASES, Hostile, named, together
from tests.hostile.conftest import assert_harmless
from tests.hostile.scripted import NEW, Mouth
from tests.loop.runs import ShuffledModel
from tests.render.test_markdown import structure


def is_plain(text: str) -> bool:
    """Must it be shown as it is, letter for letter?"""
    return text.isascii() and text.isprintable()


def question(case: Hostile, row: int, file: str) -> str:
    return f"In {file}: {case.text} (row {row})"


def write_data(folder: Path, group: Sequence[Hostile]) -> None:
    """All texts that a dataset may hold: as questions and gold answers, in JSON Lines and CSV."""
    rows = [(row, case) for row, case in enumerate(group) if case.is_data]
    lines = [{"q": question(case, row, "jsonl"), "a": case.text} for row, case in rows]
    (folder / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with (folder / "t.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["q", "a"])
        writer.writerows([question(case, row, "csv"), case.text] for row, case in rows)


def config(group: Sequence[Hostile], **search: Any) -> str:
    rows = sum(case.is_data for case in group)
    data = {"train": "t.jsonl", "test": "t.csv", "input": "q", "target": "a"}
    plain = {
        "task": {
            "data": {**data, "split": {"train": rows, "dev": 0}},
            "answer": "exact",
            "description": next((case.text for case in group if case.is_text), None),
        },
        "scorer": {"model": "scripted/\x1b]0;x\x07\u202e[bold]"},
        "optimizer": {"model": "scripted/optimizer"},
        "search": {
            "steps": 1,
            "candidates_per_step": len(group),
            "exemplars": rows,
            "max_instruction_chars": 10_000,
            **search,
        },
    }
    return str(yaml.safe_dump(plain))


@dataclass
class Bench:
    """A folder with the data of a group, and a command that is checked whenever it is used."""

    folder: Path
    opro: Opro
    group: Sequence[Hostile]
    result: Any = None

    @property
    def initial(self) -> list[str]:
        return [case.text for case in self.group if case.is_text]

    @property
    def texts(self) -> list[str]:
        return [case.text for case in self.group]

    def check(self, *arguments: str, code: int = 0) -> Any:
        said = self.opro(*arguments)
        assert said.code == code, said.err
        assert_harmless(said)
        return said

    def run(self) -> Path:
        """The only run that is not called plain."""
        (run,) = (self.folder / "runs").glob("c-*")
        return run


@pytest.fixture(params=together(CASES, 8), ids=named)
def bench(
    request: pytest.FixtureRequest,
    opro: Opro,
    folder: Path,
    model: ShuffledModel,
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    """A finished run that failed with every text of the group first, and a plain one."""
    monkeypatch.setenv("COLUMNS", "200")
    bench = Bench(folder, opro, request.param)
    write_data(folder, bench.group)
    model._say = Mouth(bench.group).say
    (folder / "p.yaml").write_text("name: plain\n" + config(bench.group, steps=0))
    bench.check("optimize", "p.yaml", "--no-preflight", "--plain")
    (folder / "c.yaml").write_text(config(bench.group, initial_instructions=bench.initial))
    mouth = Mouth(bench.group)
    model._say = mouth.say
    command = ["optimize", "c.yaml", "--no-preflight"]
    for texts in filter(None, (bench.texts[::2], bench.texts[1::2])):
        mouth.fails_with = " | ".join(texts)
        said = bench.check(*command, "--plain", code=1)
        for text in filter(is_plain, texts):
            assert text in said.err.partition("opro: ")[2].partition("hint: ")[0]
            assert text in said.err.partition("hint: ")[2]
        command = ["resume", "c-"]
    bench.result = bench.check(*command, "--plain", "--json").data
    return bench


def test_every_view_of_a_run_is_harmless(bench: Bench) -> None:
    shown = bench.check("show", "c-", "--json").data
    instructions = [row["instruction"] for row in shown["candidates"]]
    assert instructions[: len(bench.initial)] == bench.initial
    assert set(instructions) == {*bench.initial, *(NEW + text for text in bench.texts)}
    table = bench.check("show", "c-").out
    assert all(NEW + text in table for text in filter(is_plain, bench.texts))
    bench.check("runs")
    bench.check("report", "c-")
    listed = bench.check("runs", "--json").data
    assert [row["best"]["instruction"] for row in listed][1] == shown["best"]["instruction"]
    assert_files_hold_what_was_said(bench)
    assert_compared_exactly(bench)
    assert_forecast_exactly(bench)
    assert_evaluated_exactly(bench)


def assert_evaluated_exactly(bench: Bench) -> None:
    texts = [case.text for case in bench.group if case.is_text]
    prompts = [argument for text in texts for argument in ("--prompt", text)]
    command = ("eval", "c.yaml", *prompts, "--limit", "1", "--no-preflight")
    bench.check(*command, "--plain")
    rows = bench.check(*command, "--json").data
    assert [row["prompt"] for row in rows] == list(dict.fromkeys(texts))
    # CSV for a file has the texts as they are; on a terminal they are made harmless.
    read = list(csv.DictReader(io.StringIO(bench.opro(*command, "--csv").out, newline="")))
    assert [row["prompt"].removeprefix("'") for row in read] == [
        text.removeprefix("'") for text in dict.fromkeys(texts)
    ]


def assert_compared_exactly(bench: Bench) -> None:
    bench.check("diff", "plain", "c-")
    bench.check("diff", "plain", "c-@1.1", "c-@start", "--replies")
    compared = bench.check("diff", "plain", "c-", "--replies", "--json").data
    said = {text for case in bench.group for text in (case.text, f"{case.text}: no idea")}
    for flip in compared["flips"]["wrong_to_right"]:
        assert {*flip["before_replies"], *flip["after_replies"]} <= said
    page = bench.check("diff", "plain", "c-", "--replies", "--markdown").out
    # Tables of the two prompts, scores, splits, settings, and of what flipped on a split.
    assert structure(page).count("table_open table") in (4, 5, 6)
    assert not {"link_open", "image", "html_block"} & {*structure(page)}
    after = "".join(p["text"] for p in compared["prompt"] if p["kind"] != "removed")
    assert after == compared["after"]["instruction"]
    flips = compared["flips"]["wrong_to_right"]
    asked = {
        (question(case, row, "csv"), " ".join(case.text.split()))
        for row, case in enumerate(bench.group)
        if case.is_data
    }
    assert {(flip["question"], flip["target"]) for flip in flips} <= asked


def assert_forecast_exactly(bench: Bench) -> None:
    bench.check("check", "c.yaml")
    told = bench.check("check", "c.yaml", "--json").data
    (meta_prompt,) = told["meta_prompt"]
    for row, case in enumerate(bench.group):
        assert not case.is_text or case.text in meta_prompt["content"]
        assert not case.is_data or question(case, row, "jsonl") in meta_prompt["content"]


def assert_files_hold_what_was_said(bench: Bench) -> None:
    run = bench.run()
    settings = yaml.safe_load((run / "config.yaml").read_bytes())
    assert settings["search"]["initial_instructions"] == bench.initial
    assert json.loads((run / "run.json").read_bytes())["settings"] == settings
    events = [json.loads(line) for line in (run / "events.jsonl").read_bytes().splitlines()]
    for case in bench.group:
        assert any(e["event"] == "proposed" and case.text in e["text"] for e in events)
        assert any(e["event"] == "session_ended" and case.text in e["detail"] for e in events)
        if case.is_data:
            assert any(e["event"] == "retried" and e["error"] == case.text for e in events)
            assert any(e["event"] == "answered" and e["text"] == case.text for e in events)
    lines = (run / "examples.jsonl").read_bytes().splitlines()
    inputs = {json.loads(line)["input"] for line in lines}
    rows = [(row, case) for row, case in enumerate(bench.group) if case.is_data]
    assert inputs == {question(c, row, file) for row, c in rows for file in ("jsonl", "csv")}
    result = json.loads((run / "result.json").read_bytes())
    assert result == bench.result
    best = (run / "best_prompt.txt").read_bytes()
    # Half a surrogate pair is its three bytes there, as Python keeps it; JSON escapes it.
    assert best == result["best"]["instruction"].encode("utf-8", "surrogatepass")
    made = {path.name for path in bench.folder.iterdir()}
    assert made == {"c.yaml", "p.yaml", "runs", "t.csv", "t.jsonl", "train.jsonl"}


@pytest.mark.parametrize("message", ["", "\n", "\n\nsecond", "\u2028"])
def test_an_error_may_say_nothing(opro: Opro, model: ShuffledModel, message: str) -> None:
    def silent(request: object) -> Any:
        raise ModelError(message, message, transient=False)

    model._say = silent
    said = opro("optimize", "c.yaml", "--no-preflight", "--plain")
    assert said.code == 1
    assert "opro: " in said.err
    assert_harmless(said)
