"""Sweep files: what they stand for, and every problem with file, line, key and cell."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opro_cli import wiring
from opro_cli.errors import ConfigError, UsageError
from opro_cli.sweep.file import Sweep, load_sweep

BASE = """\
name: sums
task:
  data: {train: data/t.jsonl, input: question, target: answer}
  answer: number
scorer: {model: openai/a, max_tokens: 9}
optimizer: {model: openai/b}
search: {steps: 3}
"""
OTHER = """\
task:
  data: {train: rows/o.jsonl, input: q, target: a}
  answer: boolean
scorer: {model: openai/c}
optimizer: {model: openai/b}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two configs to make a sweep of."""
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other.yaml").write_text(OTHER)
    return tmp_path


def sweep(folder: Path, text: str | bytes) -> Sweep:
    path = folder / "s.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_sweep(path, wiring.NAMES)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        sweep(folder, text)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def test_a_cell_is_the_base_with_its_values(folder: Path) -> None:
    read = sweep(
        folder,
        "name: grid\nbase: base.yaml\nmatrix: {search.seed: 4..5}\nbudget: {usd: 3}\n",
    )
    assert (read.name, read.budget.usd) == ("grid", 3.0)
    assert [cell.name for cell in read.cells] == ["seed4", "seed5"]
    first = read.cells[0].settings
    assert (first.name, first.search.seed, first.search.steps) == ("seed4", 4, 3)
    assert first.task.data.train == str(folder.resolve() / "data" / "t.jsonl")


def test_the_base_is_looked_for_beside_the_sweep(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    (folder / "sub" / "s.yaml").write_text("base: ../base.yaml\nmatrix: {search.seed: [0]}\n")
    read = load_sweep(folder / "sub" / "s.yaml", wiring.NAMES)
    assert read.cells[0].settings.task.data.train == str(folder.resolve() / "data" / "t.jsonl")


def test_a_section_is_taken_from_the_config_that_is_named(folder: Path) -> None:
    read = sweep(
        folder,
        "base: base.yaml\nmatrix: {task: [base.yaml, sub/other.yaml], scorer: [sub/other.yaml]}\n",
    )
    assert [cell.name for cell in read.cells] == ["base_other", "other_other"]
    base, other = (cell.settings for cell in read.cells)
    assert (base.task.answer, other.task.answer) == ("number", "boolean")
    # Its data is beside itself, and its scorer is laid over the base's.
    assert other.task.data.train == str(folder.resolve() / "sub" / "rows" / "o.jsonl")
    assert (other.scorer.model, other.scorer.max_tokens) == ("openai/c", 9)


def test_a_task_may_be_the_name_of_a_preset(folder: Path) -> None:
    read = sweep(folder, "base: base.yaml\nmatrix: {task: [gsm8k, {preset: bbh/navigate}]}\n")
    assert [cell.name for cell in read.cells] == ["gsm8k", "navigate"]
    assert [cell.settings.task.answer for cell in read.cells] == ["number", "boolean"]


HEAD = "base: base.yaml\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("matrix: {search.seed: [0]}", ["s.yaml:1: base: missing; this key must be given"]),
        (
            HEAD + "matrix:\n  search.seed: 3",
            [
                "s.yaml:2: matrix: expected a list of values under search.seed, or a range of "
                "whole numbers such as 0..4 (it has 3), found {'search.seed': 3}"
            ],
        ),
        (
            HEAD + "bugdet: {usd: 1}\ninclude: [{search.seed: 1}]",
            ['s.yaml:2: bugdet: no such key; did you mean "budget"?'],
        ),
        (
            "base: nowhere.yaml\nmatrix: {search.seed: [0]}",
            ["s.yaml:1: base: nowhere.yaml: cannot be read: No such file or directory"],
        ),
        (
            HEAD + "matrix:\n  search.seed: [0]\n  search.stepps: [1, 2]",
            [
                's.yaml:4: matrix.search.stepps: search.stepps: no such key; did you mean "steps"? '
                "(in seed0_stepps1 and 1 more)"
            ],
        ),
        (
            HEAD + "matrix:\n  search.seed: [0]\n  scorer:\n    - {max_tokens: 0}",
            [
                "s.yaml:4: matrix.scorer: scorer.max_tokens: expected a whole number of at least "
                "1 and at most 10,000,000, or null, found 0 (in seed0)"
            ],
        ),
        (
            HEAD + "matrix:\n  task: [sub/other.yaml, gone.yaml]",
            ["s.yaml:3: matrix.task: gone.yaml: cannot be read: No such file or directory"],
        ),
        (
            HEAD + "matrix:\n  search: [sub/other.yaml]",
            ["s.yaml:3: matrix.search: 'sub/other.yaml' has no section search"],
        ),
        (
            HEAD + "matrix:\n  search.seed: [0]\ninclude:\n  - {search.steps: -1}",
            [
                "s.yaml:5: include.0.search.steps: search.steps: expected a whole number of at "
                "least 0 and at most 1,000,000, found -1 (in steps-1)"
            ],
        ),
        (
            HEAD + "include:\n  - {search.seed: 0}\n  - {task: gone.yaml}",
            ["s.yaml:4: include.1.task: gone.yaml: cannot be read: No such file or directory"],
        ),
        (
            HEAD + "matrix: {search.seed: [0]}\nexclude: [{search.seed: 7}]",
            ["s.yaml:3: exclude.0: no combination of the matrix has {'search.seed': 7}"],
        ),
        (
            HEAD + "matrix: {task: [no-such-task]}",
            [f"s.yaml:2: matrix.task: task.{key}: " for key in ("preset", "data", "answer")],
        ),
        (HEAD, ["s.yaml:1: (top level): no cell; name some under matrix or include"]),
        (
            HEAD + "matrix:\n  search.seed: [0]\n  search.seed: [1]",
            ["s.yaml:4: matrix.search.seed: "],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(folder: Path, text: str, told: list[str]) -> None:
    found = problems(folder, text)
    assert len(found) == len(told)
    for problem, expected in zip(found, told, strict=True):
        assert expected in problem


def test_what_is_wrong_with_the_base_is_told_once(folder: Path) -> None:
    (folder / "base.yaml").write_text(BASE.replace("steps: 3", "steps: many"))
    (problem,) = problems(folder, HEAD + "matrix: {search.seed: 0..9}")
    assert problem == (
        "s.yaml:1: base: search.steps: expected a whole number of at least 0 and at most "
        "1,000,000, found 'many' "
        "(in seed0 and 9 more)"
    )


def test_a_base_that_is_no_config_is_told(folder: Path) -> None:
    (folder / "base.yaml").write_text("- 1\n")
    (problem,) = problems(folder, HEAD + "matrix: {search.seed: [0]}")
    assert problem == "s.yaml:1: base: base.yaml: expected keys and values, found [1]"


def test_embedded_models_in_the_wrong_place_are_told(folder: Path) -> None:
    text = HEAD + "matrix: {scorer.model: [embedded/tiny-optimizer]}"
    (problem,) = problems(folder, text)
    assert problem.startswith("s.yaml:2: matrix.scorer.model: scorer.model: expected embedded/")


def test_the_config_of_a_run_is_told_from_a_sweep(folder: Path) -> None:
    with pytest.raises(UsageError, match="is the config of a run, not a sweep") as caught:
        load_sweep(folder / "base.yaml", wiring.NAMES)
    assert caught.value.hint == f"`opro optimize {folder / 'base.yaml'}`"


def test_a_missing_sweep_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.yaml: cannot be read"):
        load_sweep(tmp_path / "gone.yaml", wiring.NAMES)


SCALARS = st.sampled_from(
    ["base.yaml", "sub/other.yaml", "gone.yaml", "gsm8k", "0..3", "~", "a\0b.yaml", "", 0, -1, 0.5]
) | (st.none() | st.booleans() | st.floats() | st.text(max_size=5))
KEYS = st.sampled_from(
    ["task", "scorer", "search", "search.seed", "scorer.model", "task.data", "a..b", ".", "", "x"]
) | (st.text(max_size=3) | st.integers(0, 3))
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
MATRIX = st.dictionaries(KEYS, st.lists(PLAIN, max_size=3) | PLAIN, max_size=3) | PLAIN
LIKELY = st.fixed_dictionaries(
    {"base": st.just("base.yaml") | SCALARS},
    optional={
        "name": st.just("n") | PLAIN,
        "matrix": MATRIX,
        "include": st.lists(st.dictionaries(KEYS, PLAIN, max_size=2), max_size=3) | PLAIN,
        "exclude": st.lists(st.dictionaries(KEYS, PLAIN, max_size=2), max_size=3) | PLAIN,
        "budget": PLAIN,
    },
)


def is_read_or_refused(folder: Path, text: str | bytes) -> None:
    try:
        read = sweep(folder, text)
    except UsageError:
        return
    assert read.cells
    assert len({cell.name for cell in read.cells}) == len(read.cells)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)
@given(LIKELY | PLAIN)
@example({"base": "base.yaml", "matrix": {"task": [{1: "a", "b": 2, None: 3}]}})
@example({"base": "base.yaml", "include": [{"task": {datetime.date(2020, 1, 1): "a"}}]})
def test_any_plain_data_is_a_sweep_or_refused(folder: Path, raw: object) -> None:
    try:
        text = yaml.safe_dump(raw, allow_unicode=True)
        text.encode()
    except UnicodeEncodeError:
        return
    is_read_or_refused(folder, text)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)
@given(st.text(max_size=80) | st.binary(max_size=40))
def test_any_file_is_a_sweep_or_refused(folder: Path, text: str | bytes) -> None:
    try:
        is_read_or_refused(folder, text)
        is_read_or_refused(folder, f"base: base.yaml\nmatrix: {text!s}")
    except UnicodeEncodeError:
        return


def test_the_prompts_of_a_task_by_name_are_its_own_and_known_by_file(folder: Path) -> None:
    """Also where its only message from a file is the prompt that the search starts from."""
    (folder / "sub/start.md").write_text("Say it.")
    chat = "  prompt:\n  - system: file:start.md\n  - user: '{{question}}'\n"
    (folder / "sub/other.yaml").write_text(OTHER.replace("scorer:", f"{chat}scorer:"))
    text = "name: grid\nbase: base.yaml\nmatrix: {task: [sub/other.yaml]}\n"
    (cell,) = sweep(folder, text).cells
    assert cell.settings.search.initial_instructions == ("Say it.",)
    (known,) = cell.settings.prompt_files or ()
    assert (known.place, known.file) == ("search.start.0", str(folder / "sub/start.md"))
    (folder / "base.yaml").write_text(BASE.replace("steps: 3", "start: Be brief"))
    (problem,) = problems(folder, text)
    assert "has no {{instruction}}, and search.start is the start prompt" in problem


def test_the_search_of_another_config_begins_with_its_file(folder: Path) -> None:
    (folder / "sub/start.md").write_text("Say it.")
    (folder / "sub/other.yaml").write_text(f"{OTHER}search: {{start: 'file:start.md'}}\n")
    text = "name: grid\nbase: base.yaml\nmatrix: {search: [sub/other.yaml]}\n"
    (cell,) = sweep(folder, text).cells
    assert cell.settings.search.initial_instructions == ("Say it.",)
    assert [each.place for each in cell.settings.prompt_files or ()] == ["search.start.0"]
    (folder / "sub/start.md").unlink()
    (problem,) = problems(folder, text)
    assert problem.startswith("s.yaml:3: matrix.search: ")
    assert "start.md: no such file" in problem
