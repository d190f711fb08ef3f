"""The spend of a run: by role, by answer, and over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opro_cli.core.run.answer_costs import PICO
from opro_cli.core.run.progress import ROLES
from opro_cli.core.task.example import SPLITS
from opro_cli.render.html.markup import Markup, bdi, element
from opro_cli.render.html.places import hide_places
from opro_cli.render.html.view import RunView, note, section, table
from opro_cli.reports import formats
from opro_cli.reports.formats import format_money
from opro_cli.reports.recorded import SpendPoint
from opro_cli.reports.request_words import list_request_notes

_SMALL_HEIGHT, _SMALL_WIDTH = 96, 300
"""The units in which a small curve is drawn; it is stretched to its box."""


def build_spend(view: RunView) -> Markup:
    """Return the section with spend over time and by role."""
    spend, history, seconds = view.result["spend"], view.history.spend, view.result["seconds"]
    usd = spend["counted"]["usd"]
    cost = ", cost unknown" if usd is None else f" for {format_money(usd)}"
    sentence = f"{formats.pluralize(spend['calls'], 'call')}{cost}"
    if unmetered := formats.format_unmetered(spend["uncounted"]):
        sentence += f", {unmetered}"
    if seconds is not None:
        comma = "," if usd is None or unmetered else ""
        duration = _format_duration(seconds)
        sentence += f"{comma} in {duration} at work; pauses between sessions do not count"
    curve = _draw_spend("calls", history, lambda point: point.calls, _format_count)
    chart = element("div", curve, class_="small") if curve else None
    notes = map(note, list_request_notes(view.result, ("prompts_cut", "refused")))
    tables = (_build_spend_table(view), *_build_answer_costs(view))
    parts = (note(f"{sentence}."), *notes, *tables, chart)
    return section(view, "spend", "What it cost", *parts)


def _build_spend_table(view: RunView) -> Markup:
    rows = []
    spends = view.run.state.spend.values()
    has_thoughts = any(spend.reasoning_tokens is not None for spend in spends)
    for role in ROLES:
        spend = view.run.state.spend[role]
        model = bdi(hide_places(str(view.result["models"][role])), 200)
        tokens_in, tokens_out = map(_format_count, spend.known_tokens)
        uncounted = _format_count(spend.uncounted.tokens)
        cost = format_money(spend.known_usd)
        thoughts = [_format_count(spend.reasoning_tokens)] * has_thoughts
        calls = _format_count(spend.calls)
        rows.append([role, model, calls, tokens_in, tokens_out, *thoughts, cost, uncounted])
    thought = ["of them thoughts"] * has_thoughts
    titles = ["role", "model", "calls", "tokens in", "tokens out", *thought, "cost"]
    titles.append("tokens uncounted, at most")
    return table("Spend of both models", titles, rows)


def _build_answer_costs(view: RunView) -> list[Markup]:
    """Return what an answer took under start prompt and winner, where that is known."""
    named = {view.start_name: view.start, view.best_name: view.best}
    if view.start is view.best:
        del named[view.start_name]
    rows: list[list[Markup | str]] = []
    for name, candidate in named.items():
        costs = [candidate.answers[split].costs for split in SPLITS] if candidate else []
        metered = sum(each.metered for each in costs)
        if candidate is None or not metered:
            continue
        tokens = (sum(each.prompt for each in costs), sum(each.completion for each in costs))
        priced, pico_usd = sum(each.priced for each in costs), sum(each.pico_usd for each in costs)
        usd = formats.UNKNOWN if not priced else format_money(1000 * pico_usd / priced / PICO)
        seconds = view.history.seconds.get(candidate.id)
        time = formats.UNKNOWN if seconds is None else f"{seconds:.2f} s"
        rows.append([name, *(f"{number / metered:,.1f}" for number in tokens), usd, time])
    if not rows:
        return []
    titles = ["an answer under", "tokens in", "tokens out", "cost of 1,000", "time"]
    return [
        element("h4", "What an answer takes"),
        note(
            "On average over the answers on all splits; comparisons, and score against cost, go by",
            "the answers on one.",
        ),
        table("What an answer takes", titles, rows),
    ]


def _draw_spend(
    name: str,
    history: Sequence[SpendPoint],
    measure: Callable[[SpendPoint], float | None],
    write: Callable[[float | None], str],
) -> Markup | None:
    """Return the growth of one figure, None where it is unknown or never rose."""
    known = [(point.seconds, value) for point in history if (value := measure(point)) is not None]
    if len(known) < 2 or len(known) < len(history) or not known[-1][0] or not known[-1][1]:
        return None
    end, most = known[-1]
    # Drawn on whole units: the curve is small, and a page of many runs is mailed.
    points = dict.fromkeys(
        f"{round(_SMALL_WIDTH * at / end, 1):g} {round(_SMALL_HEIGHT * (1 - value / most), 1):g}"
        for at, value in known
    )
    path, duration = "L".join(points), _format_duration(end)
    svg = element(
        "svg",
        element("path", d=f"M{path}V{_SMALL_HEIGHT}H0Z", class_="under"),
        element("path", d=f"M{path}", class_="line", vector_effect="non-scaling-stroke"),
        viewBox=f"0 0 {_SMALL_WIDTH} {_SMALL_HEIGHT}",
        preserveAspectRatio="none",
        width="100%",
        height=_SMALL_HEIGHT,
        role="img",
        aria_label=f"{name} over time: {write(most)} after {duration}",
    )
    ends = element("span", element("span", "0"), element("span", duration), class_="ends")
    caption = element("figcaption", name, " ", element("b", write(most)))
    return element("figure", caption, svg, ends)


def _format_count(number: float | None) -> str:
    return formats.UNKNOWN if number is None else f"{number:,.0f}"


def _format_duration(seconds: float) -> str:
    """Return "12 s", "2 min 05 s" or "1 h 02 min"."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minute:02d} min"
    return f"{minute} min {second:02d} s" if minute else f"{second} s"
