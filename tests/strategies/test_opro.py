"""The paper's meta-prompt, letter by letter, and what is read from replies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.stats.intervals import Interval
from opro_cli.core.task.example import Example, Message, Position
from opro_cli.core.task.prompt import MetaPromptMaterial, Prompt, PromptFormat, TrajectoryEntry
from opro_cli.strategies.opro import MetaPromptStrategy, OproStrategy
from opro_cli.strategies.paper import PaperGpt, PaperInstructionsOnly, PaperPalm
from opro_cli.strategies.reflect import ReflectStrategy
from opro_cli.strategies.words import OwnWords
from tests.strategies.views import new_view

ONE_EXEMPLAR = (Example("1+1?", "2", "t:1"),)
PAST = (TrajectoryEntry("Guess.", 0.255), TrajectoryEntry("Think.", 0.5))


def meta_prompt(
    position: Position = "Q_begin",
    markers: bool = True,
    past: tuple[TrajectoryEntry, ...] = PAST,
    exemplars: tuple[Example, ...] = ONE_EXEMPLAR,
    buckets: int | None = 100,
    exemplars_first: bool = False,
) -> str:
    material = MetaPromptMaterial(past, exemplars, PromptFormat(position, markers), buckets)
    (message,) = OproStrategy(exemplars_first).meta_prompt(material)
    assert message.role == "user"
    return message.content


def test_the_whole_text() -> None:
    assert meta_prompt() == (
        "Your task is to generate the instruction <INS>. Below are some previous instructions "
        "with their scores. The score ranges from 0 to 100.\n"
        "\ntext:\nGuess.\nscore:\n26\n"
        "\ntext:\nThink.\nscore:\n50\n"
        "\n\nBelow are some problems.\n"
        "\ninput:\nQ: <INS>\n1+1?\nA:\nGround truth answer:\n2\n"
        "\n\nGenerate an instruction that is different from all the instructions <INS> above, "
        "and has a higher score than all the instructions <INS> above. The instruction should "
        "begin with <INS> and end with </INS>. The instruction should be concise, effective, "
        "and generally applicable to all problems above."
    )


@pytest.mark.parametrize(
    ("position", "markers", "problem"),
    [
        ("before_Q", True, "input:\n<INS>\nQ: 1+1?\nA:\nGround truth answer:\n2\n"),
        ("Q_end", True, "input:\nQ: 1+1?\n<INS>\nA:\nGround truth answer:\n2\n"),
        ("system", True, "input:\n<INS>\nQ: 1+1?\nA:\nGround truth answer:\n2\n"),
        ("A_begin", True, "\nQ: 1+1?\nA: <Start>\nGround truth answer:\n2\n"),
        ("Q_begin", False, "Problem:\n<INS>\n1+1?\n\nGround truth answer:\n2\n"),
        ("Q_end", False, "Problem:\n1+1?\n<INS>\n\nGround truth answer:\n2\n"),
    ],
)
def test_exemplars_show_where_the_instruction_will_stand(
    position: Position, markers: bool, problem: str
) -> None:
    assert problem in meta_prompt(position, markers)


def test_answer_starts_are_asked_for_in_their_own_words() -> None:
    text = meta_prompt("A_begin")
    assert text.startswith("Your task is to generate the answer starting sentence <Start>. Below")
    assert "begin with <Start> and end with </Start>" in text
    assert "INS" not in text


def test_without_exemplars_no_problems_are_announced() -> None:
    assert "problems.\n" not in meta_prompt(exemplars=())


def test_the_scale_that_is_told_is_the_scale_that_is_shown() -> None:
    text = meta_prompt(buckets=20)
    assert "ranges from 0 to 20." in text
    assert "Think.\nscore:\n10\n" in text


def test_without_buckets_scores_are_decimals_of_one() -> None:
    past = (TrajectoryEntry("Guess.", 1 / 80), TrajectoryEntry("Think.", 1.0))
    text = meta_prompt(buckets=None, past=past)
    assert "The score ranges from 0 to 1.\n\ntext:\nGuess.\nscore:\n0.012\n" in text
    assert "Think.\nscore:\n1.0\n" in text


def test_exemplars_may_come_first() -> None:
    text = meta_prompt(exemplars_first=True)
    assert text == (
        "Below are some problems.\n"
        "\ninput:\nQ: <INS>\n1+1?\nA:\nGround truth answer:\n2\n"
        "\n\nYour task is to generate the instruction <INS>. Below are some previous instructions "
        "with their scores. The score ranges from 0 to 100.\n"
        "\ntext:\nGuess.\nscore:\n26\n"
        "\ntext:\nThink.\nscore:\n50\n" + text[text.index("\n\nGenerate an instruction") :]
    )
    assert text.count("Generate an instruction") == 1
    alone = {meta_prompt(exemplars=(), exemplars_first=first) for first in (True, False)}
    assert len(alone) == 1


@pytest.mark.parametrize(
    ("reply", "instructions"),
    [
        ("<INS>Think.</INS>", ("Think.",)),
        ("Sure! <INS> Think. </INS> Good luck.", ("Think.",)),
        ("<Start>So,</Start>", ("So,",)),
        ("<INS>Two\nlines</INS>", ("Two\nlines",)),
        ("<INS>one</INS> <INS>two</INS>", ("two",)),
        ("<INS></INS>", ()),
        ("<INS>never closed", ("never closed",)),
        ("</INS>Think.<INS>", ()),
        ("<INS>go <INS>on</INS>", ("on",)),
        ("Think.", ()),
        ("", ()),
        (f"<INS>{'x' * 501}</INS>", ("x" * 501,)),  # what is too long is for the state to say
        ("<INS>请思考。</INS>", ("请思考。",)),
    ],
)
def test_replies_are_read_from_their_tag(reply: str, instructions: tuple[str, ...]) -> None:
    assert OproStrategy().read(reply) == instructions


@given(st.text() | st.lists(st.sampled_from(["<INS>", "</INS>", "<Start>", "a", " "])).map("".join))
def test_no_reply_can_break_the_reading(reply: str) -> None:
    for instruction in OproStrategy().read(reply):
        assert instruction == instruction.strip() != ""


@given(st.text())
def test_a_tagged_text_is_read_as_it_stands(text: str) -> None:
    kept = f"Use {text} well"
    if "<" in text or "&" in text or "\\" in text:
        return
    assert OproStrategy().read(f"Here: <INS> {kept}\n</INS>") == (kept,)


@pytest.mark.parametrize(
    ("buckets", "told"),
    [
        (100, "50 (between 40 and 62: stopped after 10 of 60 problems)"),
        (None, "0.5 (between 0.4 and 0.62: stopped after 10 of 60 problems)"),
    ],
)
def test_a_partial_score_says_how_sure_it_is(buckets: int | None, told: str) -> None:
    past = (TrajectoryEntry("Think.", 0.5, Interval(0.4, 0.62), (10, 60)),)
    assert f"\ntext:\nThink.\nscore:\n{told}\n" in meta_prompt(past=past, buckets=buckets)


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        (TrajectoryEntry("A", 0.5, unreadable=0.3), "50 (in 30% of the replies no answer could be"),
        (TrajectoryEntry("A", 0.5, unreadable=0.001), "50 (in 1% of the replies no answer could"),
        (
            TrajectoryEntry("A", 0.5, Interval(0.4, 0.62), (10, 60), unreadable=0.2),
            "50 (between 40 and 62: stopped after 10 of 60 problems; in 20% of the replies no "
            "answer could be read)\n",
        ),
        (TrajectoryEntry("A", 0.5), "50\n"),
    ],
)
def test_what_could_not_be_read_stands_beside_the_score(entry: TrajectoryEntry, shown: str) -> None:
    assert f"\ntext:\nA\nscore:\n{shown}" in meta_prompt(past=(entry,))


@pytest.mark.parametrize("paper", [PaperGpt(), PaperPalm(), PaperInstructionsOnly()])
def test_the_papers_wording_says_nothing_of_it(paper: MetaPromptStrategy) -> None:
    def ask(unreadable: float) -> tuple[Message, ...]:
        past = (TrajectoryEntry("A", 0.5, unreadable=unreadable),)
        return paper.meta_prompt(
            MetaPromptMaterial(past, ONE_EXEMPLAR, PromptFormat("Q_begin", True), 100, "x")
        )

    assert ask(0.9) == ask(0.0)


@pytest.mark.parametrize("strategy", [OproStrategy(), ReflectStrategy(), OwnWords()])
def test_a_hole_of_the_chat_is_no_part_of_an_instruction(strategy: Any) -> None:
    plain = new_view({"Think.": (0, 1)})
    for name in ("question", " input ", "instruction", "demos"):
        reason = f"adds {{{{{name.strip()}}}}}, which nothing fills"
        assert strategy.reject(Prompt(f"Answer {{{{{name}}}}}."), plain) == reason
    assert not strategy.reject(Prompt("Answer {{name}}, {question}."), plain)
    off = new_view({"Think.": (0, 1)}, keep_placeholders=False)
    assert not strategy.reject(Prompt("Answer {{question}}."), off)
    has_one = new_view({"Read {{question}}.": (0, 1)}, keep_placeholders=True)
    assert not strategy.reject(Prompt("Answer {{question}}."), has_one)
