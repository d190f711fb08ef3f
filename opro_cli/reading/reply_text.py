"""Select the part of a reply that answers, without thoughts, restated and further questions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from opro_cli.reading.markers import KEYWORDS, MARKER
from opro_cli.reading.thoughts import drop_open_thoughts, drop_thoughts

READ_LIMIT = 20_000
"""Characters read from the end of a reply, so that every metric's work is bounded."""

MIN_RESTATED = 12
"""Characters of the shortest question recognised in a reply; "Q?" occurs by chance."""

REPEATED_WORDS = 6
"""Words of a line that repeats the question; a shorter one may be the answer, taken from it."""

SPACELESS = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Letters of scripts without spaces, as a character class: "共18支"."""

# "Final answer: (the severity)": what a prompt has where an answer belongs
_SHOWN_ANSWER = r"\((?:the|an?|your|one)\s[^()\n]{1,60}\)|<(?:the|an?|your|one)\s[^<>\n]{1,60}>"
_PLACEHOLDER = re.compile(
    rf"(?:^|(?<=:))[ \t]*({_SHOWN_ANSWER})[ \t]*$", re.IGNORECASE | re.MULTILINE
)
_SPACE = re.compile(r"\s")
# A letter with what is composed with it: accents, Hangul, Kana.
_CLUSTER = re.compile(
    r"[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?|.[\u0300-\u036f\u3099\u309a]*", re.DOTALL
)
_PROGRAM = re.compile(
    r"```(?:python|py|javascript|js|typescript|ts|java|c|cpp|c\+\+|csharp|go|rust|ruby|r|sql|bash"
    r"|sh)\n[^`]*+```",
    re.IGNORECASE,
)
_LETTERED = re.compile(r"\([A-Z]\)|[A-Z](?![^\W_])")
_OPTION_A = re.compile(r"(?<![^\W_])\(?A[).:]")
# "Rome\nWhat is the capital of Italy?\nA: …"
_NEXT_EXERCISE = re.compile(
    r"(?<=\S)\n+[^\n?]{8,200}\?\n+\s*(?:(?:A|Answer|Options|Choices):|\(A\))"
)
_NEXT_STATEMENT = re.compile(r"(?<=\S)\n+[^\n]{8,200}\n+\s*A:")
_BEGUN_QUESTION = re.compile(r"(?<=\S)\s*\n\s*Q:?\Z")
# An example in a prompt, "Text: …" and below it "Label: …".
_SHOWN = re.compile(
    r"^[ \t]*+(?P<label>[^\W\d_]\w{0,19}):[ \t]*(?P<shown>[^\n]*+)\n(?:[^\n]+\n){0,12}?[ \t]*+"
    r"(?:a|answer|label|output|result|response|reply|antwort|réponse|respuesta|risposta|resposta"
    r"|ответ|答案|答え|답):",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWER_LABEL = re.compile(r"\s*(?:a|answer|label|output|result|response):", re.IGNORECASE)
_ARROW = re.compile(r"^[^\n]*\S[ \t]*(?:->|→|=>)", re.MULTILINE)
_CUE = re.compile(r"(?:\A|\n)[ \t]*(?P<words>\S+ \S+) \S[^\n]*(?::|->|→|=>)\s*\Z")
_ANSWER_FRAME = re.compile(r"\AA:(?:\s+|\Z)")
RESTATED_WORDS = 4
"""First words of "Q: …" that tell a restated question from another one."""

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


Span = tuple[int, int]
"""Start and end of a stretch, in characters."""


def normalize_characters(text: str) -> str:
    """Return `text` with ASCII digits and brackets, without invisible characters.

    Line ends become newlines, full-width forms and digits of every script ASCII, "Ⓑ" "(B)"; a
    letter and an accent behind it become one character (NFC).
    """
    text = "\n".join(text.splitlines())
    return text if text.isascii() else _normalize_line(text)


def _normalize_line(text: str) -> str:
    return unicodedata.normalize("NFC", text).translate(_PLAIN)


def _find_stretches(text: str, start: int) -> Sequence[Span] | None:
    """Return where each character of a normalized text stood, the first one at `start`.

    None where that is unclear.
    """
    stretches: list[Span] = []
    for line in text.splitlines(keepends=True):
        plain, *_ = line.splitlines()
        for cluster in _CLUSTER.finditer(plain):
            stretch = start + cluster.start(), start + cluster.end()
            stretches += [stretch] * len(_normalize_line(cluster[0]))
        stretches.append((start + len(plain), start + len(plain) + 1))
        start += len(line)
    return stretches if len(stretches) - len(normalize_characters(text)) in (0, 1) else None


def _count_equal(one: str, other: str) -> int:
    """Return how many first characters two texts share."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def take_tail(reply: str) -> str:
    """Return the last READ_LIMIT characters of `reply` without surrounding whitespace."""
    text = reply.strip()
    if len(text) <= READ_LIMIT:
        return text
    text = text[-READ_LIMIT:]
    # The cut may be inside a number, and half a number is another number.
    space = _SPACE.search(text)
    return text[space.end() :].strip() if space else text


@dataclass(frozen=True, slots=True)
class _Origin:
    """A reply, and the text that is left of it; a Part is a stretch of that."""

    reply: str
    left: str

    def locate(self, start: int, end: int) -> Span | None:
        """Return the stretch of the reply that is one of the text; None where that is unclear.

        It is clear where one piece was taken out, or none: what stands before it is the beginning
        of both, and what stands behind it is their end.
        """
        tail = take_tail(self.reply)
        whole, left = normalize_characters(tail), self.left
        shift = len(whole) - len(left)
        before = _count_equal(whole, left)
        behind = len(left) - _count_equal(whole[::-1], left[::-1])  # a line end may be new
        if behind > before + 1 or (not shift and whole != left):
            return None
        if start >= max(before, behind):
            start, end = start + shift, end + shift
        elif shift and end > min(before, behind):
            return None
        offset = len(self.reply.rstrip()) - len(tail)
        if whole == tail:
            return offset + start, offset + end
        stretches = _find_stretches(tail, offset)
        return None if stretches is None else (stretches[start][0], stretches[end - 1][1])


@dataclass(frozen=True, slots=True)
class Part:
    """A text in which to look for the answer.

    Attributes:
        cut: It ended at the reply's limit.
        start: Where it begins in what is left of the reply.
    """

    text: str
    cut: bool = False
    start: int = field(default=0, compare=False)
    origin: _Origin | None = field(default=None, compare=False, repr=False)

    def locate(self, start: int, end: int) -> Span | None:
        """Return where a stretch of the text stands in the reply as it came, or None."""
        if self.origin is None or not start < end <= len(self.text):
            return None
        return self.origin.locate(self.start + start, self.start + end)


def select_answer_texts(reply: str, question: str = "") -> tuple[str, ...]:
    """Return one or two texts in which to look for the answer, in this order.

    They lack the thoughts of a reasoning model and a literal repetition of `question`. If the
    reply has another question, the text before that comes first.
    """
    return tuple(part.text for part in select_parts(reply, question))


def select_parts(
    reply: str, question: str = "", prompt: str = "", *, cut: bool = False
) -> tuple[Part, ...]:
    """Return the texts of `select_answer_texts`, and which of them lack their end.

    Args:
        reply: What the scorer wrote.
        question: That it answers.
        prompt: All that was asked. Where it is written as "Q: … A: …", the reply's own "A:" is
            no option, and one that begins with another "Q:" has no answer.
        cut: The reply ended at its limit.
    """
    reply = drop_open_thoughts(reply)  # their beginning may be far before the tail
    text = _drop_programs(drop_thoughts(normalize_characters(take_tail(reply))))
    asked = normalize_characters(question.strip())
    if len(asked) >= MIN_RESTATED and asked in text:
        text = text.replace(asked, "", 1)
    if prompt and (shown := {*_PLACEHOLDER.findall(prompt.replace(question, ""))}):
        text = _PLACEHOLDER.sub(lambda each: "" if each[1] in shown else each[0], text)
    left = text
    lower = text.lower()
    marked = any(map(lower.__contains__, _SPEAKER_MARKS))
    speaker = _NEXT_SPEAKER.search(text) if marked else None
    if speaker and text[: speaker.start()].strip():
        text, cut = text[: speaker.start()], False
    text = text.rstrip()
    end = len(text)
    text = _drop_frame(text.lstrip(), asked, prompt)
    parts = _split_exercises(text, asked, prompt, cut=cut)
    if cut and reply.endswith("\n") and parts[-1].cut:  # behind a line that ended
        parts = (*parts[:-1], Part(f"{parts[-1].text}\n", cut))  # the last word is whole
    origin, start = _Origin(reply, left), end - len(text)
    return tuple(replace(part, start=start, origin=origin) for part in parts)


def _split_exercises(text: str, question: str, prompt: str, *, cut: bool) -> tuple[Part, ...]:
    """Return the text before the next exercise; behind it all, where that may not be one."""
    another = _find_next_example(text, question, prompt)
    if another is not None:
        return (Part(text[:another].strip()),)
    for following in _NEXT_QUESTION.finditer(text, 1) if ":" in text else ():
        if before := text[: following.start()].strip():
            return Part(before), Part(text, cut)
    if varied := _find_varied_line(text, question):
        return Part(text[:varied].strip()), Part(text, cut)
    if exercise := _NEXT_EXERCISE.search(text):
        return Part(text[: exercise.start()].strip()), Part(text, cut)
    statement = _NEXT_STATEMENT.search(text)
    if statement and _ends_with_answer(text[: statement.start()]):
        return Part(text[: statement.start()].strip()), Part(text, cut)
    if cut and (begun := _BEGUN_QUESTION.search(text)):
        return (Part(text[: begun.start()].strip()),)
    return (Part(text, cut),)


def _ends_with_answer(text: str) -> bool:
    """Return whether a marker stands in the last line of a text: "#### 18"."""
    line = text.strip().rpartition("\n")[2].lower()
    starts = (line.find(word) for word in KEYWORDS)
    return any(start >= 0 and MARKER.match(line, start) for start in starts)


def _drop_frame(text: str, question: str, prompt: str) -> str:
    """Return `text` without the "A:" that answers "Q:" and is no option of `question`."""
    frame = _ANSWER_FRAME.match(text)
    if frame is None:
        return text
    rest = text[frame.end() :]
    if rest and "Q:" not in prompt and _OPTION_A.search(question) and not _LETTERED.match(rest):
        return text
    return rest


def _find_next_example(text: str, question: str, prompt: str) -> int | None:
    """Return where `text` continues with an exercise that looks like those of `prompt`, or None.

    That is a line that one of its examples begins with, or their label ("Q:" above "A:", "Text:"
    above "Label:"), one with an arrow as in "Great! -> positive", or one that begins as the last
    line of `prompt` does. A restatement of `question` is none.
    """
    labels = {"Q"} if "Q:" in prompt else set()
    examples = [
        (each["label"], each["shown"])
        for each in _SHOWN.finditer(prompt)
        if not prompt[max(0, each.start() - 8) : each.start()]
        .rstrip()
        .endswith("A:")  # in an answer
    ]
    starts = [rf"{re.escape(label)}:" for label in {*labels, *(label for label, _ in examples)}]
    shown = (text.strip() for _, text in examples if len(text.split()) >= REPEATED_WORDS)
    starts += [re.escape(each) for each in shown if each not in question]
    arrows = len(_ARROW.findall(prompt)) > 1
    if (examples or arrows) and (cue := _CUE.search(prompt)):
        starts.append(rf"(?i:{re.escape(cue['words'])})\s")
    found = list(re.finditer(rf"^[ \t]*+(?:{'|'.join(starts)})", text, re.M)) if starts else []
    if arrows:
        found += [arrow for arrow in _ARROW.finditer(text) if arrow.start()]
    exercises = [
        each.start()
        for each in found
        if each.start() or not ("\n" in text and _restates(text, question))
    ]
    if _is_varied(text, question, prompt):
        exercises.append(0)
    return min(exercises, default=None)


def _is_varied(text: str, question: str, prompt: str) -> bool:
    """Return whether `text` begins with a question of its own that begins as `question` does."""
    line, _, rest = text.partition("\n")
    begins = line.split()[:RESTATED_WORDS]
    same = len(begins) == RESTATED_WORDS and begins == question.split()[:RESTATED_WORDS]
    answered = _ANSWER_LABEL.match(rest) is not None and line.strip() not in prompt
    return same and answered


def _find_varied_line(text: str, question: str) -> int | None:
    """Return where the exercise behind an answer is worded as `question` was, or None.

    Its first words are those of the question, and not the others: "Do you turn left? …".
    """
    words = question.split()[:RESTATED_WORDS]
    if len(words) < RESTATED_WORDS:
        return None
    begins = r"[ \t]+".join(map(re.escape, words))
    for line in re.finditer(rf"\n[ \t]*({begins}[^\n]*)", text):
        if line[1].strip() not in question and _ends_with_answer(text[: line.start()]):
            return line.start()
    return None


def _restates(text: str, question: str) -> bool:
    """Return whether the first words of "Q: …" are those of `question`."""
    _, labelled, rest = text.partition(":")
    if labelled and not rest.partition("\n")[0].strip():  # where the question stood
        return True
    words = (rest if labelled else text).split()[:RESTATED_WORDS]
    return " ".join(words).casefold() in " ".join(question.split()).casefold()


def is_repetition(text: str, question: str) -> bool:
    """Return whether `text`, several lines or a sentence, is a part of `question`."""
    long = "\n" in text or len(text.split()) >= REPEATED_WORDS
    return long and text.rstrip(". ") in normalize_characters(question)


def _drop_programs(text: str) -> str:
    """Return `text` without fenced programs, unless it is nothing else."""
    if "```" not in text:
        return text
    rest = _PROGRAM.sub("\n", text)
    return rest if any(character.isalnum() for character in rest) else text
