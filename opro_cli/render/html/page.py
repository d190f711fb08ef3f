"""The page about a run, or several, which loads no font, script or other file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any
from urllib.parse import quote

from opro_cli.render.html import verdict
from opro_cli.render.html.assets import read_asset, read_page, read_script, read_style
from opro_cli.render.html.candidates import build_candidates, build_flips, build_unreadable
from opro_cli.render.html.comparison import build_comparison
from opro_cli.render.html.curves import build_curve
from opro_cli.render.html.front import build_front
from opro_cli.render.html.frozen import build_frozen, escape_json, name_views
from opro_cli.render.html.labels import build_confusion
from opro_cli.render.html.lineage import build_lineage
from opro_cli.render.html.markup import Content, Markup, bdi, element, join, paragraphs
from opro_cli.render.html.misses import build_misses
from opro_cli.render.html.places import hide_all_places
from opro_cli.render.html.problem import build_problem_section
from opro_cli.render.html.spend import build_spend
from opro_cli.render.html.view import RunView, build_view, section
from opro_cli.reports.problem import list_found, read_problem
from opro_cli.reports.recorded import History, RecordedRun


def render_report(
    runs: Sequence[RecordedRun],
    histories: Sequence[History] = (),
    answers: Sequence[Mapping[str, Any]] = (),
    prompts: Sequence[Mapping[str, str]] = (),
) -> str:
    """Return a page about one run, or about several with a comparison on top.

    It is the page of `opro view`, frozen: with its style, its script and its data inside. UTF-8 can
    encode it: it holds no lone surrogate.

    Args:
        runs: Each gets a report.
        histories: Of the runs, in the same order: spend over time and unreadable replies. The page
            leaves out what is missing.
        answers: Of the runs, in the same order: what the view of answers shows, by split.
        prompts: Of the runs, in the same order: start prompt and winner as a model gets them, by
            id, where they have worked examples or a layout.
    """
    views = [
        build_view(run, f"r{number}", history or History())
        for number, (run, history) in enumerate(zip_longest(runs, histories), start=1)
    ]
    several = len(views) > 1
    title = f"{len(views)} runs compared" if several else runs[0].name
    top = build_comparison(views) if several else element("h1", "opro report", class_="brand")
    names = name_views(views)
    given = [own or {} for _, own in zip_longest(views, answers)]
    articles = [
        build_article(view, _link_answers(name) if own else None)
        for (name, view), own in zip(names.items(), given, strict=True)
    ]
    if several:
        articles = [_fold(view, article) for view, article in zip(views, articles, strict=True)]
    whole = [own or {} for _, own in zip_longest(views, prompts)]
    data = build_frozen(names, given, whole)
    return _fill_page(f"{title} · opro report", [top, *articles], data)


def _fold(view: RunView, article: Markup) -> Markup:
    """Return a report behind a heading that opens it: those of several runs are long."""
    summary = element("summary", "the report of ", bdi(view.run.name))
    return element("details", summary, article, class_="one-run")


def _link_answers(name: str) -> Markup:
    """Return a link to the view of the answers inside this page."""
    address = f"#/run/{quote(name, safe='', errors='replace')}/answers"
    return element("p", element("a", "all answers, question by question", href=address))


def _fill_page(title: str, content: Sequence[Content], data: Mapping[str, Any]) -> str:
    """Return the page of `opro view` with this content, and all that it would load inside."""
    style, script = read_asset("report.css") + read_style(), read_script()
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    meta = element("meta", http_equiv="Content-Security-Policy", content=policy)
    frozen = element("script", escape_json(data), type="application/json", id="frozen")
    foot = "Written by opro. This page is complete: it loads nothing."
    parts = {
        '<meta charset="utf-8">': join([element("meta", charset="utf-8"), meta]),
        "<title>opro</title>": element("title", title),
        '<link rel="icon" href="data:,">\n': "",  # nobody asks for one beside a file
        '<link rel="stylesheet" href="report.css">\n': "",
        '<link rel="stylesheet" href="view.css">': element("style", Markup(style)),
        '<main id="main" tabindex="-1"></main>': element("main", *content, id="main", tabindex=-1),
        "<footer></footer>": element("footer", foot),
        '<script src="view.js" defer></script>': join([frozen, element("script", Markup(script))]),
    }
    # All parts are replaced in one pass: what is put in may hold the text of another part.
    pattern = "|".join(map(re.escape, parts))
    return re.sub(pattern, lambda found: parts[found[0]], read_page())


def build_page(title: str, content: Iterable[Content], *, style: str) -> str:
    """Return a whole page that may use this style, and nothing else."""
    policy = f"default-src 'none'; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Markup(style)),
    )
    body = element(
        "body",
        element("a", "skip to the report", href="#report", class_="skip"),
        element("main", *content, id="report"),
        element("footer", "Written by opro. This page is complete: it loads nothing."),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def build_nav(label: str, titles: Mapping[str, str]) -> Markup:
    """Return links to the parts of a page, given their titles by anchor."""
    links = [element("li", element("a", title, href=f"#{name}")) for name, title in titles.items()]
    return element("nav", element("ul", join(links)), aria_label=label)


def _hash(source: str) -> str:
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def build_article(view: RunView, links: Markup | None = None) -> Markup:
    """Return the report of a run, which is an article of the page; `links` lead to other views."""
    problem = read_problem(view.run.settings, view.run.examples)
    found, minimise = list_found(view.run.state), view.run.state.scale.minimise
    drawn = build_problem_section(problem, found, minimise, key=view.key) if problem else None
    sections = [
        ("problem", "problem", drawn),
        ("scores", "scores", None if problem else verdict.build_score_bars(view)),
        ("front", "cost and score", build_front(view)),
        ("curve", "search", None if problem else build_curve(view)),
        ("lineage", "lineage", build_lineage(view)),
        ("candidates", f"{view.noun}s", build_candidates(view)),
        ("confusion", "confusion", build_confusion(view)),
        ("misses", "furthest off", build_misses(view)),
        ("flips", "flipped questions", build_flips(view)),
        ("unreadable", "unreadable", build_unreadable(view)),
        ("spend", "cost", build_spend(view)),
        ("config", "config", _build_config(view)),
    ]
    titles = {f"{view.key}-{name}": title for name, title, part in sections if part is not None}
    heading = element("h2", bdi(view.run.name), id=f"{view.key}-title")
    return element(
        "article",
        element("header", heading, verdict.build_byline(view), links),
        verdict.build_verdict(view),
        verdict.build_prompts(view),
        build_nav(f"Parts of the report on {view.run.name}", titles),
        *(part for _, _, part in sections),
        id=view.key,
        aria_labelledby=f"{view.key}-title",
    )


def _build_config(view: RunView) -> Markup:
    text = element("pre", paragraphs(format_config(hide_all_places(view.run.settings))))
    folded = element("details", element("summary", "all settings, as YAML"), text)
    return section(view, "config", "What was asked", folded)


_UNREADABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON leaves in a string as they are, and YAML refuses or reads as line ends."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NOT_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def format_config(settings: Mapping[str, Any]) -> str:
    """Return plain data as YAML that reads back to the same data.

    No YAML library is needed: a string as JSON writes it is YAML, too.
    """
    return "\n".join(_format_mapping(settings, ""))


def _format_mapping(settings: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in settings.items():
        key = f"{indent}{_format_scalar(name)}:"
        if isinstance(value, Mapping) and value:
            yield key
            yield from _format_mapping(value, f"{indent}  ")
        elif isinstance(value, list | tuple) and value:
            yield key
            yield from (f"{indent}- {_format_inline(item)}" for item in value)
        else:
            yield f"{key} {_format_inline(value)}"


def _format_inline(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{_format_scalar(k)}: {_format_inline(v)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_format_inline, value))}]"
    return _format_scalar(value)


def _format_scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    text = _UNREADABLE.sub(
        lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False)
    )
    # YAML 1.1 reads 1e-05 as text; with a point it is a number.
    return re.sub(r"^(-?\d+)e", r"\1.0e", text) if isinstance(value, float) else text
