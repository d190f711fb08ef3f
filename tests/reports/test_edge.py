"""One sentence, wherever a p-value and the interval beside it disagree about 0."""

from __future__ import annotations

import pytest

from opro_cli.core.scale import SHARE
from opro_cli.core.stats.paired import ALPHA, compare_scores
from opro_cli.render.diff_content import _summarize_flips
from opro_cli.render.html.verdict import _build_baseline, _Prompt
from opro_cli.reports.formats import LEVEL, describe_disagreement
from opro_cli.reports.paired import compare_candidates
from opro_cli.reports.verdict import compare_with_start, judge
from tests.render.test_summary import printed, result
from tests.reports.runs import comparison, diff, run

SENTENCE = (
    "the interval does not contain 0 although p is not below 0.05: so close to the edge the two "
    "methods can differ, and p decides"
)
BEFORE, AFTER, QUESTIONS = "wwwwrrrrrr", "rrrrrrrrrr", "abcdefghij"
"""Four gained, none lost: p is 2 * (1/2)**4 / 2 = 0.0625, and the interval begins above 0."""


@pytest.mark.parametrize(
    ("p_value", "low", "high", "begins"),
    [
        (0.0625, 0.003, 0.2, "the interval does not contain 0 although p is not below"),
        (0.0625, -0.2, -0.003, "the interval does not contain 0 although p is not below"),
        (0.04, -0.001, 0.4, "the interval contains 0 although p is below"),
        (0.04, 0.001, 0.4, ""),
        (0.5, -0.1, 0.1, ""),
        (0.5, 0.0, 0.1, ""),
    ],
)
def test_only_a_disagreement_is_said(p_value: float, low: float, high: float, begins: str) -> None:
    said = describe_disagreement(p_value, low, high)
    assert said.startswith(begins)
    assert bool(said) == bool(begins)
    assert LEVEL == ALPHA


def test_verdict_and_diff_say_it_in_the_same_words() -> None:
    one, other = run("a", "T.", BEFORE, QUESTIONS), run("b", "D.", AFTER, QUESTIONS)
    (start,), (best,) = one.state.candidates.values(), other.state.candidates.values()
    verdict = judge(one.state, start, best)
    assert verdict.outcome == "not_distinguishable"
    assert verdict.sentence.count(SENTENCE) == 1
    flips = diff(one, other).flips
    assert flips is not None
    assert _summarize_flips(flips).endswith(f"McNemar mid-p = 0.062); {SENTENCE}")
    data = comparison(one, other).to_json()["flips"]["difference"]
    expected = compare_scores([(float(b == "r"), 1.0) for b in BEFORE])
    assert data["mean"] == expected.difference == pytest.approx(0.4)
    assert data["interval"] == [expected.interval.low, expected.interval.high]


def test_show_and_report_say_it_of_a_baseline() -> None:
    one, other = run("a", "T.", BEFORE, QUESTIONS), run("b", "D.", AFTER, QUESTIONS)
    (start,), (best,) = one.state.candidates.values(), other.state.candidates.values()
    assert compare_candidates(start, best) is not None
    against = compare_with_start(start, best)
    score = {"mean": 1.0, "interval": [0.7, 1.0], "n": 10, "correct": 10}
    scores = {"train": None, "dev": None, "test": score}
    told = {"instruction": "Step by step.", "step": 0, "scores": scores, "against_start": against}
    text = " ".join(" ".join(printed(result(baselines=[told], difference=None), 200)).split())
    assert text.count(f"Step by step.: {SENTENCE}") == 1
    item = " ".join(_build_baseline(_Prompt("other", "Step by step.", told), SHARE))
    assert item.count(SENTENCE) == 1
