"""The verdict of a run on top of its page, and its cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opro_cli.core.run.progress import ROLES
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.render.html.markup import Markup, bdi, element, join, paragraphs
from opro_cli.render.html.view import (
    MOST_SHOWN,
    RunView,
    count,
    duration,
    format_basis,
    format_origin,
    note,
    section,
    shown,
    table,
)
from opro_cli.reports.formats import (
    format_money,
    format_percent,
    format_points,
    format_unmetered,
    pluralize,
    utc_minute,
)
from opro_cli.reports.recorded import SpendPoint

_WORDS = {
    "improved": ("▲", "Improved"),
    "not_distinguishable": ("≈", "No measurable gain"),
    "worse": ("▼", "Worse"),
}


def name_verdict(view: RunView) -> str:
    """The verdict in a few words, behind a sign that needs no colour."""
    sign, words = _WORDS.get(view.result["verdict"] or "", ("–", "No verdict"))
    if not view.finished:
        sign, words = "…", f"Not finished ({view.run.status})"
    return f"{sign} {words}"


def build_verdict(view: RunView) -> Markup:
    """The head of a run's report."""
    result = view.result
    kind = result["verdict"] or "none"
    sentence = result["verdict_sentence"] or ""
    return element(
        "div",
        element("p", name_verdict(view), class_="word"),
        element("p", sentence[:1].upper() + sentence[1:], ".", class_="sentence"),
        _two_scores(view),
        _noise(result),
        class_=f"verdict {kind}",
    )


def find_deciding_scores(
    view: RunView,
) -> tuple[Split, Mapping[str, Any], Mapping[str, Any]] | None:
    """Start's and winner's score on the least seen split that both answered."""
    start, best = view.result["initial"], view.result["best"]
    if start is None or best is None:
        return None
    for split in reversed(SPLITS):
        before, after = start["scores"].get(split), best["scores"].get(split)
        if before is not None and after is not None:
            return split, before, after
    return None


def _two_scores(view: RunView) -> Markup | None:
    both = find_deciding_scores(view)
    if both is None:
        return None
    split, before, after = both
    same = view.start is view.best
    on = f"on {split}" if split == "test" else f"on {split}, which the search has seen"
    figures = [_figure(view.best_name if not same else "start prompt", after)]
    if not same:
        arrow = element("span", "→", class_="arrow", aria_hidden="true")
        change = element(
            "p",
            *(element("b", format_points(after["mean"] - before["mean"])), f" points {on}"),
            _change_interval(view.result),
        )
        figures = [_figure("start prompt", before), arrow, *figures, change]
    return element("div", join(figures), class_="figures")


def _figure(name: str, score: Mapping[str, Any]) -> Markup:
    mean = element("b", format_percent(score["mean"]))
    return element("p", element("span", name), mean, element("small", format_basis(score)))


def _change_interval(result: Mapping[str, Any]) -> Markup | None:
    """How large the difference may be, where the result says so."""
    if not result.get("difference"):
        return None
    low, high = (f"{100 * bound:+.1f}" for bound in result["difference"]["interval"])
    return join([element("br"), element("small", f"95 % interval {low} to {high}")])


def _noise(result: Mapping[str, Any]) -> Markup | None:
    """How much the scorer changes its mind by itself, where that was asked."""
    noise = result.get("noise")
    if not noise:
        return None
    asked = pluralize(noise["n"], "test question")
    changed = pluralize(noise["changed"], "score")
    told = (
        f"Noise: the start prompt's {asked} asked again, {changed} changed "
        f"({format_points(noise['difference'])} points)."
    )
    return element("p", told, class_="noise")


def build_prompts(view: RunView) -> Markup | None:
    """Start prompt and winner, in full."""
    start, best = view.result["initial"], view.result["best"]
    if best is None:
        return None
    cards = [_card("best", f"★ {view.best_name} ({format_origin(best['step'])})", best)]
    if start is not None and view.start is not view.best:
        cards.insert(0, _card("start", "■ start prompt", start))
    return element("div", *cards, class_="prompts")


def _card(kind: str, name: str, described: Mapping[str, Any]) -> Markup:
    text = paragraphs(shown(described["instruction"]), MOST_SHOWN)
    return element(
        "figure",
        element("figcaption", name),
        element("blockquote", text, class_="text"),
        class_=f"prompt {kind}",
    )


def build_byline(view: RunView) -> Markup:
    """Which run this is."""
    result = view.result
    models = result["models"]
    started = str(result.get("started") or "")
    facts = [f"scorer {models['scorer']}", f"optimizer {models['optimizer']}"]
    facts += [f"seed {result['seed']}", pluralize(result["steps_done"], "step")]
    facts += [pluralize(result["candidates"], "instruction")]
    facts += [f"started {utc_minute(started)}"] if started else []
    return element("p", *(element("span", bdi(fact, 200)) for fact in facts), class_="about")


HEIGHT, WIDTH = 96, 300
"""A small curve, drawn in these units and stretched to its box."""


def build_spend(view: RunView) -> Markup:
    """The section with the curves and the table."""
    spend, points = view.result["spend"], view.history.spend
    seconds = view.result["seconds"]
    told = f"{pluralize(spend['calls'], 'call')} for {format_money(spend['counted']['usd'])}"
    if more := format_unmetered(spend["uncounted"]):
        told += f", {more},"
    if seconds is not None:
        told += f" in {duration(seconds)} at work; pauses between sessions do not count"
    curves = [
        _curve("calls", points, lambda point: point.calls, count),
        _curve("tokens", points, lambda point: point.tokens, count),
        _curve("dollars", points, lambda point: point.usd, format_money),
    ]
    charts = element("div", *curves, class_="small") if any(curves) else None
    return section(view, "spend", "What it cost", note(f"{told}."), charts, _by_role(view))


def _by_role(view: RunView) -> Markup:
    rows = []
    for role in ROLES:
        spend = view.run.state.spend[role]
        tokens_in, tokens_out = spend.known_tokens
        rows.append(
            [
                role,
                bdi(str(view.result["models"][role]), 200),
                count(spend.calls),
                count(tokens_in),
                count(tokens_out),
                format_money(spend.known_usd),
                count(spend.uncounted.tokens),
            ]
        )
    head = [
        "role",
        "model",
        "calls",
        "tokens in",
        "tokens out",
        "cost",
        "tokens uncounted, at most",
    ]
    return table("Spend of both models", head, rows)


def _curve(
    name: str,
    points: Sequence[SpendPoint],
    of: Callable[[SpendPoint], float | None],
    told: Callable[[float | None], str],
) -> Markup | None:
    """How one figure grew; None where it is unknown or never rose."""
    known = [(point.seconds, value) for point in points if (value := of(point)) is not None]
    if len(known) < 2 or len(known) < len(points) or not known[-1][0] or not known[-1][1]:
        return None
    end, most = known[-1]
    # Drawn on whole units: the curve is small, and a page of many runs is sent.
    places = dict.fromkeys(
        f"{round(WIDTH * at / end, 1):g} {round(HEIGHT * (1 - value / most), 1):g}"
        for at, value in known
    )
    path = "L".join(places)
    svg = element(
        "svg",
        element("path", d=f"M{path}V{HEIGHT}H0Z", class_="under"),
        element("path", d=f"M{path}", class_="line", vector_effect="non-scaling-stroke"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        width="100%",
        height=HEIGHT,
        role="img",
        aria_label=f"{name} over time: {told(most)} after {duration(end)}",
    )
    ends = element("span", element("span", "0"), element("span", duration(end)), class_="ends")
    caption = element("figcaption", name, " ", element("b", told(most)))
    return element("figure", caption, svg, ends)
