"""Situations in which the reference's search raises, and checks of what is done here instead.

A situation looks at the input of a case; a check asserts on it what CRASHES in
`tests/conformance/test_vectors.py` says.
"""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.settings.read import read_settings
from opro_cli.core.task.example import Grade
from opro_cli.errors import DataError
from opro_cli.wiring import NAMES
from tests.conformance import search
from tests.conformance.vectors import Input

POSITIONS = ("before_Q", "Q_begin", "Q_end", "A_begin")
LAYOUTS = ("gpt-3.5-turbo", "gpt-4", "text-bison")
SEARCHED = ("mmlu", "bbh", "gsm8k")
PROMPTED = (*SEARCHED, "multiarith", "aqua")


def problems_of(case: Input) -> dict[str, str]:
    """What is wrong with a config that asks for what the case asks for, by key path."""
    task: dict[str, Any] = {
        "data": {"train": "t.jsonl", "input": "q", "target": "a"},
        "answer": "number",
        "instruction_position": case["instruction_pos"],
        "qa_markers": case["include_qa"],
        "description": "some",
    }
    asked: dict[str, Any] = {"rules": "paper"}
    if "meta_prompt_type" in case:
        buckets = case["num_score_buckets"]
        known = case["meta_prompt_type"] in ("both_instructions_and_exemplars", "instructions_only")
        asked["score_buckets"] = None if buckets == "inf" else buckets
        asked["strategy"] = search.strategy_name(case) if known else case["meta_prompt_type"]
    models = {role: {"model": search.NOBODY} for role in ("scorer", "optimizer")}
    result = read_settings({"task": task, "search": asked, **models}, NAMES)
    return {problem.dotted: problem.message for problem in result.problems}


def unknown_position(case: Input) -> bool:
    return case["instruction_pos"] not in POSITIONS


def position_is_refused(case: Input) -> None:
    assert "task.instruction_position" in problems_of(case)


def answer_start_without_markers(case: Input) -> bool:
    return case["instruction_pos"] == "A_begin" and not case["include_qa"]


def before_question_without_markers(case: Input) -> bool:
    before: bool = case["instruction_pos"] == "before_Q" and not case["include_qa"]
    return before


def instruction_comes_first(case: Input) -> None:
    """In the scorer's prompt as at Q_begin, which without markers is the same place."""
    assert problems_of(case) == {}
    assert search.scorer_prompt(case) == search.scorer_prompt(
        {**case, "instruction_pos": "Q_begin"}
    )


def mark_comes_first(case: Input) -> None:
    assert problems_of(case) == {}
    assert search.meta_prompt(case) == search.meta_prompt({**case, "instruction_pos": "Q_begin"})


def only_instructions_before_the_question(case: Input) -> bool:
    only = case["meta_prompt_type"] == "instructions_only"
    return only and bool(case["instruction_pos"] == "before_Q")


def unknown_dataset(case: Input) -> bool:
    known = SEARCHED if "meta_prompt_type" in case else PROMPTED
    return case["dataset_name"].lower() not in known


def dataset_makes_no_difference(case: Input) -> None:
    assert problems_of(case) == {}
    if "meta_prompt_type" in case:
        assert search.meta_prompt(case) == search.meta_prompt({**case, "dataset_name": "gsm8k"})
    else:
        plain = {"question": "How many?", "target": 7}
        assert search.scorer_prompt({**case, "example": plain}) == search.scorer_prompt(
            {**case, "example": plain, "dataset_name": "gsm8k"}
        )


def unknown_optimizer(case: Input) -> bool:
    return case["optimizer_llm_name"].lower() not in LAYOUTS


def layout_is_the_strategys(case: Input) -> None:
    assert problems_of(case) == {}
    assert search.meta_prompt(case) == search.meta_prompt({**case, "optimizer_llm_name": "gpt-4"})


def buckets_are_no_integer(case: Input) -> bool:
    return case["num_score_buckets"] != "inf" and type(case["num_score_buckets"]) is not int


def buckets_are_refused(case: Input) -> None:
    assert "search.score_buckets" in problems_of(case)


def score_is_out_of_range(case: Input) -> bool:
    return not all(0 <= score <= 1 for _, score, _ in case["history"])


def no_grade_has_such_a_score(case: Input) -> None:
    for _, score, _ in case["history"]:
        if not 0 <= score <= 1:
            with pytest.raises(ValueError, match="a score lies between 0 and 1"):
                Grade("", score)


def unknown_layout(case: Input) -> bool:
    return case["meta_prompt_type"] not in ("both_instructions_and_exemplars", "instructions_only")


def layout_is_refused(case: Input) -> None:
    assert "search.strategy" in problems_of(case)


def texts_of(case: Input) -> list[str]:
    replies = [reply for step in case["raw_outputs_by_step"] for reply in step]
    return [*case["initial_instructions"], *replies]


def text_is_not_ascii(case: Input) -> bool:
    return not all(text.isascii() for text in texts_of(case))


def every_text_is_a_candidate_or_skipped(case: Input) -> None:
    """By the rules that hold for ASCII: one that no rule skips is scored."""
    for step in search.propose_parse(case)["steps"]:
        skipped = {*step["too_long"], *step["contains_digits"], *step["contains_INS"]}
        for text, scored in zip(step["generated"], step["generated_scored"], strict=True):
            assert scored != (text in skipped)
        assert any(not text.isascii() for text in texts_of(case))
    assert len({make_candidate_id(text) for text in texts_of(case)}) == len(set(texts_of(case)))


def too_few_questions(case: Input) -> bool:
    return len(case.get("train_index", ())) < int(case.get("num_few_shot", 0))


def all_are_shown(case: Input) -> None:
    whole = {"history": [["start", 1.0, -1]], "correct_by_instruction": {}, **case}
    shown = search.splits(whole)["few_shot_index_list_by_step"]
    assert list(shown.values()) == [case["train_index"]] * case["steps"]


def shares_of_more_than_all(case: Input) -> bool:
    return case["kind"] == "split" and bool(case["train_ratio"] + case["eval_ratio"] > 1)


def split_is_refused(case: Input) -> None:
    with pytest.raises(DataError, match=r"rows wanted, only \d+ usable rows there"):
        search.splits(case)
