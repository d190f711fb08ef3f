"""Every figure at a column's width, as a browser draws it: no text on another, none outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from opro_cli.render.figures.draw import draw_figure
from opro_cli.reports.figures import Figure
from tests.hostile.cases import CASES
from tests.render.figures import every_figure, hostile_figures
from tests.reports.html.browser import CHROMIUM, browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

BOXES = """
(() => {
  const unit = document.documentElement.getBoundingClientRect().width
    / document.documentElement.viewBox.baseVal.width
  return [...document.querySelectorAll('text')].map(text => {
    const box = text.getBoundingClientRect()
    return [text.textContent, box.left / unit, box.top / unit, box.right / unit, box.bottom / unit]
  })
})()
"""
SHEET = "(box => [box.width, box.height])(document.documentElement.viewBox.baseVal)"
MILLIMETRES = "document.documentElement.getBoundingClientRect().width / 96 * 25.4"
SLACK = 0.4
"""Points by which boxes may touch: a box is as high as the tallest letter of its font."""

Box = tuple[str, float, float, float, float]


def list_drawn() -> Iterator[tuple[str, Figure]]:
    yield from every_figure()
    yield from hostile_figures([case.text for case in CASES if case.is_text])


def find_faults(boxes: list[Box], width: float, height: float) -> Iterator[str]:
    """Yield what stands on something else, or outside of its sheet."""
    for at, (text, left, top, right, bottom) in enumerate(boxes):
        if left < 0 or top < 0 or right > width or bottom > height:
            yield f"outside: {text!r} {(left, top, right, bottom)} of {width} x {height}"
        for other, x1, y1, x2, y2 in boxes[:at]:
            over = min(right, x2) - max(left, x1), min(bottom, y2) - max(top, y1)
            if min(over) > SLACK:
                yield f"{text!r} on {other!r}, by {over}"


async def test_no_text_stands_on_another_or_outside(tmp_path: Path) -> None:
    faults = []
    async with browser(tmp_path / "profile") as tab:
        for name, figure in list_drawn():
            page = tmp_path / "figure.svg"
            page.write_text(draw_figure(figure), "utf-8")
            await tab.open(page, 800, 900)
            assert await tab.evaluate(MILLIMETRES) == pytest.approx(84, abs=0.1) or name.startswith(
                "confusion"
            )
            width, height = await tab.evaluate(SHEET)
            boxes = [tuple(box) for box in await tab.evaluate(BOXES)]
            assert len(boxes) > 4
            faults += [f"{name}: {each}" for each in find_faults(boxes, width, height)]
        assert not tab.said
    assert faults == []


def test_faults_are_found() -> None:
    apart = [("a", 0.0, 0.0, 10.0, 9.0), ("b", 0.0, 9.0, 10.0, 18.0)]
    assert list(find_faults(apart, 20, 20)) == []
    assert len(list(find_faults([*apart, ("c", 5.0, 5.0, 15.0, 12.0)], 20, 20))) == 2
    assert len(list(find_faults(apart, 9, 20))) == 2
