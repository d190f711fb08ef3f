"""Lines and tables without rich, as rich would have them."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from opro_cli.render.safe import measure_width, printable
from opro_cli.render.tables import Page, Table, align_rows, make_page, stack_rows
from tests.render.test_safe import anything

VARIABLES: dict[str, list[str | None]] = {
    "TTY_COMPATIBLE": [None, "", "0", "1"],
    "FORCE_COLOR": [None, "", "1"],
    "NO_COLOR": [None, "", "1"],
    "TERM": ["xterm-256color", "dumb", "UNKNOWN"],
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", *VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def written(text: str, style: str, stream: io.StringIO | None = None) -> str:
    stream = stream or Terminal()
    make_page(stream).write_line(text, style)
    return stream.getvalue()


@pytest.mark.parametrize("values", list(product(*VARIABLES.values())), ids=str)
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_variables_decide_as_for_rich(
    stream: type[io.StringIO], values: tuple[str | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(VARIABLES, values, strict=True):
        if value is not None:
            monkeypatch.setenv(name, value)
    out = stream()
    console = Console(file=out, markup=False, emoji=False, highlight=False)
    assert Page(out).is_terminal == console.is_terminal
    for style in ("", "bold", "dim", "yellow", "bold red", "bold green", "bold yellow"):
        out = stream()
        Console(file=out, markup=False, emoji=False, highlight=False).print("text", style=style)
        assert written("text", style, stream()) == out.getvalue()


@pytest.mark.parametrize("columns", ["50", "", "0", "many", "²", "200"])
def test_it_is_as_wide_as_the_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert Page(io.StringIO()).width == (int(columns) if columns in ("50", "200") else 80)
    assert Page(io.StringIO(), 33).width == 33


def test_long_lines_are_broken_at_spaces() -> None:
    stream = Terminal()
    page = Page(stream, 12)
    page.write_line("one two three four", "bold", styled=7)
    page.write_line("five six seven", "dim")
    page.write_line()
    assert stream.getvalue().split("\n") == [
        "\x1b[1mone two\x1b[0m",
        "three four",
        "\x1b[2mfive six\x1b[0m",
        "\x1b[2mseven\x1b[0m",
        "",
        "",
    ]


def test_columns_are_as_wide_as_they_need() -> None:
    rows = [("name", "n"), ("漢字", "12,345"), ("a", "7")]
    assert align_rows(rows, right=(1,)) == ["name        n", "漢字   12,345", "a           7"]
    assert align_rows(rows) == ["name   n", "漢字   12,345", "a      7"]


def test_a_table_is_cut_to_the_page() -> None:
    stream = io.StringIO()
    Page(stream, 10).write_table(Table.build("ab", [("x" * 20, "7"), ("é" * 20, "7")]))
    assert stream.getvalue().splitlines()[1:] == ["x" * 9 + "…", "é" * 9 + "…"]


def on_terminal(table: Table, width: int, links: Sequence[str] = ()) -> list[str]:
    stream = io.StringIO()
    Page(stream, width, terminal=True).write_table(table, links=links)
    return [re.sub(r"\x1b\[[\d;]*m", "", line) for line in stream.getvalue().splitlines()]


def test_a_terminal_without_room_gets_rows_as_blocks() -> None:
    rows = [("7.1", "82.5 %", "–", "Think of it\nstep by step."), ("7.2", "~1 %", "2", "No.")]
    table = Table.build(("step", "train", "dev", "instruction"), rows, right=(0, 1, 2))
    assert on_terminal(table, 26) == [
        "step 7.1",
        "  train        82.5 %",
        "  instruction  Think of it",
        "               step by",
        "               step.",
        "step 7.2",
        "  train        ~1 %",
        "  dev          2",
        "  instruction  No.",
    ]
    assert on_terminal(table, 60)[0].split() == ["step", "train", "dev", "instruction"]


def test_a_block_without_a_value_says_so() -> None:
    titles, rows = ("", "old score", "new score"), [("train", "50 %", "–"), ("test", "–", "")]
    lines = [line for line, _ in stack_rows(Table.build(titles, rows), 20)]
    assert lines == ["train", "  old score  50 %", "test: nothing"]


def test_columns_come_closer_before_anything_is_stacked() -> None:
    table = Table.build(("run", "a", "b"), [("x" * 20, "12", "34")], right=(1, 2))
    assert on_terminal(table, 28) == ["run                    a   b", "x" * 20 + "  12  34"]


def test_names_are_links_on_terminals_that_know_them(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table.build(("cell", "n"), [("a", "1"), ("b", "2")], right=(1,))
    monkeypatch.setenv("TERM", "xterm-256color")
    lines = on_terminal(table, 40, ["file:///runs/a", ""])
    assert lines[1:] == ["\x1b]8;;file:///runs/a\x1b\\a\x1b]8;;\x1b\\      1", "b      2"]
    monkeypatch.setenv("TERM", "linux")
    assert on_terminal(table, 40, ["file:///runs/a", ""])[1] == "a      1"
    page = Page(io.StringIO(), 40, terminal=False)
    assert page.link("a", "file:///runs/a") == "a"
    hostile = Page(io.StringIO(), 40, terminal=True)
    assert hostile.link("a", "file:///x\x1b\\y") == "a"


def test_a_cell_may_have_several_lines_below_a_rule() -> None:
    stream = io.StringIO()
    rows = [("a", "1\n23"), ("漢\nb", "4")]
    Page(stream, 9).write_table(Table.build(("t", "n"), rows, right=(1,)), ruled=True)
    assert stream.getvalue().splitlines() == [
        "t     n",
        "─" * 9,
        "a     1",
        "     23",
        "漢    4",
        "b",
    ]


@given(st.lists(anything.map(printable), max_size=4), st.integers(2, 60))
def test_no_line_is_too_wide(texts: list[str], width: int) -> None:
    stream = io.StringIO()
    page = Page(stream, width, terminal=True)
    for text in texts:
        page.write_line(text, "bold")
    page.write_table(Table.build(texts or ["x"], []))
    shown = re.sub(r"\x1b\[\d+m", "", stream.getvalue())
    assert all(cell_len(line) <= width for line in shown.split("\n"))


@given(anything.map(printable))
def test_widths_are_those_of_the_tables(text: str) -> None:
    assert measure_width(text) == cell_len(text)


def test_a_letter_that_the_encoding_lacks_is_written_out() -> None:
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, encoding="ascii")
    make_page(stream).write_line("49.0 % → 71.0 % 不")
    assert data.getvalue() == b"49.0 % > 71.0 % \\u4e0d\n"
