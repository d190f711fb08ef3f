"""Examples, grades, and the requests and replies of a chat model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")

Position = Literal["before_Q", "Q_begin", "Q_end", "A_begin", "system"]
ChatRole = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Example:
    """One question and its gold answer.

    Attributes:
        input: The question as the scorer reads it.
        target: The gold answer as the metric compares it ("72", "(B)", "yes"). Where several are
            right it is for people, "Danube | Donau", and a metric gets one after the other.
        source: Its origin for display, "train.jsonl:17".
        row: Its index among the usable rows of its source, from 0.
        fields: Further fields of its row, by the names that `task.prompt` has holes for.
        golds: Each answer that is right, as the metric compares it, where there are several;
            else empty.
        group: What rows have in common that belong together: their source, or nearly the same
            text; "" for a row of its own.
    """

    input: str
    target: str
    source: str
    row: int = 0
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    golds: tuple[str, ...] = ()
    group: str = ""

    @property
    def shown(self) -> str:
        """The question, with the fields that are no part of it: all that the scorer may see."""
        more = (text for text in self.fields.values() if text not in self.input)
        return "\n".join((self.input, *more))

    def split_golds(self) -> tuple[Example, ...]:
        """Return the question with each of its right answers alone: what a metric compares."""
        if not self.golds:
            return (self,)
        return tuple(replace(self, target=gold) for gold in self.golds)


MOST_GOLDS = 5
"""Right answers of one question that people and the optimizer are shown; all are compared."""


def show_golds(golds: Sequence[str]) -> str:
    """Return several right answers as one text for display, which nothing reads back."""
    more = len(golds) - MOST_GOLDS
    return " | ".join(golds[:MOST_GOLDS]) + (f" | … ({more} more)" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Grade:
    """The answer read from a reply, and its score from 0.0 to 1.0; both None if unreadable.

    Attributes:
        span: Where in the reply it was read: start and end, in characters of the reply as it
            came. None where nothing was read, and for a metric that cannot say.
    """

    answer: str | None
    score: float | None
    span: tuple[int, int] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if (self.answer is None) != (self.score is None):
            raise ValueError("an unreadable answer has no score, a readable one has one")
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise ValueError(f"a score lies between 0 and 1, not {self.score!r}")
        if self.span is not None and (self.answer is None or not 0 <= self.span[0] < self.span[1]):
            raise ValueError(f"an answer stands in a stretch of a reply, not at {self.span!r}")


UNREADABLE = Grade(None, None)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluator's finding about a candidate on one example.

    Attributes:
        value: On the evaluator's scale; None when the answer was unreadable.
        answer: As it was read, for people; None exactly when there is no value.
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
        cut: It ended at its limit of tokens.
    """

    text: str
    recorded: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: ChatRole
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call to a chat model: everything that determines the answer.

    `choices` different answers are requested at once; a model may give fewer, but at least one.
    An answer ends before the first occurrence of a text in `stop`. With `fresh` the model is to
    read the whole prompt anew instead of from the cache of its server, where that can be asked
    for: on a server that batches, the same prompt may then be answered in another way. A value of
    None is not sent. `without` names parameters of the wire that the server has refused before.
    Of equal requests with another `repeat` each is asked for itself, whatever is in a cache.
    """

    messages: tuple[Message, ...]
    temperature: float | None
    max_tokens: int | None
    seed: int | None = None
    choices: int = 1
    stop: tuple[str, ...] = ()
    fresh: bool = False
    top_p: float | None = None
    without: tuple[str, ...] = ()
    repeat: int = 1

    def leave_out(self, names: Iterable[str]) -> ChatRequest:
        """Return the request as it is sent to a server that has refused these parameters."""
        refused = {*self.without, *names}
        if refused == set(self.without):
            return self
        return replace(
            self,
            temperature=None if "temperature" in refused else self.temperature,
            top_p=None if "top_p" in refused else self.top_p,
            seed=None if "seed" in refused else self.seed,
            choices=1 if "n" in refused else self.choices,
            without=tuple(sorted(refused)),
        )


LIMITS = ("max_tokens", "max_completion_tokens")
"""The two names under which servers know the limit of a reply."""


def cut_at_stop(text: str, stop: Iterable[str]) -> str:
    """Return `text` up to the first occurrence of one of the texts `stop`."""
    starts = (text.find(end) for end in stop)
    return text[: min((start for start in starts if start >= 0), default=None)]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers that came in one reply."""

    text: str
    finish_reason: str


MOST_USD = 10_000.0
"""Dollars of one call: several full context windows at the dearest price a token are a hundredth of
it. A larger amount is no price, and unknown."""


class Took(NamedTuple):
    """Tokens and dollars of an answer when its model was asked; None for what is unknown.

    It is known of an answer from the answer cache too, which costs nothing now.
    """

    prompt: int | None
    completion: int | None
    usd: float | None


@dataclass(frozen=True, slots=True)
class ChatReply:
    """One answer of a chat model.

    Attributes:
        text: The answer.
        finish_reason: "stop", "length", "content_filter" or the provider's own word.
        prompt_tokens: None if the provider did not report them.
        completion_tokens: Of all choices; None if the provider did not report them.
        usd: The price of this call with all choices; None, never 0, if unknown.
        more: Further choices if several were requested.
        reasoning_tokens: Those of the completion that were thoughts, of all choices; None if the
            provider did not report them.
        took: Of an answer from the answer cache, what it took when it was asked; None if the cache
            does not know, and of every other answer.
    """

    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    usd: float | None
    more: tuple[Choice, ...] = ()
    reasoning_tokens: int | None = None
    took: Took | None = None

    @property
    def filtered(self) -> bool:
        """A content filter removed the whole answer, or the model declined: no retry would help."""
        return is_filtered(self.text, self.finish_reason)

    def set_free(self) -> ChatReply:
        """Return the answer as the answer cache gives it: at no cost, with what it took before."""
        took = Took(self.prompt_tokens, self.completion_tokens, self.usd)
        known = None if took.prompt is None and took.usd is None else took
        return ChatReply(self.text, self.finish_reason, 0, 0, 0.0, took=known)

    @property
    def failed(self) -> bool:
        """No answer: all of it is empty for no reason that would tell why, or it broke off."""
        more = all(is_failed(each.text, each.finish_reason) for each in self.more)
        return more and is_failed(self.text, self.finish_reason)


CUT = frozenset(
    {
        "length",
        "max_tokens",
        "MAX_TOKENS",
        "max_output_tokens",
        "model_length",
        "model_context_window_exceeded",
    }
)
"""Reasons to finish of a reply that ended at its limit, in the words of several providers."""

BROKEN_OFF = frozenset(
    {
        "error",
        "abort",  # SGLang and vLLM
        "aborted",
        "cancelled",
        "canceled",
        "insufficient_system_resource",  # DeepSeek
        "network_error",  # Zhipu
        "pause_turn",  # Anthropic
    }
)
"""Reasons to finish of a reply whose server stopped in the middle of it, in small letters."""


REFUSAL = "refusal"
"""The reason to finish of a reply in which the model declines, as its server says."""


THOUGHTS_ONLY = "thoughts"
"""The reason to finish, in our own word, of a reply whose server took all of it for thoughts."""


def is_filtered(text: str, finish_reason: str) -> bool:
    """Return True if a content filter removed the whole reply, or the model declined."""
    return finish_reason == REFUSAL or (finish_reason == "content_filter" and not text)


def is_failed(text: str, finish_reason: str) -> bool:
    """Return True for a reply that is no answer, right or wrong: the call came to nothing.

    An empty text that ended at its limit, or that a filter removed, is one.
    """
    if finish_reason in BROKEN_OFF:
        return True
    return not text.strip() and finish_reason not in (*CUT, "content_filter", REFUSAL)


def number_groups(examples: Sequence[Example]) -> tuple[int | None, ...]:
    """Return a number for the group of each example, None for one alone in its group.

    Groups are numbered from 0 in the order of their first examples. Where no two examples are of
    one group, there are no numbers at all.
    """
    counts = Counter(example.group for example in examples if example.group)
    numbers: dict[str, int] = {}
    for example in examples:
        if counts[example.group] > 1:
            numbers.setdefault(example.group, len(numbers))
    return tuple(numbers.get(example.group) for example in examples) if numbers else ()


Groups = Mapping[Split, Sequence[int]]
"""By split, a number for each question, the same for questions that belong together."""


def list_groups(examples: Mapping[Split, Sequence[Example]]) -> dict[Split, tuple[int, ...]]:
    """Return the groups of the questions of each split that has groups of several."""
    groups: dict[Split, tuple[int, ...]] = {}
    for split, rows in examples.items():
        if numbers := number_groups(rows):
            own = (-1 - index if each is None else each for index, each in enumerate(numbers))
            groups[split] = tuple(own)
    return groups


def fingerprint_examples(examples: Mapping[Split, Sequence[Example]]) -> str:
    """Return the sha256 (64 hex digits) of split, input and gold answers of each example, in order.

    So do fields, and which examples are of one group, where there are any. The source does not
    count, nor the name of a group: the same questions in another format have the same fingerprint.
    """
    import hashlib  # 4 MiB, which a worker of the embedded models has no use for

    digest = hashlib.sha256()
    groups = number_groups([example for split in SPLITS for example in examples.get(split, ())])
    numbers = iter(groups)
    for split in SPLITS:
        for example in examples.get(split, ()):
            # Unlike joined strings, a JSON array keeps its parts distinct.
            parts: list[object] = [split, example.input, example.target]
            parts += [dict(example.fields)] if example.fields else []
            parts += [list(example.golds)] if example.golds else []
            group = next(numbers, None)
            parts += [{"group": group}] if group is not None else []
            line = json.dumps(parts)
            digest.update(line.encode("ascii") + b"\n")
    return digest.hexdigest()
