"""The numbers of the figures that `opro plot` draws.

Values are as people read them: shares of right answers from 0 to 1, losses as losses. An interval
is None where nothing is known of the spread.
"""

from __future__ import annotations

from opro_cli.core.scale import SHARE
from opro_cli.reports.figures.answers import (
    Calibration,
    ConfusionFigure,
    Promise,
    build_calibration,
    build_confusion_figure,
)
from opro_cli.reports.figures.curve import MOST_CURVES, Curve, CurvePoint, RunCurve, build_curve
from opro_cli.reports.figures.forest import Forest, ForestRow, build_forest, build_sweep_forest
from opro_cli.reports.figures.front import Front, FrontPoint, build_front
from opro_cli.reports.figures.values import Role, Value, is_alike
from opro_cli.reports.formats import are_shares

__all__ = [
    "MOST_CURVES",
    "Calibration",
    "ConfusionFigure",
    "Curve",
    "CurvePoint",
    "Forest",
    "ForestRow",
    "Front",
    "FrontPoint",
    "Promise",
    "Role",
    "RunCurve",
    "Value",
    "build_calibration",
    "build_confusion_figure",
    "build_curve",
    "build_forest",
    "build_front",
    "build_sweep_forest",
    "is_alike",
]

Figure = Curve | Front | Forest | ConfusionFigure | Calibration


def is_of_shares(figure: Figure) -> bool:
    """Return whether the values are shares of right answers, read in percent."""
    return are_shares(getattr(figure, "scale", SHARE))
