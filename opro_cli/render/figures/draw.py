"""Any figure as the text of an SVG file."""

from __future__ import annotations

from opro_cli.render.figures.canvas import DARK, LIGHT
from opro_cli.render.figures.charts import draw_calibration, draw_curve, draw_front
from opro_cli.render.figures.tables import draw_confusion, draw_forest
from opro_cli.reports.figures import ConfusionFigure, Curve, Figure, Forest, Front


def draw_figure(figure: Figure, *, dark: bool = False) -> str:
    """Return a figure as SVG, on white or on the dark of the page."""
    palette = DARK if dark else LIGHT
    match figure:
        case Curve():
            return draw_curve(figure, palette)
        case Front():
            return draw_front(figure, palette)
        case Forest():
            return draw_forest(figure, palette)
        case ConfusionFigure():
            return draw_confusion(figure, palette)
        case _:
            return draw_calibration(figure, palette)
