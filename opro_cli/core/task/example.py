"""Examples, grades, and what is sent to a chat model and comes back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")

Position = Literal["before_Q", "Q_begin", "Q_end", "A_begin", "system"]


@dataclass(frozen=True, slots=True)
class Example:
    """One question and its gold answer.

    input: the question as the scorer reads it.
    target: the gold answer as the metric compares it ("72", "(B)", "yes").
    source: where it came from, "train.jsonl:17", for people.
    row: its place among the rows of its source that could be used, from 0.
    """

    input: str
    target: str
    source: str
    row: int = 0


@dataclass(frozen=True, slots=True)
class Grade:
    """What a metric makes of one reply.

    answer: the answer read from the reply, or None when none could be read.
    score: 0.0 to 1.0, or None exactly when the answer is unreadable.
    """

    answer: str | None
    score: float | None

    def __post_init__(self) -> None:
        if (self.answer is None) != (self.score is None):
            raise ValueError("an unreadable answer has no score, a readable one has one")
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise ValueError(f"a score lies between 0 and 1, not {self.score!r}")


UNREADABLE = Grade(None, None)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluator makes of a candidate on one example.

    Attributes:
        value: On the evaluator's scale; None when the answer was unreadable.
        answer: What was read, as people will see it; None exactly when there is no value.
        parts: Sub-scores by name.
        feedback: A sentence or more for a strategy, or a person, to learn from.
    """

    value: float | None
    answer: str | None
    parts: Mapping[str, float] = field(default_factory=dict)
    feedback: str = ""

    def __post_init__(self) -> None:
        if (self.answer is None) != (self.value is None):
            raise ValueError("an unreadable answer has no value, a readable one has one")


@dataclass(frozen=True, slots=True)
class Replied:
    """A model's reply as an evaluator gets it.

    Attributes:
        text: As it came; from a resume on, as it was recorded.
        recorded: As the journal has it, without keys.
    """

    text: str
    recorded: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user"]
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call to a chat model: the whole of what decides the answer.

    choices: so many different answers are asked for at once; a model may give fewer, but one.
    stop: an answer ends before the first place where one of these texts would stand, if any.
    """

    messages: tuple[Message, ...]
    temperature: float
    max_tokens: int
    seed: int | None = None
    choices: int = 1
    stop: tuple[str, ...] = ()


def cut_at_stop(text: str, stop: Iterable[str]) -> str:
    """What comes before the first place where one of the texts `stop` stands; all, if none does."""
    places = (text.find(each) for each in stop)
    return text[: min((place for place in places if place >= 0), default=None)]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers that came in one reply."""

    text: str
    finish_reason: str


@dataclass(frozen=True, slots=True)
class ChatReply:
    """One answer of a chat model.

    finish_reason: "stop", "length", "content_filter" or the provider's own word.
    prompt_tokens, completion_tokens: None where the provider did not say.
    usd: the price of this call, None where unknown (never 0 for unknown). more: further choices,
    where several were asked for; tokens and price are those of all together.
    """

    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    usd: float | None
    more: tuple[Choice, ...] = ()

    @property
    def filtered(self) -> bool:
        """Did the provider keep the whole of it back? Asking again would not help."""
        return is_filtered(self.text, self.finish_reason)


def is_filtered(text: str, finish_reason: str) -> bool:
    """Is this a reply of which a content filter has left nothing?"""
    return finish_reason == "content_filter" and not text


def fingerprint_examples(examples: Mapping[Split, Sequence[Example]]) -> str:
    """sha256 (64 hex digits) over split, input and target of every example, in order.

    Where an example came from does not count: the same questions read from another
    format have the same fingerprint.
    """
    digest = hashlib.sha256()
    for split in SPLITS:
        for example in examples.get(split, ()):
            # A JSON array keeps apart what joined strings would run together.
            line = json.dumps([split, example.input, example.target])
            digest.update(line.encode("ascii") + b"\n")
    return digest.hexdigest()
