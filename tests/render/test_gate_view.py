"""A gate's finding as it is shown: hostile texts, JUnit's XML, Markdown, narrow terminals."""

from __future__ import annotations

import io
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from rich.console import Console

from opro_cli.core.run.candidates import Score
from opro_cli.core.run.gate import Gate
from opro_cli.core.stats.intervals import Interval
from opro_cli.core.stats.sequential import Decision, Differences, Look
from opro_cli.render.gate import format_gate, print_gate, write_junit
from opro_cli.render.safe import printable
from opro_cli.reports.gate import GateReport, Side, Verdict
from opro_cli.reports.thresholds import Check, Usage
from tests.hostile.cases import Hostile
from tests.hostile.conftest import obeyed_in
from tests.render.test_markdown import TEXTS, structure

SCORE = Score(0.8, 40, 32, 1, Interval(0.65, 0.9))


def report(verdict: Verdict = "worse", text: str = "plain, words") -> GateReport:
    """A finding whose every foreign text is `text`."""
    decision: Decision = verdict if verdict in ("worse", "not_worse") else ""
    looks = (Look(20, 0.001, 0.9, 0.2, ""), Look(40, 0.01, 0.9, 0.002, decision))
    differences = (-1.0,) * 8 + (0.0,) * 32
    return GateReport(
        verdict,
        Side(f"a{text}", text, "", SCORE, Usage(100_000, 1.0)),
        Side(f"b{text}", text, "", SCORE, Usage()),
        0.05,
        name=text,
        model=text,
        run=text,
        rows=100,
        gate=Gate(looks, ()),
        pairs=Differences(differences, differences),
        bounds=Interval(-0.3, -0.05),
        calls=80,
        most_calls=200,
        checks=(
            Check("min_score", 0.7, 0.8, Interval(0.65, 0.9)),
            Check("max_tokens", 90_000, None),
        ),
        notes=(text,),
    )


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case.name)
def test_no_text_of_others_is_markup_in_a_pull_request(case: Hostile) -> None:
    page = format_gate(report(text=case.text))
    assert structure(page) == structure(format_gate(report()))
    assert not any(obeyed_in(line) for line in page.split("\n"))


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case.name)
def test_no_text_of_others_is_xml(case: Hostile) -> None:
    finding = replace(report("unfinished", case.text), failure=case.text)
    suite = ElementTree.fromstring(write_junit(finding))
    plain = ElementTree.fromstring(write_junit(replace(report("unfinished"), failure="x")))
    assert [each.tag for each in suite.iter()] == [each.tag for each in plain.iter()]
    (error,) = suite.iter("error")
    assert error.get("message") == printable(case.text, 2000)
    text = "".join(suite.itertext())
    assert not any(obeyed_in(line) for line in text.split("\n"))


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case.name)
def test_a_terminal_obeys_nothing(case: Hostile) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, markup=False, emoji=False, highlight=False)
    print_gate(report(text=case.text), console)
    for line in stream.getvalue().split("\n"):
        assert not obeyed_in(line)


@pytest.mark.parametrize(
    ("verdict", "tags"),
    [
        ("not_worse", []),
        ("worse", ["failure"]),
        ("undecided", ["failure"]),
        ("unfinished", ["error"]),
        ("unchanged", []),
    ],
)
def test_junit_has_a_case_for_the_comparison_and_one_a_threshold(
    verdict: Verdict, tags: list[str]
) -> None:
    suite = ElementTree.fromstring(write_junit(report(verdict)))
    comparison, score, tokens = suite.findall("testcase")
    assert [child.tag for child in comparison] == tags
    measured = verdict != "unchanged"
    assert [child.tag for child in score] == ([] if measured else ["skipped"])
    assert [child.tag for child in tokens] == (["failure"] if measured else ["skipped"])
    if measured:
        assert tokens[0].get("message") == "unknown: unknown, the limit is 90.0k"
    assert suite.get("tests") == "3"


def test_an_unknown_figure_is_not_0_and_does_not_pass() -> None:
    found = report("not_worse")
    assert found.new.usage.tokens_per_1000 is None
    assert found.new.usage.usd_per_1000 is None
    assert found.exit_code == 5
    assert found.old.usage.tokens_per_1000 == 100_000
    assert found.old.usage.usd_per_1000 == pytest.approx(1.0)
    page = format_gate(found)
    assert "| tokens per 1,000 | 100.0k | unknown |" in page


def test_the_markdown_of_a_finding() -> None:
    page = format_gate(replace(report(), checks=()))
    assert page.startswith(
        "## ❌ Prompt gate: worse\n\n"
        "The new prompt is worse, beyond noise, after 40 of 100 questions.\n\n"
        "|  | old | new |\n| --- | --- | --- |\n"
    )
    assert "| difference | -20.0 points, -30.0 to -5.0 at 95 % each way |" in page
    assert "| questions | 0 gained, 8 lost, of 40 counted |" in page
    assert "| calls | 80 of 200 |" in page


def test_a_broken_threshold_within_noise_says_so() -> None:
    beyond = Check("min_score", 0.95, 0.8, Interval(0.65, 0.9))
    within = Check("min_score", 0.85, 0.8, Interval(0.65, 0.9))
    page = format_gate(replace(report(), checks=(beyond, within)))
    assert "| 95.0 % | 80.0 % [65.0–90.0] | broken |" in page
    assert "| 85.0 % | 80.0 % [65.0–90.0] | broken, not beyond noise |" in page


def test_the_names_of_facts_are_whole_on_80_columns() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_gate(report(), console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    for name in ("difference", "questions", "evidence", "calls"):
        assert any(line.startswith(f"{name} ") for line in lines), name
    assert "; this look needs 0.0" in " ".join(" ".join(lines).split())
