"""Several runs side by side, on top of the page about them."""

from __future__ import annotations

from collections.abc import Sequence

from opro_cli.reports.formats import percent, points
from opro_cli.reports.html.figures import count, interval
from opro_cli.reports.html.markup import Markup, bdi, element, join
from opro_cli.reports.html.verdict import deciding_scores, verdict_words
from opro_cli.reports.html.view import RunView, note, scrolling, shown
from opro_cli.reports.spend_words import cost_words

_PROMPT = 160


def comparison(views: Sequence[RunView]) -> Markup:
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
        scrolling("The runs side by side", table),
        class_="comparison",
    )


def _row(view: RunView) -> Markup:
    best, spend = view.result["best"], view.result["spend"]
    prompt = bdi(shown(best["instruction"]), _PROMPT) if best else "–"
    cells = [
        verdict_words(view),
        *_scores(view),
        prompt,
        count(spend["calls"]),
        cost_words(spend),
    ]
    link = element("a", bdi(view.run.name), href=f"#{view.key}")
    return element("tr", element("th", link, scope="row"), *(element("td", cell) for cell in cells))


def _scores(view: RunView) -> list[Markup | str]:
    both = deciding_scores(view)
    if both is None:
        return ["–", "–", "–", "–"]
    split, before, after = both
    with_interval = [
        join([element("b", percent(score["mean"])), " ", element("small", interval(score))])
        for score in (before, after)
    ]
    return [split, *with_interval, points(after["mean"] - before["mean"])]
