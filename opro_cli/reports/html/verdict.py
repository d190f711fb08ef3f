"""What a run comes to, on top: the verdict in one sentence, the two scores, the two prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opro_cli.core.model import SPLITS, Split
from opro_cli.reports.formats import percent, plural, points
from opro_cli.reports.html.figures import rests_on
from opro_cli.reports.html.markup import Markup, bdi, element, join, paragraphs
from opro_cli.reports.html.view import MOST_SHOWN, RunView, origin, shown

_WORDS = {
    "improved": ("▲", "Improved"),
    "not_distinguishable": ("≈", "No measurable gain"),
    "worse": ("▼", "Worse"),
}


def verdict_words(view: RunView) -> str:
    """The verdict in a few words, behind a sign that needs no colour."""
    sign, words = _WORDS.get(view.result["verdict"] or "", ("–", "No verdict"))
    if not view.finished:
        sign, words = "…", f"Not finished ({view.run.status})"
    return f"{sign} {words}"


def verdict(view: RunView) -> Markup:
    """The head of a run's report."""
    result = view.result
    kind = result["verdict"] or "none"
    sentence = result["verdict_sentence"] or ""
    return element(
        "div",
        element("p", verdict_words(view), class_="word"),
        element("p", sentence[:1].upper() + sentence[1:], ".", class_="sentence"),
        _two_scores(view),
        _noise(result),
        class_=f"verdict {kind}",
    )


def deciding_scores(view: RunView) -> tuple[Split, Mapping[str, Any], Mapping[str, Any]] | None:
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
    both = deciding_scores(view)
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
            *(element("b", points(after["mean"] - before["mean"])), f" points {on}"),
            _change_interval(view.result),
        )
        figures = [_figure("start prompt", before), arrow, *figures, change]
    return element("div", join(figures), class_="figures")


def _figure(name: str, score: Mapping[str, Any]) -> Markup:
    mean = element("b", percent(score["mean"]))
    return element("p", element("span", name), mean, element("small", rests_on(score)))


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
    asked = plural(noise["n"], "test question")
    changed = plural(noise["changed"], "score")
    told = (
        f"Noise: the start prompt's {asked} asked again, {changed} changed "
        f"({points(noise['difference'])} points)."
    )
    return element("p", told, class_="noise")


def prompts(view: RunView) -> Markup | None:
    """Start prompt and winner, in full."""
    start, best = view.result["initial"], view.result["best"]
    if best is None:
        return None
    cards = [_card("best", f"★ {view.best_name} ({origin(best['step'])})", best)]
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


def about(view: RunView) -> Markup:
    """Which run this is."""
    result = view.result
    models = result["models"]
    started = str(result.get("started") or "").replace("T", " ")[:16]
    facts = [f"scorer {models['scorer']}", f"optimizer {models['optimizer']}"]
    facts += [f"seed {result['seed']}", plural(result["steps_done"], "step")]
    facts += [plural(result["candidates"], "instruction")]
    facts += [f"started {started} UTC"] if started else []
    return element("p", *(element("span", bdi(fact, 200)) for fact in facts), class_="about")
