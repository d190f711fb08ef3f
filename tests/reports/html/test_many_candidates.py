"""A run with very many candidates: its page draws those that a reader needs, and says so."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Proposed
from opro_cli.render.html import rows
from opro_cli.render.html.candidates import build_all_rows
from opro_cli.render.html.page import build_article, render_report
from opro_cli.render.html.view import build_view
from opro_cli.reports.recorded import History, RecordedRun
from tests.core.runs import new_state, proposed, score_all
from tests.reports.html.pages import Node, parsed, recorded


def made_from(event: Proposed, *instructions: str) -> Proposed:
    return replace(event, parents=tuple(map(make_candidate_id, instructions)))


def long_run(steps: int = 6, per_step: int = 5) -> RecordedRun:
    """A search whose last prompt wins by dev, and was made from one of the worst on train."""
    state = new_state(steps=steps, per_step=per_step, train=20, dev=20, test=4, finalists=12)
    score_all(state, "start", 1)
    for step in range(1, steps + 1):
        for sample in range(per_step):
            text = f"{step}.{sample + 1}"
            parents = ["1.1"] if text == f"{steps}.{per_step}" else []
            state.apply(made_from(proposed(step, sample, text), *parents))
            right = {"1.1": 2, f"{steps}.{per_step}": 10}.get(text, 5 + step)
            score_all(state, text, right)
    for candidate in list(state.candidates.values()):
        last = candidate.instruction == f"{steps}.{per_step}"
        score_all(state, candidate.instruction, 20 if last else 0, "dev")
    return recorded(state)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw three rows for their scores."""
    monkeypatch.setattr(rows, "MOST_ROWS", 3)


def list_rows(page: Node) -> list[str]:
    body = page.one("table", class_="candidates").one("tbody")
    return [row.attributes["id"] or "" for row in body.all("tr")]


def test_the_best_are_drawn_and_those_that_a_reader_needs(few: None) -> None:
    page = parsed(render_report([long_run()]))
    drawn = list_rows(page)
    # The three best on train, the winner, what that was made from, and the start prompt.
    assert drawn == ["r1c26", "r1c27", "r1c28", "r1c30", "r1c1", "r1c0"]
    links = [a.attributes["href"] or "" for a in page.one("article").all("a")]
    anchors = {f"#{node.attributes.get('id')}" for node in page}
    assert all(link in anchors for link in links)


def test_what_is_left_out_is_said_and_counted(few: None) -> None:
    page = parsed(render_report([long_run()]))
    section = page.one("section", id="r1-candidates").text
    assert "31 instructions." in section
    assert (
        "Drawn here are 6 of 31: the best on train, the initial ones, and the winner with what it "
        "was made from. `opro view` shows all."
    ) in section
    curve = page.one("section", id="r1-curve")
    assert "The 25 faint dots stand for those that the table leaves out." in curve.text
    assert len(curve.all("a")) == 6
    crowd = curve.one("path", class_="crowd").attributes["d"] or ""
    assert 0 < crowd.count("M") <= 25  # two at one place are one


def test_a_short_run_says_nothing_of_that() -> None:
    page = parsed(render_report([long_run()]))
    assert len(list_rows(page)) == 31
    assert "Drawn here" not in page.text
    assert page.all("path", class_="crowd") == []


def test_only_the_texts_of_what_is_drawn_travel_with_a_page(few: None) -> None:
    page = parsed(render_report([long_run()]))
    data = json.loads(page.one("script", id="frozen").text)
    prompts = data["runs"]["sums-1"]["prompts"]
    assert len(prompts) == 6
    assert [p["name"] for p in prompts if p["is_best"]] == ["6.5"]


def test_all_rows_are_to_be_had(few: None) -> None:
    view = build_view(long_run(), "run", History())
    table = parsed(f"<table><tbody>{build_all_rows(view)}</tbody></table>")
    assert len(table.all("tr")) == 31
    few_rows = list_rows(parsed(build_article(view)))
    assert [r for r in [tr.attributes["id"] for tr in table.all("tr")] if r in few_rows] == few_rows


def test_a_long_line_of_forebears_is_cut_in_its_middle() -> None:
    """300 steps of repair, each of the one before."""
    state = new_state("start 0", steps=300, per_step=1, train=4, test=4)
    score_all(state, "start 0", 1)
    for step in range(1, 301):
        text = f"start {step}"
        state.apply(made_from(proposed(step, 0, text), f"start {step - 1}"))
        score_all(state, text, 4 if step == 300 else 2)
    section = parsed(render_report([recorded(state)])).one("section", id="r1-lineage")
    names = [a.text for a in section.all("a")]
    assert names[0] == "0.1"
    assert names[-1] == "300.1"
    assert len(names) == 40
    assert "261 between them are left out" in section.text
