"""Every source of the table gives the same examples for the same rows."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from opro_cli.datasets import SOURCES, hub, read_rows
from opro_cli.datasets.formats import Row
from opro_cli.datasets.loading import LoadedData
from opro_cli.errors import DataError

Rows = list[dict[str, str]]
Load = Callable[..., LoadedData]

ROWS: Rows = [
    {"question": "Is 007 a number?", "answer": "007", "note": "NA"},
    {"question": 'He said "two,\tthree"\nand left.', "answer": "39.0", "note": ""},
    {"question": "  größer – 大きい 🙂  ", "answer": "2024-01-05", "note": "null"},
    {"question": "1e3?", "answer": "True", "note": "-"},
]


def _jsonl(path: Path, rows: Rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def _json(path: Path, rows: Rows) -> str:
    path.write_text(json.dumps({"canary": "x", "examples": rows}), encoding="utf-8")
    return str(path)


def _delimited(delimiter: str) -> Callable[[Path, Rows], str]:
    def write_rows(path: Path, rows: Rows) -> str:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, [*ROWS[0]], delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        return str(path)

    return write_rows


def _parquet(path: Path, rows: Rows) -> str:
    schema = pyarrow.schema([(name, pyarrow.string()) for name in ROWS[0]])
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), str(path))
    return str(path)


def _workbook(path: Path, rows: Rows) -> str:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("my rows")
    for row in ([*ROWS[0]], *([row[name] for name in ROWS[0]] for row in rows)):
        sheet.append(row)
    book.save(path)
    return f"{path}#my rows"


def _hub(path: Path, rows: Rows) -> str:
    _jsonl(path, rows)
    return "hub:some/rows:main@refs/pr/1#train"


WRITERS: Mapping[str, Callable[[Path, Rows], str]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
    ".xlsx": _workbook,
    ".xlsm": _workbook,
    ".parquet": _parquet,
    "hub:": _hub,
}


@pytest.fixture(params=[*SOURCES])
def written(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Rows], str]:
    """Writes rows in the format of one source of the table, and names them."""
    key: str = request.param
    path = tmp_path / ("data" + (key if key.startswith(".") else ".rows"))

    def fake_split(name: hub.HubName, place: str) -> Rows:
        assert name == hub.HubName("some/rows", "main", "refs/pr/1", "train")
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    monkeypatch.setattr(hub, "load_split", fake_split)
    return lambda rows: WRITERS[key](path, rows)


def test_every_source_of_the_table_has_a_writer() -> None:
    assert [*WRITERS] == [*SOURCES]


def test_values_come_back_exactly(written: Callable[[Rows], str]) -> None:
    rows = [*read_rows(written(ROWS))]
    assert [row.fields for row in rows if isinstance(row, Row)] == ROWS
    numbers = [row.number for row in rows]
    assert numbers == sorted({*numbers})


def test_the_same_examples(written: Callable[[Rows], str], load: Load, tmp_path: Path) -> None:
    reference = load(_jsonl(tmp_path / "reference.jsonl", ROWS), split={"train": 4})
    loaded = load(written(ROWS), split={"train": 4})
    assert loaded.fingerprint == reference.fingerprint
    assert loaded.left_out == 0


def test_no_rows_is_an_error(written: Callable[[Rows], str], load: Load) -> None:
    with pytest.raises(DataError, match="expected rows, found none"):
        load(written([]))


def test_local_text_files_import_no_heavy_library(tmp_path: Path) -> None:
    places = [
        WRITERS[key](tmp_path / f"data{key}", ROWS) for key in (".jsonl", ".json", ".csv", ".tsv")
    ]
    code = (
        "import sys\n"
        "from opro_cli.datasets import read_rows\n"
        "import opro_cli.datasets.loading\n"
        "for place in sys.argv[1:]: assert len(list(read_rows(place))) == 4\n"
        "heavy = {'datasets', 'pyarrow', 'pandas', 'numpy', 'huggingface_hub', 'httpx'}\n"
        "print(sorted(heavy & {*sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *places], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
