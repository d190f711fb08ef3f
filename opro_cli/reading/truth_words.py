"""Words for yes and no, true and false, valid and invalid, in the languages that are read."""

from __future__ import annotations

import re
import unicodedata

Family = tuple[str, str]

FAMILIES: tuple[Family, ...] = (("yes", "no"), ("true", "false"), ("valid", "invalid"))
FAMILY_OF = {word: family for family in FAMILIES for word in family}

_INFORMAL = {
    "yes": "yep yeah yup",
    "no": "nope nah",
    "true": "correct",
    "false": "incorrect wrong",
}
_FOREIGN = {
    "yes": """ja jawohl oui sí sì si sim да так evet tak ano igen kyllä joo ναι
        כן ya có vâng jes ndiyo ndio ใช่ হ্যাঁ بله آری ہاں हाँ हां جی نعم
        是 是的 对 对的 對 對的 はい うん 네 예""",
    "no": """nein nee neen nej nei non não нет ні hayır nie ne nem ei όχι οχι לא tidak bukan không
        hapana ไม่ ไม่ใช่ না خیر نه نہیں नहीं لا
        否 不 不是 不是的 不对 不對 いいえ いや 아니요 아니오 아니""",
    "true": """wahr richtig zutreffend vrai vraie verdadero verdadera cierto cierta verdadeiro
        verdadeira vero vera waar juist sant sann sandt sand prawda pravda igaz tosi totta
        верна верно правда истина истинно істина істинно doğru αληθές αληθής σωστό נכון אמת
        benar đúng kweli sahihi จริง ถูก सत्य सही صحيح صواب صحیح درست
        真 正确 正確 正しい 참 맞음 সত্য""",
    "false": """falsch unwahr unzutreffend faux fausse falso falsa errado errada onwaar onjuist
        falskt falsk usant usann usandt неверно неверна ложь ложно неправда хибно fałsz nepravda
        hamis epätosi väärin yanlış ψευδές ψευδής λάθος שגוי שקר salah sai malvera uongo
        เท็จ ผิด असत्य गलत خطأ خاطئ نادرست غلط 假 偽 错 错误 錯 錯誤 間違い 거짓 틀림 অসত্য মিথ্যা""",
    "valid": "gültig valide válido válida valido valida geldig ważny 有效",
    "invalid": "ungültig invalide inválido inválida invalido invalida ongeldig nieważny 无效 無效",
}
_LETTERS = {"yes": "y j 1 1.0", "no": "n 0 0.0", "true": "t", "false": "f"}
# "Nu, …" says "now" in Dutch, "sai" is a verb: read where a gold answer says nothing else.
_GOLD_ONLY = {"yes": "áno taip jah", "no": "nu nē nav net", "true": "right"}


def _collect(*tables: dict[str, str]) -> dict[str, str]:
    found = {word: word for word in FAMILY_OF}
    for table in tables:
        for meaning, words in table.items():
            found |= dict.fromkeys(words.split(), meaning)
    return {
        unicodedata.normalize("NFC", word.casefold()): meaning for word, meaning in found.items()
    }


_GOLDS = _collect(_INFORMAL, _FOREIGN, _LETTERS, _GOLD_ONLY)
_AROUND = " \t\n\"'“”‘’«»„()[]{}<>*_`.,;:!。！、۔-–—¡"


def read_gold_truth(raw: str) -> str | None:
    """Return yes, no, true, false, valid or invalid for a gold answer in any language, or None."""
    word = unicodedata.normalize("NFC", raw).strip().strip(_AROUND).casefold()
    # Python lowers "İ" to two characters, and Turkish writes "HAYIR" with a dotless i.
    return _GOLDS.get(word) or _GOLDS.get(word.replace("hayir", "hayır"))


def build_word_pattern(*meanings: str, informal: bool = False) -> str:
    """Return a pattern of the words of other languages, and "yep", with one of `meanings`."""
    tables = [_FOREIGN, *([_INFORMAL] if informal else [])]
    words = {
        word for each in tables for meaning in meanings for word in each.get(meaning, "").split()
    }
    return "|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word))))
