"""The page about a sweep: words say what colours say, and no text breaks out of its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from opro_cli.core.stats.intervals import Interval
from opro_cli.core.sweep import Cell
from opro_cli.render.html.assets import read_asset
from opro_cli.render.html.sweep_page import Tile, build_heat_map, render_sweep_report
from opro_cli.reports.sweeps.measured import SweptCell
from opro_cli.reports.sweeps.report import SweepReport, build_sweep_report
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
    lines = ["100.0 % [83.9–100.0]", "▲ +100.0 [+67.8 to +100.0]", "1 seed, 20 questions"]
    assert first.texts == lines
    assert (first.attributes["class"], second.attributes["class"]) == ("up4", "empty")
    assert second.text == "–1 stopped"
    assert "1 of 2 cells counted, 1 left out: 1 stopped" in tree.text.lower()
