"""`opro ledger` and `opro ledger forget`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from opro_cli.cli.app import Command, Group
from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import Json, Ledger, Yes, confirm, say

ledger = typer.Typer(
    name="ledger",
    cls=Group,
    invoke_without_command=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@ledger.callback()
def uses(context: typer.Context, ledger: Ledger = None, as_json: Json = False) -> None:
    """Show which test rows verdicts have used, and the next threshold.

    Rows are known by their content. The ledger is a file of the user's own; --ledger or
    OPRO_LEDGER names another one, such as a file in a repository.

    \b
    Examples:
      opro ledger
      opro ledger --ledger .opro/ledger.jsonl --json
      opro ledger forget 9d19617c
    """
    context.obj = ledger
    if context.invoked_subcommand:
        return
    from opro_cli.app.ledger import list_sets

    view = list_sets(ledger)
    if view.note:
        say(view.note)
    if as_json:
        print_json(view.to_json())
        return
    from opro_cli.render.ledger import print_ledger
    from opro_cli.render.tables import make_page

    print_ledger(view.to_json(), make_page(sys.stdout))


@ledger.command(cls=Command)
def forget(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="SET", help="The name of a set of test rows, or its beginning.")
    ],
    ledger: Ledger = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Let the uses of a set of test rows count no more.

    On a terminal it says what that costs, and asks first.

    \b
    Examples:
      opro ledger forget 9d19617c
      opro ledger forget 9d19617c --yes
    """
    from opro_cli.app.ledger import find_set
    from opro_cli.app.ledger import forget as forget_set
    from opro_cli.render.ledger import describe_cost, describe_forgotten

    ledger = ledger or context.obj  # named before the verb, or behind it
    used = find_set(name, ledger)
    say(describe_cost(used.to_json()))
    if not yes and not confirm(f"forget the uses of {used.name}?", "--yes"):
        say("nothing was forgotten")
        return
    forgotten = forget_set(used, ledger)
    if as_json:
        print_json({"set": used.name, "forgotten": forgotten})
    else:
        print(describe_forgotten(forgotten, used.name))
