"""Views of runs built by hand, for policies: questions, candidates and what was answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.replies import KeptReplies
from opro_cli.core.run.state import RunState
from opro_cli.core.run.view import SearchView
from opro_cli.core.task.example import Example
from opro_cli.core.task.prompt import PromptFormat
from tests.core.runs import answered, new_state, proposed

FORM = PromptFormat("Q_begin", qa_markers=True)


def score(state: RunState, instruction: str, scores: Sequence[float | None]) -> None:
    """Answer the first train questions with these scores, None being unreadable."""
    for question, each in enumerate(scores):
        state.apply(answered(instruction, question, each))


def new_view(
    sheets: Mapping[str, Sequence[float | None]],
    *,
    labels: Sequence[str] = (),
    replies: Mapping[tuple[str, int], str] | None = None,
    options: Any = None,
    questions: Sequence[Example] = (),
    **search: Any,
) -> SearchView:
    """A view behind the first step: the first prompt is the start, the others were proposed.

    Args:
        sheets: The scores of the train questions under each prompt.
        labels: The gold label of each question.
        replies: The scorer's replies, by prompt and question.
        options: Those of the strategy.
        questions: The train questions; sums unless given.
        search: Further keys of the section.
    """
    start, *others = sheets
    size = max(map(len, sheets.values()))
    state = new_state(start, train=size, per_step=max(1, len(others)), steps=9, **search)
    score(state, start, sheets[start])
    if others:
        for sample, text in enumerate(others):
            state.apply(proposed(1, sample, text))
        for text in others:
            score(state, text, sheets[text])
    golds = labels or [str(2 * n) for n in range(size)]
    train = questions or [Example(f"What is {n} + {n}?", golds[n], "t", n) for n in range(size)]
    texts = {
        (make_candidate_id(text), "train", question): reply
        for (text, question), reply in (replies or {}).items()
    }
    return SearchView(
        state,
        train,
        FORM,
        options=options,
        labels=labels,
        read_reply=lambda *asked: texts.get(asked),
        kept=KeptReplies(),
    )
