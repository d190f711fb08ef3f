"""Files as other programs write them: pandas, Excel, `datasets`, older Windows programs."""

from __future__ import annotations

import builtins
import csv
import datetime
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import openpyxl
import pandas
import pytest

from opro_cli.datasets import read_rows
from opro_cli.datasets.formats import BadRow, ClassNumber
from opro_cli.datasets.loading import LoadedData
from opro_cli.errors import DataError

Write = Callable[[str, str | bytes], str]
Load = Callable[..., LoadedData]

FRAME = pandas.DataFrame(
    {"question": ["q 1", "größer; q, 2"], "answer": ["a", "b"], "n": [1, 2]}, index=[7, 9]
)
ROWS = [
    {"question": "q 1", "answer": "a", "n": "1"},
    {"question": "größer; q, 2", "answer": "b", "n": "2"},
]


def fields(place: str, encoding: str | None = None) -> list[Any]:
    return [
        row.reason if isinstance(row, BadRow) else dict(row.fields)
        for row in read_rows(place, None, encoding)
    ]


def refused(place: str, encoding: str | None = None) -> DataError:
    with pytest.raises(DataError) as error:
        fields(place, encoding)
    return error.value


@pytest.mark.parametrize("orient", ["records", "columns", "split", "index", "table"])
def test_every_orientation_of_pandas(write: Write, orient: Any) -> None:
    found = fields(write("a.json", FRAME.to_json(orient=orient)))
    assert [{k: v for k, v in row.items() if k != "index"} for row in found] == ROWS


def test_other_json_of_tables(write: Write) -> None:
    assert fields(write("a.json", json.dumps(FRAME.to_dict("list")))) == ROWS
    by_name = {"first": ROWS[0], "second": ROWS[1]}
    assert fields(write("b.json", json.dumps(by_name))) == ROWS
    assert fields(write("c.json", json.dumps({"version": "2", "data": ROWS}))) == ROWS
    assert fields(write("d.json", FRAME.to_json(orient="records", lines=True))) == ROWS
    values = refused(write("e.json", json.dumps({"a": [1, 2], "b": [3]})))
    assert "found the lists 'a', 'b'" in values.message


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_the_delimiter_is_the_one_that_the_lines_agree_on(
    write: Write, delimiter: str, ending: str
) -> None:
    text = FRAME.to_csv(sep=delimiter, index=False)
    assert fields(write(f"a{ending}", text)) == ROWS
    quoted = FRAME.to_csv(sep=delimiter, index=False, quoting=csv.QUOTE_ALL)
    assert fields(write(f"b{ending}", quoted)) == ROWS


def test_excels_own_line_names_the_delimiter(write: Write) -> None:
    place = write("a.csv", "sep=;\r\na;b\r\n1,5;x\r\n;\r\n")
    assert [
        (row.number, dict(row.fields)) for row in read_rows(place) if not isinstance(row, BadRow)
    ] == [
        (3, {"a": "1,5", "b": "x"}),
        (4, {"a": "", "b": ""}),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;b,c\n1,2\n3,4\n", [{"a;b": "1", "c": "2"}, {"a;b": "3", "c": "4"}]),
        ("a\nx;y\nz;w\n", [{"a": "x;y"}, {"a": "z;w"}]),
        ("a,b\n1\n2,3\n", ["expected 2 columns, found 1", {"a": "2", "b": "3"}]),
        ("text;label\none, two, three;x\nfour;y\n", [
            {"text": "one, two, three", "label": "x"}, {"text": "four", "label": "y"},
        ]),
        ('text;label\n"one;\ntwo";x\n', [{"text": "one;\ntwo", "label": "x"}]),
    ],
)  # fmt: skip
def test_a_delimiter_that_is_part_of_the_text_stays_there(
    write: Write, text: str, expected: list[Any]
) -> None:
    assert fields(write("a.csv", text)) == expected


def test_long_files_are_read_to_their_end_with_the_delimiter_of_their_beginning(
    write: Write,
) -> None:
    lines = [f'{n};"x\n{n}"' for n in range(300)]
    found = fields(write("a.csv", "\n".join(["a;b", *lines])))
    assert len(found) == 300
    assert found[-1] == {"a": "299", "b": "x\n299"}


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.xlsx"])
def test_a_file_of_only_a_header_is_said_to_be_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("x"):
        pandas.DataFrame(columns=["question", "answer"]).to_excel(path, index=False)
    else:
        path.write_bytes(
            gzip.compress(b"question,answer\n") if "gz" in name else b"question,answer\n"
        )
    error = refused(str(path))
    assert "expected rows, found none behind the header question, answer" in error.message
    assert "only a header" in str(error.hint)


@pytest.mark.parametrize(
    "encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "utf-8-sig", "shift_jis"]
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json"])
def test_a_file_in_another_encoding(write: Write, name: str, encoding: str) -> None:
    text = "größer" if encoding != "shift_jis" else "大きい"
    content = (
        f"a,b\n{text},2\n"
        if name.endswith("csv")
        else json.dumps({"a": text, "b": "2"}, ensure_ascii=False)
    )
    place = write(name, (f"[{content}]" if name == "a.json" else content).encode(encoding))
    assert fields(place, encoding) == [{"a": text, "b": "2"}]


def test_the_encoding_that_a_file_reads_in_is_offered(write: Write) -> None:
    hint = str(refused(write("a.csv", "a,b\nein größeres Haus,2\n".encode("cp1252"))).hint)
    assert hint.startswith(
        "as cp1252 it reads “ein größeres Haus,2”: if that is right, set task.data"
    )
    assert "task.data.encoding: cp1252" in hint
    assert "task.data.encoding: utf-16" in str(
        refused(write("b.csv", "a\nb\n".encode("utf-16"))).hint
    )
    assert "encoding: latin-1" in str(refused(write("c.csv", b"a\n\x81\xe9t\xe9\n")).hint)
    wrong = refused(write("d.csv", "a\nb\n大\n".encode()), "ascii")
    assert "cannot be read as ascii (task.data.encoding)" in wrong.message


def test_packed_files(write: Write) -> None:
    assert fields(write("a.jsonl.gz", gzip.compress(b'{"a": "1"}\n'))) == [{"a": "1"}]
    assert "cannot be unpacked" in refused(write("b.csv.gz", b"a,b\n1,2\n")).message
    cut = gzip.compress(b"a,b\n" + b"1,2\n" * 9000)[:-20]
    assert "cannot be unpacked" in refused(write("c.csv.gz", cut)).message


def workbook(path: Path) -> str:
    book = openpyxl.Workbook()
    first = book.active
    first.title = "Notes"
    first.append(["not", "these"])
    sheet = book.create_sheet("Rows 2.1")
    sheet.append([])
    sheet.append(["question", None, "answer", "day"])
    sheet.append(["q 1", "x", 3, datetime.date(2024, 1, 5)])
    sheet.append([])
    sheet.append(["q 2", None, 2.5])
    sheet.append(["q 3", None, "#N/A", True])
    sheet["C6"].data_type = "e"
    sheet.merge_cells("A7:B8")
    sheet["A7"] = "q 4"
    sheet["C7"] = 7
    book.save(path)
    return str(path)


def test_a_sheet_of_a_workbook(tmp_path: Path, load: Load) -> None:
    file = workbook(tmp_path / "book.xlsx")
    rows = [*read_rows(f"{file}#Rows 2.1")]
    assert [
        (row.number, [*row.fields.values()]) for row in rows if not isinstance(row, BadRow)
    ] == [
        (3, ["q 1", 3, datetime.datetime(2024, 1, 5)]),
        (5, ["q 2", 2.5, ""]),
        (6, ["q 3", "", True]),
        (7, ["q 4", 7, ""]),
    ]
    split = {"train": 1.0, "dev": 0, "test": 0}
    loaded = load(f"{file}#Rows 2.1", on_bad_row="skip", split=split)
    assert {e.input: e.target for e in loaded.examples["train"]} == {
        "q 1": "3",
        "q 2": "2.5",
        "q 4": "7",
    }
    assert loaded.left_out == 1
    assert next(iter(e.source for e in loaded.examples["train"])).startswith("book.xlsx#Rows 2.1:")


def test_a_workbook_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = workbook(tmp_path / "book.xlsx")
    assert "only a header" in str(refused(file).hint)  # the first sheet
    missing = refused(f"{file}#Rows 2")
    assert missing.message.endswith("book.xlsx: has no sheet Rows 2; it has Notes, Rows 2.1")
    assert missing.hint == 'did you mean "Rows 2.1"?'
    (tmp_path / "b.xlsx").write_text("question,answer")
    assert "cannot be read as a workbook" in refused(str(tmp_path / "b.xlsx")).message
    assert "no such file" in refused(str(tmp_path / "c.xlsx#S")).message
    real = builtins.__import__

    def without(name: str, *args: Any, **keywords: Any) -> Any:
        if name == "openpyxl":
            raise ImportError(name)
        return real(name, *args, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    assert refused(file).hint == 'pip install "opro-cli[xlsx]"'


def test_class_names_in_parquet_files_of_datasets(tmp_path: Path) -> None:
    classes = datasets.ClassLabel(names=["negative", "positive"])
    features = datasets.Features(
        {"q": datasets.Value("string"), "label": classes, "tags": datasets.Sequence(classes)}
    )
    made = datasets.Dataset.from_dict(
        {"q": ["x", "y"], "label": [1, 0], "tags": [[0, 1], []]}, features=features
    )
    made.to_parquet(str(tmp_path / "a.parquet"))
    first, second = fields(str(tmp_path / "a.parquet"))
    assert isinstance(first["label"], ClassNumber)
    assert (first["label"], first["label"].name, second["label"].name) == (
        1,
        "positive",
        "negative",
    )
    assert [each.name for each in first["tags"]] == ["negative", "positive"]


def test_empty_cells_and_nulls_are_alike(write: Write, load: Load) -> None:
    text = "subject,message,answer\n,hello,a\nhi,there,b\n , ,c\n"
    rows = (
        {"subject": None, "message": "hello", "answer": "a"},
        {"subject": "hi", "message": "there", "answer": "b"},
        {"subject": " ", "message": None, "answer": "c"},
    )
    as_json = "".join(f"{json.dumps(row)}\n" for row in rows)
    template = {"input": "{subject}: {message}", "split": {"train": 1.0, "dev": 0, "test": 0}}
    found = []
    for place, line in ((write("a.csv", text), 2), (write("a.jsonl", as_json), 1)):
        loaded = load(place, **template, on_bad_row="skip")
        assert any(
            f"1 row asked without subject, which is empty there: {Path(place).name}:{line}" == note
            for note in loaded.notes
        )
        assert loaded.left_out == 1
        found.append({example.input for example in loaded.examples["train"]})
    assert found == [{": hello", "hi: there"}] * 2


def test_nothing_of_another_text_is_taken_for_a_frame(write: Write) -> None:
    squad = {"version": "1", "data": [{"title": "t"}]}
    assert fields(write("a.json", json.dumps(squad))) == [{"title": "t"}]
    assert (
        "found an object without a list"
        in refused(write("b.json", '{"a": {"b": 1}, "c": {}}')).message
    )
