"""Files as people have them: what is read exactly, and what each mistake is answered with."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.datasets import read_rows
from opro_cli.datasets.formats import BadRow, Row, parse_json
from opro_cli.datasets.shapes import format_value, get_field
from opro_cli.errors import DataError

Write = Callable[[str, str | bytes], str]


def texts(place: str) -> list[tuple[int, object]]:
    return [
        (row.number, row.reason if isinstance(row, BadRow) else dict(row.fields))
        for row in read_rows(place)
    ]


def refused(place: str) -> DataError:
    with pytest.raises(DataError) as error:
        list(read_rows(place))
    return error.value


def test_json_numbers_keep_their_text(write: Write) -> None:
    big = "1234567890123456789012345678901234567890.10"
    place = write("a.jsonl", f'{{"a": 39.0, "b": 1e3, "c": {big}, "d": -0, "e": true}}\n')
    (row,) = read_rows(place)
    assert isinstance(row, Row)
    assert {**row.fields} == {"a": "39.0", "b": "1e3", "c": big, "d": "-0", "e": True}
    assert format_value(row.fields["e"], join_lists=False) == "true"


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_any_json_number_keeps_its_text(number: float) -> None:
    assert parse_json(json.dumps([number])) == [json.dumps(number)]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_json(text: str) -> None:
    for ascii_only in (True, False):
        assert parse_json(json.dumps({"a": text}, ensure_ascii=ascii_only)) == {"a": text}


def test_jsonl_lines_are_counted_as_a_person_counts(write: Write) -> None:
    content = b'\xef\xbb\xbf{"a": "1"}\r\n\r\n{"a": \n[1]\nnull\n{"a": NaN}\n{"a": 1, "a": 2}\n"x"'
    assert texts(write("a.jsonl", content)) == [
        (1, {"a": "1"}),
        (3, "broken JSON at column 7: expecting value"),
        (4, 'expected an object such as {"question": …}, found a list'),
        (5, 'expected an object such as {"question": …}, found nothing'),
        (6, {"a": None}),
        (7, "broken JSON: the field 'a' stands twice in one object"),
        (8, 'expected an object such as {"question": …}, found a single value'),
    ]


def test_unusual_line_separators_inside_json_do_not_split_a_row(write: Write) -> None:
    place = write("a.jsonl", '{"a": "x\u2028y\u0085z"}\n')
    assert texts(place) == [(1, {"a": "x\u2028y\u0085z"})]


def test_json_nested_too_deeply_is_a_bad_row(write: Write) -> None:
    place = write("a.jsonl", "[" * 100_000 + "\n" + '{"a": "1"}\n')
    assert texts(place) == [(1, "broken JSON: nested too deeply"), (2, {"a": "1"})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}', "found an object without a list"),
        ('{"a": [{}], "b": []}', "found the lists 'a', 'b'"),
        ("3", "found a single value"),
        ('[{"a": 1},\n{"a" 2}]', "broken JSON at line 2, column 6: expecting ':' delimiter"),
        ('[{"a": 1}', "broken JSON at column 10: expecting ',' delimiter"),
    ],
)
def test_a_json_file_that_is_no_list(write: Write, content: str, message: str) -> None:
    assert message in refused(write("a.json", content)).message


def test_json_lines_in_a_json_file_are_read(write: Write) -> None:
    place = write("a.json", '{"a": "1"}\n\n{"a": "2"}\n')
    assert texts(place) == [(1, {"a": "1"}), (3, {"a": "2"})]


def test_csv_rows_are_numbered_by_the_line_they_begin_on(write: Write) -> None:
    content = ',a,b\n0,"x\ny",007\n\n1,z, 1.50 \n2,only\n3,p,q\n'
    assert texts(write("a.csv", content)) == [
        (2, {"a": "x\ny", "b": "007"}),
        (5, {"a": "z", "b": " 1.50 "}),
        (6, "expected 3 columns, found 2"),
        (7, {"a": "p", "b": "q"}),
    ]


def test_csv_quotes(write: Write) -> None:
    place = write("a.csv", 'a,b\n"x"y,1\nz,"2"\n')
    (bad, good) = texts(place)
    assert bad[0] == 2
    assert "broken cells" in str(bad[1])
    assert good == (3, {"a": "z", "b": "2"})
    error = refused(write("b.csv", 'a,b\nx,1\n"y,2\nz,3\n'))
    assert ':3: a quote (") opened in this row is never closed' in error.message


def test_csv_header_twice(write: Write) -> None:
    assert "the column 'a' stands twice" in refused(write("a.csv", "a,b,a\n1,2,3\n")).message


def test_a_cell_may_be_longer_than_the_librarys_limit(write: Write) -> None:
    assert texts(write("a.tsv", f"a\tb\n{'x' * 200_000}\t1\n"))[0][0] == 2


def test_columns_name_the_cells_of_a_file_without_a_header(write: Write) -> None:
    columns = ("Question", "answer")
    expected = [Row(1, {"Question": "q", "answer": "A"})]
    assert [*read_rows(write("a.csv", "q,A\n"), columns)] == expected
    with_header = [*read_rows(write("b.csv", "question, Answer\nq,A\n"), columns)]
    assert with_header == [Row(2, {"Question": "q", "answer": "A"})]


def test_parquet_values(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "n": [39.0, float("nan")],
            "i": [2**60, None],
            "d": [decimal.Decimal("1.10"), None],
            "t": [datetime.date(2024, 1, 5), None],
            "l": [["a", "b"], ["c"]],
            "s": [{"x": "1"}, None],
        }
    )
    path = tmp_path / "a[1]*.parquet"
    pyarrow.parquet.write_table(table, str(path))
    first, second = read_rows(str(path))
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    found = {name: format_value(first.fields[name], join_lists=True) for name in "nidtl"}
    assert found == {"n": "39.0", "i": str(2**60), "d": "1.10", "t": "2024-01-05", "l": "a\nb"}
    assert get_field(first.fields, "s.x") == "1"
    for name in ("n", "i"):
        with pytest.raises(ValueError, match="expected a value, found"):
            format_value(second.fields[name], join_lists=True)


def test_not_parquet(write: Write) -> None:
    assert "cannot be read as parquet" in refused(write("a.parquet", "question,answer")).message


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv"])
def test_another_encoding_is_named_with_line_and_byte(write: Write, name: str) -> None:
    error = refused(write(name, '{"a": "x"}\n{"a": "größer"}\n'.encode("latin-1")))
    assert error.message.endswith("line 2, byte 21: expected UTF-8, found byte 0xf6")
    assert "iconv -f WINDOWS-1252" in str(error.hint)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-16", "UTF-16"),  # with a mark
        ("utf-32", "UTF-32"),
        ("utf-16-le", "UTF-16LE"),  # without one every byte is valid UTF-8
        ("utf-16-be", "UTF-16BE"),
        ("utf-32-le", "UTF-32LE"),
        ("utf-32-be", "UTF-32BE"),
    ],
)
def test_wide_characters_are_recognized(write: Write, name: str, encoding: str, found: str) -> None:
    text = '{"a": "größer"}\n{"a": "x"}\n' if name == "a.jsonl" else "a,b\ngrößer,1\n"
    error = refused(write(name, text.encode(encoding)))
    assert error.message.endswith(f"line 1, byte 1: expected UTF-8, found {found}")
    assert f"task.data.encoding: {found.lower()}, or" in str(error.hint)
    assert f"iconv -f {found} -t" in str(error.hint)
    assert [*read_rows(write(name, text.encode(encoding)), encoding=found.lower())]


def test_a_lone_nul_is_no_encoding(write: Write) -> None:
    (row,) = read_rows(write("a.csv", b"a,b\nx\0y,1\n"))
    assert isinstance(row, Row)
    assert row.fields["a"] == "x\0y"


def test_a_file_that_is_not_there(write: Write, tmp_path: Path) -> None:
    write("train.jsonl", "{}")
    error = refused(str(tmp_path / "trian.jsonl"))
    assert error.message.endswith("trian.jsonl: no such file")
    assert error.hint == 'did you mean "train.jsonl"?'
    assert "it holds train.jsonl" in str(refused(str(tmp_path / "q.csv")).hint)
    assert "there is no folder" in str(refused(str(tmp_path / "no" / "q.csv")).hint)


def test_a_folder_and_odd_paths(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").mkdir()
    error = refused(str(tmp_path / "rows.csv"))
    assert "expected a file, found a folder" in error.message
    assert "cannot be opened" in refused(str(tmp_path / "a\0.csv")).message
    assert "cannot be opened" in refused(str(tmp_path / ("x" * 300 + ".csv"))).message


def test_an_unreadable_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "denied")

    place = write("a.csv", "a\n1\n")
    monkeypatch.setattr("os.open", denied)  # a mode of 000 does not stop root
    assert "not readable by this user" in refused(place).message


@pytest.mark.parametrize(
    ("place", "message", "hint"),
    [
        ("/d/train.jsnl", "found a name that ends in .jsnl", 'did you mean ".jsonl"?'),
        ("/d/train", "found a name without an ending", "readable: .jsonl"),
        ("/d/a.xls", "ends in .xls", 'did you mean ".xlsx"?'),
        ("https://example.org/a.csv", "found a URL", "download the file"),
    ],
)
def test_unknown_kinds_of_data(place: str, message: str, hint: str) -> None:
    error = refused(place)
    assert message in error.message
    assert hint in str(error.hint)


def test_endings_in_capitals_are_endings(write: Write) -> None:
    assert texts(write("a.CSV", "a\n1\n")) == [(2, {"a": "1"})]
