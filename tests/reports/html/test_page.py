"""The page about a small run, its figures worked by hand; and runs that lack something."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from msgspec.structs import replace

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Pruned, SessionEnded
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.task.example import SPLITS, Example, Split
from opro_cli.render.html.assets import read_asset, read_script, read_style
from opro_cli.render.html.curves import HEIGHT, choose_axis, choose_step_labels
from opro_cli.render.html.page import render_report
from opro_cli.reports.recorded import RecordedRun
from tests.core.runs import answered, new_state, proposed, score_all
from tests.reports.html.pages import Node, page_of, parsed, recorded, small_run


def words(node: Node) -> str:
    return " ".join(node.text.split())


def test_the_verdict_stands_on_top() -> None:
    verdict = page_of(small_run()).one("div", class_="verdict")
    assert verdict.has({"class_": "improved"})
    # test: start 2/10, c 9/10; questions 2 to 8 gained
    word, sentence = (words(p) for p in verdict.all("p")[:2])
    assert word == "▲ Improved"
    assert sentence.startswith("On 10 unseen test questions 20.0 % → 90.0 %, +70.0 points (")
    assert "7 gained, 0 lost" in sentence
    assert [b.text for b in verdict.one("div", class_="figures").all("b")] == [
        "20.0 %",
        "90.0 %",
        "+70.0",
    ]


def test_dots_stand_where_step_and_score_say() -> None:
    curve = page_of(small_run()).one("svg", class_="curve")
    dots = {dot.attributes["href"]: dot for dot in curve.all("a")}
    # Scores 25 to 100 %: the scale is 20 to 100 %, 300 pixels high, so 3.75 a point. Three steps
    # (0, 1, 2) of a third each; the two of a step stand 0.3 of a step apart around its middle.
    circles = [dots[f"#r1c{n}"].one("circle").attributes for n in (1, 2, 4)]
    assert [(c["cx"], c["cy"]) for c in circles] == [
        ("45%", "187.5"),
        ("55%", "93.8"),
        ("88.33%", "187.5"),
    ]
    start, best = (dots[f"#r1c{n}"].one("svg").attributes for n in (0, 3))
    assert (start["x"], start["y"]) == ("16.67%", "281.2")
    assert (best["x"], best["y"]) == ("78.33%", "0.0")
    assert dots["#r1c3"].attributes["aria-label"] == (
        "step 2, winner: train 100.0 % [51.0–100.0] 4/4"
    )
    # The lines are drawn on 1000 across: steps at 166.7, 500 and 833.3; means 25, 62.5, 75 %.
    drawn = curve.one("svg", viewbox="0 0 1000 300").all("path")
    lines = {path.attributes["class"]: path.attributes["d"] for path in drawn}
    assert lines["bestline"] == "M166.7 281.2H166.7V281.2H500.0V93.8H833.3V0.0"
    assert lines["mean"] == "M166.7 281.2L500.0 140.6L833.3 93.8"


@pytest.mark.parametrize(
    ("scores", "low", "high"),
    [
        ([0.0], 0.0, 0.2),
        ([1.0], 0.8, 1.0),
        ([0.45], 0.4, 0.6),
        ([0.82, 0.91], 0.8, 1.0),
        ([0.25, 1.0], 0.2, 1.0),
        ([0.0, 1.0], 0.0, 1.0),
        ([0.3, 0.95], 0.2, 1.0),
    ],
)
def test_the_scale_is_as_wide_as_the_scores(scores: list[float], low: float, high: float) -> None:
    scale = choose_axis(scores)
    assert (scale.low, scale.high) == (low, high)
    assert (scale.ticks[0], scale.ticks[-1]) == (low, high)
    assert (scale.down(high), scale.down(low)) == (0, HEIGHT)


def test_few_steps_have_numbers() -> None:
    assert choose_step_labels(1) == [0]
    assert choose_step_labels(4) == [0, 1, 2, 3]
    assert choose_step_labels(21) == [0, 5, 10, 15, 20]
    assert choose_step_labels(201) == [0, 25, 50, 75, 100, 125, 150, 175, 200]


def test_bars_and_their_intervals() -> None:
    scores = page_of(small_run()).one("section", id="r1-scores")
    test = scores.all("div", class_="split")[1]
    start, best = test.all("svg")
    # Wilson's interval of 2/10 is 5.67 to 50.98 %, of 9/10 59.58 to 98.21 %.
    assert start.attributes["aria-label"] == "test, start prompt: 20.0 % [5.7–51.0] 2/10"
    assert start.one("rect", class_="bar").attributes["width"] == "20%"
    span = start.all("line")[0].attributes
    assert (span["x1"], span["x2"]) == ("5.67%", "50.98%")
    assert best.one("rect", class_="bar").attributes["width"] == "90%"
    span = best.all("line")[0].attributes
    assert (span["x1"], span["x2"]) == ("59.58%", "98.21%")


def test_every_instruction_has_a_row_and_every_dot_leads_to_one() -> None:
    page = page_of(small_run())
    rows = page.one("table", class_="candidates").all("tbody")[0].all("tr")
    told = [[words(cell) for cell in row.all("td")[:3]] for row in rows]
    assert told == [
        ["2", "★ winnerc", "100.0 % 4/4 [51.0–100.0]"],
        ["1", "b", "75.0 % 3/4 [30.1–95.4]"],
        ["1", "a", "50.0 % 2/4 [15.0–85.0]"],
        ["2", "d", "50.0 % 2/4 [15.0–85.0]"],
        ["start", "■ start promptstart", "25.0 % 1/4 [4.6–69.9]"],
    ]
    anchors = {f"#{row.attributes['id']}" for row in rows}
    assert {dot.attributes["href"] for dot in page.one("svg", class_="curve").all("a")} == anchors
    headings = page.one("table", class_="candidates").all("th")
    assert [h.attributes["aria-sort"] for h in headings if h.text == "train"] == ["descending"]
    assert all(len(h.all("button", type="button")) == 1 for h in headings)


def test_flipped_questions_with_both_answers() -> None:
    flips = page_of(small_run()).one("section", id="r1-flips")
    assert [words(h) for h in flips.all("h4")] == [
        "▲ 7 gained better under the winner",
        "▼ 0 lost better under the start prompt",
    ]
    row = flips.all("tbody")[0].all("tr")[0]
    assert [cell.text for cell in row.children] == ["test 2?", "2", "✗ yes", "✓ yes"]


def test_more_flips_than_a_few_are_folded_away() -> None:
    state = new_state(steps=1, per_step=1, train=2, test=30)
    state_run = recorded(state)
    score_all(state, "start", 0)
    state.apply(proposed(1, 0, "better"))
    score_all(state, "better", 2)
    score_all(state, "start", 0, "test")
    score_all(state, "better", 30, "test")
    flips = page_of(state_run).one("section", id="r1-flips")
    first, rest = flips.all("tbody")
    assert (len(first.all("tr")), len(rest.all("tr"))) == (8, 22)
    assert flips.one("details").one("summary").text == "show all 30"
    assert rest in list(flips.one("details"))


def test_baselines_noise_and_leaks_are_shown() -> None:
    quoted = Example("How many legs have seven purple spiders in a jar?", "56", "t")
    search = SearchSettings(
        initial_instructions=("start",),
        steps=1,
        candidates_per_step=1,
        baselines=("start", "Think."),
        noise_check=True,
    )
    sizes: dict[Split, int] = {"train": 4, "dev": 0, "test": 10}
    state = RunState(search, sizes, questions=[quoted])
    leaking = "How many legs have seven purple spiders in a jar? Count them."
    score_all(state, "start", 1)
    state.apply(proposed(1, 0, leaking))
    score_all(state, leaking, 4)
    for each, right in (("start", 2), (leaking, 9), ("Think.", 5)):
        score_all(state, each, right, "test")
    again = state.second_time(state.get_candidate(make_candidate_id("start")))
    for question in range(10):
        asked = answered("start", question, float(question < 3), "test")
        state.apply(replace(asked, candidate=again.id))
    page = page_of(recorded(state))
    assert words(page.one("p", class_="noise")) == (
        "Noise: the start prompt's 10 test questions asked again, 1 score changed (+10.0 points)."
    )
    warning = page.one("div", class_="verdict").one("p", class_="leaks")
    assert words(warning).startswith("⚑ The best prompt quotes train questions: “How many legs")
    assert "95 % interval +" in page.one("div", class_="figures").text
    scores = page.one("section", id="r1-scores")
    names = [span.text for span in scores.all("span", class_="who")]
    # A baseline is asked on test alone, and one that is the start prompt has its bar already.
    assert names == ["start prompt", "winner", "start prompt", "winner"]
    told = [words(row) for row in scores.one("table", class_="stacked").one("tbody").all("tr")]
    assert [re.sub(r"\[.*?\]|0\.\d+$", "_", row) for row in told] == [
        "start prompt20.0 % _ 2/10––",
        "winner90.0 % _ 9/10+70.0 __",
        "Think.50.0 % _ 5/10+30.0 __",
    ]
    flags = page.one("table", class_="candidates").all("td", class_="flags")
    (flag,) = (flag.text for flag in flags if flag.text)
    assert re.match(r"⚠ quotes \d train questions?: “How many legs", flag)


def test_several_runs_are_compared_on_top() -> None:
    runs = [small_run(), recorded(new_state(train=4), "stopped", name="other")]
    page = page_of(*runs)
    assert page.one("h1").text == "2 runs compared"
    rows = page.one("header", class_="comparison").one("tbody").all("tr")
    assert [[words(c) for c in row.children] for row in rows] == [
        [
            *("sums-1", "▲ Improved", "test", "20.0 % [5.7–51.0]", "90.0 % [59.6–98.2]"),
            *("+70.0", "c", "44", "$0.080"),
        ],
        ["other", "… Not finished (stopped)", "–", "–", "–", "–", "–", "0", "$0.00"],
    ]
    assert [row.one("a").attributes["href"] for row in rows] == ["#r1", "#r2"]
    ids = [node.attributes["id"] for node in page if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    inside = {node.attributes["href"] for node in page.all("a")}
    assert inside <= {"#/", *(f"#{each}" for each in ids)}


def poor_runs() -> dict[str, RecordedRun]:
    one = new_state(steps=0, train=1)
    one.apply(answered("start", 0))
    unreadable = new_state(steps=1, per_step=1, train=3, dev=2, test=2)
    unreadable.apply(proposed(1, 0, "x"))
    for split in SPLITS:
        for each in ("start", "x"):
            for question in range(unreadable.sizes[split]):
                unreadable.apply(answered(each, question, None, split, usd=None))
    half = new_state(steps=2, train=4, test=2)
    half.apply(answered("start", 0))
    refused = new_state(steps=0, train=2, test=2)
    refused.exclude_refused = True
    (candidate,) = refused.candidates.values()
    for split in SPLITS:
        for question in range(refused.sizes[split]):
            candidate.answers[split].refuse(question, exclude=True)
    empty = new_state("", steps=0, train=1)
    empty.apply(answered("", 0, 0.0))
    return {
        "nothing answered": recorded(new_state(), "killed"),
        "no questions at all": recorded(new_state(train=0), "failed"),
        "one candidate": recorded(one),
        "all unreadable": recorded(unreadable),
        "half an initial instruction": recorded(half, "running"),
        "all refused": recorded(refused),
        "an empty instruction": recorded(empty),
    }


@pytest.mark.parametrize("name", poor_runs())
def test_a_run_that_lacks_something_has_a_page(name: str) -> None:
    run = poor_runs()[name]
    page = page_of(run)
    assert page.one("h2").text == run.name
    assert (run.status == "finished") == ("Not finished" not in page.one("p", class_="word").text)


def test_an_unfinished_run_has_no_verdict() -> None:
    state = new_state(steps=2, per_step=1, train=4, test=2)
    score_all(state, "start", 1)
    state.apply(proposed(1, 0, "better"))
    state.apply(answered("better", 0))
    state.apply(SessionEnded(1.0, "interrupted"))
    page = page_of(recorded(state, "stopped"))
    assert page.one("p", class_="word").text == "… Not finished (stopped)"
    assert "best so far" in page.one("div", class_="prompts").text
    half = page.one("svg", class_="curve").one("a", class_="part")
    assert half.attributes["aria-label"] == (
        "step 1, not all answers yet: train 100.0 % [20.7–100.0] 1/1"
    )


def test_one_that_was_stopped_counts_for_the_mean_of_its_step_and_not_for_the_best() -> None:
    state = new_state(steps=1, per_step=2, train=4, test=2)
    score_all(state, "start", 2)
    state.apply(proposed(1, 0, "whole"))
    state.apply(proposed(1, 1, "stopped"))
    score_all(state, "whole", 3)
    state.apply(answered("stopped", 0))
    candidate = next(c.id for c in state.candidates.values() if c.instruction == "stopped")
    state.apply(Pruned(1.0, candidate, 0.95, 0.4, 0.99))
    curve = page_of(recorded(state, "stopped")).one("svg", class_="curve")
    # The scale is 50 to 100 %, 6 pixels a point; steps at 250 and 750; the mean of 75 and 95 %.
    drawn = curve.one("svg", viewbox="0 0 1000 300").all("path")
    lines = {path.attributes["class"]: path.attributes["d"] for path in drawn}
    assert lines["bestline"] == "M250.0 300.0H250.0V300.0H750.0V150.0"
    assert lines["mean"] == "M250.0 300.0L750.0 90.0"


def test_nothing_is_loaded_and_nothing_but_its_own_script_runs() -> None:
    page = render_report([small_run()])
    tree = parsed(page)
    # The policy names the very bytes of style and script.
    (policy,) = (
        node.attributes["content"] or ""
        for node in tree.all("meta", http_equiv="Content-Security-Policy")
    )
    data = tree.one("script", id="frozen", type="application/json")
    (script,) = (node for node in tree.all("script") if node is not data)
    for kind, source in (("style", tree.one("style").text), ("script", script.text)):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"https?:|//[a-z]|url\(|@import|\bsrc=|style=", page)
    assert not [name for node in tree for name in node.attributes if name.startswith("on")]
    unsafe = r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function"
    assert not re.search(unsafe, script.text)
    assert script.text == read_script()
    assert tree.one("style").text == read_asset("report.css") + read_style()


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb" (WCAG 2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_told_apart(scheme: str) -> None:
    blocks = re.findall(r":root \{(.*?)\}", read_asset("report.css"), re.DOTALL)
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", blocks[scheme == "dark"]))
    below = [luminance(colours[name]) for name in ("page", "card", "mark")]
    for name in ("ink", "soft", "link", "best", "start", "dot", "mean", "good", "bad", "even"):
        own = luminance(colours[name])
        contrasts = [(max(own, one) + 0.05) / (min(own, one) + 0.05) for one in below]
        assert min(contrasts) >= 4.5, name
