from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.metrics import create_metric

Grading = Callable[..., Grade]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [("Yes", "yes"), ("False", "false"), ("valid ", "valid"), ("- No", "no"), ('"True."', "true")],
)
def test_target(raw: str, canonical: str) -> None:
    assert create_metric("boolean").target(raw) == canonical


WORDS = {
    "yes": "ja Oui SÍ sì sim да так evet tak igen ναι نعم हाँ はい 是 对 네 Y 1 1.0",
    "no": "nein Non não нет hayır HAYIR nie nem όχι لا नहीं いいえ 否 不 아니요 N 0 0.0",
    "true": "wahr Vrai verdadero vero верно doğru صحيح सही 真 正しい 참 T correct",
    "false": "falsch Faux falso ложь yanlış خطأ गलत 假 錯 거짓 F incorrect",
    "valid": "gültig válido 有效",
    "invalid": "ungültig inválida 无效",
}

FOUR = """\
English: yes no true false
German: ja nein wahr falsch
French: oui non vrai faux
Spanish: sí no verdadero falso; sí no cierto falsa
Portuguese: sim não verdadeiro falso; sim não verdadeira errado
Italian: sì no vero falso
Dutch: ja nee waar onwaar; ja neen juist onjuist
Swedish: ja nej sant falskt; ja nej sann falsk
Danish: ja nej sandt falsk; ja nej sand usandt
Norwegian: ja nei sant usant; ja nei sann usann
Finnish: kyllä ei tosi epätosi; joo ei totta väärin
Polish: tak nie prawda fałsz
Czech: ano ne pravda nepravda
Hungarian: igen nem igaz hamis
Russian: да нет верно неверно; да нет истинно ложно; да нет правда ложь
Ukrainian: так ні правда неправда; так ні істина хибно
Greek: ναι όχι αληθές ψευδές; ΝΑΙ ΟΧΙ αληθής ψευδής; ναι όχι σωστό λάθος
Turkish: evet hayır doğru yanlış
Hebrew: כן לא נכון שגוי; כן לא אמת שקר
Arabic: نعم لا صحيح خطأ; نعم لا صواب خاطئ
Persian: بله خیر درست نادرست; آری نه صحیح غلط
Hindi: हाँ नहीं सही गलत; हां नहीं सत्य असत्य
Urdu: ہاں نہیں صحیح غلط; جی نہیں درست غلط
Bengali: হ্যাঁ না সত্য মিথ্যা
Thai: ใช่ ไม่ใช่ จริง เท็จ
Vietnamese: có không đúng sai
Indonesian: ya tidak benar salah
Swahili: ndiyo hapana kweli uongo; ndio hapana sahihi uongo
Esperanto: jes ne vera malvera; jes ne vera falsa
Chinese: 是 否 真 假; 是的 不是 正确 错误; 對 不對 正確 錯誤
Japanese: はい いいえ 正しい 間違い; はい いいえ 真 偽
Korean: 예 아니오 참 거짓; 네 아니요 맞음 틀림
"""
"""The languages of the manual: yes, no, true, false."""
LANGUAGES = dict(line.split(": ") for line in FOUR.splitlines())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_four_words_of_each_language_are_read_in_gold_answers_and_replies(
    grade: Grading, language: str
) -> None:
    for words in LANGUAGES[language].split("; "):
        for word, meaning in zip(words.split(), ("yes", "no", "true", "false"), strict=True):
            assert create_metric("boolean").target(word) == meaning
            for reply in (word, f"{word}.", f"**{word}**"):
                assert grade("boolean", reply, meaning).score == 1.0, reply
            other = {"yes": "no", "no": "yes", "true": "false", "false": "true"}[meaning]
            assert grade("boolean", word, other).score == 0.0


def test_the_manual_lists_these_languages() -> None:
    text = " ".join((ROOT / "opro_cli" / "docs" / "answers.md").read_text("utf-8").split())
    told = text.partition("valid and invalid in gold answers and replies in ")[2].partition(";")[0]
    assert set(re.split(r", | and ", told)) == LANGUAGES.keys()


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("ہاں۔", 1.0),
        ("جی ہاں۔", 1.0),
        ("جی نہیں۔", 0.0),
        ("نہیں، یہ غلط ہے۔", 0.0),
        ("Det er sandt.", 1.0),
        # A denied verb is no assertion.
        ("No es verdadero.", 0.0),
        ("La afirmación no es cierta.", 0.0),
        ("Non è vero.", 0.0),
        ("Isso não é verdadeiro.", 0.0),
        ("To nie jest fałsz.", 1.0),
        ("No, es verdadero.", 0.0),
    ],
)
def test_a_sentence_in_another_language_says_what_it_says(
    grade: Grading, reply: str, score: float
) -> None:
    assert grade("boolean", reply, "yes").score == score


@pytest.mark.parametrize(
    ("raw", "word"), [(raw, word) for word, each in WORDS.items() for raw in each.split()]
)
def test_a_gold_answer_in_another_language_is_the_word_that_it_means(raw: str, word: str) -> None:
    assert create_metric("boolean").target(raw) == word


@pytest.mark.parametrize(
    ("raw", "reply", "score"),
    [
        ("ja", "Nein.", 0.0),
        ("ja", "Yes, it is.", 1.0),
        ("はい", "いいえ、違います。", 0.0),
        ("да", "Ответ: да", 1.0),
        ("否", "不是。", 1.0),
        ("oui", "La réponse est non.", 0.0),
        ("نعم", "نعم، هذا صحيح", 1.0),
        ("wahr", "Die Aussage ist falsch.", 0.0),
        ("vrai", "C'est faux.", 0.0),
        ("tak", "Tak.", 1.0),
        ("T", "F", 0.0),
        ("1", "Yes.", 1.0),
        ("0", "0", 1.0),
        ("correct", "This statement is incorrect.", 0.0),
        ("ja", "Option B is correct.", None),
        ("ja", "Right, let me think about it.", None),
    ],
)
def test_gold_answers_and_replies_agree_across_languages(
    grade: Grading, raw: str, reply: str, score: float | None
) -> None:
    target = create_metric("boolean").target(raw)
    assert grade("boolean", reply, target, "Is it so?").score == score


@pytest.mark.parametrize("raw", ["", "maybe", "2", "yes no", "unknown", "n/a"])
def test_target_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="expected yes, no, true, false, valid, invalid; found"):
        create_metric("boolean").target(raw)


@pytest.mark.parametrize(
    ("reply", "target", "answer", "score"),
    [
        ("The answer is False.", "False", "false", 1.0),
        ("The answer is **Yes**, and not no.", "yes", "yes", 1.0),
        ("No, wait. There is no way. Yes.", "yes", "yes", 1.0),
        ("YES", "yes", "yes", 1.0),
        ("No", "yes", "no", 0.0),
        ("not ( True ) = False. So the answer is True", "true", "true", 1.0),
        ("The argument is invalid.", "valid", "invalid", 0.0),
        ("The answer is invalid.", "invalid", "invalid", 1.0),
        ("#### yes", "yes", "yes", 1.0),
        (r"\boxed{\text{True}}", "true", "true", 1.0),
        ('{"answer": true}', "true", "true", 1.0),
        ("yes—because it is", "yes", "yes", 1.0),
        # negated after a marker: the opposite
        ("The answer is not true.", "false", "false", 1.0),
        ("The answer: this is not *valid*", "invalid", "invalid", 1.0),
        # the other family, where the own one has no word
        ("The answer is true.", "yes", "yes", 1.0),
        ("No.", "false", "false", 1.0),
        ("There is no doubt about it. The answer is true.", "yes", "yes", 1.0),
        ("It is true. There is no other way.", "yes", "yes", 1.0),
        # negated in a sentence of its own
        ("That is not true", "true", "false", 0.0),
        ("That isn't true", "false", "false", 1.0),
        ("The argument is not deductively valid.", "invalid", "invalid", 1.0),
    ],
)
def test_reply(grade: Grading, reply: str, target: str, answer: str, score: float) -> None:
    assert grade("boolean", reply, target) == Grade(answer, score)


@pytest.mark.parametrize(
    ("reply", "target"),
    [
        ("", "yes"),
        ("unknown", "no"),
        ("I do not know", "no"),
        ("It was yesterday", "yes"),
        ("This is untrue", "true"),
        ("no-one knows", "no"),
        ("We must ask whether it is true", "true"),
        ("If it is true, we are done", "true"),
        ("yes", "valid"),
        ("true", "valid"),
        ("validity", "valid"),
    ],
)
def test_unreadable(grade: Grading, reply: str, target: str) -> None:
    assert grade("boolean", reply, target) == UNREADABLE


def test_a_target_of_no_family_is_never_read() -> None:
    assert create_metric("boolean").grade("yes", Example("", "maybe", "hand:1")) == UNREADABLE
