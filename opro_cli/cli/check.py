"""`opro check CONFIG`."""

from __future__ import annotations

import sys

from opro_cli.cli.json_output import print_json
from opro_cli.cli.options import ConfigFile, Json
from opro_cli.errors import UsageError


def check(config: ConfigFile, as_json: Json = False) -> None:
    """Check a config, its data and its servers, and show the prompts.

    No model is asked. A model server on this machine is asked for the list of its models; one
    that is not running or lacks the model is named, with the command that helps.

    \b
    Examples:
      opro check opro.yaml
      opro check mine.yaml --json
    """
    from dataclasses import asdict

    from opro_cli import wiring
    from opro_cli.app import ready
    from opro_cli.models.keys import keys_not_set
    from opro_cli.reports.costs import build_forecast

    settings = wiring.fill_in_new(wiring.read_config(config))
    ready.require_prices(settings)
    data = wiring.load_data(settings)
    strategy = wiring.build_strategy(settings)
    missing = ready.list_missing_keys(settings)
    notes = (*wiring.describe_grading(settings), *data.notes)
    forecast = build_forecast(settings, data.examples, notes, strategy, missing)
    servers = ready.probe_servers(settings)
    forecast["notes"] += ready.describe_servers(settings, servers, forecast["longest_prompts"])
    facts = {**forecast, "left_out": data.left_out, "servers": [asdict(each) for each in servers]}
    if as_json:
        print_json(facts)
    else:
        from opro_cli.render.consoles import make_console
        from opro_cli.render.listings import print_forecast

        print_forecast(facts, make_console(sys.stdout))
    missed = ready.select_missing(settings, servers)
    problems = [(each.problem, each.hint) for each in missed]
    if missing:
        problems.insert(0, keys_not_set(missing))
    if len(problems) == 1:
        raise UsageError(f"{config}: {problems[0][0]}", problems[0][1])
    if problems:
        lines = ["; ".join(filter(None, each)).replace("\n", "; ") for each in problems]
        raise UsageError("\n".join(f"{config}: {line}" for line in lines))
