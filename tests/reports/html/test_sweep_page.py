"""The page about a sweep: words say what colours say, and no text breaks out of its place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from opro_cli.core.stats.hierarchical import Estimate
from opro_cli.core.stats.intervals import Interval
from opro_cli.core.sweep import Cell
from opro_cli.render.html.assets import read_asset
from opro_cli.render.html.forest import GainRow, build_forest
from opro_cli.render.html.heat_map import Tile, build_heat_map
from opro_cli.render.html.sweep_page import render_sweep_report
from opro_cli.reports.sweeps.measured import SweptCell
from opro_cli.reports.sweeps.report import SweepReport, build_sweep_report, format_estimate
from tests.hostile.cases import CASES, Hostile, named, together
from tests.hostile.conftest import obeyed_in
from tests.reports.html.pages import parsed, shape
from tests.reports.html.test_hostile import harmless
from tests.reports.sweeps.cells import cell, run_of
from tests.reports.sweeps.test_transfer import evaluation


@pytest.mark.parametrize(
    ("mean", "low", "high", "tint"),
    [
        (0.30, 0.10, 0.50, "up4"),
        (0.20, 0.10, 0.30, "up4"),
        (0.10, 0.01, 0.20, "up3"),
        (0.04, 0.01, 0.07, "up1"),
        (-0.06, -0.09, -0.01, "down2"),
        (0.30, -0.01, 0.60, None),  # not told from 0: no colour, however large
        (0.0, 0.0, 0.0, None),
    ],
)
def test_a_tint_only_for_what_was_shown(
    mean: float, low: float, high: float, tint: str | None
) -> None:
    tile = Tile(("50.0 %",), mean, Interval(low, high))
    assert tile.tint == tint
    if tint:
        assert f".{tint} {{" in read_asset("sweep.css")
    node = parsed(build_heat_map("c", ["v"], [("t", [tile])]))
    assert node.one("tbody").one("td").attributes.get("class") == tint


def report(texts: Sequence[str]) -> SweepReport:
    """These texts as names, values, instructions, questions, models and errors of a sweep."""
    cells = [
        SweptCell(
            Cell(text, {"task": f"{number} {text}", "search.seed": 0, "scorer.model": text}),
            run_of(str(number), best=f"New: {text}", scorer=text),
        )
        for number, text in enumerate(texts)
    ]
    broken = [SweptCell(Cell(f"b {text}", {"task": text}), None, text) for text in texts]
    found = build_sweep_report(texts[0], [*cells, *broken])
    asked = {
        target.key: evaluation("abcd", start="wwrr", **{f"New: {texts[0]}": "rrrr"})
        for target in found.targets
    }
    return build_sweep_report(texts[0], [*cells, *broken], asked)


@pytest.mark.parametrize("group", together(CASES, 4), ids=named)
def test_texts_are_text_and_change_nothing_around_them(group: Sequence[Hostile]) -> None:
    page = render_sweep_report(report([case.text for case in group]))
    page.encode()
    assert not obeyed_in(page.replace("\n", ""))
    tree = parsed(page)
    plain = parsed(render_sweep_report(report([harmless(case, n) for n, case in enumerate(group)])))
    assert shape(tree) == shape(plain)


def test_it_loads_nothing_and_styles_itself() -> None:
    page = render_sweep_report(report(["a", "b"]))
    tree = parsed(page)
    policies = tree.all("meta", http_equiv="Content-Security-Policy")
    assert "default-src 'none'" in str(policies[0].attributes["content"])
    assert not tree.all("script")
    assert not any("style" in node.attributes or "src" in node.attributes for node in tree)
    targets = {node.attributes["href"] for node in tree if "href" in node.attributes}
    ids = {f"#{node.attributes['id']}" for node in tree if "id" in node.attributes}
    assert targets <= ids
    for table in tree.all("table"):
        assert table.one("caption").text
        assert all(th.attributes.get("scope") for th in table.all("th"))


def test_every_number_of_a_square_is_in_words() -> None:
    told = [
        cell("a", run_of(before="w" * 20, after="r" * 20), task="a.yaml", seed=0),
        cell("b", replace(run_of("b"), status="stopped"), task="b.yaml", seed=0),
    ]
    tree = parsed(render_sweep_report(build_sweep_report("grid", told)))
    matrix = tree.one("section", id="matrix")
    first, second = matrix.one("tbody").all("td")
    # Wilson for 20 of 20 ends at 20 / (20 + z²), Tango for 20 gained at (20 - z²) / (20 + z²).
    assert first.texts == ["100.0 % [83.9–100.0]", "▲ +100.0", "1 seed, 20 questions"]
    gain = tree.one("section", id="gain").all("b")[0]
    assert gain.text == "▲ +100.0 [+67.8 to +100.0]"
    assert (first.attributes["class"], second.attributes["class"]) == ("up4", "empty")
    assert second.text == "–1 stopped"
    assert "1 of 2 cells counted, 1 left out: 1 stopped" in tree.text.lower()
    assert tree.one("p", class_="word").text == "… Not finished"


def test_one_task_has_no_green_headline() -> None:
    told = [cell("a", run_of(before="w" * 20, after="r" * 20), task="a.yaml")]
    tree = parsed(render_sweep_report(build_sweep_report("grid", told)))
    assert tree.one("p", class_="word").text == "– One task only"


def two_tasks() -> list[SweptCell]:
    """Two tasks under two models; "a" gains 1/2, "b" loses 1/4, each on four questions."""
    told = []
    for model in ("openai/a-model-of-a-long-name", "hosted_vllm/another/with-more-parts"):
        better = run_of("a", "wwrr", "rrrr", scorer=model, best="Count the wheels, then add.")
        worse = run_of("b", "wwrr", "wwwr", scorer=model, best="Say it at length. " * 20)
        told.append(cell(f"a_{model[:2]}", better, task="a.yaml", model=model))
        told.append(cell(f"b_{model[:2]}", worse, task="b.yaml", model=model))
    return told


def test_the_forest_has_one_axis_and_one_line_of_no_gain() -> None:
    """Two tasks: from -1 to +1 the axis is as wide as the share between 5 and 95 %."""
    rows = [
        GainRow("a", "4 questions", Estimate(0.5, Interval(0.0, 1.0))),
        GainRow("all", "over tasks", Estimate(0.0, Interval(-1.0, 1.0)), whole=True),
    ]
    tree = parsed(build_forest(rows))
    (zero,) = tree.all("line", class_="zero")
    assert zero.attributes == {"x1": "50%", "x2": "50%", "y1": "0", "y2": "10.5em", "class": "zero"}
    spans = [
        (each.attributes["x1"], each.attributes["x2"], each.attributes["y1"])
        for each in tree.all("line", class_="span")
        if each.attributes["y1"] == each.attributes["y2"]
    ]
    assert spans == [("50%", "95%", "2.62em"), ("5%", "95%", "7.88em")]
    mark = tree.all("svg")[1]
    assert (mark.attributes["x"], mark.attributes["y"]) == ("72.5%", "2.62em")
    labels = [text.text for text in tree.all("text")]
    assert labels == ["-100", "-50", "0", "+50", "+100"]
    assert {each.attributes["y"] for each in tree.all("text")} == {"11.8em"}


def test_no_link_leads_out_of_the_page() -> None:
    """Whoever gets the page by mail has no other file."""
    tree = parsed(render_sweep_report(build_sweep_report("grid", two_tasks())))
    links = [a.attributes["href"] or "" for a in tree.all("a")]
    assert links
    assert all(link.startswith("#") for link in links)
    cells = tree.one("section", id="cells")
    assert [th.text for th in cells.one("tbody").all("th")] == ["a_op", "b_op", "a_ho", "b_ho"]
    assert "opro view grid opens each of them; its own page is CELL/report.html" in cells.text


def test_the_instruction_of_a_winner_stands_first_and_whole() -> None:
    tree = parsed(render_sweep_report(build_sweep_report("grid", two_tasks())))
    first, _, second, _ = tree.one("ul", class_="winners").all("li")
    assert first.text.startswith("Count the wheels, then add.test 50.0 %")
    assert not first.all("details")
    assert ("Say it at length. " * 20).strip() in second.one("details").text


def test_the_method_is_folded_behind_a_line() -> None:
    tree = parsed(render_sweep_report(build_sweep_report("grid", two_tasks())))
    folded = [each.one("summary").text for each in tree.all("details", class_="method")]
    assert [line.partition(",")[0].partition(".")[0] for line in folded] == [
        "Test score of the chosen instruction",
        "Gain on test questions",
        "Chosen without test scores",
    ]
    assert (
        tree.one("section", id="winners")
        .one("details", class_="method")
        .text.endswith("they tell honestly what the winner is worth.")
    )


def test_the_foot_says_what_it_took() -> None:
    created = "2026-11-23T10:00:00+00:00"
    told = [
        replace(each, run=each.run and replace(each.run, identity={"created": created}))
        for each in two_tasks()
    ]
    told.append(cell("never", None, task="a.yaml", model="x"))
    took = parsed(render_sweep_report(build_sweep_report("grid", told))).one("section", id="took")
    facts = [each.text for each in took.all("li")]
    # Each run: a question of train and one of dev under two prompts, four of test, one proposal.
    assert facts[0] == "first cell started 2026-11-23 10:00 UTC"
    assert "52 calls" in facts
    assert "scorer hosted_vllm/another/with-more-parts" in facts
    differ, share = took.all("details")
    assert "task:\n- a.yaml\n- b.yaml\n" in differ.text
    assert "model: openai/b" in share.text
    assert "openai/a" not in share.text


def two_seeds(*variants: float) -> list[SweptCell]:
    """Two tasks with two seeds each, under one variant or several."""
    found = {"a": ("rrrrrrrrww", "rrrrrrrrww"), "b": ("wwwwwwwwrr", "wwrrrrwwrr")}
    asked = {"a": "klmnopqrst", "b": "abcdefghij"}
    told = []
    for task, of_seeds in found.items():
        for seed, after in enumerate(of_seeds):
            for variant in variants or (None,):
                run = run_of(task, "w" * 10, after, questions=asked[task])
                own = {} if variant is None else {"search__temperature": variant}
                told.append(cell(f"{task}{seed}{variant}", run, task=task, seed=seed, **own))
    return told


SPAN = re.compile(r"[-+][0-9.]+ to [-+][0-9.]+")


def test_the_interval_of_a_gain_stands_in_one_place() -> None:
    """A task under one variant: what its square gained is what it gained."""
    found = build_sweep_report("grid", two_seeds())
    tree = parsed(render_sweep_report(found))
    matrix, gain = (tree.one("section", id=name) for name in ("matrix", "gain"))
    assert SPAN.findall(matrix.text) == []
    tiles = [td.texts[1] for td in matrix.one("tbody").all("td")]
    assert tiles == ["▲ +80.0", "≈ +40.0"]
    assert not matrix.all("tfoot")
    shown = [each.text for each in gain.all("b")]
    # By seeds and questions, as in the table that a terminal shows.
    of_squares = [format_estimate(square.gain) for square in found.squares if square.gain]
    assert shown[:2] == of_squares
    assert of_squares[1] != format_estimate(found.gain.tasks[1].estimate)
    assert len(shown) == len(set(shown)) == 4


def test_squares_of_several_variants_have_intervals_of_their_own() -> None:
    found = build_sweep_report("grid", two_seeds(0.5, 1.0))
    tree = parsed(render_sweep_report(found))
    matrix, gain = (tree.one("section", id=name) for name in ("matrix", "gain"))
    assert len(SPAN.findall(matrix.one("tbody").text)) == 4
    assert matrix.all("tfoot")
    assert gain.all("b")[0].text == format_estimate(found.gain.tasks[0].estimate)


def test_one_task_has_the_interval_of_its_headline() -> None:
    found = build_sweep_report("grid", two_seeds()[:2])
    tree = parsed(render_sweep_report(found))
    (span,) = SPAN.findall(tree.one("div", class_="verdict").text)
    assert SPAN.findall(tree.one("section", id="gain").text) == [span]
    assert SPAN.findall(tree.one("section", id="matrix").text) == []


def test_the_gain_of_a_winner_is_that_of_its_run_alone() -> None:
    tree = parsed(render_sweep_report(build_sweep_report("grid", two_seeds())))
    worth = tree.one("ul", class_="winners").all("p", class_="worth")[0]
    assert worth.text.startswith("test, this run alone: 0.0 % ")
    assert worth.text.endswith(" ▲ +80.0 [+30.0 to +94.3]")
    single = parsed(render_sweep_report(build_sweep_report("grid", two_tasks())))
    assert "this run alone" not in single.text


def test_a_single_column_is_named_by_what_stands_in_it() -> None:
    """ "base" means something beside other variants only."""
    matrix = parsed(render_sweep_report(build_sweep_report("grid", two_seeds())))
    titles = [th.text for th in matrix.one("section", id="matrix").one("thead").all("th")]
    assert titles == ["test score and gain"]
    several = parsed(render_sweep_report(build_sweep_report("grid", two_seeds(0.5, 1.0))))
    assert len(several.one("section", id="matrix").one("thead").all("th")) == 2
