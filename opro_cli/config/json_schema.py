"""The JSON Schemas of configs and of sweep files as text, with the names that opro knows."""

from __future__ import annotations

import json
from typing import Literal

from opro_cli.config.search_presets import SEARCH_PRESETS
from opro_cli.core.settings.json_schema import KnownNames, config_schema, file_schema
from opro_cli.core.sweep.cells import SweepSettings
from opro_cli.datasets.presets import PRESETS
from opro_cli.metrics import METRICS
from opro_cli.strategies import STRATEGIES

Kind = Literal["config", "sweep"]


def schema_text(kind: Kind) -> str:
    """Return the schema of a kind of file, as JSON."""
    names = KnownNames(
        answers=(*METRICS, "python"),
        strategies=tuple(STRATEGIES),
        task_presets=PRESETS,
        search_presets=SEARCH_PRESETS,
    )
    sweep = file_schema("An opro sweep", SweepSettings)
    schema = config_schema(names) if kind == "config" else sweep
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
