"""`opro report`: where the page goes, what it is about, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Opro, only_run
from tests.reports.html.pages import parsed

RECORDED = Path(__file__).parents[1] / "run_folders"


def test_a_page_in_the_folder_of_the_run(opro: Opro, folder: Path) -> None:
    opro("optimize", "c.yaml", "--plain")
    run = only_run(folder)
    said = opro("report", "sums")
    assert (said.code, said.err) == (0, "")
    assert said.out == f"runs/{run.name}/report.html\n"
    page = parsed((run / "report.html").read_text("utf-8"))
    assert page.one("h2").text == run.name
    dots = page.one("svg", class_="curve").all("a")
    assert any(str(dot.attributes["aria-label"]).startswith("step 2:") for dot in dots)
    # With the journal: how calls grew, and what an answer takes.
    spend = page.one("section", id="r1-spend")
    assert len(spend.all("figure")) == 1
    assert "What an answer takes" in spend.text
    assert [path.name for path in run.glob(".report*")] == []
    assert opro("show", "sums").code == 0


def test_several_runs_make_one_page_here(opro: Opro, folder: Path) -> None:
    for version in ("format-1", "format-2"):
        shutil.copytree(RECORDED / version, folder / "runs" / version)
    said = opro("report", "format-1", "format-2", "format-1")
    assert (said.code, said.out) == (0, "report.html\n")
    page = parsed((folder / "report.html").read_text("utf-8"))
    assert page.one("h1").text == "2 runs compared"
    articles = page.all("article")
    assert [each.one("h2").text for each in articles] == ["format-1", "format-2"]


def test_a_file_of_somebody_else_is_not_replaced_unasked(opro: Opro, folder: Path) -> None:
    for version in ("format-1", "format-2"):
        shutil.copytree(RECORDED / version, folder / "runs" / version)
    (folder / "report.html").write_text("my own")
    said = opro("report", "format-1", "format-2")
    assert (said.code, said.out) == (2, "")
    assert "report.html is here already" in said.err
    assert (folder / "report.html").read_text() == "my own"
    assert opro("report", "format-1", "format-2", "-o", "report.html").code == 0
    assert opro("report", "format-1", "format-2").code == 0  # its own it replaces


def test_output_names_another_place(opro: Opro, folder: Path) -> None:
    shutil.copytree(RECORDED / "format-2", folder / "runs" / "r")
    (folder / "p.html").write_text("old")
    assert opro("report", "r", "-o", "p.html").out == "p.html\n"
    assert (folder / "p.html").read_text("utf-8").startswith("<!doctype html>")
    assert not (folder / "runs" / "r" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing"], 'no run called "nothing" in runs'),
        (["r", "-o", "no/such/p.html"], "no/such/p.html: the report cannot be written"),
        (["r", "-o", "runs"], "runs: the report cannot be written"),
        ([], "missing argument"),
    ],
)
def test_what_cannot_be_done_is_said(
    opro: Opro, folder: Path, arguments: list[str], told: str
) -> None:
    shutil.copytree(RECORDED / "format-2", folder / "runs" / "r")
    said = opro("report", *arguments)
    assert (said.code, said.out) == (2, "")
    assert told in said.err.lower()
    assert sorted(path.name for path in (folder / "runs").glob("[!.]*")) == ["r"]


def test_a_run_that_is_not_finished(opro: Opro, folder: Path) -> None:
    run = folder / "runs" / "r"
    shutil.copytree(RECORDED / "format-2", run)
    (run / "result.json").unlink()
    events = (run / "events.jsonl").read_bytes().splitlines(keepends=True)
    (run / "events.jsonl").write_bytes(b"".join(events[:30]) + events[30][:20])
    assert opro("report", "r").code == 0
    page = parsed((run / "report.html").read_text("utf-8"))
    assert page.one("p", class_="word").text == "… Not finished (killed)"
