"""Markdown for a pull request: whatever a model says, the page has the same structure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from opro_cli.core.run.candidates import Outcome
from opro_cli.core.task.example import Example
from opro_cli.render.diff import format_comparison
from opro_cli.render.safe import printable
from opro_cli.render.tables import (
    MOST_CELLS,
    Block,
    Heading,
    Paragraph,
    Table,
    Untrusted,
    fence_lines,
    format_blocks,
    format_code,
    format_table,
)
from opro_cli.reports.comparison import PromptComparison
from opro_cli.reports.paired import Replies
from opro_cli.reports.recorded import RecordedRun
from tests.hostile.cases import CASES, Hostile
from tests.hostile.conftest import obeyed_in
from tests.reports.runs import comparison, run

TEXTS = (
    *CASES,
    Hostile("fence", "end a block", "a\n```\nb\n``````\n~~~\n# c"),
    Hostile("cells", "make columns", "a|b\\|c\\\\|d||"),
    Hostile("mention", "call people", "@octocat and #1, octocat/x#2, a@b.example"),
    Hostile("bare-links", "be links", "www.evil.example http://evil.example mailto:a@b.example"),
    Hostile("rows", "make a table", "a | b\n--- | ---\nc | d"),
    Hostile("emphasis", "be loud", "*a* _b_ __c__ ~~d~~ `e` $f$ <!-- g"),
    Hostile("end-code", "leave the code", "</code></td></table><h1>x"),
    Hostile("title", "be a heading", "# a\n===\n- b\n1. c\n> d\n    e"),
)


def parsed(markdown: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)


def structure(markdown: str) -> list[str]:
    """Every block and every piece of markup; of text only that there is some."""
    kinds = []
    for token in parsed(markdown):
        kinds.append(f"{token.type} {token.tag}")
        for child in token.children or []:
            if child.type == "html_inline":
                kinds.append(child.content)
            elif child.type not in ("text", "text_special", "entity"):
                kinds.append(child.type)
    return kinds


def hostile_run(name: str, text: str, outcomes: str) -> RecordedRun:
    """`text` as instruction, question, gold answer, answer, model and setting."""
    built = run(name, f"{name}: {text}", outcomes, "pq", model=f"openai/{text}", x=text)
    (candidate,) = built.state.candidates.values()
    answers = candidate.answers["test"]
    for question, outcome in list(answers.by_question.items()):
        answers.by_question[question] = Outcome(text, outcome.score)
    asked = [Example(f"{text} {n}", text, "t") for n in range(2)]
    return replace(
        built,
        examples={**built.examples, "test": asked},
        settings={**built.settings, "task": {"answer": f"regex:{name}{text}"}},
    )


def compared(text: str, *names: str) -> PromptComparison:
    outcomes = ["rw", "wr", "wr"]
    runs = [
        hostile_run(f"{name}{text}", text, each)
        for name, each in zip(names, outcomes, strict=False)
    ]
    said: Replies = {("test", 0): (text, text), ("test", 1): ()}
    found = comparison(*runs)
    return found.with_replies([said] * len(runs))


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case.name)
@pytest.mark.parametrize("names", ["AB", "ABC"])
def test_the_structure_does_not_depend_on_the_text(case: Hostile, names: str) -> None:
    page = format_comparison(compared(case.text, *names), every_flip=True)
    plain = format_comparison(compared("nothing, special", *names), every_flip=True)
    assert structure(page) == structure(plain)
    assert not any(obeyed_in(line) for line in page.split("\n"))


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case.name)
def test_what_is_read_is_what_was_said(case: Hostile) -> None:
    page = format_table(Table.build(("", "a", "b"), [("row", Untrusted(case.text), "1")]))
    cells = [token for token in parsed("\n".join(page)) if token.type == "inline"][-3:]
    texts = [c.content for c in cells[1].children or [] if c.type != "html_inline"]
    assert "".join(texts) == printable(case.text, MOST_CELLS)
    assert cells[2].content == "1"
    lines = [printable(line) for line in case.text.split("\n")]
    (block,) = parsed("\n".join(fence_lines(lines)))
    assert block.type == "fence"
    assert block.content == "".join(f"{line}\n" for line in lines)


def test_mentions_and_links_stand_in_code_and_are_cut() -> None:
    assert format_code("@octocat") == "<code>&#64;octocat</code>"
    assert format_code("see www.x.y. Yes: no") == "<code>see www&#46;x&#46;y. Yes: no</code>"
    assert format_code("a|`b`<i>") == "<code>a&#124;&#96;b&#96;&#60;i&#62;</code>"
    assert format_code("") == "(empty)"
    assert format_code("x" * 600) == f"<code>{'x' * (MOST_CELLS - 1)}…</code>"


def test_numbers_stand_right_and_texts_left() -> None:
    rows = [("a", "1", Untrusted("b"))]
    assert format_table(Table.build(("", "n", "text"), rows))[1] == "| --- | ---: | --- |"


def test_a_prompt_is_a_diff_with_what_is_the_same_folded() -> None:
    same = "\n".join(f"line {n}" for n in range(9))
    page = format_comparison(
        comparison(run("a", f"{same}\nold", "r", "p"), run("b", f"{same}\nnew", "w", "p"))
    )
    (block,) = (token for token in parsed(page) if token.type == "fence")
    assert block.info == "diff"
    assert block.content.split("\n") == [
        "@@ 7 lines the same @@",
        "  line 7",
        "  line 8",
        "- old",
        "+ new",
        "",
    ]


def test_a_prompt_without_end_is_cut_and_says_so() -> None:
    before, after = "\n".join("a" * 500), "\n".join("b" * 500)
    page = format_comparison(comparison(run("a", before, "r", "p"), run("b", after, "r", "p")))
    (block,) = (token for token in parsed(page) if token.type == "fence")
    assert block.content.split("\n")[-3:] == ["- a", "@@ 600 more lines @@", ""]
    page = format_comparison(
        comparison(run("a", "x" * 30_000, "r", "p"), run("b", "y\nz", "r", "p"))
    )
    assert f"- {'x' * 19_999}…\n@@ 2 more lines @@\n" in page


def test_without_flips_there_are_counts_alone() -> None:
    page = format_comparison(compared("text", "A", "B"))
    assert "test, 2 shared questions: 1 wrong → right, 1 right → wrong" in page
    assert "Reply" not in page
    assert "| question |" not in page
    assert "| question |" in format_comparison(compared("text", "A", "B"), every_flip=True)


def test_blocks_are_paragraphs_lists_and_tables() -> None:
    blocks: list[Block] = [
        Paragraph(("it helps",), "strong"),
        Paragraph((Untrusted("a|b"), ": first"), mark="-"),
        Paragraph(("second",), mark=" "),
        Paragraph(("why",), "note"),
        Heading("test scores"),
        Table.build(("", "n"), [("row", "1\n2")]),
    ]
    assert format_blocks(blocks) == (
        "**it helps**\n\n- <code>a&#124;b</code>: first\n- second\n\nwhy\n\n"
        "### Test scores\n\n|  | n |\n| --- | ---: |\n| row | 1<br>2 |\n"
    )
