"""Every vector of the reference implementation, one test each.

A file of vectors has a driver in DRIVERS. A case in which the reference crashed must be one of
the situations in CRASHES, where it is said what is done here instead; any other one fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from tests.conformance import scoring, scoring_crashes, search, search_crashes
from tests.conformance.vectors import BESIDE, VARIABLE, Case, Input, each_case, folder

pytestmark = pytest.mark.skipif(
    folder() is None, reason=f"no conformance vectors: {VARIABLE} is not set, {BESIDE} is absent"
)

DRIVERS: dict[str, Callable[[Input], Any]] = {
    "normalize": scoring.normalize,
    "accuracy": scoring.accuracy,
    "end_to_end_score": scoring.end_to_end_score,
    "meta_prompt": search.meta_prompt,
    "scorer_prompt": search.scorer_prompt,
    "propose_parse": search.propose_parse,
    "splits": search.splits,
    "trajectory": search.trajectory,
}


@dataclass(frozen=True, slots=True)
class Crash:
    """A situation in which the reference raises, and what is done here instead.

    vectors, exception: the file of vectors and the type of the reference's exception.
    occurs: whether the input of a case is in this situation.
    ours, reason: "scored" like any other case, "refused" with an error, or "skipped".
    check: asserts just that on the input of a case.
    """

    vectors: str
    exception: str
    situation: str
    occurs: Callable[[Input], bool]
    ours: Literal["scored", "refused", "skipped"]
    reason: str
    check: Callable[[Input], None]


CRASHES = (
    Crash(
        "normalize",
        "AttributeError",
        "the prediction is None",
        scoring_crashes.no_content,
        "scored",
        'a reply without content is "" to a metric: the adapters see to it (wire tests)',
        scoring_crashes.read_as_empty,
    ),
    Crash(
        "normalize",
        "AttributeError",
        "the prediction is no text",
        scoring_crashes.not_text,
        "refused",
        "a reply is a text: nothing else reaches a metric",
        scoring_crashes.replies_are_text,
    ),
    Crash(
        "accuracy",
        "IndexError",
        "the input text does not list the option of the gold letter",
        scoring_crashes.gold_letter_beyond_options,
        "scored",
        "a flawed question must not end a run; what is left to compare is the letter",
        scoring_crashes.letter_alone_counts,
    ),
    Crash(
        "accuracy",
        "AssertionError",
        "the gold answer is a list of one value",
        scoring_crashes.gold_is_a_list_of_one,
        "scored",
        "data sets wrap single answers in lists; the readers unwrap them",
        scoring_crashes.scored_as_its_element,
    ),
    Crash(
        "accuracy",
        "AssertionError",
        "the gold answer is a list of none or several",
        scoring_crashes.gold_is_no_single_value,
        "refused",
        "the row is refused where it is read, with the reason",
        scoring_crashes.row_is_refused,
    ),
    Crash(
        "end_to_end_score",
        "IndexError",
        r"a reply has \boxed without braces on its line",
        scoring_crashes.boxed_without_braces,
        "scored",
        "it is read like a reply without \\boxed",
        scoring_crashes.read_as_if_nothing_were_boxed,
    ),
    Crash(
        "end_to_end_score",
        "IndexError",
        "a prompt does not list the option of the gold letter",
        scoring_crashes.gold_letter_beyond_the_prompt,
        "scored",
        "a flawed question must not end a run; what is left to compare is the letter",
        scoring_crashes.letter_alone_counts_in_the_prompt,
    ),
    Crash(
        "end_to_end_score",
        "AttributeError",
        "adaptive reading, and gold answers that are numbers",
        scoring_crashes.numbers_for_adaptive,
        "scored",
        "gold answers are texts here, of digits",
        scoring_crashes.scored_as_their_digits,
    ),
    Crash(
        "end_to_end_score",
        "AttributeError",
        "a reply is None",
        scoring_crashes.reply_without_content,
        "scored",
        'a reply without content is "" to a metric: the adapters see to it (wire tests)',
        scoring_crashes.scored_as_empty_reply,
    ),
    Crash(
        "meta_prompt_raises",
        "AssertionError",
        "a position it does not know",
        search_crashes.unknown_position,
        "refused",
        "the config names the positions there are",
        search_crashes.position_is_refused,
    ),
    Crash(
        "meta_prompt_raises",
        "AssertionError",
        "a kind of meta-prompt it does not know",
        search_crashes.unknown_layout,
        "refused",
        "the config names the strategies there are",
        search_crashes.layout_is_refused,
    ),
    Crash(
        "meta_prompt_raises",
        "AssertionError",
        "a number of buckets that is no integer",
        search_crashes.buckets_are_no_integer,
        "refused",
        "the config wants a whole number",
        search_crashes.buckets_are_refused,
    ),
    Crash(
        "meta_prompt_raises",
        "AssertionError",
        "a score below 0 or above 1",
        search_crashes.score_is_out_of_range,
        "refused",
        "no metric can give such a score",
        search_crashes.no_grade_has_such_a_score,
    ),
    Crash(
        "meta_prompt_raises",
        "AssertionError",
        "only instructions, placed before the question",
        search_crashes.only_instructions_before_the_question,
        "refused",
        "the paper has no words for that place",
        search_crashes.position_is_refused,
    ),
    Crash(
        "meta_prompt_raises",
        "AssertionError",
        "an answer start without an answer line",
        search_crashes.answer_start_without_markers,
        "refused",
        'there is no "A:" to begin',
        search_crashes.position_is_refused,
    ),
    Crash(
        "meta_prompt_raises",
        "AssertionError",
        "a dataset it does not know",
        search_crashes.unknown_dataset,
        "scored",
        "any dataset can be searched",
        search_crashes.dataset_makes_no_difference,
    ),
    Crash(
        "meta_prompt_raises",
        "AssertionError",
        "an optimizer it does not know",
        search_crashes.unknown_optimizer,
        "scored",
        "the strategy decides the layout, any model can read it",
        search_crashes.layout_is_the_strategys,
    ),
    Crash(
        "meta_prompt_raises",
        "AssertionError",
        "an instruction before the question, without markers",
        search_crashes.before_question_without_markers,
        "scored",
        "it is the same place as the beginning of the question",
        search_crashes.mark_comes_first,
    ),
    Crash(
        "scorer_prompt_raises",
        "AssertionError",
        "a position it does not know",
        search_crashes.unknown_position,
        "refused",
        "the config names the positions there are",
        search_crashes.position_is_refused,
    ),
    Crash(
        "scorer_prompt_raises",
        "AssertionError",
        "an answer start without an answer line",
        search_crashes.answer_start_without_markers,
        "refused",
        'there is no "A:" to begin',
        search_crashes.position_is_refused,
    ),
    Crash(
        "scorer_prompt_raises",
        "AssertionError",
        "a dataset it does not know",
        search_crashes.unknown_dataset,
        "scored",
        "any dataset can be searched",
        search_crashes.dataset_makes_no_difference,
    ),
    Crash(
        "scorer_prompt_raises",
        "AssertionError",
        "an instruction before the question, without markers",
        search_crashes.before_question_without_markers,
        "scored",
        "it is the same place as the beginning of the question",
        search_crashes.instruction_comes_first,
    ),
    Crash(
        "propose_parse",
        "UnicodeEncodeError",
        "an instruction with a character beyond ASCII",
        search_crashes.text_is_not_ascii,
        "scored",
        "instructions are in any language",
        search_crashes.every_text_is_a_candidate_or_skipped,
    ),
    Crash(
        "splits",
        "ValueError",
        "fewer questions than exemplars wanted",
        search_crashes.too_few_questions,
        "scored",
        "all there are are shown",
        search_crashes.all_are_shown,
    ),
    Crash(
        "splits",
        "ValueError",
        "train and dev together are more than all rows",
        search_crashes.shares_of_more_than_all,
        "refused",
        "the rows wanted and the rows there are told before anything is asked",
        search_crashes.split_is_refused,
    ),
)


def conforms(name: str, case: Case) -> None:
    """Assert that the product does what the reference did, or what CRASHES says of it."""
    if case.raises is None:
        assert exactly(DRIVERS[name](case.input)) == exactly(case.output)
        return
    known = [
        crash
        for crash in CRASHES
        if (crash.vectors, crash.exception) == (name, case.raises) and crash.occurs(case.input)
    ]
    assert known, f"unknown crash of the reference in {name}: {case.raises}: {case.message}"
    known[0].check(case.input)


def exactly(output: Any) -> str:
    """As JSON, where 1 is not 1.0."""
    return json.dumps(output, ensure_ascii=False, indent=1, sort_keys=True)


@each_case("normalize")
def test_normalize(case: Case) -> None:
    conforms("normalize", case)


@each_case("accuracy")
def test_accuracy(case: Case) -> None:
    conforms("accuracy", case)


@each_case("end_to_end_score")
def test_end_to_end_score(case: Case) -> None:
    conforms("end_to_end_score", case)


@each_case("meta_prompt")
def test_meta_prompt(case: Case) -> None:
    conforms("meta_prompt", case)


@each_case("meta_prompt_raises")
def test_meta_prompt_raises(case: Case) -> None:
    conforms("meta_prompt_raises", case)


@each_case("scorer_prompt")
def test_scorer_prompt(case: Case) -> None:
    conforms("scorer_prompt", case)
    assert search.gold_answer(case.input) == str(case.gold)


@each_case("scorer_prompt_raises")
def test_scorer_prompt_raises(case: Case) -> None:
    conforms("scorer_prompt_raises", case)


@each_case("propose_parse")
def test_propose_parse(case: Case) -> None:
    conforms("propose_parse", case)


@each_case("splits")
def test_splits(case: Case) -> None:
    conforms("splits", case)


@each_case("trajectory")
def test_trajectory(case: Case) -> None:
    conforms("trajectory", case)


def test_an_unknown_crash_fails() -> None:
    case = Case("normalize-none", {"prediction": "18"}, None, "KeyError", "'x'")
    with pytest.raises(AssertionError, match="unknown crash of the reference in normalize: KeyErr"):
        conforms("normalize", case)
