"""Words and signs that announce an answer, or take one back, in about twenty languages.

The patterns are for text in small letters.
"""

from __future__ import annotations

import re

_STYLE = r"[*_\"“]{0,3}"
# Markdown that closes the label, not markdown that opens the answer: "**Answer:** 18".
_CLOSED = r"(?:[*_]{1,3}(?=[\s:]))?"
# Words between "is" and the answer that are not part of it.
_ADVERBS = (
    r"(?:,?\s(?:therefore|thus|then|hence|so|simply|clearly|indeed|actually|most\slikely|likely"
    r"|probably|definitely|certainly|obviously|also|daher|somit|folglich|demnach|donc|alors"
    r"|por\s(?:lo\s)?tanto|entonces|portanto|então|quindi|dunque|pertanto),?(?=[\s:])){0,2}"
)
_LEAD_IN = r"(?:\s(?:as\sfollows|clear|simple|obvious)(?=\s?:)|\sfound\sto\sbe)?"
# "The answer is correct" gives no answer, "the answer is found by adding" not yet.
_NO_ANSWER = (
    r"(?!\s(?:correct|right|wrong|incorrect|clear|simple|obvious|easy|found|obtained|calculated"
    r"|as\sfollows|not\s(?:clear|obvious|known|given))(?![^\W_]))"
)
_SIGN = r"(?::|=(?!=)|→|⇒|->|=>|[-–—](?=\s))"


def _build_phrase(group: str, nouns: str, between: str, copulas: str) -> str:
    """Return a pattern for a noun, `between`, and a copula, which is a named group, or a sign."""
    copula = rf"{_STYLE}{_ADVERBS}\s(?:{copulas})(?![^\W_]){_ADVERBS}{_LEAD_IN}{_NO_ANSWER}"
    return (
        rf"(?:{nouns})(?![^\W_]){between}"
        rf"(?:(?P<{group}>{copula}){_CLOSED}(?:\s?:)?|{_STYLE}\s{{0,3}}{_SIGN}){_CLOSED}"
    )


_PHRASES = (
    _build_phrase(
        "copula_0",
        r"answer|ans|(?:correct|right|best)\s(?:option|choice|statement|letter|one)"
        r"|final\s(?:result|value|total|number|verdict|conclusion)",
        r"(?:\s(?:choice|option|letter|here|key))?(?:\s{0,2}\([^()\n]{1,60}\))?"
        r"(?:\s(?:to|for|of|in)\s(?!\([a-z]\)\s)[^.:?!\n]{1,120}?)?",
        r"is|was|equals|(?:would|should|must|will|has\sto|can\sonly)\sbe|becomes"
        r"|comes\s(?:out\s)?to",
    ),
    _build_phrase(
        "copula_1",
        r"antwort|lösung|endergebnis|antwoord|svaret|svar|odpowiedź|odpověď|cevap|jawabannya|jawaban"
        r"|réponse|respuesta|resposta|risposta|ответ|відповідь|الجواب|الإجابة|الاجابة"
        r"|उत्तर|जवाब|উত্তর|సమాధానం|คำตอบ|jibu",
        r"(?:\s(?:finale|correcte|exacte|juste|final|correcta|correta|certa|corretta|giusta|esatta"
        r"|الصحيحة|الصحيح|النهائية|النهائي))?",
        r"ist|lautet|wäre|heißt|beträgt|is|luidt|är|er|to|je|adalah|ni|est|serait|es|sería|será"
        r"|é|seria|è|sarebbe|это|равен|будет|هو|هي|है|হল|হলো",
    ),
)
_EAST_ASIAN = (
    r"(?:答案|正解|答え|解答|回答|答)\s?(?:应该是|應該是|应为|应是|就是|是|为|為|選|选|は|が|:)\s?:?"
    r"|(?:我)?[选選](?:择|擇)?\s?:?(?=\s?\(?[a-z](?![a-z]))|(?:उत्तर|जवाब)\s(?=\(?[a-z0-9])"
    r"|(?:故|所以|因此|应|应该|應)[选選](?:择|擇)?\s?:?"
    r"|(?:정답|답변|답)\s?(?:은|는|이|:)\s?:?"
)

KEYWORDS = (
    "answer", "ans", "correct ", "right ", "best ", "final ", "antwo", "lösung", "endergebnis",
    "svar", "odpow", "odpov", "cevap", "jawab", "réponse", "respuesta", "resposta", "risposta",
    "ответ", "відпо", "الجواب", "الإجابة", "الاجابة", "उत्तर", "जवाब", "উত্তর", "సమాధానం", "คำตอบ",
    "jibu", "答", "正解", "解答", "回答", "故", "所以", "因此", "应", "應", "选", "選", "我选",
    "我選", "정답", "답", "\\box", "\\fbox", "<answer", "<final", "####",
)  # fmt: skip
"""Beginnings of MARKER: searching for plain words first is many times faster."""

ASCII_KEYWORDS = tuple(filter(str.isascii, KEYWORDS))
"""Keywords that can occur in an ASCII text."""

MARKER = re.compile(
    "|".join(
        (
            *_PHRASES,
            rf"(?P<east_asian>{_EAST_ASIAN})",
            r"(?P<box>\\f?box(?:ed)?\s{0,2}\{)",
            r"(?P<tag><(?:final[_\s]?)?answer>)",
            # "####" ends GSM8K solutions; "#### Step 3" is a markdown heading.
            r"####(?<!\#{5})(?!\#)"
            r"(?!\s{0,3}(?:step|part|case|method|solution|explanation)(?![^\W_]))",
            r"(?P<heading>(?:answer|antwort|réponse|respuesta|resposta|risposta|ответ|答案|答え|解答"
            r"|정답|उत्तर)[*_]{0,3}[ \t]*+(?=\n))",
            # "(ANSWER E)", "answer.A", "Answer 18"
            # "To answer the question, no, …"
            r"(?P<question>answer\s(?:the|your|this|our)\s(?:\w{1,12}\s)?question[,:]\s)",
            r"(?P<short>(?:answer|ans)[.\s]\s?"
            r"(?=[(\[*]{0,3}[a-z](?:[)\]*.,](?!\s(?:can|could|may|might|would)\s)|\s*\Z|\s*\n)|(?P<digits>[$€£-]{0,2}\d)))",
        )
    )
)

BEHIND_NOUNS = (" answer", " option", " choice", " one", " solution")
BEHIND_LEAD = re.compile(
    r"""(?P<verb>\s(?:is|are|was|be))
    \s(?:therefore\s|thus\s|clearly\s|indeed\s)?(?:the|my)
    (?:\s(?:only|most|final|correct|right|best|likely|appropriate|suitable|accurate)){0,3}\Z
    """,
    re.VERBOSE,
)
BEHIND_END = re.compile(r"(?![^\W_]|\s(?:to|for|is|that|of|in)(?![^\W_])|\s?:)")
"""BEHIND_LEAD, a noun and BEHIND_END: the answer precedes the verb, "18 is the answer"."""

HEADING_LEAD = re.compile(r"[#*_>\s]{0,8}(?:(?:the|my)\s)?(?:(?:final|correct)\s)?\Z")
"""Text allowed on the line before a heading or a "short" number."""

CORRECTION = re.compile(
    r"""(?:(?<=[.!?…;:,—–-]\s)|(?<=\n))
    (?:(?:no|hmm+|oh|oops|but|ah)[,.…]{0,3}\s)?
    (?:wait|actually|correction|scratch\sthat|i\smeant?|my\smistake|sorry|oops)
    (?:,?\s(?:no|sorry|actually|wait)(?![^\W_])){0,2}(?!,?\sbut)\s?[,.:;!…—–-]{1,3}\s
    | (?<=[?.…]\s)no,?\s(?=[$€£*(]{0,3}\d)
    """,
    re.VERBOSE,
)
"""Words that retract the text before them: "The answer is 15. No wait, 18."."""

CORRECTION_WORDS = (
    "wait", "actually", "correction", "scratch", "i mean", "mistake", "sorry", "oops", " no ",
    " no,",
)  # fmt: skip
"""Plain words of which CORRECTION needs one."""
