"""`opro init`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer


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
        ),
    ] = "quickstart",
) -> None:
    """Write a first config to start from, with the data that it needs.

    The default one runs as it is, without a key, on the embedded models.

    \b
    Examples:
      opro init && opro optimize opro.yaml
      opro init mine.yaml --template own-data
    """
    from opro_cli.config.templates import write_template
    from opro_cli.render.safe import printable

    for written in write_template(template, path):
        print(f"wrote {printable(str(written))}")
    name = printable(shlex.quote(str(path)))
    sweep = f"opro sweep {name} --dry-run && opro sweep {name}"
    run = f"opro check {name} && opro optimize {name}"
    print(f"next: {sweep if template.endswith('-sweep') else run}")
