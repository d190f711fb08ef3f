"""Commands on the prompt that a run found: `opro prompt` and `opro apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir, Yes, confirm, run_argument, say
from opro_cli.errors import UsageError

if TYPE_CHECKING:
    from opro_cli.app.prompt import Application


def prompt(
    run: Annotated[
        str,
        run_argument(
            "RUN",
            "A run folder, or any part of its name; RUN@start, RUN@STEP or RUN@STEP.NUMBER is "
            "another of its prompts.",
        ),
    ],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    instruction: Annotated[
        bool, typer.Option("--instruction", help="Only the text that was optimized.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the best prompt of a run, whole.

    Holes for what comes from a row stand as {{question}} and {{name}}. Several messages are each
    under their role; --json has them as a list. Into a pipe the text goes byte for byte.

    \b
    Examples:
      opro prompt quickstart
      opro prompt quickstart --instruction > prompts/start.md
      opro prompt quickstart --json | jq .messages
    """
    from opro_cli.app.prompt import read_prompt

    found = read_prompt(runs_dir, run, say)
    if as_json:
        print_json(found.to_json())
        return
    from opro_cli.render.prompts import print_text

    print_text(found.instruction if instruction else found.text)


def apply(
    run: Annotated[str, run_argument("RUN", "A run folder, or any part of its name.")],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    yes: Yes = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help='Also where the verdict is not "improved".')
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the best prompt of a run into the file it came from.

    The file is the one that search.start or task.prompt names with file:PATH. The change is shown
    and asked about; in a pipe --yes says so. A file that is no longer what the run began with is
    not written. What was there is kept beside it, as FILE.bak.

    \b
    Examples:
      opro apply quickstart
      opro apply quickstart --yes --json
    """
    from opro_cli.app.prompt import plan_application, write_application

    planned = plan_application(runs_dir, run, anyway=anyway, note=say)
    chat = str(planned.chat_path) if planned.chat else None
    facts = {"run": planned.run, "file": str(planned.path), **({"chat": chat} if chat else {})}
    if planned.is_done:
        say(f"{planned.path} has the best prompt of {planned.run} already")
        if as_json:
            print_json({**facts, "written": False, "copy": None})
        return
    _show_change(planned, chat)
    if planned.why:
        say(f"{planned.why}: {planned.path}")
    if not yes and not confirm(f"write it into {planned.path}?", "--yes"):
        say("nothing was written")
        return
    copy = write_application(planned)
    if as_json:
        print_json({**facts, "written": True, "copy": None if copy is None else str(copy)})
    elif copy is None:
        say(f"wrote {chat}; {planned.path} had the text already")
    else:
        say(f"wrote {planned.path}{f' and {chat}' if chat else ''}; what was there is in {copy}")


def _show_change(planned: Application, chat: str | None) -> None:
    """Show what would be written into a file, and what was changed in it since the run began.

    Raises:
        UsageError: Something was.
    """
    from opro_cli.render.prompts import print_change

    if planned.is_changed:
        print_change(planned.began_with, planned.found_text, "changed in the file since the run")
    if planned.found != planned.winner:
        print_change(planned.began_with, planned.winner_text, f"changed by {planned.run}")
    if chat:
        say(f"the prompt has worked examples or a layout of its own: all of it goes into {chat}")
    if planned.is_changed:
        raise UsageError(
            f"{planned.path}: changed since the run began, so it is not written",
            f"`opro prompt {planned.argument} --instruction` prints the prompt, to be put in by "
            "hand",
        )
