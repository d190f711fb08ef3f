"""The text that a reply puts between tags, as models write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.reading.tagged import find_tagged

TEXT = "Think step by step."
REQUEST = (
    "text:\nOld one.\nscore:\n50\n\nGenerate an instruction that is different from all the "
    "instructions <INS> above, and has a higher score than all the instructions <INS> above. The "
    "instruction should begin with <INS> and end with </INS>. The instruction should be concise."
)


@pytest.mark.parametrize(
    "reply",
    [
        f"<ins>{TEXT}</ins>",
        f"<INS>{TEXT}<INS>",
        f"<INS> {TEXT} <\\INS>",
        f"<INS>{TEXT}<\\/INS>",
        f"<INS> {TEXT}",
        f"<INS>{TEXT}</INS",
        f"<INS>{TEXT}</",
        f"<INS>{TEXT}<|im_end|>",
        f"<INS>{TEXT}</s>",
        f"&lt;INS&gt;{TEXT}&lt;/INS&gt;",
        f"\\<INS\\>{TEXT}\\</INS\\>",
        f"\\u003cINS\\u003e{TEXT}\\u003c/INS\\u003e",
        f"＜INS＞{TEXT}＜／INS＞",
        f"< INS >{TEXT}</ INS >",
        f"<INS lang='en'>{TEXT}</INS>",
        f"[INS]{TEXT}[/INS]",
        f"<INST>{TEXT}</INST>",
        f"<instruction>{TEXT}</instruction>",
        f"<Start>{TEXT}</Start>",
        f"<INS>{TEXT}</Start>",
        f"<INS>{TEXT}</Start></INS>",
        f"<Start>{TEXT}</INS>\n\nI hope this helps!",
        f"<INS><Start>{TEXT}</Start></INS>",
        f"<INS> </Start> {TEXT} </INS>",
        f"<INS>{TEXT}</Instruction>",
        f"<Start>{TEXT}</End>",
        f"<INS>{TEXT}]",
        f"<INS>[{TEXT}]</INS>",
        f"<INS>[{TEXT}</INS>",
        f"`<INS>{TEXT}</INS>`",
        f"`<INS>` {TEXT} `</INS>`",
        f"```xml\n<INS>\n{TEXT}\n</INS>\n```",
        f"<INS>\n```text\n{TEXT}\n```\n</INS>",
        f"**<INS>** {TEXT} **</INS>**",
        f"<INS>**{TEXT}**</INS>",
        f'<INS>"{TEXT}"</INS>',
        f"<INS>„{TEXT}“</INS>",
        f"<INS>「{TEXT}」</INS>",
        f"<INS>: {TEXT}</INS>",
        f"<INS>Instruction: {TEXT}</INS>",
        f'<INS>**Instruction:** "{TEXT}"</INS>',
        f"<INS>text:\n{TEXT}\nscore:\n97</INS>",
        f"text:\n<INS>{TEXT}</INS>\nscore:\n95",
        f"{REQUEST}\n\n<INS>{TEXT}</INS>",
        f"The text should begin with <INS>.\n<INS> {TEXT}",
    ],
)
def test_variants_of_tags_and_of_what_surrounds_a_text(reply: str) -> None:
    assert find_tagged(reply, REQUEST) == TEXT


@pytest.mark.parametrize(
    "thoughts",
    [
        "It has to begin with <INS> and end with </INS>, say <INS>Guess.</INS>\n</think>\n\n",
        "<think>Perhaps <INS>Guess.</INS>?</think>",
        "<think>one</think> <think>two <INS>Guess.</INS></think>",
        "<thinking>\nI open <INS> and forget it.\n</thinking>\n",
        "<reasoning><INS>Guess.</INS></reasoning>",
        "<seed:think><INS>Guess.</INS></seed:think>",
        "[THINK]<INS>Guess.</INS>[/THINK]",
        "◁think▷<INS>Guess.</INS>◁/think▷",
        "<|START_THINKING|><INS>Guess.</INS><|END_THINKING|>",
        "<|channel|>analysis<|message|>We need <INS>Guess.</INS><|end|><|start|>assistant"
        "<|channel|>final<|message|>",
        "analysisWe need <INS>Guess.</INS> or so.assistantfinal",
    ],
)
def test_thoughts_are_no_proposal(thoughts: str) -> None:
    assert find_tagged(f"{thoughts}<INS>{TEXT}</INS>") == TEXT
    assert find_tagged(thoughts) in ("", "Guess.")  # the first has no mark of its beginning


@pytest.mark.parametrize("opening", ["<think>", "[THINK]\n", "◁think▷", "analysisWe write "])
def test_thoughts_without_an_end_are_no_proposal(opening: str) -> None:
    assert find_tagged(f"{opening}<INS>{TEXT}</INS> but then") == ""
    assert find_tagged(f"<INS>{TEXT}</INS>\n<think>or <INS>Guess.</INS>") == TEXT


@pytest.mark.parametrize(
    "text",
    [
        "First write <think> your thoughts </think>, then answer.",
        "Put notes into <reasoning></reasoning>.",
        "# Rules\n\n- **one**\n- two\n\n```\nx = 1\n```\n\nEnd with <answer>.",
        "**Be** brief and **clear**",
        '"A" or "B"',
        "Instruction: read.\nOutput: one word.",
        "Use {name}, {{name}}, %s and [START] marks &amp; more.",
        "'It's' stays, 'as' it is",
        "請一步一步思考。",
        "Write the files to C:\\out\\",
        "\\[ x \\",
        ":skull: marks a wrong answer: write it",
        ":-) is how to end",
    ],
)
def test_a_text_is_kept_as_it_stands(text: str) -> None:
    assert find_tagged(f"Here:\n<INS>\n{text}\n</INS>\nIt is short.") == text
    assert find_tagged(f"Here: <INS>{text}</INS> It is short.") == text


def test_a_text_as_long_as_an_answer_may_be_is_read_whole() -> None:
    text = "Think. " + "x" * 2_000_000
    assert find_tagged(f"Here:\n<INS>{text}</INS>\n{'x' * 1_000_000}") == text


@pytest.mark.parametrize(
    "talk",
    [
        "I will write one text that begins with <INS> and ends with </INS>:",
        "It starts with `<INS>` and is closed with `</INS>`.",
        "Der Text muss mit <INS> beginnen und mit </INS> enden.",
        "Le texte commence par <INS> et se termine par </INS>.",
        "El texto debe comenzar con <INS> y terminar con </INS>.",
        "Il testo inizia con <INS> e finisce con </INS>.",
        "O texto deve começar com <INS> e terminar com </INS>.",
        "Инструкция начинается с <INS> и заканчивается на </INS>.",
        "Metin <INS> ile başlayıp </INS> ile bitmeli.",
        "指令以<INS>开头，以</INS>结尾。",
        "文は<INS>で始まり、</INS>で終わる。",
        "지시는 <INS>로 시작하고 </INS>로 끝나야 합니다.",
        "The tags are <INS> and </INS>.",
        "<INS>...</INS>",
        "<INS>…</INS>",
        "<INS> your instruction here </INS>",
        "<INS>[new instruction]</INS>",
        "I wrap it in <INS> tags.",
        "<INS></INS>",
        REQUEST,
    ],
)
def test_talk_about_the_tags_and_echoes_are_no_proposal(talk: str) -> None:
    assert find_tagged(talk, REQUEST) == ""
    assert find_tagged(f"{talk}\n\n<INS>{TEXT}</INS>\n\nThat is better.", REQUEST) == TEXT
    assert find_tagged(f"<INS>{TEXT}</INS>\n{talk}", REQUEST) == TEXT


def test_of_several_texts_the_last_one_counts() -> None:
    assert find_tagged("1. <INS>One by one.</INS>\n2. <INS>Two at once.</INS>") == "Two at once."
    assert find_tagged("<INS>go <INS>on and on</INS>") == "on and on"


def test_a_past_prompt_is_read_only_where_there_is_no_other() -> None:
    both = f"<INS>{TEXT}</INS> does better than <INS>Old one.</INS>"
    assert find_tagged(both, REQUEST) == TEXT
    assert find_tagged("<INS>Old one.</INS>", REQUEST) == "Old one."  # for the state to count


def test_a_reply_that_was_cut_within_its_tag_holds_half_a_text() -> None:
    assert find_tagged("<INS>Think step by", cut=True) == ""
    assert find_tagged("<INS>Think step by<INS", cut=True) == ""
    assert find_tagged(f"<INS>{TEXT}</INS> because it", cut=True) == TEXT


def test_more_than_a_paragraph_without_an_end_is_more_than_the_text() -> None:
    assert find_tagged(f"<INS> {TEXT}\n\nThis should score higher.") == ""
    assert find_tagged(f"<INS> {TEXT}\n\nAnd check it.</INS") == f"{TEXT}\n\nAnd check it."


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ('Problem:\nThe "Dirty"\n<INS>\n\nProblem:\nThe "Dirty"\n<INS>', ""),
        (
            "This instruction is designed to take a different approach. Instead of using <INS> and "
            "ending with </INS> to generate an instruction, here is the correct one:\n\n<INS>\n\n"
            "You can find more here:\nhttps://example.org\n\nAnd here.",
            "",
        ),
        (
            "SAMPLE\n\nYou have a conversation with a friend.\n\n<INS>\n\nThis is a non-trivial "
            "problem to solve.\n<INS>\n\nYour task is to provide the instruction.\n\nBe concise.",
            "This is a non-trivial problem to solve.",
        ),
        ("<INS>\n\nYour task is to be helpful.", "Your task is to be helpful."),
        ("Provide an instruction that is different from all the instructions <INS> above.", ""),
    ],
)
def test_replies_of_a_model_of_135_million_weights(reply: str, text: str) -> None:
    """SmolLM2-135M-Instruct, shortened: it goes on with the request's problems."""
    assert find_tagged(reply, REQUEST) == text


def test_an_escaped_text_is_read_as_its_tags_are() -> None:
    assert find_tagged("&lt;INS&gt;Don&#39;t guess&lt;/INS&gt;") == "Don't guess"
    assert find_tagged("<INS>Keep &lt;b&gt;.</INS>") == "Keep &lt;b&gt;."


PIECES = ["<INS>", "</INS>", "<think>", "</think>", "[INS]", "**", '"', "a word", " ", "\n", ":"]


@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join), st.booleans())
def test_whatever_comes_the_text_is_a_part_of_it(reply: str, cut: bool) -> None:
    text = find_tagged(reply, REQUEST, cut=cut)
    assert text == text.strip()
    assert text in reply or "&" in reply


@pytest.mark.parametrize("unit", [*PIECES, "<", "`", ": ", "text:\n", "&lt;", "<INS></INS>", "\\"])
def test_a_megabyte_of_one_thing_is_read_in_one_go(unit: str) -> None:
    many = unit * (2**20 // len(unit))
    for reply in (many, f"<INS>{many}", f"<INS>{many}</INS>", f"<INS>text:\n{many}</INS>"):
        assert len(find_tagged(reply, REQUEST)) <= len(reply)


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ("<inner_monologue>", "</inner_monologue>"),
        ("<antThinking>", "</antThinking>"),
        ("<seed:cot_budget_reflect>", "</seed:cot_budget_reflect>"),
        ("<|begin_of_thoughts|>", "<|end_of_thoughts|>"),
        ("<|THINKING|>", "<|END_THINKING|>"),
    ],
)
def test_a_draft_in_thoughts_that_a_reader_of_answers_knows_is_no_proposal(
    opens: str, closes: str
) -> None:
    assert find_tagged(f"{opens}<INS>A draft.</INS>{closes} I have none.") == ""
    assert find_tagged(f"{opens}<INS>A draft.</INS>{closes}<INS>Think.</INS>") == "Think."
    assert find_tagged(f"{opens}<INS>A draft.</INS>") == ""


def test_brackets_inside_of_a_text_stay() -> None:
    text = "Answer in brackets [like this]"
    assert find_tagged(f"<INS>{text}</INS>") == text
    assert find_tagged("<INS>[A] or [B]</INS>") == "[A] or [B]"
    for text in (
        "Answer in the half-open interval (0, 1]",
        "[0, 1) is the range of every answer",
        "End every answer with ]",
    ):
        assert find_tagged(f"<INS>{text}</INS>") == text


def test_tags_that_a_text_speaks_of_stay() -> None:
    for text in (
        "Close the answer with </Start> and stop there. Then check it.",
        "Put your answer between <Start> and </Start>",
    ):
        assert find_tagged(f"<INS>{text}</INS>") == text


def test_mixed_up_tags_by_the_ten_thousand_are_read_in_one_pass() -> None:
    """Read anew behind every tag, these would take a quarter of an hour."""
    assert find_tagged("<INS>Think.</Start>\n" * 50_000) == "Think."
