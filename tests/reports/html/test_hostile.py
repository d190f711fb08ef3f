"""Texts that mean harm, in every place of the page that shows a text; and very many of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from opro_cli.core.run.state import RunState
from opro_cli.render.html.markup import element, make_visible, paragraphs
from opro_cli.render.html.page import render_report
from opro_cli.render.html.rows import MOST_ROWS
from opro_cli.render.safe import MAX_MARKS
from tests.core.runs import answered, new_state, proposed
from tests.hostile.cases import CASES, Hostile, named, together
from tests.hostile.conftest import obeyed_in
from tests.reports.html.pages import parsed, recorded, run_saying, shape


def harmless(case: Hostile, number: int) -> str:
    """A plain text of the same length and number of lines."""
    plain = "".join("\n" if letter == "\n" else "x" for letter in case.text)
    return f"{number}{plain[len(str(number)) :]}"


def one_line(text: str) -> str:
    return text.replace("\n", "⏎").replace("␍⏎", "⏎")


@pytest.mark.parametrize("group", together(CASES, 8), ids=named)
def test_texts_are_text_and_change_nothing_around_them(group: Sequence[Hostile]) -> None:
    run, history = run_saying([case.text for case in group])
    page = render_report([run], [history])
    page.encode()
    assert not obeyed_in(page.replace("\n", ""))
    plain, plain_history = run_saying([harmless(case, n) for n, case in enumerate(group)])
    tree = parsed(page)
    assert shape(tree) == shape(parsed(render_report([plain], [plain_history])))
    values = {value for node in tree for name, value in node.attributes.items() if name == "href"}
    assert all(value and value.startswith("#r") for value in values - {"#main", "#/"})
    instructions, flips, unread = (
        one_line(tree.one("section", id=f"r1-{name}").text)
        for name in ("candidates", "flips", "unreadable")
    )
    for case in group:
        text = one_line(make_visible(case.text))[:250]
        assert one_line(make_visible(f"New: {case.text}"))[:250] in instructions
        assert text in flips
        assert text in unread
    assert make_visible(group[0].text) in tree.one("title").text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_element_takes_any_text(case: Hostile) -> None:
    made = parsed(element("p", case.text, title=case.text))
    assert shape(made) == [("p", ("title",))]
    assert made.text == made.children[0].attributes["title"] == make_visible(case.text)
    assert parsed(paragraphs(case.text)).text.replace("\n", "⏎") == make_visible(
        case.text.replace("\r\n", "\n")
    )


def test_joiners_do_not_let_marks_pile_up() -> None:
    shown = make_visible("क" + "\u0941\u200d" * 60 + "ष")
    assert max(part.count("\u0941") for part in shown.split("\\u200d")) == MAX_MARKS
    assert make_visible("می\u200cخواهم") == "می\u200cخواهم"


def crowded(instruction: str, steps: int = 200, per_step: int = 8) -> RunState:
    state = new_state(steps=steps, per_step=per_step, train=2, max_instruction_chars=10**6)
    for question in range(2):
        state.apply(answered("start", question, 0.0))
    for step in range(1, steps + 1):
        texts = [f"{step} {sample} {instruction}".strip() for sample in range(per_step)]
        for sample, text in enumerate(texts):
            state.apply(proposed(step, sample, text))
        for text in texts:
            for question in range(2):
                state.apply(answered(text, question, float(question)))
    return state


@pytest.mark.parametrize(
    ("instruction", "steps"),
    [
        ("Work through it in steps. " * 20, 200),
        ("\u202e" * 3_000, 200),
        ("<&" * 3_000, 200),
        # Looking for quotes in so many words takes its time.
        ("漢" * 600, 40),
        ("word " * 600, 40),
    ],
    ids=["usual", "invisible", "markup", "wide", "long"],
)
def test_a_page_of_1600_candidates_can_be_sent(instruction: str, steps: int) -> None:
    page = render_report([recorded(crowded(instruction, steps))])
    assert len(page.encode()) < 3_000_000
    drawn = min(8 * steps, MOST_ROWS)
    assert page.count('class="instruction"') == drawn + 2  # with start prompt and heading
