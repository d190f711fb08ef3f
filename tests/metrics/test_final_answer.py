from __future__ import annotations

import pytest

from opro_cli.metrics.reading.final_answer import final_answer, first_sentence
from opro_cli.metrics.reading.reply_text import READ_LIMIT, tail
from opro_cli.metrics.reading.sentences import sentences


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("So the answer is Paris.\nIt is large.", "Paris."),
        ("The answer was Rome. No: the final answer is Paris.", "Paris."),
        ("Answer: Paris", "Paris"),
        ("**Answer**: Paris", "Paris"),
        ("**Answer:** Paris", "Paris"),
        ("answer = Paris", "Paris"),
        ("Answer - Paris", "Paris"),
        ("### Final Answer\n\nParis", "Paris"),
        ("**Final answer**\n```\nParis\n```", "Paris"),
        ("#### Paris", "Paris"),
        (r"\boxed{Paris}. Done.", "Paris"),
        (r"\boxed{\text{Paris}}", "Paris"),
        (r"\boxed{f(\frac{1}{2}) = {3}} and so on", r"f(\frac{1}{2}) = {3}"),
        (r"The answer is $\boxed{18}$.", "18"),
        ("The correct option is Paris", "Paris"),
        ("The answer should be Paris", "Paris"),
        # a marker with nothing after it does not count
        ("The answer is Paris. Answer:", "Paris. Answer:"),
        (r"#### Paris \boxed{}", r"Paris \boxed{}"),
    ],
)
def test_marked(reply: str, text: str) -> None:
    final = final_answer(reply)
    assert (final.text, final.marked) == (text, True)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("", ""),
        ("Paris", "Paris"),
        ("It is big.\nParis\n\n", "Paris"),
        ("The answers vary.\nParis", "Paris"),
        ("The answer isn't clear", "The answer isn't clear"),
        ("#### Step 2: think\nParis", "Paris"),
        ("##### Paris", "##### Paris"),
        ("unanswer: Paris", "unanswer: Paris"),
        ("```\nParis\n```", "Paris"),
    ],
)
def test_unmarked(reply: str, text: str) -> None:
    final = final_answer(reply)
    assert (final.text, final.marked) == (text, False)


def test_tail_reads_whole_words_of_the_end() -> None:
    reply = "head " + "b" * 10 + " " + "c" * (READ_LIMIT - 5)
    assert tail(reply) == "c" * (READ_LIMIT - 5)
    assert tail("  short  ") == "short"


def test_sentences() -> None:
    assert first_sentence("Paris. It is big.") == "Paris"
    assert first_sentence("3.5 is it") == "3.5 is it"
    assert sentences("Not (A). Not (B)! So (C).")[-1] == "So (C)."
