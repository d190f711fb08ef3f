"""What a run has cost: both models in a table, and how it grew over the time at work."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opro_cli.core.session import ROLES
from opro_cli.reports.formats import money, plural
from opro_cli.reports.history import SpendPoint
from opro_cli.reports.html.figures import count, duration
from opro_cli.reports.html.markup import Markup, bdi, element
from opro_cli.reports.html.view import RunView, note, section, table
from opro_cli.reports.spend_words import uncounted_words

HEIGHT, WIDTH = 96, 300
"""A small curve, drawn in these units and stretched to its box."""


def spend_section(view: RunView) -> Markup:
    """The section with the curves and the table."""
    spend, points = view.result["spend"], view.history.spend
    seconds = view.result["seconds"]
    told = f"{plural(spend['calls'], 'call')} for {money(spend['counted']['usd'])}"
    if more := uncounted_words(spend["uncounted"]):
        told += f", {more},"
    if seconds is not None:
        told += f" in {duration(seconds)} at work; pauses between sessions do not count"
    curves = [
        _curve("calls", points, lambda point: point.calls, count),
        _curve("tokens", points, lambda point: point.tokens, count),
        _curve("dollars", points, lambda point: point.usd, money),
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
                money(spend.known_usd),
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
