"""The verdict of a run: in a sentence, with both prompts, and as bars beside its baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opro_cli.core.run.candidates import Candidate
from opro_cli.core.scale import Scale
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.render.html.diff import build_diff, is_rewritten
from opro_cli.render.html.markup import Markup, bdi, clip, element, join, paragraphs
from opro_cli.render.html.places import hide_places
from opro_cli.render.html.rows import Score
from opro_cli.render.html.view import (
    MOST_SHOWN,
    RunView,
    format_basis,
    note,
    place,
    plot_interval,
    section,
    table,
)
from opro_cli.render.result_notes import format_noise, format_spared
from opro_cli.render.safe import display_instruction, display_prompt, format_origin, is_same_prompt
from opro_cli.reports.formats import (
    are_shares,
    describe_disagreement,
    describe_find,
    format_ends,
    format_gain,
    format_mean,
    format_p,
    format_points,
    format_test_use,
    pluralize,
    utc_minute,
)

_WORDS = {
    "improved": ("▲", "Improved"),
    "not_distinguishable": ("≈", "No measurable gain"),
    "worse": ("▼", "Worse"),
}
_SIGNS = {"improved": "★", "none": "–", "worse": "▼"}


def name_verdict(view: RunView) -> str:
    """Return the verdict in a few words, behind a sign that needs no colour."""
    if headline := view.result["headline"]:
        return f"– {_capitalize(headline)}"
    if not view.finished:
        return f"… Not finished ({view.run.status})"
    if view.is_problem:
        kind, word, _ = describe_find(view.result["problem"])
        return f"{_SIGNS[kind]} {word[:1].upper()}{word[1:]}"
    return " ".join(_WORDS.get(view.result["verdict"] or "", ("–", "No verdict")))


def _end_sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def build_verdict(view: RunView) -> Markup:
    """Return the head of a run's report."""
    result = view.result
    sentence, noise = result["verdict_sentence"] or "", result.get("noise")
    spared = result.get("not_asked")
    used = format_test_use(result["test_use"]) if result.get("test_use") else ""
    hint = result.get("failure", {}).get("hint")
    remedy = _end_sentence(f"Remedy: {hide_places(hint)}") if hint else ""
    kind = result["verdict"] or "none"
    if view.is_problem:
        kind, _, found = describe_find(result["problem"])
        sentence = found or sentence
    return element(
        "div",
        element("p", name_verdict(view), class_="word"),
        element("p", _end_sentence(_capitalize(hide_places(sentence))), class_="sentence"),
        element("p", remedy, class_="noise") if remedy else None,
        _build_figures(view),
        _warn_of_leaks((result["best"] or {}).get("leaks") or ()),
        element("p", f"Noise: {format_noise(noise)}.", class_="noise") if noise else None,
        element("p", f"{_capitalize(used)}.", class_="noise") if used else None,
        element("p", f"{_capitalize(format_spared(spared, result['best']))}.", class_="noise")
        if spared
        else None,
        class_=f"verdict {kind}",
    )


def _warn_of_leaks(leaks: Sequence[Mapping[str, Any]]) -> Markup | None:
    """Return the warning that the best prompt quotes train questions; None where it does not."""
    if not leaks:
        return None
    quotes = [join([" “", bdi(leak["quote"], 80), "”"]) for leak in leaks[:3]]
    return element("p", "⚑ The best prompt quotes train questions:", *quotes, class_="leaks")


def _capitalize(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def find_deciding_scores(view: RunView) -> tuple[Split, Score, Score] | None:
    """Return start's and winner's score on the least seen split that both answered."""
    start, best = view.result["initial"], view.result["best"]
    if start is None or best is None:
        return None
    for split in reversed(SPLITS):
        before, after = start["scores"].get(split), best["scores"].get(split)
        if before is not None and after is not None:
            return split, before, after
    return None


def _build_figures(view: RunView) -> Markup | None:
    """Return both deciding scores with their difference, or the one of an unbeaten start prompt."""
    deciding = find_deciding_scores(view)
    if deciding is None:
        return None
    split, before, after = deciding
    if view.start is view.best:
        only = _build_figure(view.start_name, after, view.scale)
        return element("div", only, class_="figures")
    on = " points on " if are_shares(view.scale) else " on "
    on += split if split == "test" else f"{split}, which the search has seen"
    if view.is_problem:
        on = ""
    difference, interval = view.result.get("difference"), None
    if difference:
        words = f"95 % interval {format_ends(*difference['interval'])}"
        interval = join([element("br"), element("small", words)])
    return element(
        "div",
        _build_figure(view.start_name, before, view.scale),
        element("span", "→", class_="arrow", aria_hidden="true"),
        _build_figure(view.best_name, after, view.scale),
        element(
            "p",
            element("b", format_gain(view.result, split)),
            on,
            interval,
        ),
        class_="figures",
    )


def _format_mean(score: Score, scale: Scale) -> str:
    return format_mean(score["mean"], scale, estimated=score.get("estimated", False))


def _build_figure(name: str, score: Score, scale: Scale) -> Markup:
    mean, basis = _format_mean(score, scale), format_basis(score, scale)
    return element("p", element("span", name), element("b", mean), element("small", basis))


def build_prompts(view: RunView) -> Markup | None:
    """Return start prompt and winner, in full."""
    start, best = view.result["initial"], view.result["best"]
    if best is None:
        return None
    name = f"★ {view.best_name} ({format_origin(best['step'])})"
    cards = [_build_card("best", name, best, view.best)]
    if start is None or view.start is view.best:
        return element("div", *cards, class_="prompts")
    cards.insert(0, _build_card("start", f"■ {view.start_name}", start, view.start))
    pair = element("div", *cards, class_="prompts")
    old, new = start["instruction"], best["instruction"]
    if view.is_problem or is_rewritten(old, new):
        return pair
    title = f"From {view.start_name} to {view.best_name}"
    changed = element(
        "section", element("h3", title), build_diff(old, new, MOST_SHOWN), class_="changed"
    )
    return join([pair, changed])


def _build_card(
    kind: str, name: str, data: Mapping[str, Any], candidate: Candidate | None
) -> Markup:
    """Return a prompt in full; the script adds buttons for the text that the data's id names."""
    text = paragraphs(display_prompt(data), MOST_SHOWN)
    return element(
        "figure",
        element("figcaption", name),
        element("blockquote", text, class_="text"),
        class_=f"prompt {kind}",
        data_prompt=candidate.id if candidate else None,
        data_file=f"{kind}_prompt.txt",
    )


def build_byline(view: RunView) -> Markup:
    """Return the line that identifies a run: its models, seed, size and start."""
    result = view.result
    models = result["models"]
    started = str(result.get("started") or "")
    facts = [
        *([] if view.is_problem else [f"scorer {models['scorer']}"]),
        f"optimizer {models['optimizer']}",
        f"seed {result['seed']}",
        pluralize(result["steps_done"], "step"),
        pluralize(result["candidates"], view.noun),
        *([f"started {utc_minute(started)}"] if started else []),
    ]
    shown = (element("span", bdi(hide_places(fact), 200)) for fact in facts)
    return element("p", *shown, class_="about")


_HEIGHT = 22
_INTERVALS = "The thin line is the 95 % interval: where the score on unlimited questions may be."
_ABOUT: dict[Split, str] = {
    "train": "the optimizer saw these scores",
    "dev": "these chose the winner",
    "test": "nobody saw them during the search",
}


@dataclass(frozen=True, slots=True)
class _Prompt:
    """A prompt among the bars: "start", "best" or "other", and its entry in the result."""

    kind: str
    name: str
    candidate: Mapping[str, Any]

    @property
    def in_table(self) -> bool:
        """Whether it is one of those that were asked on test alone, for comparison."""
        return self.kind == "other" and bool(self.candidate["scores"].get("test"))


def build_score_bars(view: RunView) -> Markup | None:
    """Return the section with the bars, None where there is no score at all."""
    prompts = list(_list_prompts(view))
    bars = [prompt for prompt in prompts if not prompt.in_table]
    groups = [_build_group(view, split, bars) for split in view.splits]
    others = [prompt for prompt in prompts if prompt.in_table]
    return section(
        view,
        "scores",
        "What the prompts are worth",
        note(_INTERVALS) if are_shares(view.scale) else None,
        element("div", *groups, class_="splits"),
        *(_build_baselines(view, others) if others else ()),
    )


def _list_prompts(view: RunView) -> Iterator[_Prompt]:
    """Yield start prompt, winner (one bar where they are the same), then what they must beat."""
    start, best = view.result["initial"], view.result["best"]
    same = view.start is view.best
    if start is not None and not same:
        yield _Prompt("start", "start prompt", start)
    if best is not None:
        name = f"start prompt, still the {view.best_name}" if same else view.best_name
        yield _Prompt("best", name, best)
    shown = [candidate for candidate in (start, best) if candidate is not None]
    for baseline in view.result.get("baselines", ()):
        if not any(is_same_prompt(baseline, each) for each in shown):
            yield _Prompt("other", display_instruction(baseline["instruction"]), baseline)
    if closed := view.result.get("closed_set"):
        majority = closed["majority"]
        yield _Prompt("other", f"always “{majority['answer']}”", majority)


def _build_baselines(view: RunView, prompts: Sequence[_Prompt]) -> list[Markup]:
    """Return the table of what else was asked on test, beside start prompt and winner."""
    start, best = view.result["initial"], view.result["best"]
    named = [("start", "start prompt", start)]
    if view.start is not view.best:
        compared = {"difference": view.result["difference"], **_pick_test(view.result)}
        named += [("best", view.best_name, {**best, "against_start": compared})] if best else []
    all_rows = [_Prompt(*each) for each in named if each[2] and each[2]["scores"].get("test")]
    rows = [_build_baseline(prompt, view.scale) for prompt in (*all_rows, *prompts)]
    titles = ["prompt", "on test", "against the start prompt", "p"]
    return [
        element("h4", "Beside other prompts, on test"),
        table("Scores on test beside those of other prompts", titles, rows, kind="stacked"),
    ]


def _pick_test(result: Mapping[str, Any]) -> dict[str, Any]:
    return {"paired_test": result["paired_test"]} if "paired_test" in result else {}


def _build_baseline(prompt: _Prompt, scale: Scale) -> list[Markup | str]:
    """Return its name in full, its score, and its difference from the start prompt."""
    score = prompt.candidate["scores"]["test"]
    worth = join(
        [
            element("b", format_mean(score["mean"], scale)),
            " ",
            element("small", format_basis(score, scale)),
        ]
    )
    name = join([element("span", bdi(prompt.name, 2_000), class_=f"named {prompt.kind}")])
    comparison = prompt.candidate.get("against_start")
    if not comparison or not comparison["difference"]:
        return [name, worth, "–", "–"]
    change, p_value = comparison["difference"], comparison["paired_test"]["p_value"]
    edge = describe_disagreement(p_value, *change["interval"])
    words = f"{format_points(change['mean'])} [{format_ends(*change['interval'])}]"
    return [name, worth, words, f"{format_p(p_value)}{f' ({edge})' if edge else ''}"]


def _build_group(view: RunView, split: Split, prompts: Sequence[_Prompt]) -> Markup | None:
    bars = [
        _build_bar(split, prompt, score, view.scale)
        for prompt in prompts
        if (score := prompt.candidate["scores"].get(split))
    ]
    if not bars:
        return None
    about = pluralize(view.run.state.sizes[split], "question")
    if split == "dev" and view.result["chosen_by"] == "train+dev":
        about += "; these and those of train chose the winner"
    elif split != "dev" or view.result["chosen_by"] == "dev":
        about += f"; {_ABOUT[split]}"
    heading = element("h4", split, " ", element("small", about))
    return element("div", heading, join(bars), class_="split")


def _build_bar(split: Split, prompt: _Prompt, score: Score, scale: Scale) -> Markup:
    low, high = score["interval"]
    mean, basis = _format_mean(score, scale), format_basis(score, scale)
    name = bdi(prompt.name, 60)
    worth = element("span", element("b", mean), " ", basis, class_="worth")
    if not are_shares(scale):
        return element("div", element("span", name, class_="who"), worth, class_="row")
    return plot_interval(
        name,
        worth,
        (place(low), place(high)),
        label=f"{split}, {clip(prompt.name, 120)}: {mean} {basis}",
        height=_HEIGHT,
        below=[
            element("rect", width="100%", height=_HEIGHT, class_="track"),
            element(
                "rect", width=place(score["mean"]), height=_HEIGHT, class_=f"bar {prompt.kind}"
            ),
        ],
    )
