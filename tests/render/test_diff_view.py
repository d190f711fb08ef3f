"""`opro diff` on a terminal: folded prompts, every flip, several runs, a pager."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from opro_cli.render.diff import print_comparison
from opro_cli.reports.comparison import PromptComparison
from opro_cli.reports.paired import AnswerPair, Replies
from tests.hostile.cases import CASES, Hostile
from tests.hostile.conftest import obeyed_in
from tests.render.test_markdown import compared
from tests.reports.runs import comparison, run


def shown(
    found: PromptComparison, width: int = 80, *, every_flip: bool = False, terminal: bool = False
) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=terminal, color_system=None, markup=False, emoji=False
    )
    print_comparison(found, console, every_flip=every_flip)
    return out.getvalue()


def two(before: str = "rrrwww", after: str = "wrrrrr") -> PromptComparison:
    found = comparison(
        run("a", "Think.", before, "abcdef"), run("b", "Think hard.", after, "abcdef")
    )
    said: Replies = {("test", 0): ("first\nround", "second"), ("test", 3): ()}
    return found.with_replies([said, said])


def test_counts_for_every_split_and_a_few_questions() -> None:
    text = shown(two())
    assert "Think{+ hard+}." in text
    assert "test, 6 shared questions: 3 wrong → right, 1 right → wrong" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["train", "1", "0", "0", "1"] in rows
    assert ["dev", "0", "–", "–", "–"] in rows
    assert ["test", "6", "3", "1", "0.38"] in rows
    assert "  + 2 → 1 (gold 1): d" in text
    assert "  - 1 → 2 (gold 1): a" in text
    assert "first" not in text


def test_the_paired_test_is_named() -> None:
    assert "right → wrong   McNemar mid-p" in shown(two())
    assert "; McNemar mid-p = 0.38)" in " ".join(shown(two()).split())
    graded = " ".join(shown(two("hhrwww", "wrrrrr")).split())
    assert "; Gaffke p = 0." in graded
    # Its one train question was answered right: another test, so the column has no name of one.
    assert "right → wrong p ─" in graded


def test_every_flip_in_full_gained_and_lost_apart() -> None:
    text = shown(two(), every_flip=True)
    gained, lost = text.split("test, wrong → right: 3\n")[1].split("test, right → wrong: 1\n")
    assert gained == (
        "\n  +1 d\n    gold: 1\n    - 2\n    - │ (no reply)\n    + 1\n    + │ (no reply)\n"
        "\n  +2 e\n    gold: 1\n    - 2\n    - │ (no reply)\n    + 1\n    + │ (no reply)\n"
        "\n  +3 f\n    gold: 1\n    - 2\n    - │ (no reply)\n    + 1\n    + │ (no reply)\n\n"
    )
    assert lost == (
        "\n  -1 a\n    gold: 1\n"
        "    - 1\n    - │ first\n    - │ round\n    - │ second\n"
        "    + 2\n    + │ first\n    + │ round\n    + │ second\n"
    )


def test_no_flip_is_said() -> None:
    text = shown(two("rw", "rw"), every_flip=True)
    assert text.endswith("\nno question flipped\n")
    assert "→ right: 0\n" not in text


def test_a_split_that_was_seen_is_no_proof() -> None:
    one, other = run("a", "T", "rw", "ab", "train"), run("b", "D", "wr", "ab", "train")
    assert "! train questions steered the search" in shown(comparison(one, other))
    assert "steered" not in shown(two())


def test_no_question_in_common() -> None:
    one, other = run("a", "T", "rw", "ab", "train"), run("b", "D", "wr", "cd", "train")
    text = shown(comparison(one, other))
    assert "the two prompts answered no question in common" in text
    assert "McNemar" not in text


def test_what_is_left_out_is_said() -> None:
    one = run("a", "T", "xrw", "abc", exclude=True)
    other = run("b", "D", "rrr", "abc", exclude=True)
    assert "2 (1 left out)" in shown(comparison(one, other))


def test_a_difference_on_a_part_of_the_questions_says_so() -> None:
    one, other = run("a", "T", "rwr", "abc"), run("b", "D", "rrw", "bcd")
    (row,) = [line for line in shown(comparison(one, other), 120).splitlines() if "n=3" in line]
    assert row.endswith(" +50.0 points on the 2 shared")  # 66.7 and 66.7 % of all that each was
    assert "on the" not in next(line for line in shown(two()).splitlines() if "n=6" in line)


def test_long_prompts_are_folded() -> None:
    lines = [f"line {n}" for n in range(15)]
    before, after = "\n".join(lines), "\n".join([*lines[:-1], "the end"])
    text = shown(comparison(run("a", before, "r", "p"), run("b", after, "r", "p")))
    words = text.split("word by word\n")[1].split("\n\nscores")[0]
    assert words == ("  … 12 lines the same …\n  line 12\n  line 13\n  [-line 14-]{+the end+}")


def several(count: int) -> PromptComparison:
    return comparison(
        *(run(f"run-{n}", f"Prompt {n}.", "rw" if n else "wr", "ab", seed=n) for n in range(count))
    )


def test_three_runs_are_columns_and_each_is_compared_with_the_first() -> None:
    text = shown(several(3))
    rows = [line.split() for line in text.splitlines()]
    assert ["1", "run-0"] in rows
    assert ["test", "50.0", "%", "50.0", "%", "50.0", "%"] in rows
    assert ["scorer.seed", "0", "1", "2"] in rows
    assert ["scorer", *["openai/a"] * 3] in rows
    assert "2 against 1\n- run-0 (step 0 of 0)\n+ run-1 (step 0 of 0)\n" in text
    assert "  Prompt [-0-]{+2+}." in text
    assert "p by Holm is corrected for 2 comparisons" in text
    assert ["test", "2", "1", "1", "1", "1"] in rows


@pytest.mark.parametrize("width", [40, 80, 120])
def test_more_runs_than_fit_go_into_further_tables(width: int) -> None:
    text = shown(several(9), width)
    assert max(map(cell_len, text.splitlines())) <= width
    cells = [line.split()[1:] for line in text.splitlines() if line.startswith("scorer.seed")]
    assert [cell for row in cells for cell in row] == list("012345678")


def test_only_every_flip_on_a_terminal_is_paged(monkeypatch: pytest.MonkeyPatch) -> None:
    paged: list[str] = []
    monkeypatch.setattr("pydoc.pager", paged.append)
    shown(two(), terminal=True)
    shown(two(), every_flip=True)
    assert paged == []
    assert shown(two(), every_flip=True, terminal=True) == ""
    assert paged == [shown(two(), every_flip=True)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_text_is_obeyed(case: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    paged: list[str] = []
    monkeypatch.setattr("pydoc.pager", paged.append)
    for names in ("AB", "ABC"):
        found = compared(case.text, *names)
        shown(found, every_flip=True, terminal=True)
        for text in (shown(found), shown(found, every_flip=True), paged.pop()):
            assert not any(obeyed_in(line) for line in text.split("\n"))
            assert max(map(cell_len, text.split("\n"))) <= 80


def asked_at_length(flip: AnswerPair, same: str) -> AnswerPair:
    return flip._replace(key=flip.key._replace(input=f"{same}{flip.question} steps."))


def test_flipped_questions_are_cut_where_they_differ() -> None:
    found = two()
    same = "If you follow these instructions, do you return to the starting point, or to another? "
    (diff,) = found.against_first
    by_split = tuple(
        replace(
            flips,
            gained=tuple(asked_at_length(flip, same) for flip in flips.gained),
            lost=tuple(asked_at_length(flip, same) for flip in flips.lost),
        )
        for flips in diff.by_split
    )
    text = shown(replace(found, against_first=(replace(diff, by_split=by_split),)))
    assert "  + 2 → 1 (gold 1): …d steps." in text
    assert "  - 1 → 2 (gold 1): …a steps." in text
