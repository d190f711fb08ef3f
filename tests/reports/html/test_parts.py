"""Parts of the page worked by hand: places, diffs, lineage, misses, several runs, answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from opro_cli.app import frozen_answers
from opro_cli.app.frozen_answers import freeze_answers
from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import Example
from opro_cli.render.html.page import render_report
from opro_cli.render.html.places import hide_all_places, hide_places
from opro_cli.store.run_folder import read_run
from tests.core.runs import answered, new_state, proposed, score_all
from tests.reports.html.pages import Node, page_of, parsed, recorded, small_run
from tests.store.conftest import copy_of


def words(node: Node) -> str:
    return " ".join(node.text.split())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/tickets.csv", "…/tickets.csv"),
        ("~/data/tickets.csv", "…/tickets.csv"),
        ("C:\\Users\\me\\tickets.csv", "…/tickets.csv"),
        ("C:\\Users\\Max Muster\\runs\\a.csv", "…/a.csv"),
        ("C:/Users/Max Muster/a.csv", "…/a.csv"),
        ("cannot open /srv/a b/c.csv: no such file", "cannot open …/a b/c.csv: no such file"),
        ("http://10.0.0.3:8000/v1", "http://…/v1"),
        ("gguf//models/me/tiny.gguf", "gguf/…/tiny.gguf"),
        ("file:///home/me/a.html", "…/a.html"),
        ("http://host/a/b/c", "http://…/a/b/c"),
        ("llama_cpp:/models/me/tiny.gguf", "llama_cpp:…/tiny.gguf"),
        ("data/tickets.csv", "data/tickets.csv"),
        ("openai/gpt-5", "openai/gpt-5"),
        ("either/or, and 3/4 of a/b", "either/or, and 3/4 of a/b"),
        ("answer with /no_think", "answer with /no_think"),
    ],
)
def test_places_of_this_machine_are_left_out(text: str, shown: str) -> None:
    assert hide_places(text) == shown
    assert hide_all_places({"a": [text, 1, None]}) == {"a": [shown, 1, None]}


def test_no_path_and_no_server_is_on_the_page() -> None:
    settings = {
        "task": {"data": {"train": "/home/me/tickets.csv"}},
        "scorer": {"model": "openai/a", "api_base": "http://secret.host:8000/v1"},
        "optimizer": {"model": "gguf//home/me/b.gguf"},
    }
    page = render_report([recorded(small_run().state, settings=settings)])
    assert "/home/me" not in page
    assert "secret.host" not in page
    assert "…/tickets.csv" in page


def with_texts(start: str, best: str, *, parents: tuple[str, ...] = (), note: str = "") -> Node:
    state = new_state(start, steps=1, per_step=1, train=4, test=4)
    score_all(state, start, 1)
    event = proposed(1, 0, best)
    state.apply(replace(event, parents=parents, note=note))
    score_all(state, best, 4)
    for each, right in ((start, 1), (best, 4)):
        score_all(state, each, right, "test")
    return page_of(recorded(state))


def test_start_and_winner_are_compared_word_by_word() -> None:
    page = with_texts("Answer the question.", "Answer the hard question slowly.")
    diff = page.one("section", class_="changed").one("div", class_="diff")
    assert [(node.tag, node.text) for node in diff.children] == [
        ("bdi", "Answer the "),
        ("ins", "hard "),
        ("bdi", "question"),
        ("ins", " slowly"),
        ("bdi", "."),
    ]
    # Of two texts that share hardly a word, a diff would tell nothing.
    assert not with_texts("One two three.", "Quite other words here.").all(
        "section", class_="changed"
    )


def test_the_cards_name_the_prompts_that_are_copied() -> None:
    page = with_texts("Answer.", "Answer slowly.")
    data = json.loads(page.one("script", id="frozen").text)
    texts = {each["id"]: each["text"] for each in data["runs"]["sums-1"]["prompts"]}
    cards = page.one("div", class_="prompts").all("figure")
    assert [texts[str(card.attributes["data-prompt"])] for card in cards] == [
        "Answer.",
        "Answer slowly.",
    ]


def test_the_way_to_the_winner() -> None:
    start = make_candidate_id("Answer the question.")
    page = with_texts(
        "Answer the question.",
        "Answer the question slowly.",
        parents=(start,),
        note="edit after 2 wrong answers",
    )
    first, second = page.one("ol", class_="lineage").all("li")
    assert words(first) == "0.1 train 25.0 %Answer the question."
    assert words(second).startswith("1.1 train 100.0 %edit after 2 wrong answers")
    assert second.one("ins").text == " slowly"
    ids = {node.attributes.get("id") for node in page}
    assert {str(a.attributes["href"])[1:] for a in page.one("ol", class_="lineage").all("a")} <= ids
    assert not with_texts("a", "b").all("ol", class_="lineage")


def test_the_numbers_that_were_missed_by_most() -> None:
    state: RunState = new_state(steps=0, train=1, test=4)
    score_all(state, "start", 1)
    for question, said in enumerate(("11", "1,000", "7", "none")):
        event = answered("start", question, float(question == 2), "test")
        state.apply(replace(event, answer=said))
    examples = {
        "train": [Example("t?", "1", "t")],
        "dev": [],
        "test": [Example(f"{n}?", gold, "t") for n, gold in enumerate(("10", "4", "7", "8"))],
    }
    settings = {
        "task": {"answer": "number"},
        "scorer": {"model": "openai/a"},
        "optimizer": {"model": "openai/b"},
    }
    page = page_of(recorded(state, examples=examples, settings=settings))
    rows = page.one("section", id="r1-misses").one("tbody").all("tr")
    assert [[words(cell) for cell in row.children] for row in rows] == [
        ["1?", "4", "1,000", "996"],
        ["0?", "10", "11", "1"],
    ]


def test_several_runs_have_common_axes_and_their_prompts_compared() -> None:
    other = new_state(steps=2, per_step=1, train=4, test=10)
    score_all(other, "start", 1)
    other.apply(proposed(1, 0, "a c"))
    score_all(other, "a c", 4)
    page = page_of(small_run(), recorded(other, "stopped", name="other"))
    curve = page.one("svg", class_="common")
    lines = [path.attributes["d"] for path in curve.all("path")]
    # Scores from 25 to 100 % on 20 to 100 %, 3.75 pixels a point; steps at 166.7, 500, 833.3.
    assert lines == [
        "M166.7 281.2H500.0V93.8H833.3V0.0H833.3",
        "M166.7 281.2H500.0V0.0H500.0",  # it has no second step
    ]
    legend = page.one("header", class_="comparison").one("ul", class_="legend")
    assert [words(each) for each in legend.all("li")] == ["sums-1", "other (not finished)"]
    cards = page.one("header", class_="comparison").all("figure")
    assert [words(card) for card in cards] == ["sums-1c", "other · against the firsta c"]
    assert all(len(node.all("article")) == 1 for node in page.all("details", class_="one-run"))


def test_the_winner_may_be_below_the_best_so_far() -> None:
    state = new_state(steps=1, per_step=2, train=4, dev=4, test=4)
    score_all(state, "start", 1)
    for sample, (text, train, dev) in enumerate((("a", 4, 1), ("b", 3, 4))):
        state.apply(proposed(1, sample, text))
        score_all(state, text, train)
        score_all(state, text, dev, "dev")
    score_all(state, "start", 1, "dev")
    for each in ("start", "b"):
        score_all(state, each, 2, "test")
    notes = page_of(recorded(state)).one("section", id="r1-curve").all("p", class_="note")
    assert any("The winner is at 75.0 %, below the highest of 100.0 %" in n.text for n in notes)


def test_a_page_holds_as_many_answers_as_it_has_room_for(tmp_path: Path) -> None:
    run = read_run(copy_of(9, tmp_path))
    whole = freeze_answers(run)
    assert "This page holds all" in whole["note"]
    size = len(json.dumps(whole))
    part = freeze_answers(run, size // 2)
    assert len(json.dumps(part)) < size
    assert "opro view` shows all" in part["note"]
    kept = {
        (split, prompt, question)
        for split in ("train", "dev", "test")
        if split in part
        for prompt, answers in part[split]["answers"].items()
        for question in answers
    }
    assert kept
    # What is kept is what the whole has, and each has its question.
    for split, prompt, question in kept:
        assert part[split]["answers"][prompt][question] == whole[split]["answers"][prompt][question]
        assert question in part[split]["questions"]


def test_a_text_of_an_answer_is_cut(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(frozen_answers, "_MOST_TEXT", 3)
    frozen = freeze_answers(read_run(copy_of(9, tmp_path)))
    replies = [
        reply
        for split in ("train", "dev", "test")
        if split in frozen
        for answers in frozen[split]["answers"].values()
        for answer in answers.values()
        for reply in answer["replies"]
    ]
    assert replies
    assert all(len(reply) <= 3 or "more characters" in reply for reply in replies)


def test_what_is_frozen_ends_no_script() -> None:
    state = new_state("</script><b>&", steps=0, train=1, test=1)
    score_all(state, "</script><b>&", 1)
    page = render_report([recorded(state)])
    assert page.lower().count("</script>") == 2
    data = json.loads(parsed(page).one("script", id="frozen").text)
    assert data["runs"]["sums-1"]["prompts"][0]["text"] == "</script><b>&"
