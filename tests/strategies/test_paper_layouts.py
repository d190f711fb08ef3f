"""The reference's meta-prompts: whole texts by hand, then what differs from place to place."""

from __future__ import annotations

import pytest

from opro_cli.core.task.example import Example, Position
from opro_cli.core.task.prompt import MetaPromptMaterial, PromptFormat, TrajectoryEntry
from opro_cli.strategies.opro import MetaPromptStrategy, shown_score
from opro_cli.strategies.paper import PaperGpt, PaperInstructionsOnly, PaperPalm

ONE_EXEMPLAR = (Example("1+1?", "2", "t:1"),)
PAST = (TrajectoryEntry("Guess.", 0.255), TrajectoryEntry("Think.", 0.5))
GPT_PAST = (
    "Your task is to generate the instruction <INS>. Below are some previous instructions "
    "with their scores. The score ranges from 0 to 100.\n"
    "\ntext:\nGuess.\nscore:\n26\n"
    "\ntext:\nThink.\nscore:\n50\n"
)
GPT_PROBLEMS = "Below are some problems.\n\nProblem:\n<INS>\n1+1?\n\nGround truth answer:\n2\n"
GPT_REQUEST = (
    "Generate an instruction that is different from all the instructions <INS> above, "
    "and has a higher score than all the instructions <INS> above. The instruction should "
    "begin with <INS> and end with </INS>. The instruction should be concise, effective, "
    "and generally applicable to all problems above."
)
PALM_PAST = (
    "I have some texts along with their corresponding scores. The texts are arranged in "
    "ascending order based on their scores, where higher scores indicate better quality.\n\n"
    "\ntext:\nGuess.\nscore:\n26\n"
    "\ntext:\nThink.\nscore:\n50\n"
)
PALM_PROBLEMS = (
    "The following exemplars show how to apply your text: you replace <INS> in each input with "
    "your text, then read the input and give an output. We say your output is wrong if your "
    "output is different from the given output, and we say your output is correct if they are "
    "the same. When replacing <INS> with an old piece of text above, we get wrong outputs on "
    "the following inputs.\n\n"
    "\ninput:\n<INS>\n1+1?\n\noutput:\n2\n"
)
PALM_REQUEST = (
    "Write your new text that is different from the old ones and has a score as high as "
    "possible. Write the text in square brackets."
)


def said(
    strategy: MetaPromptStrategy,
    position: Position = "Q_begin",
    markers: bool = False,
    buckets: int | None = 100,
    exemplars: tuple[Example, ...] = ONE_EXEMPLAR,
    past: tuple[TrajectoryEntry, ...] = PAST,
    description: str = "",
) -> str:
    form = PromptFormat(position, markers)
    material = MetaPromptMaterial(past, exemplars, form, buckets, description)
    (message,) = strategy.meta_prompt(material)
    assert message.role == "user"
    return message.content


@pytest.mark.parametrize(
    ("strategy", "parts"),
    [
        (PaperGpt(), [GPT_PAST, GPT_PROBLEMS, GPT_REQUEST]),
        (PaperGpt(exemplars_first=True), [GPT_PROBLEMS, GPT_PAST, GPT_REQUEST]),
        (PaperGpt(exemplars=False), [GPT_PAST, GPT_REQUEST]),
        (PaperGpt(exemplars=False, exemplars_first=True), [GPT_PAST, GPT_REQUEST]),
        (PaperPalm(), [PALM_PAST, PALM_PROBLEMS, PALM_REQUEST]),
        (PaperPalm(exemplars_first=True), [PALM_PROBLEMS, PALM_PAST, PALM_REQUEST]),
        (PaperPalm(exemplars=False), [PALM_PAST, PALM_REQUEST]),
    ],
)
def test_the_whole_text(strategy: MetaPromptStrategy, parts: list[str]) -> None:
    assert said(strategy) == "\n\n".join(parts)


@pytest.mark.parametrize(
    ("position", "markers", "problem"),
    [
        ("before_Q", True, "\ninput:\n<INS>\nQ: 1+1?\nA:\nGround truth answer:\n2\n"),
        ("Q_begin", True, "\ninput:\nQ: <INS>\n1+1?\nA:\nGround truth answer:\n2\n"),
        ("Q_end", True, "\ninput:\nQ: 1+1?\n<INS>\nA:\nGround truth answer:\n2\n"),
        ("A_begin", True, "\nQ: 1+1?\nA: <Start>\nGround truth answer:\n2\n"),
        ("Q_begin", False, "\nProblem:\n<INS>\n1+1?\n\nGround truth answer:\n2\n"),
        ("Q_end", False, "\nProblem:\n1+1?\n<INS>\n\nGround truth answer:\n2\n"),
        # Places the reference has no words for.
        ("system", True, "\ninput:\n<INS>\nQ: 1+1?\nA:\nGround truth answer:\n2\n"),
        ("before_Q", False, "\nProblem:\n<INS>\n1+1?\n\nGround truth answer:\n2\n"),
    ],
)
def test_gpt_problems_show_the_place(position: Position, markers: bool, problem: str) -> None:
    assert f"Below are some problems.\n{problem}\n\nGen" in said(PaperGpt(), position, markers)


@pytest.mark.parametrize(
    ("position", "markers", "problem"),
    [
        ("before_Q", True, "\ninput:\n<INS>\nQ: 1+1?\nA:\noutput:\n2\n"),
        ("Q_begin", True, "\ninput:\nQ: <INS>\n1+1?\nA:\noutput:\n2\n"),
        ("Q_end", True, "\ninput:\nQ: 1+1?\n<INS>\nA:\noutput:\n2\n"),
        ("A_begin", True, "\ninput:\nQ: 1+1?\nA: <INS>\noutput:\n2\n"),
        ("Q_begin", False, "\ninput:\n<INS>\n1+1?\n\noutput:\n2\n"),
        ("Q_end", False, "\ninput:\n1+1?\n<INS>\n\noutput:\n2\n"),
    ],
)
def test_palm_problems_show_the_place(position: Position, markers: bool, problem: str) -> None:
    assert f"following inputs.\n\n{problem}\n\nWrite" in said(PaperPalm(), position, markers)


def test_gpt_asks_for_answer_starts_in_their_own_words() -> None:
    text = said(PaperGpt(answer_start=True), "A_begin", True)
    assert text == (
        "Your task is to generate the answer starting sentence <Start>. Below are some previous "
        "starting sentences with their scores. The score ranges from 0 to 100.\n"
        "\ntext:\nGuess.\nscore:\n26\n"
        "\ntext:\nThink.\nscore:\n50\n"
        "\n\nBelow are some problems.\n\nQ: 1+1?\nA: <Start>\nGround truth answer:\n2\n"
        "\n\nGenerate a starting sentence that is different from all the <Start> sentences above, "
        "and has a higher score than all the <Start> sentences above. The starting sentence "
        "should begin with <Start> and end with </Start>. The starting sentence should be "
        "concise, effective, and generally applicable to all QA pairs above."
    )


def test_problems_are_announced_even_when_there_are_none() -> None:
    announced = "\n\nBelow are some problems.\n\n\nGenerate an instruction"
    assert announced in said(PaperGpt(), exemplars=())
    assert "inputs.\n\n\n\nWrite your new text" in said(PaperPalm(), exemplars=())


def test_the_first_meta_prompt_may_show_no_past() -> None:
    assert "0 to 100.\n\n\nBelow are some problems." in said(PaperGpt(), past=())
    assert "quality.\n\n\n\nThe following exemplars" in said(PaperPalm(), past=())


def test_the_scale_is_told_as_a_hundred_whatever_it_is() -> None:
    twenty = said(PaperGpt(), buckets=20)
    assert "0 to 100.\n\ntext:\nGuess.\nscore:\n5\n\ntext:\nThink.\nscore:\n10\n" in twenty
    assert "0 to 100.\n\ntext:\nGuess.\nscore:\n0.255\n" in said(PaperGpt(), buckets=None)


@pytest.mark.parametrize(
    ("position", "place"),
    [
        ("Q_begin", "at the beginning of the question"),
        ("Q_end", "at the end of the question"),
        ("A_begin", "at the beginning of the answer"),
    ],
)
def test_instructions_only_is_a_sentence_and_the_past(position: Position, place: str) -> None:
    text = said(PaperInstructionsOnly(), position, True, description=" grade school math ")
    assert text == (
        f"Create a piece of text {place} to enhance the precision in solving diverse grade school "
        "math problems."
        "\n\nPrecision: 26 <TEXT>Guess.</TEXT>"
        "\n\nPrecision: 50 <TEXT>Think.</TEXT>"
    )


def test_instructions_only_shows_two_decimals() -> None:
    text = said(PaperInstructionsOnly(), buckets=None, description="sums")
    # 0.255 is 25.5 hundredths, half to even is 26.
    assert text.endswith(
        "Precision: 0.26 <TEXT>Guess.</TEXT>\n\nPrecision: 0.5 <TEXT>Think.</TEXT>"
    )


@pytest.mark.parametrize(
    ("score", "buckets", "decimals", "shown"),
    [
        (1 / 80, None, 3, "0.012"),  # 12.5 thousandths; exactly rounded it would be 0.013
        (3 / 80, None, 3, "0.038"),
        (0.5, None, 3, "0.5"),
        (0.0, None, 3, "0.0"),
        (1.0, None, 3, "1.0"),
        (2 / 3, None, 3, "0.667"),
        (2 / 3, None, 2, "0.67"),
        (0.125, 100, 3, "12"),  # half to even
        (0.375, 100, 3, "38"),
        (0.005, 100, 3, "0"),
        (0.015, 100, 3, "2"),
        (0.29, 100, 3, "29"),
        (0.25, 10, 3, "2"),
        (0.75, 10, 3, "8"),
        (1.0, 1, 3, "1"),
        (0.5, 1, 3, "0"),
    ],
)
def test_scores_are_shown_as_numpy_rounds_them(
    score: float, buckets: int | None, decimals: int, shown: str
) -> None:
    assert shown_score(score, buckets, decimals) == shown
