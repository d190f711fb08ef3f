"""Situations in which the reference's scoring raises, and checks of what is done here instead.

A situation looks at the input of a case; a check asserts on it what CRASHES in
`tests/conformance/test_vectors.py` says.
"""

from __future__ import annotations

import re
import string
from typing import get_type_hints

import pytest

from opro_cli.core.task.example import ChatReply, Example, Grade
from opro_cli.metrics.paper import PaperMetric
from tests.conformance import scoring
from tests.conformance.vectors import Input


def no_content(case: Input) -> bool:
    return case["prediction"] is None


def read_as_empty(case: Input) -> None:
    assert scoring.normalize({**case, "prediction": ""}) == ""
    grade = PaperMetric("number").grade("", Example("6 * 3?", "18", "hand:1"))
    assert grade == Grade("", 0.0)


def not_text(case: Input) -> bool:
    return not isinstance(case["prediction"], str | None)


def replies_are_text(case: Input) -> None:
    """Which `mypy --strict` holds every model and metric to."""
    assert get_type_hints(ChatReply)["text"] is str
    assert get_type_hints(PaperMetric.grade)["reply"] is str


def gold_option_is_not_listed(text: str, gold: str) -> bool:
    letter = gold.strip("()").lower()
    if len(letter) != 1:
        return False
    return len(re.findall(r"\([A-Z]\)|A:", text)) <= string.ascii_lowercase.find(letter)


def right_by_letter(gold: str, answer: str, contained: bool) -> bool:
    """Whether `answer` is the gold letter, or contains the gold answer where that counts."""
    gold, answer = gold.lower(), answer.lower()
    letter = answer.translate(str.maketrans("", "", string.punctuation)).strip()
    return letter == gold.strip("()") or (contained and gold in answer)


def gold_letter_beyond_options(case: Input) -> bool:
    return gold_option_is_not_listed(case["input_text"], str(case["true_answer"]))


def letter_alone_counts(case: Input) -> None:
    listed = case["function"] == "list"
    answers = case["pred_answer_list"] if listed else [case["pred_answer"]]
    right = [
        right_by_letter(str(case["true_answer"]), str(answer), case["treat_include_as_correct"])
        for answer in answers
    ]
    assert scoring.accuracy(case) == sum(right) / len(right)


def gold_is_a_list_of_one(case: Input) -> bool:
    return isinstance(case["true_answer"], list) and len(case["true_answer"]) == 1


def scored_as_its_element(case: Input) -> None:
    assert scoring.accuracy(case) == scoring.accuracy(
        {**case, "true_answer": case["true_answer"][0]}
    )


def gold_is_no_single_value(case: Input) -> bool:
    return isinstance(case["true_answer"], list) and len(case["true_answer"]) != 1


def row_is_refused(case: Input) -> None:
    with pytest.raises(ValueError, match=r"expected one value, found (a list of \d|an empty list)"):
        scoring.accuracy(case)


def replies_read(case: Input) -> list[str]:
    again = case["extract_final_answer_by_prompting_again"]
    return list(case["raw_answers_second_round" if again else "raw_answers"])


def boxed_without_braces(case: Input) -> bool:
    replies = [reply for reply in replies_read(case) if r"\boxed" in reply]
    return case["is_gpt_model"] and not all(re.search(r"\\boxed{.*?}", each) for each in replies)


def read_as_if_nothing_were_boxed(case: Input) -> None:
    ours, plain = (scoring.end_to_end_score({**case, "is_gpt_model": gpt}) for gpt in (True, False))
    for place, reply in enumerate(replies_read(case)):
        if not re.search(r"\\boxed{.*?}", reply):
            for column in ("parsed_answers", "accuracies"):
                assert ours[column][place] == plain[column][place]


def gold_letter_beyond_the_prompt(case: Input) -> bool:
    if not case["is_multiple_choice"]:
        return False
    return any(gold_option_is_not_listed(*pair) for pair in prompts_and_golds(case))


def prompts_and_golds(case: Input) -> list[tuple[str, str]]:
    golds = [str(example["target"]) for example in case["examples"]]
    return list(zip(scoring.end_to_end_score(case)["prompts"], golds, strict=True))


def letter_alone_counts_in_the_prompt(case: Input) -> None:
    output = scoring.end_to_end_score(case)
    for place, (prompt, gold) in enumerate(prompts_and_golds(case)):
        if gold_option_is_not_listed(prompt, gold):
            right = right_by_letter(gold, output["parsed_answers"][place], contained=True)
            assert output["accuracies"][place] == float(right)


def numbers_for_adaptive(case: Input) -> bool:
    golds = [example["target"] for example in case["examples"]]
    return case["treat_as_number"] == "adaptive" and not all(isinstance(g, str) for g in golds)


def scored_as_their_digits(case: Input) -> None:
    as_text = [{**example, "target": str(example["target"])} for example in case["examples"]]
    ours = scoring.end_to_end_score(case)
    assert ours == scoring.end_to_end_score({**case, "examples": as_text})
    if all(example["target"].isnumeric() for example in as_text):
        assert ours == scoring.end_to_end_score({**case, "treat_as_number": True})


def reply_without_content(case: Input) -> bool:
    return None in replies_read(case) or None in case["raw_answers"]


def scored_as_empty_reply(case: Input) -> None:
    filled = {
        key: [reply or "" for reply in case[key]] if case[key] else case[key]
        for key in ("raw_answers", "raw_answers_second_round")
    }
    output = scoring.end_to_end_score({**case, **filled})
    assert len(output["accuracies"]) == len(case["examples"])
