"""`opro check CONFIG`."""

from __future__ import annotations

import json
import sys

from opro_cli.cli.options import ConfigFile, Json
from opro_cli.errors import UsageError


def check(config: ConfigFile, as_json: Json = False) -> None:
    """Check a config and its data, and show what a run would do; asks no model.

    \b
    Examples:
      opro check configs/quickstart.yaml
      opro check mine.yaml --json
    """
    from opro_cli import wiring
    from opro_cli.reports.forecast import forecast

    settings = wiring.for_a_new_run(wiring.settings_from(config))
    wiring.require_prices(settings)
    data = wiring.data_for(settings)
    strategy = wiring.strategy_for(settings)
    missing = wiring.keys_missing(settings)
    notes = (*wiring.grading_notes(settings), *data.notes)
    told = forecast(settings, data.examples, notes, strategy, missing)
    facts = {**told, "left_out": data.left_out}
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        from opro_cli.ui.consoles import console_for
        from opro_cli.ui.forecast_view import print_forecast

        print_forecast(facts, console_for(sys.stdout))
    if missing:
        raise UsageError(f"{config}: no API key: {', '.join(missing)} is not set")
