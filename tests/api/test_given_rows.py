"""Rows that a program hands over: datasets with class names, tables, and what is no row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import opro_cli
from opro_cli import OproError

TASK = {"input": "text", "target": "label", "answer": "label"}


def list_targets(folder: Path, data: Any, **task: Any) -> set[str]:
    run = opro_cli.evaluate(
        "Go.", task={**TASK, "data": data, **task}, scorer=lambda chat: "pos", runs_dir=folder
    )
    return {answer.target for answer in run.answers()}


def make_dataset(label: Any, values: tuple[Any, Any] = (0, 1)) -> Any:
    datasets = pytest.importorskip("datasets")
    rows = [{"text": f"text {n} end", "label": values[n % 2]} for n in range(60)]
    features = datasets.Features(text=datasets.Value("string"), label=label)
    return datasets.Dataset.from_list(rows, features=features)


def name_labels() -> Any:
    return pytest.importorskip("datasets").ClassLabel(names=["neg", "pos"])


def test_class_numbers_of_a_dataset_know_their_names(tmp_path: Path) -> None:
    made = make_dataset(name_labels())
    assert list_targets(tmp_path, made) == {"neg", "pos"}
    assert list_targets(tmp_path, made.to_iterable_dataset()) == {"neg", "pos"}
    assert list_targets(tmp_path, made, answer="exact") == {"0", "1"}


def test_so_they_do_in_a_dict_of_datasets(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    made = make_dataset(name_labels())
    splits = datasets.DatasetDict(
        train=made.select(range(40)),
        test=make_dataset(name_labels()).map(lambda row: {"text": f"new {row['text']}"}),
    )
    assert list_targets(tmp_path, splits) == {"neg", "pos"}
    assert list_targets(tmp_path, {"train": made}) == {"neg", "pos"}


def test_so_do_lists_of_class_numbers_as_in_a_parquet_file(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    made = make_dataset(datasets.Sequence(name_labels()), ([0], [1, 0]))
    made.to_parquet(str(tmp_path / "rows.parquet"))
    read = list_targets(tmp_path, {"train": str(tmp_path / "rows.parquet")}, answer="labels")
    assert list_targets(tmp_path, made, answer="labels") == read
    assert any("pos" in target for target in read)


def test_rows_may_be_a_data_frame(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    labels = ["neg", "pos"]
    frame = pandas.DataFrame([{"text": f"t {n}", "label": labels[n % 2]} for n in range(60)])
    assert list_targets(tmp_path, frame) == {"neg", "pos"}
    assert list_targets(tmp_path, {"train": frame}) == {"neg", "pos"}


def test_what_a_data_frame_lacks_is_told_as_missing(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["a", "b", "c"], "label": [1, None, 2]})
    frame["label"] = frame["label"].astype("Int64")
    with pytest.raises(OproError, match=r"row 2 of task\.data\.train: .*found null"):
        list_targets(tmp_path, frame, answer="number")


ROWS: list[Any] = [{"text": f"t {n}", "label": ("neg", "pos")[n % 2]} for n in range(20)]


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ("a text", r"row 21 of task\.data\.train: expected a dict such as .*, found str"),
        (None, r"row 21 of task\.data\.train: expected a dict such as .*, found NoneType"),
        ({"text": "x"}, r"row 21 of task\.data\.train: field label"),
        ({"text": "x", "label": {(1, 2): 3}}, r"row 21 of task\.data\.train: cannot be written"),
    ],
)
def test_a_bad_row_is_named_by_its_number(tmp_path: Path, bad: Any, fault: str) -> None:
    with pytest.raises(OproError, match=fault) as refused:
        list_targets(tmp_path, [*ROWS, bad])
    assert "/tmp" not in str(refused.value).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (5, r"task\.data\.train: expected rows, found int"),
        ([], r"task\.data\.train: expected rows, found none"),
        ([{"question": "a", "label": "b"}] * 3, r"task\.data\.train has no field text"),
    ],
)
def test_what_is_no_rows_is_named_by_its_key(tmp_path: Path, data: Any, fault: str) -> None:
    with pytest.raises(OproError, match=fault) as refused:
        list_targets(tmp_path, data)
    assert ".rows-of" not in refused.value.message


def test_a_bad_row_may_be_left_out(tmp_path: Path) -> None:
    data = {"train": [*ROWS, None, "a text"], "on_bad_row": "skip"}
    assert list_targets(tmp_path, data) == {"neg", "pos"}
