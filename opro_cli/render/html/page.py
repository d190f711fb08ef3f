"""Settings as YAML text, without a YAML library: strings as JSON writes them are YAML too."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from opro_cli.render.html.bars import build_score_bars
from opro_cli.render.html.candidates import build_candidates, build_flips, build_unreadable
from opro_cli.render.html.curve import build_curve
from opro_cli.render.html.markup import Markup, bdi, element, join, paragraphs
from opro_cli.render.html.script import SCRIPT
from opro_cli.render.html.style import STYLE
from opro_cli.render.html.verdict import (
    build_byline,
    build_prompts,
    build_spend,
    build_verdict,
    find_deciding_scores,
    name_verdict,
)
from opro_cli.render.html.view import (
    RunView,
    build_view,
    count,
    format_interval,
    note,
    scroll_box,
    section,
    shown,
)
from opro_cli.reports.formats import format_cost, format_percent, format_points
from opro_cli.reports.recorded import History, RecordedRun

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NOT_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def format_config(settings: Mapping[str, Any]) -> str:
    """Plain data as YAML that reads back to the same."""
    return "\n".join(_mapping(settings, ""))


def _mapping(settings: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in settings.items():
        key = f"{indent}{_scalar(name)}:"
        if isinstance(value, Mapping) and value:
            yield key
            yield from _mapping(value, f"{indent}  ")
        elif isinstance(value, list | tuple) and value:
            yield key
            yield from (f"{indent}- {_flow(item)}" for item in value)
        else:
            yield f"{key} {_flow(value)}"


def _flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_scalar(k)}: {_flow(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    written = json.dumps(value, ensure_ascii=False)
    # YAML 1.1 reads 1e-05 as text; with a point it is a number.
    return re.sub(r"^(-?\d+)e", r"\1.0e", written) if isinstance(value, float) else written


_PROMPT = 160


def build_comparison(views: Sequence[RunView]) -> Markup:
    """The heading of the page, and a table with a row for each run."""
    head = ["run", "verdict", "on", "start", "best", "points", "best prompt", "calls", "cost"]
    table = element(
        "table",
        element("caption", "The runs side by side", class_="unseen"),
        element("thead", element("tr", *(element("th", name, scope="col") for name in head))),
        element("tbody", join(map(_row, views))),
    )
    data = {view.run.identity.get("data_fingerprint") for view in views}
    warning = "They were scored on different questions: compare prompts, not scores."
    return element(
        "header",
        element("h1", f"{len(views)} runs compared"),
        note(warning) if len(data) > 1 else None,
        scroll_box("The runs side by side", table),
        class_="comparison",
    )


def _row(view: RunView) -> Markup:
    best, spend = view.result["best"], view.result["spend"]
    prompt = bdi(shown(best["instruction"]), _PROMPT) if best else "–"
    cells = [
        name_verdict(view),
        *_scores(view),
        prompt,
        count(spend["calls"]),
        format_cost(spend),
    ]
    link = element("a", bdi(view.run.name), href=f"#{view.key}")
    return element("tr", element("th", link, scope="row"), *(element("td", cell) for cell in cells))


def _scores(view: RunView) -> list[Markup | str]:
    both = find_deciding_scores(view)
    if both is None:
        return ["–", "–", "–", "–"]
    split, before, after = both
    with_interval = [
        join(
            [
                element("b", format_percent(score["mean"])),
                " ",
                element("small", format_interval(score)),
            ]
        )
        for score in (before, after)
    ]
    return [split, *with_interval, format_points(after["mean"] - before["mean"])]


def render_report(runs: Sequence[RecordedRun], histories: Sequence[History] = ()) -> str:
    """A page about one run, or about several with a comparison on top.

    histories: of the runs, in their order, for spend over time and unreadable replies; what
    is missing is left out of the page. The page is text of UTF-8: no half of a surrogate pair.
    """
    views = [
        build_view(run, f"r{number}", history or History())
        for number, (run, history) in enumerate(zip_longest(runs, histories), start=1)
    ]
    title = runs[0].name if len(runs) == 1 else f"{len(runs)} runs compared"
    body = element(
        "body",
        element("a", "skip to the report", href="#report", class_="skip"),
        element(
            "main",
            build_comparison(views)
            if len(views) > 1
            else element("h1", "opro report", class_="brand"),
            *map(_run, views),
            id="report",
        ),
        element("footer", "Written by opro. This page is complete: it loads nothing."),
        _tip(),
        element("script", Markup(SCRIPT)),
    )
    page = element("html", build_head(f"{title} · opro report", STYLE, SCRIPT), body, lang="en")
    return f"<!doctype html>\n{page}\n"


def build_head(title: str, style: str, script: str | None = None) -> Markup:
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
        ("scores", "scores", build_score_bars(view)),
        ("curve", "search", build_curve(view)),
        ("candidates", "instructions", build_candidates(view)),
        ("flips", "flipped questions", build_flips(view)),
        ("unreadable", "unreadable", build_unreadable(view)),
        ("spend", "cost", build_spend(view)),
        ("config", "config", _config(view)),
    ]
    there = [(name, title, part) for name, title, part in sections if part is not None]
    links = [
        element("li", element("a", title, href=f"#{view.key}-{name}")) for name, title, _ in there
    ]
    heading = element("h2", bdi(view.run.name), id=f"{view.key}-title")
    return element(
        "article",
        element("header", heading, build_byline(view)),
        build_verdict(view),
        build_prompts(view),
        element(
            "nav", element("ul", join(links)), aria_label=f"Parts of the report on {view.run.name}"
        ),
        *(part for _, _, part in there),
        id=view.key,
        aria_labelledby=f"{view.key}-title",
    )


def _config(view: RunView) -> Markup:
    text = element("pre", paragraphs(format_config(view.run.settings)))
    opened = element("details", element("summary", "all settings, as YAML"), text)
    return section(view, "config", "What was asked", opened)


def _tip() -> Markup:
    """Where the script shows the instruction of the dot that is pointed at."""
    return element("div", element("b"), element("bdi"), id="tip", role="tooltip", hidden=True)
