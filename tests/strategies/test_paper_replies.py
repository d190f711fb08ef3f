"""What the reference reads from replies, its oddities included."""

from __future__ import annotations

import pytest

from opro_cli.strategies.paper import PaperGpt, PaperInstructionsOnly, PaperPalm, polish


@pytest.mark.parametrize(
    ("reply", "instruction"),
    [
        ("<INS>Think.</INS>", "Think."),
        ("Sure! <INS> think. </INS> Good luck.", "Think."),
        ("<INS>two\nlines</INS>", "Two\nlines"),
        ("<INS>one</INS> <INS>two</INS>", "One"),
        ("Think.", "Think."),  # no tag: the whole reply
        ("chatty: <INS>never closed", "Never closed"),
        ("never opened</INS> or so", "Never opened"),
        ("</INS>think<INS>", ""),  # reversed
        ("a </INS> b <INS>c</INS>", ""),
        ("<INS>a <INS>b</INS></INS>", "A <INS>b"),
        ("<INS></INS>", ""),
        ("", ""),
        ("<ins>a</ins>", "<ins>a</ins>"),
        ("<Start>so</Start>", "<Start>so</Start>"),
        ("<INS>**bold** and <b>plain</b></INS>", "Bold and <b>plain</b>"),
    ],
)
def test_gpt_replies_are_read_from_the_first_tags(reply: str, instruction: str) -> None:
    assert PaperGpt().read(reply) == (instruction,)


@pytest.mark.parametrize(
    ("reply", "instruction"),
    [
        ("<Start>so,</Start>", "So,"),
        ("<INS>so,</INS>", "<INS>so,</INS>"),
        ("<Start>a <Start>b</Start>", "A <Start>b"),
        ("well <Start>so", "So"),
    ],
)
def test_at_the_answer_the_tag_is_another(reply: str, instruction: str) -> None:
    assert PaperGpt(answer_start=True).read(reply) == (instruction,)


@pytest.mark.parametrize(
    ("reply", "instruction"),
    [
        ("[think]", "Think"),
        ("Here: [ think. ] or [guess]", "Think."),
        ("[a [b] c]", "A [b"),
        ("] [so]", "So"),
        ("[over\ntwo lines]", ""),
        ("[over\ntwo] [lines]", "Lines"),
        ("[open\n[one]\n[two]", "One"),
        ("[carriage\rreturn]", "Carriage\rreturn"),
        ("[]", ""),
        ("no brackets", ""),
        ("]a[", ""),
        ("", ""),
    ],
)
def test_palm_replies_are_read_from_brackets_of_one_line(reply: str, instruction: str) -> None:
    assert PaperPalm().read(reply) == (instruction,)


@pytest.mark.parametrize(
    ("reply", "instructions"),
    [
        ("<TEXT>think</TEXT>", ("Think",)),
        ("a <TEXT>one\ntwo</TEXT> <TEXT>three</TEXT>", ("One\ntwo",)),
        ("</TEXT> <TEXT>so</TEXT>", ("So",)),
        ("<TEXT>a <TEXT>b</TEXT>", ("A <TEXT>b",)),
        ("<TEXT></TEXT>", ("",)),
        ("<TEXT>never closed", ()),
        ("</TEXT>reversed<TEXT>", ()),
        ("<TEXT", ()),
        ("no tag", ()),
        ("", ()),
    ],
)
def test_instructions_only_takes_the_first_whole_text(
    reply: str, instructions: tuple[str, ...]
) -> None:
    assert PaperInstructionsOnly().read(reply) == instructions


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  think step by step \n", "Think step by step"),
        ("**Think** ** hard**", "Think  hard"),
        ("** a", " a"),  # stripped before the marks go, not after
        ("***a", "*a"),
        ("a", "a"),  # one character stays as it is
        ("**a**", "a"),
        ("ab", "Ab"),
        ("ßa", "SSa"),
        ("ß", "ß"),
        ("iPhone", "IPhone"),
        ("ǆa", "Ǆa"),
        ("1a", "1a"),
        ("\ud83d**\ude00 a", "\U0001f600 a"),  # two halves of a character meet
        ("\ude00**\ud83d", "\ude00\ud83d"),
        ("\ufeff a", "\ufeff a"),
        ("****", ""),
        (" \t", ""),
    ],
)
def test_an_instruction_is_polished_as_the_reference_does(text: str, kept: str) -> None:
    assert polish(text) == kept
