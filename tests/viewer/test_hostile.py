"""Names, questions and replies that would break a page, a shell or a file: all of it is data."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import SessionStarted
from opro_cli.store.journal import FileJournal
from opro_cli.viewer.requests import encode_data
from tests.core.histories import START
from tests.core.runs import answered, proposed
from tests.store.test_snapshot import new_run
from tests.viewer.conftest import Page

ID = make_candidate_id(START)
HOSTILE = [
    "</script><script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "half a character: \ud83d and \udc00",
    "\x00\x1b]0;title\x07\x1b[2J",
    "\u202eright to left\u2066",
    "\u2028\u2029\ufeff\uffff",
    '=HYPERLINK("http://evil.example")',
    "a" + "\u0301" * 500,
    "x" * 300_000,
    "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "",
]


@pytest.fixture
def run(runs: Path) -> Path:
    """A run whose optimizer and scorer say such things."""
    folder = new_run(runs).rename(runs / "hostile")
    journal = FileJournal(folder / "events.jsonl")
    journal.append(SessionStarted(1.0, 4711, "0.1.0"))
    for number, text in enumerate(HOSTILE[:3]):
        journal.append(replace(answered(START, number, 0.0), text=text, answer=text or "-"))
    for number, text in enumerate(HOSTILE[3:6]):
        journal.append(replace(answered(START, number, None, "dev"), text=text))
    for number, text in enumerate(HOSTILE[6:9]):
        journal.append(replace(answered(START, number, 0.0, "test"), text=text, answer=text))
    journal.append(proposed(1, 0, *HOSTILE[:2]), proposed(1, 1, *HOSTILE[2:9]))
    journal.close()
    return folder


async def test_replies_come_as_they_were(page: Page, run: Path) -> None:
    replies = [
        (await page.get(f"answer?run=hostile&split={split}&question={number}&prompt={ID}"))
        for split in ("train", "dev", "test")
        for number in range(3)
    ]
    assert [each["replies"] for each in replies] == [[text] for text in HOSTILE[:9]]
    assert [each["answer"] for each in replies[:3]] == HOSTILE[:3]


async def test_prompts_come_as_they_were_and_the_report_has_no_markup_of_theirs(
    page: Page, run: Path
) -> None:
    got = await page.ask("api/run?name=hostile")
    assert got.body.isascii()
    shown = got.data
    texts = [each["text"] for each in shown["prompts"]]
    assert texts[1:3] == HOSTILE[:2]
    assert HOSTILE[2] in texts
    assert "<script" not in shown["html"]
    assert 'onerror="' not in shown["html"]
    assert "\x1b" not in shown["html"]
    shown["html"].encode()  # a template takes no half characters


async def test_they_are_found(page: Page, run: Path) -> None:
    base = f"search?run=hostile&split=train&prompts={ID}"
    assert (await page.get(f"{base}&text=%3C%2FSCRIPT%3E"))["questions"] == [0]
    assert (await page.get(f"{base}&text=half"))["questions"] == [2]
    assert (await page.get(f"{base}&text=%ED%A0%BD"))["questions"] == []  # no UTF-8
    assert (await page.get(f"{base}&text=(.*)%2B%24"))["questions"] == []


async def test_an_export_can_be_opened(page: Page, run: Path) -> None:
    for split in ("train", "dev", "test"):
        base = f"api/export?run=hostile&split={split}&prompts={ID}"
        text = (await page.ask(f"{base}&format=csv")).body.decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert len(rows) == 3
        for row in rows:  # a spreadsheet would obey it
            assert not row["replies"].startswith(("=", "+", "-", "@", "\t", "\r"))
        lines = (await page.ask(f"{base}&format=jsonl")).body.splitlines()
        assert len([json.loads(line)["replies"] for line in lines]) == 3


async def test_a_header_ends_where_it_ends(page: Page) -> None:
    for name in ("%0d%0aSet-Cookie:%20a=b", "%00", "%ff%fe", "%", "%zz", "%F0%9F%98%80" * 2000):
        got = await page.ask(f"api/run?name={name}")
        assert got.status in (400, 404)
        assert "Set-Cookie" not in got.headers
        assert got.headers["Content-Type"] == "application/json"


async def test_a_request_as_long_as_an_export_needs_is_taken(page: Page, run: Path) -> None:
    numbers = ",".join(map(str, range(30_000)))
    got = await page.ask(f"api/export?run=hostile&split=test&prompts={ID}&questions={numbers}")
    assert got.status == 200
    assert (await page.ask(f"api/runs?{'x' * 600_000}")).status == 400


async def test_a_name_with_html_is_a_name(page: Page, run: Path) -> None:
    name = '<b onclick="x">&amp;'
    run.rename(page.runs / name)
    rows = (await page.get("runs"))["runs"]
    assert name in [row["run"] for row in rows]
    shown = await page.get("run?name=%3Cb%20onclick%3D%22x%22%3E%26amp%3B")
    assert shown["row"]["run"] == name
    assert "<b onclick" not in shown["html"]


def test_what_is_no_number_is_null() -> None:
    data = {"a": [1.0, float("nan"), float("inf")], "b": (-float("inf"), "\ud800")}
    assert encode_data(data) == b'{"a":[1.0,null,null],"b":[null,"\\ud800"]}'
