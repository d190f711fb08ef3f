"""Find the place in a reply that an answer was read from, for people to see.

The readers work on texts that are normalized, cut and rearranged, and do not keep count of
characters. So the place is found by reading again: it is the sentence, or the line at a marker,
that gives the same answer by itself and without which the rest gives another one or none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from opro_cli.reading.final_answer import find_final_answer_in
from opro_cli.reading.prose import split_sentences
from opro_cli.reading.reply_text import Part, Span

MAX_SENTENCES = 24
"""Sentences that are read again, from the end of a text; each costs a reading or two."""
MAX_NEEDED = 4
"""Sentences of which it is found out whether the rest gives the answer without them."""
MAX_SURFACE = 200
"""Characters of the longest answer that is looked for within its sentence."""
_SEPARATOR = r"[,.'’\s]?"

Read = Callable[[Part], str | None]
"""A reader of one kind of answers; it returns the answer of a text, or None."""


def find_span(part: Part, answer: str, read: Read) -> Span | None:
    """Return where the reply says the answer that was read from a part of it.

    Args:
        part: What was read.
        answer: What `read` returned for it.
        read: The reader.

    Returns:
        Start and end, in characters of the reply as it came; None where no single place says it,
        or where what was read is not a stretch of the reply.
    """
    text = part.text

    def says_so(span: Span) -> bool:
        lacks_end = part.cut and span[1] == len(text)
        return read(Part(text[slice(*span)], lacks_end)) == answer

    found = next(filter(says_so, _list_marked(text)), None)
    if found is None:
        saying = list(filter(says_so, _list_sentences(text)))
        needed = (
            (start, end)
            for start, end in saying[:MAX_NEEDED]
            if read(Part(f"{text[:start]}\n{text[end:]}", part.cut)) != answer
        )
        found = next(needed, next(iter(saying), None))
    if found is None:
        return None
    surface = _find_surface(text, found, answer)
    return part.locate(*(surface if surface and says_so(surface) else found))


def _list_marked(text: str) -> Iterator[Span]:
    """Yield the lines at final-answer markers, the last one first."""
    for mark in find_final_answer_in(text).marks:
        start = text.find(mark.line, mark.start) if mark.line else -1
        if start >= 0:
            yield start, start + len(mark.line)


def _list_sentences(text: str) -> Iterator[Span]:
    """Yield sentences, the last one first, and the first one of all at the end."""
    spans: list[Span] = []
    at = 0
    for line in text.split("\n"):
        start = at
        for sentence in split_sentences(line):
            start = text.index(sentence, start)
            spans.append((start, start + len(sentence)))
            start += len(sentence)
        at += len(line) + 1
    spans = [span for span in spans if span[0] < span[1]]
    yield from reversed(spans[-MAX_SENTENCES:])
    yield from spans[:1][: max(0, len(spans) - MAX_SENTENCES)]


def _find_surface(text: str, span: Span, answer: str) -> Span | None:
    """Return the only place within a stretch that has the answer in its own words, or None."""
    if not answer.strip() or len(answer) > MAX_SURFACE:
        return None
    if answer.replace(".", "", 1).isdecimal():  # "1,018.50" for 1018.50
        words = _SEPARATOR.join(answer.replace(".", ""))
    else:
        words = r"\s+".join(map(re.escape, answer.split()))
    found = re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE).finditer(text, *span)
    spans = [each.span() for each in found]
    return spans[0] if len(spans) == 1 else None
