"""Scores of the start prompt, the winner and others on each split, with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opro_cli.core.model import Split
from opro_cli.reports.formats import percent, plural, points
from opro_cli.reports.html.figures import Score, rests_on, scored
from opro_cli.reports.html.markup import Markup, bdi, clipped, element, join
from opro_cli.reports.html.view import RunView, note, section, shown

_TALL = 22
_CAP = 5
_ABOUT: dict[Split, str] = {
    "train": "the optimizer saw these scores",
    "dev": "these chose the winner",
    "test": "nobody saw them during the search",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A prompt among the bars. kind: start, best or other. meeting: with the start prompt."""

    kind: str
    name: str
    scores: Mapping[str, Score | None]
    meeting: Mapping[str, Any] | None


def score_bars(view: RunView) -> Markup | None:
    """The section with the bars; None where there is no score at all."""
    prompts = list(prompts_of(view))
    groups = [_group(view, split, prompts) for split in view.splits]
    if not any(groups):
        return None
    others = [each for each in prompts if each.kind == "other"]
    return section(
        view,
        "scores",
        "What the prompts are worth",
        note("The thin line is the 95 % interval: where the score on unlimited questions may be."),
        element("div", *groups, class_="splits"),
        element("h4", "Baselines against the start prompt, on test") if others else None,
        element("ul", join(map(_against_start, others)), class_="others") if others else None,
    )


def prompts_of(view: RunView) -> Iterator[Shown]:
    """Start prompt, winner (one bar where they are the same), then the run's baselines."""
    start, best = view.result["initial"], view.result["best"]
    if start is not None and view.start is not view.best:
        yield _shown("start", "start prompt", start)
    if best is not None:
        same = view.start is view.best
        name = f"start prompt, still the {view.best_name}" if same else view.best_name
        yield _shown("best", name, best)
    known = {each["instruction"] for each in (start, best) if each is not None}
    for baseline in view.result.get("baselines", ()):
        if baseline["instruction"] not in known:
            yield _shown("other", shown(baseline["instruction"]), baseline)


def _shown(kind: str, name: str, described: Mapping[str, Any]) -> Shown:
    return Shown(kind, name, described["scores"], described.get("against_start"))


def _against_start(prompt: Shown) -> Markup:
    """A prompt in full, behind what it changes on test."""
    told = None
    if prompt.meeting and prompt.meeting["difference"]:
        change, p_value = prompt.meeting["difference"], prompt.meeting["paired_test"]["p_value"]
        low, high = (f"{100 * bound:+.1f}" for bound in change["interval"])
        told = f"{points(change['mean'])} points [{low} to {high}], p = {p_value:.2g}: "
    return element("li", told, bdi(prompt.name, 2_000))


def _group(view: RunView, split: Split, prompts: list[Shown]) -> Markup | None:
    bars = [_bar(split, each, score) for each in prompts if (score := each.scores.get(split))]
    if not bars:
        return None
    size = view.run.state.sizes[split]
    about = f"{plural(size, 'question')}; {_ABOUT[split]}"
    if split == "dev" and view.result["chosen_by"] != "dev":
        about = plural(size, "question")
    heading = element("h4", split, " ", element("small", about))
    return element("div", heading, join(bars), class_="split")


def _bar(split: Split, prompt: Shown, score: Score) -> Markup:
    low, high = (_share(bound) for bound in score["interval"])
    end, middle = _share(score["mean"]), _TALL / 2
    top, bottom = middle - _CAP, middle + _CAP
    plot = element(
        "svg",
        element("rect", width="100%", height=_TALL, class_="track"),
        element("rect", width=end, height=_TALL, class_=f"bar {prompt.kind}"),
        element("line", x1=low, x2=high, y1=middle, y2=middle, class_="span"),
        element("line", x1=low, x2=low, y1=top, y2=bottom, class_="span"),
        element("line", x1=high, x2=high, y1=top, y2=bottom, class_="span"),
        width="100%",
        height=_TALL,
        role="img",
        aria_label=f"{split}, {clipped(prompt.name, 120)}: {scored(score)}",
    )
    return element(
        "div",
        element("span", bdi(prompt.name, 60), class_="who"),
        plot,
        element("span", element("b", percent(score["mean"])), " ", rests_on(score), class_="worth"),
        class_="row",
    )


def _share(share: float) -> str:
    return f"{round(100 * share, 2):g}%"
