"""The `opro` command: one file a verb, registered here, behind one error boundary."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

import typer
from typer import Abort, TyperException

from opro_cli import __version__
from opro_cli.cli.boundary import print_defect, print_error, print_usage_error
from opro_cli.cli.verbs import Verbs
from opro_cli.errors import Interrupted, OproError

app = typer.Typer(
    name="opro",
    cls=Verbs,
    no_args_is_help=True,
    # Plain help: the same text everywhere (the manual shows it), and no 50 ms of imports.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"opro {__version__}")
        raise typer.Exit


@app.callback()
def opro(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Find better prompts with OPRO, and learn the truth about whether they are better.

    \b
    A first run, without a key:     opro init && opro optimize opro.yaml
    Continue after an interruption: opro resume --last
    Compare two runs:               opro diff RUN_A RUN_B
    The manual:                     opro docs
    """


def main() -> None:
    """Run the command line; every refusal becomes a line on stderr and an exit code."""
    # A short command ends before there is garbage, and looking for it is a tenth of its time.
    gc.set_threshold(50_000)
    try:
        code = app(prog_name="opro", standalone_mode=False)
    except OproError as error:
        print_error(error)
        code = error.exit_code
    except TyperException as error:
        code = print_usage_error(error)
    except (Abort, KeyboardInterrupt):
        code = Interrupted.exit_code
    except BrokenPipeError:
        # `opro runs | head`: the reader has seen enough. Keep the interpreter from flushing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001 - the boundary: a defect of opro, not of its user
        code = print_defect(error)
    sys.exit(code)
