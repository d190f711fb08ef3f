"""A million characters without a line end, in every place that a text can come from."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from opro_cli.render import diff as diff_view
from opro_cli.render import listings, summary
from opro_cli.render.safe import printable_lines
from opro_cli.render.tables import Page
from opro_cli.reports.text_diff import compare_words
from tests.cli.conftest import Opro, Said, only_run
from tests.hostile.cases import Hostile
from tests.hostile.conftest import assert_harmless
from tests.hostile.scripted import NEW, Mouth
from tests.loop.runs import ShuffledModel

MILLION = 1_000_000
LONG = "x" * MILLION
WIDTH = 80
CONFIG = """
task:
  data: {train: train.jsonl, test: test.jsonl, input: q, target: a, split: {train: 1, dev: 0}}
  answer: "regex:(x|idea)$"
scorer: {model: scripted/scorer}
optimizer: {model: scripted/optimizer}
search: {steps: 1, candidates_per_step: 1, max_instruction_chars: 2000000}
"""
STYLE = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;;[^\x1b]*\x1b\\")  # colours, and where links lead


def widest(text: str) -> int:
    return max(cell_len(STYLE.sub("", line)) for line in text.split("\n"))


@pytest.fixture
def bench(folder: Path, model: ShuffledModel) -> Mouth:
    """Two questions, each a million characters long; one has such a gold answer as well."""
    rows = [{"q": f"{what} {LONG} (row 0)", "a": "x"} for what in ("train", "test")]
    for split, row in zip(("train", "test"), rows, strict=True):
        (folder / f"{split}.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "test.jsonl").write_text(json.dumps({**rows[1], "a": LONG}) + "\n")
    (folder / "c.yaml").write_text(CONFIG)
    mouth = Mouth([Hostile("long", "fill the screen", LONG)])
    model._say = mouth.say
    return mouth


def on_a_terminal(opro: Opro, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Said:
    with monkeypatch.context() as patch:
        patch.setenv("FORCE_COLOR", "1")
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", str(WIDTH))
        said = opro(*arguments)
    assert said.code == 0
    assert 0 < widest(said.out) <= WIDTH
    return said


def test_a_run_of_long_lines(
    opro: Opro, folder: Path, bench: Mouth, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.fails_with = LONG
    said = opro("optimize", "c.yaml", "--plain")
    assert said.code == 1
    assert_harmless(said)
    assert widest(said.err) <= 2000
    said = opro("resume", "--last", "--plain", "--json")
    assert said.code == 0
    assert_harmless(said)
    assert widest(said.err) <= 500
    assert said.data["best"]["instruction"] == NEW + LONG
    assert (only_run(folder) / "best_prompt.txt").read_text() == NEW + LONG
    flips = ["diff", "c-@start", "c-@1", "c-", "--replies"]
    assert len(opro(*flips, "--markdown").out) < MILLION
    for command in (["show", "c-"], ["runs"], ["diff", "c-", "c-"], flips, ["check", "c.yaml"]):
        on_a_terminal(opro, monkeypatch, *command)
    assert opro("show", "c-", "--json").data["candidates"][1]["instruction"] == NEW + LONG
    compared = opro("diff", "c-", "c-", "--json").data
    assert compared["prompt"] == [{"kind": "same", "text": NEW + LONG}]
    assert LONG in opro("check", "c.yaml", "--json").data["scorer_prompt"][0]["content"]


def test_names_of_a_million_characters(opro: Opro, folder: Path) -> None:
    (folder / "train.jsonl").write_text(json.dumps({LONG: 1}) + "\n")
    (folder / "v.yaml").write_text(f"name: {LONG}")
    (folder / "k.yaml").write_text(f"{LONG[:1000]}: 1")  # YAML itself takes no longer key
    for command in (
        ["check", "c.yaml"],
        ["check", LONG],
        ["show", LONG],
        [LONG],
        ["check", "k.yaml"],
        ["check", "v.yaml"],
    ):
        said = opro(*command)
        assert said.code == 2
        assert widest(said.err) <= 2000


@pytest.mark.parametrize("part", ["word ", "漢", "\x1b", "\n"])
def test_every_table_bears_a_million_characters(part: str) -> None:
    text = (part * MILLION)[:MILLION]
    out = io.StringIO()
    console = Console(file=out, width=WIDTH, force_terminal=True, markup=False, emoji=False)
    candidate: dict[str, Any] = {
        "instruction": text,
        "step": 0,
        "scores": dict.fromkeys(("train", "dev", "test")),
    }
    page = Page(out, WIDTH, terminal=True)
    listings.print_candidates([candidate], page)
    listings._print_prompt(console, "prompt", [{"role": "user", "content": text}])
    summary._print_prompt(candidate, None, page)
    diff_view._print_words(compare_words(text, f"{text} and more"), console)
    assert widest(out.getvalue()) <= WIDTH
    assert out.getvalue().count("\n") < 10_000


def test_what_is_not_shown_is_counted() -> None:
    assert printable_lines("x" * 20_001)[-1] == "… and 1 more characters"
    assert printable_lines("x" * 20_000) == ["x" * 20_000]
    assert printable_lines("a\r\n" * 1001)[-2:] == ["a", "… and 3 more characters"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("the " * 100_000, "the " * 100_007),
        ("a b " * 50_000, "b a c " * 50_000),
        (" ".join(map(str, range(9999))), " ".join(map(str, range(9999, 0, -1)))),
        (LONG, LONG[1:]),
    ],
)
def test_long_texts_are_compared_by_their_ends(before: str, after: str) -> None:
    pieces = compare_words(before, after)
    assert "".join(p.text for p in pieces if p.kind != "added") == before
    assert "".join(p.text for p in pieces if p.kind != "removed") == after
    assert len(pieces) <= 4
