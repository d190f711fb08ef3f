"""`opro docs [TOPIC]`."""

from __future__ import annotations

import io
import sys
from itertools import groupby
from typing import Annotated

import typer


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

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
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
