"""`opro init`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from opro_cli.cli.completions import complete_template
from opro_cli.cli.json_output import print_json
from opro_cli.cli.options import Json


def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The config to write.")] = Path(
        "opro.yaml"
    ),
    template: Annotated[
        str,
        typer.Option(
            help="quickstart, embedded-boolean, …-counting, …-tracking or …-dyck, own-data, "
            "bbh-openai, gsm8k-paper, gsm8k-mistral-7b-ollama, …-vllm, …-lm-studio, …-llama-cpp "
            "or …-mixed; embedded-sweep or bbh-sweep.",
            show_default=True,
            autocompletion=complete_template,
        ),
    ] = "quickstart",
    as_json: Json = False,
) -> None:
    """Write a first config, with the data that it needs.

    The default one runs as it is, without a key, on the embedded models.

    \b
    Examples:
      opro init && opro optimize opro.yaml
      opro init mine.yaml --template own-data
    """
    from opro_cli.config.templates import write_template
    from opro_cli.render.safe import printable

    files = write_template(template, path)
    name = shlex.quote(str(path))
    sweep = f"opro sweep {name} --dry-run && opro sweep {name}"
    run = f"opro check {name} && opro optimize {name}"
    command = sweep if template.endswith("-sweep") else run
    if as_json:
        written, unchanged = map(str, files.written), map(str, files.unchanged)
        print_json({"written": [*written], "unchanged": [*unchanged], "next": command})
        return
    for file in files.written:
        print(f"wrote {printable(str(file))}")
    for file in files.unchanged:
        print(f"{printable(str(file))} is there already, unchanged")
    print(f"next: {printable(command)}")
