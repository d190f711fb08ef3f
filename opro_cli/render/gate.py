"""A gate's finding: on a terminal, in Markdown for a pull request, and as JUnit's XML for CI."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from rich.console import Console

from opro_cli.render.consoles import print_blocks, print_lines
from opro_cli.render.safe import display_instruction, printable
from opro_cli.render.tables import (
    Block,
    Column,
    Heading,
    Paragraph,
    Table,
    Untrusted,
    format_blocks,
)
from opro_cli.reports.formats import (
    format_bounds,
    format_count,
    format_money,
    format_p,
    format_percent,
    format_points,
    format_span,
    format_tokens,
    pluralize,
)
from opro_cli.reports.gate import GateReport, Side
from opro_cli.reports.thresholds import Check

_HEADLINES = {
    "unchanged": ("unchanged", "bold green", "✅"),
    "not_worse": ("not worse", "bold green", "✅"),
    "worse": ("worse", "bold red", "❌"),
    "undecided": ("cannot tell", "bold yellow", "❔"),
    "unfinished": ("unfinished", "bold yellow", "❔"),
}
_CHECKS = {
    "min_score": "score at least",
    "max_unreadable": "unreadable at most",
    "max_tokens": "tokens per 1,000 at most",
    "max_usd": "dollars per 1,000 at most",
}
_UNKNOWN = "unknown"


def print_gate(report: GateReport, console: Console) -> None:
    """Print the finding for a person at a terminal."""
    headline, style, _ = _HEADLINES[report.verdict]
    print_lines(console, "", [f"{headline}: {report.sentence}"], style)
    print_blocks(console, _list_blocks(report))


def format_gate(report: GateReport) -> str:
    """Return the finding in Markdown; texts of models, files and configs cannot be markup."""
    headline, _, sign = _HEADLINES[report.verdict]
    sentence = report.sentence[:1].upper() + report.sentence[1:]
    title = f"## {sign} Prompt gate: {headline}\n\n{sentence}.\n\n"
    return title + format_blocks(_list_blocks(report))


def _list_blocks(report: GateReport) -> Iterator[Block]:
    yield _build_sides(report)
    if report.last is not None:
        yield Table((Column(wrap=False), Column()), tuple(_list_facts(report)))
    if report.checks:
        yield Heading("thresholds")
        titles = ("of the new prompt", "limit", "found", "")
        yield Table.build(titles, [_build_check(each) for each in report.checks], right=(1, 2))
    for note in _list_notes(report):
        yield Paragraph((Untrusted(note),), "note")


def _build_sides(report: GateReport) -> Table:
    old, new = report.old, report.new
    rows: list[tuple[str, ...]] = [("from", Untrusted(old.label), Untrusted(new.label))]
    if report.verdict != "unchanged" and (old.score or new.score):
        rows += [
            ("score", _format_score(old), _format_score(new)),
            ("unreadable", _format_unreadable(old), _format_unreadable(new)),
            (
                "tokens per 1,000",
                *(format_tokens(_round(side.usage.tokens_per_1000)) for side in (old, new)),
            ),
            (
                "dollars per 1,000",
                *(format_money(side.usage.usd_per_1000) for side in (old, new)),
            ),
        ]
    return Table.build(("", "old", "new"), rows, right=())


def _round(value: float | None) -> int | None:
    return None if value is None else round(value)


def _format_score(side: Side) -> str:
    score = side.score
    if score is None:
        return "-"
    bounds = format_bounds(score.interval.low, score.interval.high)
    return f"{format_percent(score.mean)} {bounds} of {format_count(score.n)}"


def _format_unreadable(side: Side) -> str:
    count = side.score.unreadable if side.score else 0
    return f"{format_count(count)} ({format_percent(side.unreadable or 0.0)})"


def _list_facts(report: GateReport) -> Iterator[tuple[str, str]]:
    pairs, last = report.pairs, report.last
    if pairs is None or last is None or report.difference is None:
        return
    bounds = report.bounds
    span = f", {format_span(bounds.low, bounds.high)} at 95 % each way" if bounds else ""
    yield "difference", f"{format_points(report.difference)} points{span}"
    yield "questions", f"{pairs.gained} gained, {pairs.lost} lost, of {len(pairs.cautious)} counted"
    yield (
        "evidence",
        f"that the loss is below {100 * report.margin:g} points: p = {format_p(last.p_loss)}; that "
        f"there is a loss: p = {format_p(last.p_gain)}; this look needs {format_p(last.level)}",
    )
    yield "calls", f"{format_count(report.calls)} of {format_count(report.most_calls)}"


def _build_check(check: Check) -> tuple[str, ...]:
    limit, value = _format_figure(check, check.limit), _UNKNOWN
    if check.value is not None:
        value = _format_figure(check, check.value)
        if check.interval is not None:
            value += f" {format_bounds(check.interval.low, check.interval.high)}"
    return (_CHECKS[check.name], limit, value, _describe_check(check))


def _format_figure(check: Check, value: float) -> str:
    if check.name == "max_tokens":
        return format_tokens(round(value))
    return format_money(value) if check.name == "max_usd" else format_percent(value)


def _describe_check(check: Check) -> str:
    if check.passed is None:
        return _UNKNOWN
    word = "kept" if check.passed else "broken"
    return f"{word}, not beyond noise" if check.proven is False else word


def _list_notes(report: GateReport) -> Iterator[str]:
    if report.is_small_loss:
        yield "something was lost for sure, and less than the margin"
    if report.earlier:
        times = pluralize(report.earlier, "earlier gate")
        yield (
            f"{times} of the same two prompts on these questions: the error of 5 % is that of one, "
            "so that repeating until one passes proves nothing"
        )
    yield from report.notes


def write_junit(report: GateReport) -> bytes:
    """Return the finding as JUnit's XML: a test case for the comparison, and one a threshold.

    Worse, cannot tell and a broken threshold are failures; a gate that did not come to its end is
    an error, which says nothing of the prompt.
    """
    suite = ElementTree.Element("testsuite", {"name": "opro gate"})
    first = _add_case(suite, f"{report.new.label} is not worse than {report.old.label}")
    message = report.failure or report.sentence
    if report.verdict == "unfinished":
        _add(first, "error", "unfinished", message)
    elif report.verdict in ("worse", "undecided"):
        _add(first, "failure", report.verdict, message)
    for check in report.checks:
        case = _add_case(suite, f"{_CHECKS[check.name]} {_format_figure(check, check.limit)}")
        if report.verdict == "unchanged":
            ElementTree.SubElement(case, "skipped")
        elif not check.passed:
            _, limit, found, word = _build_check(check)
            kind = "unknown" if check.passed is None else "broken"
            _add(case, "failure", kind, f"{word}: {found}, the limit is {limit}")
    output = ElementTree.SubElement(suite, "system-out")
    output.text = "\n".join(
        line
        for side in (report.old, report.new)
        for line in (f"{printable(side.label)}:", printable(display_instruction(side.text), 2000))
    )
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in suite)))
    suite.set("tests", str(len(suite.findall("testcase"))))
    document: bytes = ElementTree.tostring(suite, "utf-8", xml_declaration=True)
    return document + b"\n"


def _add_case(suite: ElementTree.Element, name: str) -> ElementTree.Element:
    attributes = {"classname": "opro.gate", "name": printable(name, 500)}
    return ElementTree.SubElement(suite, "testcase", attributes)


def _add(case: ElementTree.Element, tag: str, kind: str, message: str) -> None:
    text = printable(message, 2000)
    ElementTree.SubElement(case, tag, {"type": kind, "message": text}).text = text
