"""What the server answers: a pure function of model, messages, temperature, seed and choice.

As optimizer (the meta-prompt asks for "<INS>" or "<Start>") it writes an instruction from a small
grammar.
As scorer it knows the gold answers, and is right with a probability that depends on the
instruction alone, so that OPRO has something to climb.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

OPENINGS = (
    "Read the question twice, then",
    "Start from what is known and",
    "Picture the situation and",
    "With a calm mind,",
    "Before you answer,",
    "As a careful tutor would,",
    "Name the goal first, then",
    "One small step after another,",
)
ACTIONS = (
    "work out each quantity",
    "write down every intermediate result",
    "check the units on the way",
    "sort the facts from the noise",
    "test the result against the question",
    "split the problem into parts",
)
CLOSINGS = (
    "and end with the answer alone.",
    "so that nobody could doubt the outcome.",
    "and state the result plainly.",
    "before you commit to a result.",
    "and mind the last detail.",
)
PHRASES = (
    "The answer is {}.",
    "Adding it up carefully.\n#### {}",
    "Each part fits the next one, so {}",
    "Here is what remains: **{}**",
)
WORST, BEST = 0.25, 0.95
KEY_LENGTH = 12  # characters of a question that the lookup is indexed by


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A chat request in no provider's dialect; `content` is every message joined by newlines."""

    model: str
    messages: tuple[tuple[str, str], ...]
    temperature: float
    seed: int | None
    max_tokens: int | None
    choices: int
    stop: tuple[str, ...] = ()

    @property
    def content(self) -> str:
        return "\n".join(content for _, content in self.messages)

    def key(self, choice: int) -> str:
        """Everything that the answer depends on; at temperature 0 no seed and no choice."""
        drawn = [self.seed, choice] if self.temperature > 0 else []
        return json.dumps([self.model, self.messages, self.temperature, *drawn])


def unit(*parts: str) -> float:
    """A number in [0, 1) decided by `parts`."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def pick(options: tuple[str, ...], *parts: str) -> str:
    return options[int(unit(*parts) * len(options))]


def quality(instruction: str) -> float:
    """How often the scorer is right under `instruction` (the prompt without its question)."""
    return WORST + (BEST - WORST) * unit("quality", " ".join(instruction.split()))


def wrong_answer(gold: str, key: str) -> str:
    """An answer of the same kind as `gold` that is not `gold`."""
    number = gold.replace(",", "")
    if number.lstrip("-").isdigit():
        return str(int(number) + 1 + int(unit("wrong", key) * 9))
    if len(gold) == 3 and gold[0] == "(" and gold[2] == ")":
        return pick(tuple(f"({c})" for c in "ABCDE" if c != gold[1].upper()), "wrong", key)
    flipped = {"yes": "no", "no": "yes", "true": "false", "false": "true"}
    return flipped.get(gold.lower(), "something else")


class Brain:
    """Answers chat calls; `answers` maps each known question to its gold answer."""

    def __init__(self, answers: Mapping[str, str] | None = None) -> None:
        self.answers = dict(answers or {})
        self._by_start: dict[str, list[str]] = defaultdict(list)
        for question in sorted(self.answers, key=len, reverse=True):
            self._by_start[question[:KEY_LENGTH]].append(question)
        self._key_lengths = sorted({len(s) for s in self._by_start}, reverse=True)

    def reply(self, call: ChatCall, choice: int = 0) -> str:
        """The text of one choice."""
        content, key = call.content, call.key(choice)
        if "Your task is to generate" in content:
            tag = "INS" if "<INS>" in content else "Start"
            return f"<{tag}>{self.instruction(key)}</{tag}>"
        question = self.question_in(content)
        if question is None:
            return f"Echo {int(unit(key) * 16**8):08x} of: {content[-60:]}"
        instruction = content.replace(question, "", 1)
        gold = self.answers[question]
        right = unit("right", key) < quality(instruction)
        return pick(PHRASES, "phrase", key).format(gold if right else wrong_answer(gold, key))

    def instruction(self, key: str) -> str:
        """One of 240 sentences."""
        parts = (OPENINGS, ACTIONS, CLOSINGS)
        return " ".join(pick(part, str(place), key) for place, part in enumerate(parts))

    def question_in(self, content: str) -> str | None:
        """The known question that stands last in `content`, the longest of several there."""
        for start in range(len(content) - 1, -1, -1):
            for length in self._key_lengths:
                for question in self._by_start.get(content[start : start + length], ()):
                    if content.startswith(question, start):
                        return question
        return None


def load_answers(path: Path, question: str = "question", answer: str = "answer") -> dict[str, str]:
    """Question -> gold answer of a jsonl file; of an answer with "####" only what follows it."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return {str(row[question]): str(row[answer]).rpartition("####")[2].strip() for row in rows}
