"""`opro docs [TOPIC]`, `opro cache info` and `opro cache clear`."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import Annotated

import typer

from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import Json, Yes, can_ask, confirm, say


def _topics(incomplete: str) -> list[tuple[str, str]]:
    """Complete a topic, with its summary."""
    from opro_cli.app.manual import list_topics

    found = [(topic.name, topic.summary) for topic in list_topics()]
    return [topic for topic in found if topic[0].startswith(incomplete)]


def docs(
    topic: Annotated[
        str,
        typer.Argument(
            metavar="TOPIC", help="A page; without one, the list of them.", autocompletion=_topics
        ),
    ] = "",
) -> None:
    """Read the manual.

    On a terminal a page is rendered and shown in $PAGER; into a pipe it goes as Markdown.

    \b
    Examples:
      opro docs
      opro docs own-data
      opro docs config | grep temperature
    """
    from opro_cli.app.manual import list_topics, read_topic

    if topic:
        text = read_topic(topic)
        if not sys.stdout.isatty():
            print(text, end="")
            return
        from opro_cli.render.manual_view import show_page

        show_page(text)
        return
    topics = list_topics()
    width = max(len(each.name) for each in topics)
    for group, members in groupby(topics, key=lambda each: each.group):
        print(f"{group}:")
        for each in members:
            print(f"  {each.name:{width}}  {each.summary}")
        print()
    print("read one with: opro docs TOPIC")


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
    from opro_cli.store.answer_file import read_cache_info

    found = read_cache_info()
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
    from opro_cli.render.consoles import make_console
    from opro_cli.render.listings import print_cache

    print_cache(facts, make_console(sys.stdout))


@cache.command()
def clear(yes: Yes = False) -> None:
    """Remove all answers that are kept for other runs; the runs keep theirs.

    On a terminal it asks first: what was paid for once would be paid for again.
    """
    from opro_cli.render.listings import format_cleared
    from opro_cli.store.answer_file import clear_cache, find_cache_path

    path = find_cache_path()
    asks = not yes and can_ask()
    if asks and path.exists() and not confirm(f"remove all answers in {path}?", "--yes"):
        say("nothing was removed")
        return
    removed = clear_cache()
    print(format_cleared(removed.answers, removed.size, str(path)))
