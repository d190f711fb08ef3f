"""`opro config CONFIG`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from opro_cli.cli.json_output import print_json
from opro_cli.cli.options import ConfigFile, Json

if TYPE_CHECKING:
    from opro_cli.core.settings.origins import KeyOrigin


def config(config: ConfigFile, as_json: Json = False) -> None:
    """Show every key of a config, its value and its origin.

    What is printed is a config itself, the one that a new run would be given. Nothing is read but
    the file.

    \b
    Examples:
      opro config mine.yaml
      opro config mine.yaml > whole.yaml
      opro config mine.yaml --json | jq '.keys["search.steps"]'
    """
    from opro_cli import wiring
    from opro_cli.config.file import line_of_key, read_yaml
    from opro_cli.core.settings.differences import convert_to_plain
    from opro_cli.core.settings.origins import find_origins

    plain = convert_to_plain(wiring.fill_in_new(wiring.read_config(config)))
    file = read_yaml(config)
    keys = find_origins(plain, file.raw, wiring.NAMES)
    lines = {key.path: line_of_key(key.path, file.lines) for key in keys if key.kind == "file"}
    if as_json:
        shown = {".".join(key.path): _describe(key, lines.get(key.path)) for key in keys}
        print_json({"file": str(config), "keys": shown, "config": plain})
        return
    from opro_cli.render.config_view import print_config
    from opro_cli.render.tables import make_page

    print_config(keys, lines, make_page(sys.stdout))


def _describe(key: KeyOrigin, line: int | None) -> dict[str, object]:
    return {
        "value": key.value,
        "origin": key.kind,
        "line": line,
        "preset": key.preset or None,
    }
