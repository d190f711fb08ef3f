"""Runs for comparisons, a letter a question."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Refused
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import SPLITS, Example, Split
from opro_cli.reports.comparison import PromptComparison, PromptDiff, compare_prompts, diff_prompts
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.selected import SelectedPrompt, select_prompt
from tests.core.runs import answered, new_state

RIGHT, WRONG, HALF, UNREADABLE, REFUSED, OPEN = "rwhux-"


def answer_all(state: RunState, instruction: str, split: Split, outcomes: str) -> None:
    """Answer the questions of a split, a letter each: (r)ight, (w)rong, (h)alf right,
    (u)nreadable, x: refused for good, -: not asked yet."""
    for question, outcome in enumerate(outcomes):
        if outcome == REFUSED:
            state.apply(Refused(0.0, make_candidate_id(instruction), split, question, "filtered"))
        elif outcome != OPEN:
            score = {RIGHT: 1.0, WRONG: 0.0, HALF: 0.5}.get(outcome)
            event = answered(instruction, question, score, split)
            answer = {RIGHT: "1", WRONG: "2", HALF: "1.5"}.get(outcome)
            state.apply(replace(event, answer=answer, text=f"I say {answer}."))


def recorded(
    name: str, state: RunState, questions: dict[Split, str], **settings: Any
) -> RecordedRun:
    """A finished run over questions of a letter each, whose gold answer is 1."""
    models = {"scorer": {"model": "openai/a", **settings}, "optimizer": {"model": "openai/b"}}
    return RecordedRun(
        name=name,
        folder=name,
        settings={**models, "task": {"answer": "number"}},
        identity={"data_fingerprint": str(questions)},
        examples={
            split: [
                Example(letter, "1", f"{split}:{letter}") for letter in questions.get(split, "")
            ]
            for split in SPLITS
        },
        state=state,
        status="finished",
    )


def run(
    name: str,
    instruction: str,
    outcomes: str,
    questions: str,
    split: Split = "test",
    *,
    exclude: bool = False,
    **settings: Any,
) -> RecordedRun:
    """A run without steps that answered `questions` of one split with these outcomes.

    On train it was asked one question more, "?", when that is not the split.
    """
    asked: dict[Split, str] = {"train": "?", split: questions}
    sizes: dict[str, int] = {each: len(letters) for each, letters in asked.items()}
    state = new_state(instruction, steps=0, **sizes)
    state.exclude_refused = exclude
    if split != "train":
        answer_all(state, instruction, "train", RIGHT)
    answer_all(state, instruction, split, outcomes)
    return recorded(name, state, asked, **settings)


def best(*runs: RecordedRun) -> list[SelectedPrompt]:
    return [select_prompt(each) for each in runs]


def diff(before: RecordedRun, after: RecordedRun) -> PromptDiff:
    return diff_prompts(*best(before, after))


def comparison(*runs: RecordedRun) -> PromptComparison:
    return compare_prompts(best(*runs))
