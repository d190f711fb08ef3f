"""The public datasets, as the hub has them and as their authors distribute them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import get_args

import pytest

from opro_cli.core.settings.schema import Problem, read_section
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.task.example import Split
from opro_cli.datasets.loading import LoadedData
from opro_cli.datasets.presets import PRESETS, expand_preset
from opro_cli.datasets.shapes import ROW_SHAPES
from opro_cli.errors import DataError

Write = Callable[[str, str | bytes], str]
Load = Callable[..., LoadedData]

LUNGS = "Where?\n(A) ear\n(B) arm\n(C) None\n(D) neck, front\nWhat's the answer in (A) (B) (C) (D)?"


def one(load: Load, preset: str, place: str) -> tuple[str, str]:
    data = {**expand_preset(preset)["data"], "train": place, "test": None, "on_bad_row": "error"}
    (example,) = load(**data).examples["train"]
    return example.input, example.target


def test_mmlu_from_its_file_and_from_the_hub(write: Write, load: Load) -> None:
    local = write("anatomy_test.csv", 'Where?,ear,arm,None,"neck, front",D\n')
    assert one(load, "mmlu/anatomy", local) == (LUNGS, "D")
    row = {"question": "Where?", "choices": ["ear", "arm", "None", "neck, front"], "answer": 3}
    assert one(load, "mmlu/anatomy", write("hub.jsonl", json.dumps(row))) == (LUNGS, "D")


def test_aqua(write: Write, load: Load) -> None:
    row = {"question": "How many?", "options": ["A)21%", "B) 20"], "correct": "B"}
    text = "How many?\n(A)21%\n(B) 20\nWhat's the answer in (A) (B)?"
    assert one(load, "aqua", write("AQuA.json", json.dumps([row]))) == (text, "B")


@pytest.mark.parametrize(
    "row",
    [
        {"sQuestion": " How many? ", "lSolutions": [39.0]},
        {"question": "How many?", "final_ans": "39.0"},
    ],
)
def test_multiarith(write: Write, load: Load, row: object) -> None:
    assert one(load, "multiarith", write("m.json", json.dumps([row]))) == ("How many?", "39.0")


@pytest.mark.parametrize(
    ("preset", "row", "message"),
    [
        ("mmlu/anatomy", {"question": "q", "choices": ["a"], "answer": 0}, "2 to 26 options"),
        (
            "mmlu/anatomy",
            {"question": "q", "choices": ["a", "b"], "answer": 2},
            "expected one of A B, found '2'",
        ),
        ("aqua", {"question": "q", "options": ["A)1", "C)2"], "correct": "A"}, "expected B)…"),
        ("aqua", {"question": "q", "options": ["A)1", "B)2"], "correct": "C"}, "expected one of A"),
        ("aqua", {"q": "q"}, "task.data.rows: a.jsonl has no field options; it has q"),
    ],
)
def test_rows_of_another_kind(
    write: Write, load: Load, preset: str, row: object, message: str
) -> None:
    with pytest.raises(DataError) as error:
        one(load, preset, write("a.jsonl", json.dumps(row)))
    assert message in error.value.message


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_task(name: str) -> None:
    problems: list[Problem] = []
    task = read_section(TaskSettings, expand_preset(name), (), problems)
    assert not problems
    assert task is not None
    assert task.data.rows in ROW_SHAPES


def test_the_presets_are_the_papers() -> None:
    families = [name.partition("/")[0] for name in PRESETS]
    assert (families.count("bbh"), families.count("mmlu"), len(families)) == (27, 57, 87)
    assert expand_preset("bbh/navigate") == {
        "data": {
            "train": "hub:lukaemon/bbh:navigate#test",
            "input": "input",
            "target": "target",
            "on_bad_row": "skip",
            "rows": "plain",
        },
        "answer": "boolean",
        "description": "navigate",
    }


@pytest.mark.parametrize(
    ("name", "meant"),
    [("gsm-8k", "gsm8k"), ("bbh/navigat", "bbh/navigate"), ("MMLU/Anatomy", "mmlu/anatomy")],
)
def test_an_unknown_preset_names_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f'did you mean "{meant}"'):
        expand_preset(name)


def test_splits_are_the_three_of_the_model() -> None:
    data = expand_preset("aqua")["data"]
    assert {"train", "test"} == {*data} & {*get_args(Split)}
