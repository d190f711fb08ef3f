"""`opro config`: the whole config, which can be used as one, and where each value comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opro_cli import wiring
from opro_cli.core.settings.differences import convert_to_plain
from tests.cli.conftest import CONFIG, Opro

ROOT = Path(__file__).parents[2]
SHIPPED = [
    path for path in sorted((ROOT / "configs").glob("*.yaml")) if not path.stem.endswith("-sweep")
]
PRESETS = """\
task: {preset: gsm8k, answer: exact}
scorer: &model {model: openai/a}
optimizer:
  <<: *model
search: {preset: paper-gpt, steps: 3}
budget:
"""


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_is_printed_is_the_config_of_a_new_run(opro: Opro, folder: Path, path: Path) -> None:
    said = opro("config", str(path))
    assert (said.code, said.err) == (0, "")
    (folder / "whole.yaml").write_text(said.out)
    read = convert_to_plain(wiring.read_config(folder / "whole.yaml"))
    assert read == convert_to_plain(wiring.fill_in_new(wiring.read_config(path)))
    assert opro("config", "whole.yaml", "--json").data["config"] == read


def test_every_value_says_where_it_comes_from(opro: Opro, folder: Path) -> None:
    (folder / "p.yaml").write_text(PRESETS)
    keys = opro("config", "p.yaml", "--json").data["keys"]
    expected = {
        "task.answer": ("exact", "file", 1, None),
        "task.data.target": ("answer", "preset", None, "gsm8k"),
        "task.data.split.method": ("paper", "preset", None, "paper-gpt"),
        "task.answer_timeout": (10.0, "default", None, None),
        "scorer.model": ("openai/a", "file", 2, None),
        "optimizer.model": ("openai/a", "file", 3, None),
        "search.steps": (3, "file", 5, None),
        "search.history": (20, "preset", None, "paper-gpt"),
        "search.racing": (False, "preset", None, "paper-gpt"),
        "budget.usd": (None, "default", None, None),
    }
    found = {name: tuple(keys[name].values()) for name in expected}
    assert found == expected
    lines = {line.split("#")[0].strip(): line for line in opro("config", "p.yaml").out.splitlines()}
    assert lines["answer: exact"].endswith("# line 1")
    assert lines["target: answer"].endswith("# preset gsm8k")
    assert lines["answer_timeout: 10.0"].endswith("# default")


@pytest.mark.parametrize(
    "text", ["a # b", "two\nlines", "\x1b[2J", "\u202eevil", "no", "é 漢", " "]
)
def test_any_text_is_one_line_that_reads_back(opro: Opro, folder: Path, text: str) -> None:
    quoted = json.dumps(text)
    instructions = f"search: {{initial_instructions: [{quoted}], "
    (folder / "c.yaml").write_text(CONFIG.replace("search: {", instructions))
    said = opro("config", "c.yaml")
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out
    (folder / "whole.yaml").write_text(said.out)
    settings = wiring.read_config(folder / "whole.yaml")
    assert settings.search.initial_instructions == (text,)


def test_a_config_that_is_none_is_refused_as_everywhere(opro: Opro, folder: Path) -> None:
    (folder / "c.yaml").write_text(CONFIG.replace("steps: 2", "step: 2"))
    said = opro("config", "c.yaml")
    assert (said.code, said.out) == (2, "")
    assert 'no such key; did you mean "steps"?' in said.err
    (folder / "grid.yaml").write_text("base: c.yaml\nmatrix: {search.seed: [0]}\n")
    assert "`opro sweep grid.yaml`" in opro("config", "grid.yaml").err
