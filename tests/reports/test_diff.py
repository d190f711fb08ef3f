"""Two runs compared: flips by question text, caveats, settings."""

from __future__ import annotations

from typing import Any

from opro_cli.core.model import Example, Split
from opro_cli.core.state import RunState
from opro_cli.reports.diff import as_data, diff_runs
from opro_cli.reports.recorded import RecordedRun
from tests.core.runs import new_state, score_all


def run(
    name: str, instruction: str, right: int, questions: str, split: Split = "test", **settings: Any
) -> RecordedRun:
    """A finished run that answered one letter a question on `split`, the first ones rightly."""
    sizes = {"train": 1, "dev": 0, "test": 0} | {split: len(questions)}
    state: RunState = new_state(instruction, steps=0, **sizes)
    if split != "train":
        score_all(state, instruction, 1)
    score_all(state, instruction, right, split)
    plain = {"scorer": {"model": "openai/a", **settings}, "task": {"answer": "number"}}
    examples: dict[Split, list[Example]] = {"train": [Example("?", "1", "t:1")], "dev": []}
    examples[split] = [Example(question, "1", "t") for question in questions]
    return RecordedRun(
        name=name,
        folder=name,
        settings=plain,
        identity={"data_fingerprint": questions},
        examples={"test": [], **examples},
        state=state,
        status="finished",
    )


def test_flips_are_matched_by_question_and_not_by_index() -> None:
    before = run("a", "Think.", 2, "wxyz")  # right on w, x
    after = run("b", "Think hard.", 2, "yxqw")  # right on y, x
    flips = diff_runs(before, after).flips
    assert flips is not None
    assert (flips.split, flips.shared) == ("test", 3)
    assert [flip.question for flip in flips.gained] == ["y"]
    assert [flip.question for flip in flips.lost] == ["w"]


def test_runs_without_a_question_in_common_have_no_flips() -> None:
    compared = diff_runs(run("a", "Think.", 1, "ab"), run("b", "Think.", 1, "cd"))
    # Their single train question is the same, so the flips fall back to it.
    assert compared.flips is not None
    assert (compared.flips.split, compared.flips.shared) == ("train", 1)
    only_train = diff_runs(run("a", "T", 1, "ab", "train"), run("b", "T", 1, "cd", "train"))
    assert only_train.flips is None


def test_what_cannot_be_compared_is_said() -> None:
    compared = diff_runs(run("a", "Think.", 1, "ab"), run("b", "Think.", 1, "cd", model="openai/z"))
    assert any("different questions" in caveat for caveat in compared.caveats)
    assert any("openai/a / openai/z" in caveat for caveat in compared.caveats)
    assert [change.path for change in compared.settings] == ["scorer.model"]


def test_a_run_without_scores_is_compared_as_far_as_it_goes() -> None:
    empty = run("a", "Think.", 1, "ab")
    empty.state.__init__(empty.state.search, empty.state.sizes)  # type: ignore[misc]
    compared = diff_runs(empty, run("b", "Think.", 1, "ab"))
    assert compared.before is None
    assert compared.prompt == ()
    assert as_data(compared)["before"] is None


def test_the_data_holds_flips_with_both_answers() -> None:
    data = as_data(diff_runs(run("a", "Think.", 0, "ab"), run("b", "Do.", 1, "ab")))
    assert data["flips"] == {
        "split": "test",
        "shared": 2,
        "wrong_to_right": [{"question": "a", "target": "1", "before": "yes", "after": "yes"}],
        "right_to_wrong": [],
        "p_value": 1.0,
    }
    assert data["after"]["scores"]["test"]["correct"] == 1
