"""`opro schema`."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    sweep: Annotated[bool, typer.Option("--sweep", help="That of a sweep file.")] = False,
) -> None:
    """Print the JSON Schema of a config or of a sweep file.

    Editors check and complete a file whose first line names its schema:

    \b
      # yaml-language-server: $schema=.opro.schema.json

    `opro init` writes that line and the schema beside the config.

    \b
    Examples:
      opro schema > .opro.schema.json
      opro schema --sweep > .opro.sweep.schema.json
    """
    from opro_cli.config.json_schema import schema_text

    print(schema_text("sweep" if sweep else "config"), end="")
