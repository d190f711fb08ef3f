"""New prompts from the sentences and clauses of old ones, by code alone.

Deleting, swapping and merging are the edits of GrIPS (Prasad et al. 2022) that need no model; a
merge with a start prompt also puts back what was deleted before. All are pure, and a text that
cannot be changed in a way comes back as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from opro_cli.core.draws import Random
from opro_cli.core.task.pieces import Pieces, split_prompt

_QUOTED = 40
"""Characters of a part that a note quotes."""

Edit = Callable[[str, Random], tuple[str, str]]
"""Returns a text changed in one way, and what was done, for people."""


def list_sentences(pieces: Pieces) -> list[tuple[str, str]]:
    """Return the sentences of a text, each with the white space behind it."""
    sentences: dict[int, list[str]] = {}
    gaps: dict[int, str] = {}
    for piece in pieces.pieces:
        sentences.setdefault(piece.sentence, []).append(piece.body)
        gaps[piece.sentence] = piece.gap
    return [("".join(bodies), gaps[number]) for number, bodies in sentences.items()]


def delete(text: str, rng: Random) -> tuple[str, str]:
    """Leave out one clause or sentence."""
    pieces = split_prompt(text)
    units = pieces.list_units()
    if len(units) < 2:
        return text, ""
    unit = rng.choice(units)
    gone = "".join(pieces.pieces[index].body for index in sorted(unit))
    return pieces.join(unit).strip(), f"without {_quote(gone)}"


def swap(text: str, rng: Random) -> tuple[str, str]:
    """Exchange two sentences; the white space stays where it is."""
    sentences = list_sentences(split_prompt(text))
    if len(sentences) < 2:
        return text, ""
    first, second = sorted(rng.sample(range(len(sentences)), 2))
    bodies = [body for body, _ in sentences]
    bodies[first], bodies[second] = bodies[second], bodies[first]
    whole = "".join(body + gap for body, (_, gap) in zip(bodies, sentences, strict=True))
    return whole.strip(), f"{_quote(bodies[first])} moved before {_quote(bodies[second])}"


def merge(text: str, other: str, rng: Random) -> tuple[str, str]:
    """Put a sentence of another text into a text, or join the beginning of one to the other's end.

    No sentence stands twice.
    """
    own, theirs = (list_sentences(split_prompt(each)) for each in (text, other))
    known = {_normalize(body) for body, _ in own}
    new = [sentence for sentence in theirs if _normalize(sentence[0]) not in known]
    if not new:
        return text, ""
    if rng.random() < 0.5 or len(own) < 2 or len(theirs) < 2:
        added, at = rng.choice(new), rng.randint(0, len(own))
        return _join([*own[:at], added, *own[at:]]), f"with {_quote(added[0])}"
    head = own[: rng.randint(1, len(own) - 1)]
    begun = {_normalize(body) for body, _ in head}
    tail = [each for each in theirs[rng.randint(1, len(theirs) - 1) :] if each not in head]
    tail = [each for each in tail if _normalize(each[0]) not in begun]
    if not tail:
        return text, ""
    return _join([*head, *tail]), f"its beginning up to {_quote(head[-1][0])}, then the other's end"


EDITS: Mapping[str, Edit] = {"delete": delete, "swap": swap}
"""Changes of a single text, by name."""


def _join(sentences: Sequence[tuple[str, str]]) -> str:
    """Join sentences, with a space between two that stood at the end of their texts."""
    return "".join(body + (gap or " ") for body, gap in sentences).strip()


def _normalize(sentence: str) -> str:
    return " ".join(sentence.split()).casefold()


def _quote(text: str) -> str:
    plain = " ".join(text.split()).strip(" ,;:")
    return f"“{plain if len(plain) <= _QUOTED else plain[: _QUOTED - 1] + '…'}”"
