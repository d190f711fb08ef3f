"""Several runs on one page: their figures, their curves on common axes, and their prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from opro_cli.render.html import verdict
from opro_cli.render.html.curves import HEIGHT, Axis, choose_axis, draw_grid
from opro_cli.render.html.diff import build_diff, is_rewritten
from opro_cli.render.html.markup import Markup, bdi, clip, element, join, paragraphs
from opro_cli.render.html.view import RunView, note, table
from opro_cli.render.safe import display_prompt
from opro_cli.reports import formats
from opro_cli.reports.formats import format_mean

_PROMPT = 160
"""Bytes of a prompt in the comparison."""
_TEXT = 10_000
"""Bytes of a prompt in full, and of each piece of a diff."""
_LINES = 6
"""Colours of lines; each has its own dashes as well."""
_GRAIN = 1000
"""Units across in which lines are drawn, stretched to the width of the page."""


def build_comparison(views: Sequence[RunView]) -> Markup:
    """Return the head of a page about several runs."""
    titles = ["run", "verdict", "on", "start", "best", "points", "best prompt", "calls", "cost"]
    fingerprints = {view.run.identity.get("data_fingerprint") for view in views}
    warning = "They were scored on different questions: compare prompts, not scores."
    return element(
        "header",
        element("h1", f"{len(views)} runs compared"),
        note(warning) if len(fingerprints) > 1 else None,
        table("The runs side by side", titles, list(map(_build_row, views)), kind="stacked"),
        _build_curves(views),
        *_build_winners(views),
        class_="comparison",
    )


def _build_row(view: RunView) -> list[Markup | str]:
    best, spend = view.result["best"], view.result["spend"]
    scores: list[Markup | str] = ["–"] * 4
    if deciding := verdict.find_deciding_scores(view):
        split, before, after = deciding
        shares = formats.are_shares(view.scale)
        with_intervals = (
            join(
                [
                    element(
                        "b",
                        formats.format_mean(
                            score["mean"], view.scale, estimated=score.get("estimated", False)
                        ),
                    ),
                    " ",
                    element("small", formats.format_bounds(*score["interval"])) if shares else None,
                ]
            )
            for score in (before, after)
        )
        change = formats.format_gain(view.result, split)
        scores = [split, *with_intervals, change]
    return [
        element("a", bdi(view.run.name), href=f"#{view.key}"),
        verdict.name_verdict(view),
        *scores,
        bdi(display_prompt(best), _PROMPT) if best else "–",
        formats.format_count(spend["calls"]),
        formats.format_cost(spend),
    ]


def _trace_best(view: RunView) -> Mapping[int, float]:
    """Return the best train score up to each step, of prompts with all their answers."""
    whole: dict[int, list[float]] = {}
    for row in view.rows:
        score = row.score("train")
        if row.whole and score:
            whole.setdefault(row.step, []).append(score["mean"])
    better = min if view.scale.minimise else max
    bests = accumulate((better(whole[step]) for step in sorted(whole)), better)
    return dict(zip(sorted(whole), bests, strict=True))


def _build_curves(views: Sequence[RunView]) -> Markup | None:
    """Return the best score so far by step, a line a run; None where the scales differ."""
    traces = [
        (number, view, trace) for number, view in enumerate(views) if (trace := _trace_best(view))
    ]
    if len(traces) < 2 or len({view.scale for _, view, _ in traces}) > 1:
        return None
    scores = [score for _, _, trace in traces for score in trace.values()]
    axis = choose_axis(scores, traces[0][1].scale)
    ends = [max(*trace, view.result["steps_done"]) for _, view, trace in traces]
    steps = 1 + max(ends)
    lines = [
        _draw_trace(number, trace, end, axis, steps)
        for (number, _, trace), end in zip(traces, ends, strict=True)
    ]
    label = "; ".join(
        f"{clip(view.run.name, 80)}{_say_unfinished(view)}: "
        f"{format_mean(list(trace.values())[-1], view.scale)}"
        for _, view, trace in traces
    )
    entries = [_build_entry(number, view) for number, view, _ in traces]
    plot = _draw_plot(draw_grid(axis, steps), lines, f"Best train score by step. {label}")
    return element(
        "div",
        element("h2", "Best train score by step"),
        element("ul", join(entries), class_="legend"),
        element("div", plot, class_="plot"),
        element("p", "step", class_="axis"),
    )


def _draw_plot(grid: Markup, lines: Sequence[Markup], label: str) -> Markup:
    """Return lines over a grid; they stretch to the width of the page, and the grid's text not."""
    stretched = element(
        "svg",
        *lines,
        viewBox=f"0 0 {_GRAIN} {HEIGHT}",
        preserveAspectRatio="none",
        width="100%",
        height=HEIGHT,
    )
    return element(
        "svg",
        grid,
        stretched,
        width="100%",
        height=HEIGHT,
        class_="curve common",
        role="img",
        aria_label=label,
    )


def _say_unfinished(view: RunView) -> str:
    return "" if view.finished else " (not finished)"


def _draw_trace(
    number: int, trace: Mapping[int, float], end: int, axis: Axis, steps: int
) -> Markup:
    """Return the line of a run, which goes no further than its own last step, `end`."""
    corners = [(round((s + 0.5) / steps * _GRAIN, 1), axis.down(v)) for s, v in trace.items()]
    (x, y), *others = corners
    path = f"M{x} {y}" + "".join(f"H{across}V{down}" for across, down in others)
    stub = 0.25 * (end == next(iter(trace)))  # a single step would be no line at all
    last = round((end + 0.5 + stub) / steps * _GRAIN, 1)
    return element(
        "path", d=f"{path}H{last}", class_=_name_line(number), vector_effect="non-scaling-stroke"
    )


def _name_line(number: int) -> str:
    return f"run-line l{number % _LINES}"


def _build_entry(number: int, view: RunView) -> Markup:
    line = element("path", d="M1 10H27", class_=_name_line(number))
    svg = element("svg", line, width=28, height=20, aria_hidden="true")
    return element("li", svg, bdi(view.run.name), _say_unfinished(view))


def _build_winners(views: Sequence[RunView]) -> list[Markup]:
    """Return the best prompt of each run, and how each differs from the first one's."""
    found = [(view, view.result["best"]) for view in views if view.result["best"]]
    if not found:
        return []
    first = found[0][1]["instruction"]
    cards = []
    for view, best in found:
        text, words = best["instruction"], None
        if text == first and view is not found[0][0]:
            words = "the same words as the first"
        shown = paragraphs(display_prompt(best), _TEXT)
        if view is not found[0][0] and text != first and not is_rewritten(first, text):
            words, shown = "against the first", build_diff(first, text, _TEXT)
        title = element("figcaption", bdi(view.run.name), f" · {words}" if words else "")
        block = element("blockquote", shown, class_="text")
        cards.append(element("figure", title, block, class_="prompt best"))
    return [element("h2", "The best prompts"), element("div", *cards, class_="prompts")]
