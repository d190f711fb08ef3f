"""Replies as models write them, and which text, words or brackets they give."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from opro_cli.core.task.example import UNREADABLE, Grade

Grading = Callable[..., Grade]

CAPITAL = "What is the capital of France?"
SORTING = "Sort the following words alphabetically: List: cat ant bee"
CLOSING = (
    "Complete the rest of the sequence, making sure that the parentheses are closed properly. "
    "Input: ( { ["
)

CAPITAL_RIGHT = [
    "Paris",
    "paris",
    "Paris.",
    "Paris!",
    "The answer is Paris",
    "**Answer:** Paris",
    "It's Paris.",
    "It is Paris.",
    "Paris is the capital of France.",
    "The capital of France is Paris.",
    "The capital of France is Paris, which lies on the Seine.",
    "I think it is Paris.",
    "\\boxed{Paris}",
    '{"answer": "Paris"}',
    "<answer>Paris</answer>",
    "Answer: Paris (France)",
    "Paris\n\nParis is the largest city of the country.",
    "La réponse est Paris.",
    "答案：Paris",
    "The city is called Paris.",
    "That would be Paris.",
    "France's capital: Paris",
    "Sure! The capital of France is Paris.",
    "Paris, of course!",
    "Berlin. No wait, Paris.",
]

CAPITAL_WRONG = [
    "Lyon",
    "The answer is Lyon, not Paris.",
    "Parisian",
    "The answer is Lyon.\n\nParis was my first guess.",
]

CAPITAL_UNREADABLE = [
    "The capital is not Paris.",
    "not Paris",
    "Paris or Lyon",
    "I don't know",
    "I'm not sure.",
    "Let me think about this one step at a time.",
    "The capital of France is",
    "The capital of France is the city of",
    "Is it Paris?",
]

SORTING_RIGHT = [
    "ant bee cat",
    "ant, bee, cat",
    "ant, bee, and cat",
    "1. ant\n2. bee\n3. cat",
    "- ant\n- bee\n- cat",
    "* ant\n* bee\n* cat",
    "ant\nbee\ncat",
    "The sorted list is: ant bee cat",
    "Sorted: ant, bee, cat.",
    "The words in order are ant, bee, cat.",
    "**ant, bee, cat**",
    "ant → bee → cat",
    '["ant", "bee", "cat"]',
    "ant; bee; cat",
    "So the answer is ant bee cat.",
    "Answer:\n1. ant\n2. bee\n3. cat",
    "Answer:\n\nant\nbee\ncat",
    "Here is the sorted list:\n\n1. ant\n2. bee\n3. cat\n\nLet me know if you need more!",
    "`ant bee cat`",
    "ant < bee < cat",
    "The sorted words are:\nant bee cat",
    "\\boxed{\\text{ant bee cat}}",
    "Ant Bee Cat",
    "Sorted list:\n```\nant\nbee\ncat\n```",
    "ant, bee, cat\n\nExplanation: a comes before b and b before c.",
]

SORTING_WRONG = [
    "bee ant cat",
    "ant bee",
    "1. ant\n2. cat\n3. bee",
    "The sorted list is: ant cat bee",
    "ant bee cat dog",
]

SORTING_UNREADABLE = [
    "First we compare the letters a, b and c.",
    "I can't sort.",
]

CLOSING_RIGHT = [
    "] } )",
    "]})",
    "`]})`",
    "The answer is ] } ).",
    "Answer: ] } )",
    '"] } )"',
    "The missing brackets are ] } )",
    "] , } , )",
    "We need to close [ with ], { with } and ( with ). So the answer is ] } )",
    "\\boxed{] \\} )}",
    "$] \\} )$",
    "```\n]})\n```",
    "**] } )**",
    "] } )\n\nThis closes every bracket (in the right order).",
    "The sequence is completed by: ] } )",
    "\\text{] \\} )}",
    "］｝）",
]

CLOSING_WRONG = [
    "( { [ ] } )",
    "} ] )",
    "] }",
    "] } ) )",
]

CLOSING_UNREADABLE = [
    "",
    "I don't know (sorry)",
    "The stack is ( { [",
]

TARGETS = {CAPITAL: "Paris", SORTING: "ant bee cat", CLOSING: "] } )"}


def paired(question: str, replies: list[str]) -> list[tuple[str, str]]:
    return [(question, reply) for reply in replies]


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        *paired(CAPITAL, CAPITAL_RIGHT),
        *paired(SORTING, SORTING_RIGHT),
        *paired(CLOSING, CLOSING_RIGHT),
    ],
)
def test_right(grade: Grading, question: str, reply: str) -> None:
    assert grade("exact", reply, TARGETS[question], question) == Grade(TARGETS[question], 1.0)


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        *paired(CAPITAL, CAPITAL_WRONG),
        *paired(SORTING, SORTING_WRONG),
        *paired(CLOSING, CLOSING_WRONG),
    ],
)
def test_wrong(grade: Grading, question: str, reply: str) -> None:
    assert grade("exact", reply, TARGETS[question], question).score == 0.0


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        *paired(CAPITAL, CAPITAL_UNREADABLE),
        *paired(SORTING, SORTING_UNREADABLE),
        *paired(CLOSING, CLOSING_UNREADABLE),
    ],
)
def test_unreadable(grade: Grading, question: str, reply: str) -> None:
    assert grade("exact", reply, TARGETS[question], question) == UNREADABLE
