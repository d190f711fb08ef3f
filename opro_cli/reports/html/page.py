"""The whole page: head with its content security policy, the comparison, a part for each run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from itertools import zip_longest

from opro_cli.reports.history import History
from opro_cli.reports.html.bars import score_bars
from opro_cli.reports.html.candidates import candidate_table
from opro_cli.reports.html.comparison import comparison
from opro_cli.reports.html.config_text import config_text
from opro_cli.reports.html.curve import score_curve
from opro_cli.reports.html.markup import Markup, bdi, element, join, paragraphs
from opro_cli.reports.html.questions import flip_section, unreadable_section
from opro_cli.reports.html.script import SCRIPT
from opro_cli.reports.html.spending import spend_section
from opro_cli.reports.html.style import STYLE
from opro_cli.reports.html.verdict import about, prompts, verdict
from opro_cli.reports.html.view import RunView, section, view_of
from opro_cli.reports.recorded import RecordedRun


def report_page(runs: Sequence[RecordedRun], histories: Sequence[History] = ()) -> str:
    """A page about one run, or about several with a comparison on top.

    histories: of the runs, in their order, for spend over time and unreadable replies; what
    is missing is left out of the page. The page is text of UTF-8: no half of a surrogate pair.
    """
    views = [
        view_of(run, f"r{number}", history or History())
        for number, (run, history) in enumerate(zip_longest(runs, histories), start=1)
    ]
    title = runs[0].name if len(runs) == 1 else f"{len(runs)} runs compared"
    body = element(
        "body",
        element("a", "skip to the report", href="#report", class_="skip"),
        element(
            "main",
            comparison(views) if len(views) > 1 else element("h1", "opro report", class_="brand"),
            *map(_run, views),
            id="report",
        ),
        element("footer", "Written by opro. This page is complete: it loads nothing."),
        _tip(),
        element("script", Markup(SCRIPT)),
    )
    page = element("html", head(f"{title} · opro report", STYLE, SCRIPT), body, lang="en")
    return f"<!doctype html>\n{page}\n"


def head(title: str, style: str, script: str | None = None) -> Markup:
    """The head of a page that may use this style and this script, and nothing else."""
    scripts = "" if script is None else f"script-src {_hash(script)}; "
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; {scripts}"
        "base-uri 'none'; form-action 'none'"
    )
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Markup(style)),
    )


def _hash(source: str) -> str:
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _run(view: RunView) -> Markup:
    sections = [
        ("scores", "scores", score_bars(view)),
        ("curve", "search", score_curve(view)),
        ("candidates", "instructions", candidate_table(view)),
        ("flips", "flipped questions", flip_section(view)),
        ("unreadable", "unreadable", unreadable_section(view)),
        ("spend", "cost", spend_section(view)),
        ("config", "config", _config(view)),
    ]
    there = [(name, title, part) for name, title, part in sections if part is not None]
    links = [
        element("li", element("a", title, href=f"#{view.key}-{name}")) for name, title, _ in there
    ]
    heading = element("h2", bdi(view.run.name), id=f"{view.key}-title")
    return element(
        "article",
        element("header", heading, about(view)),
        verdict(view),
        prompts(view),
        element(
            "nav", element("ul", join(links)), aria_label=f"Parts of the report on {view.run.name}"
        ),
        *(part for _, _, part in there),
        id=view.key,
        aria_labelledby=f"{view.key}-title",
    )


def _config(view: RunView) -> Markup:
    text = element("pre", paragraphs(config_text(view.run.settings)))
    opened = element("details", element("summary", "all settings, as YAML"), text)
    return section(view, "config", "What was asked", opened)


def _tip() -> Markup:
    """Where the script shows the instruction of the dot that is pointed at."""
    return element("div", element("b"), element("bdi"), id="tip", role="tooltip", hidden=True)
