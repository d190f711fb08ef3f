"""`opro cache info` and `opro cache clear`."""

from __future__ import annotations

import sys

import typer

from opro_cli.cli.json_output import print_json
from opro_cli.cli.options import Json

cache = typer.Typer(
    name="cache",
    help="Show or remove the answers that all runs share.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@cache.command()
def info(as_json: Json = False) -> None:
    """Show where the answers are kept, how many there are, and of which models.

    OPRO_CACHE_DIR names another folder, OPRO_CACHE_MB the largest size of the file in MiB.

    \b
    Examples:
      opro cache info
      opro cache info --json | jq .by_model
    """
    from opro_cli.store.answer_file import cache_info

    found = cache_info()
    facts = {
        "path": str(found.path),
        "answers": found.answers,
        "bytes": found.size,
        "limit_bytes": found.limit,
        "oldest": found.oldest and found.oldest.isoformat(),
        "newest": found.newest and found.newest.isoformat(),
        "by_model": found.by_model,
    }
    if as_json:
        print_json(facts)
        return
    from opro_cli.render.consoles import console_for
    from opro_cli.render.matrix import print_cache

    print_cache(facts, console_for(sys.stdout))


@cache.command()
def clear() -> None:
    """Remove all answers that are kept for other runs; the runs keep theirs."""
    from opro_cli.render.safe import printable
    from opro_cli.reports.formats import megabytes, plural
    from opro_cli.store.answer_file import cache_path, clear_cache

    removed = clear_cache()
    what = "an unusable file" if removed.answers is None else plural(removed.answers, "answer")
    print(f"removed {what}, {megabytes(removed.size)}, from {printable(str(cache_path()))}")
