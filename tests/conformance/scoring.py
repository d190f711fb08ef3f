"""Scoring vectors put through the product: each driver gives what the vector's `output` holds."""

from __future__ import annotations

from typing import Any

from opro_cli.core.task.example import Example
from opro_cli.core.task.prompt import PromptFormat, format_question, format_second_round
from opro_cli.core.task.template import parse_template
from opro_cli.datasets.formats import Row
from opro_cli.datasets.rows import RowReader
from opro_cli.datasets.shapes import ROW_SHAPES, format_value
from opro_cli.metrics.paper import PaperKind, PaperMetric
from opro_cli.reading.paper import is_right, normalize_answer
from tests.conformance.vectors import Input


def normalize(case: Input) -> str:
    """The answer read from `prediction`."""
    return normalize_answer(
        case["prediction"],
        as_number=case["treat_as_number"],
        as_boolean=case["treat_as_bool"],
        decimals=case["num_decimals"],
    )


def accuracy(case: Input) -> int | float | str:
    """1 or 0 for one answer, the mean for a list of them ("nan" for none)."""
    # Golds and answers are texts to a metric, and the reference takes their str() too; a list
    # is unwrapped or refused where rows are read.
    gold = case["true_answer"]
    gold = format_value(gold, join_lists=False) if isinstance(gold, list) else str(gold)
    listed = case["function"] == "list"
    answers = case["pred_answer_list"] if listed else [case["pred_answer"]]
    marks = [
        int(
            is_right(
                gold,
                str(answer),
                options_in=case["input_text"],
                inclusion=case["treat_include_as_correct"],
            )
        )
        for answer in answers
    ]
    return _mean(marks) if listed else marks[0]


def end_to_end_score(case: Input) -> dict[str, Any]:
    """One instruction on some rows: what is asked, what is read in the replies, what is right."""
    metric = PaperMetric(
        _kind(case),
        second_round=case["extract_final_answer_by_prompting_again"],
        boxed=case["is_gpt_model"],
        adaptive=case["treat_as_number"] == "adaptive",
    )
    form = PromptFormat(case["instruction_pos"], case["include_qa"])
    examples = [_example(case["dataset_name"], row, metric) for row in case["examples"]]
    prompts = [format_question(example.input, case["instruction"], form) for example in examples]
    again = case["extract_final_answer_by_prompting_again"]
    replies = case["raw_answers_second_round"] if again else case["raw_answers"]
    grades = [
        metric.grade(reply, example, prompt)
        for reply, example, prompt in zip(replies, examples, prompts, strict=True)
    ]
    scores = [grade.score for grade in grades]
    output: dict[str, Any] = {
        "prompts": prompts,
        "parsed_answers": [grade.answer for grade in grades],
        "accuracies": scores,
        "average": _mean([score for score in scores if score is not None]),
    }
    if again:
        output["prompts_second_round"] = [
            format_second_round(prompt, reply)
            for prompt, reply in zip(prompts, case["raw_answers"], strict=True)
        ]
    return output


def _kind(case: Input) -> PaperKind:
    if case["is_multiple_choice"]:
        return "choice"
    if case["treat_as_bool"]:
        return "boolean"
    return "number" if case["treat_as_number"] is True else "text"


def _example(dataset: str, row: dict[str, Any], metric: PaperMetric) -> Example:
    """The example in a row of a data set's own file, as the product reads it."""
    shape, fields, answer = ROW_SHAPES["plain"], row, "target"
    if dataset == "mmlu":
        shape, answer = ROW_SHAPES["mmlu"], "answer"
        fields = dict(zip(shape.columns or (), row["mmlu_cells"], strict=True))
    reading = RowReader(parse_template("question"), parse_template(answer), shape, metric)
    return reading.build_example(Row(row["index"], fields), f"{dataset}:{row['index']}")


def _mean(scores: list[int] | list[float]) -> float | str:
    return sum(scores) / len(scores) if scores else "nan"
