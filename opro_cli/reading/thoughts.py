"""The thoughts of a reasoning model, which are no part of its answer, by the marks around them."""

from __future__ import annotations

import re

TAGS = (
    r"(?:seed:|budget:|ant:?|ant_)?think(?:ing)?|thoughts?|reasoning|scratchpad|reflection"
    r"|(?:inner|internal)_(?:monologue|thoughts?)|seed:cot_budget_reflect"
)
"""Names of tags around thoughts, as a pattern without blanks."""
_MARK = re.compile(
    rf"""(?P<opens>
        <(?:{TAGS})> | \[THINK\] | ◁think▷ | <\|begin_of_thoughts?\|> | <\|(?:START_)?THINKING\|>
      | <\|channel\|>\s?(?:analysis|commentary)[^<]{{0,80}}<\|message\|>  # gpt-oss
      | \A(?-i:analysis(?=[A-Z]))                                       # ... without its tokens
      | <\|channel>thought | <unused94>(?:thought)?                      # Gemma
      | \AHere\ is\ my\ thought\ process:                                 # Granite
    ) | (?P<closes>
        </(?:{TAGS})> | \[/THINK\] | ◁/think▷ | <\|end_of_thoughts?\|> | <\|END_THINKING\|>
      | <\|channel\|>\s?final[^<]{{0,80}}<\|message\|> | assistantfinal
      | <channel\|> | <unused95>
      | Here\ is\ my\ response:
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_WORDS = ("think", "thought", "reason", "scratchpad", "reflect", "analysis", "monolog",
          "channel", "<unused9")  # fmt: skip
"""Plain words of which every mark has one: looking for them is many times faster."""


_BEGINNINGS = ("Here is my", "analysis")


def find_marks(text: str) -> list[re.Match[str]]:
    """Return the marks of thoughts in a text; the group "opens" or "closes" of each has matched.

    <think>, [THINK], ◁think▷, the channels of gpt-oss and others.
    """
    if not text.startswith(_BEGINNINGS) and not any(map(text.__contains__, "<[◁")):
        return []
    lower = text.lower()
    return list(_MARK.finditer(text)) if any(word in lower for word in _WORDS) else []


def drop_open_thoughts(text: str) -> str:
    """Return the text before thoughts that never end: they have no answer, nor has their end.

    "" where the text is nothing else, and the text as it is where all thoughts end.
    """
    marks = find_marks(text)
    start = len(text)
    for mark in reversed(marks):
        if mark["closes"]:
            break
        start = mark.start()
    return text[:start] if text[:start].strip() else ""


def drop_thoughts(text: str) -> str:
    """Return the text outside of <think> … </think>, or the thoughts if there is nothing else.

    Thoughts that never end have no answer: the result is what is before them.
    """
    text = drop_open_thoughts(text)
    marks = find_marks(text)
    if not marks:
        return text
    before = text[: marks[0].start()] if marks[0]["opens"] else ""
    outside = f"{before}\n{text[marks[-1].end() :]}".strip()
    return outside or _MARK.sub("", text).strip()
