"""Select the part of a reply that answers, without thoughts, restated and further questions."""

from __future__ import annotations

import re
import unicodedata

READ_LIMIT = 20_000
"""Characters read from the end of a reply, so that every metric's work is bounded."""

MIN_RESTATED = 12
"""Characters of the shortest question recognised in a reply; "Q?" occurs by chance."""

SPACELESS = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Letters of scripts without spaces, as a character class: "共18支"."""

_SPACE = re.compile(r"\s")
_THOUGHT = re.compile(
    r"<(?P<closes>/?)(?:think(?:ing)?|thoughts?|reasoning|scratchpad|reflection)>", re.IGNORECASE
)
_PROGRAM = re.compile(
    r"```(?:python|py|javascript|js|typescript|ts|java|c|cpp|c\+\+|csharp|go|rust|ruby|r|sql|bash"
    r"|sh)\n[^`]*+```",
    re.IGNORECASE,
)
# Base models append the next exercise, chat models the next speaker.
_NEXT_QUESTION = re.compile(
    r"""^[ \t\#*>]{0,8}
    (?:q|question|problem|exercise|frage|aufgabe|pregunta|pergunta|domanda|вопрос|задача|问题|題目
      |题目|問題|질문|문제|प्रश्न|سؤال|السؤال|প্রশ্ন|ప్రశ్న|โจทย์|swali)
    \s?\d{0,3}\s?[*_]{0,3}\s?:[*_]{0,3}[ \t]*+(?=\S)
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_SPEAKER_MARKS = ("<|", "</s>", "inst]", "human", "user")
_NEXT_SPEAKER = re.compile(
    r"<\|[a-z_]{1,20}\|>|</s>|\[/?INST\]|^(?:human|user)\s?:", re.IGNORECASE | re.MULTILINE
)

# "，" stays, because it is never inside a number, and so do stops that end a sentence.
_KEPT_WIDE = frozenset("，！？；")
_INVISIBLE = frozenset(
    map(chr, (0xAD, 0x61C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A)))
) | {"\ufeff"}
_OTHERS = {"\u066b": ".", "\u066c": ",", "\ufe52": ".", "\u3000": " "}


class _Plain(dict[int, str]):
    """A table for `str.translate` that is filled as characters occur: a full one is slow."""

    def __missing__(self, code: int) -> str:
        self[code] = plain = _plain_character(chr(code))
        return plain


def _plain_character(character: str) -> str:
    if character in _INVISIBLE:
        return ""
    if unicodedata.category(character) == "Nd":
        return str(unicodedata.decimal(character))
    if "！" <= character <= "～" and character not in _KEPT_WIDE:
        return chr(ord(character) - 0xFEE0)
    if "Ⓐ" <= character <= "Ⓩ":
        return f"({chr(ord('A') + ord(character) - ord('Ⓐ'))})"
    return _OTHERS.get(character, character)


_PLAIN = _Plain()


def normalize_characters(text: str) -> str:
    """Return `text` with ASCII digits and brackets, without invisible characters.

    Line ends become newlines, full-width forms and digits of every script ASCII, "Ⓑ" "(B)".
    """
    text = "\n".join(text.splitlines())
    return text if text.isascii() else text.translate(_PLAIN)


def take_tail(reply: str) -> str:
    """Return the last READ_LIMIT characters of `reply` without surrounding whitespace."""
    text = reply.strip()
    if len(text) <= READ_LIMIT:
        return text
    text = text[-READ_LIMIT:]
    # The cut may be inside a number, and half a number is another number.
    space = _SPACE.search(text)
    return text[space.end() :].strip() if space else text


def select_answer_texts(reply: str, question: str = "") -> tuple[str, ...]:
    """Return one or two texts in which to look for the answer, in this order.

    They lack the thoughts of a reasoning model and a literal repetition of `question`. If the
    reply has another question, the text before that comes first.
    """
    text = _drop_programs(_drop_thoughts(normalize_characters(take_tail(reply))))
    asked = normalize_characters(question.strip())
    if len(asked) >= MIN_RESTATED and asked in text:
        text = text.replace(asked, "", 1)
    lower = text.lower()
    marked = any(map(lower.__contains__, _SPEAKER_MARKS))
    speaker = _NEXT_SPEAKER.search(text) if marked else None
    if speaker and text[: speaker.start()].strip():
        text = text[: speaker.start()]
    text = text.strip()
    for following in _NEXT_QUESTION.finditer(text, 1) if ":" in text else ():
        if before := text[: following.start()].strip():
            return before, text
    return (text,)


def is_repetition(text: str, question: str) -> bool:
    """Return whether `text` has several lines and is a part of `question`."""
    return "\n" in text and text in normalize_characters(question)


def _drop_programs(text: str) -> str:
    """Return `text` without fenced programs, unless it is nothing else."""
    if "```" not in text:
        return text
    rest = _PROGRAM.sub("\n", text)
    return rest if any(character.isalnum() for character in rest) else text


def _drop_thoughts(text: str) -> str:
    """Return the text outside of <think> … </think>, or the thoughts if there is nothing else.

    Thoughts that never end have no answer: the result is the text before them.
    """
    tags = list(_THOUGHT.finditer(text)) if "<" in text else []
    if not tags:
        return text
    before = text[: tags[0].start()] if not tags[0]["closes"] else ""
    after = text[tags[-1].end() :] if tags[-1]["closes"] else ""
    outside = f"{before}\n{after}".strip()
    closed = any(tag["closes"] for tag in tags)
    return outside or (_THOUGHT.sub("", text).strip() if closed else "")
