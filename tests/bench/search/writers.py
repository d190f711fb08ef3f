"""Two instruction writers without a model, in the form of reply that each tool reads.

Both draw from the pool of a task in an order that the seed decides, the same for all tools: the
first proposal of every search of a seed is the same one. `pool` reads nothing of its request but
the form of reply that it asks for. `reader` draws from the upper tiers of the pool with the chance
BETTER where its request shows failures: a question of the search together with a wrong reply that
the scorer gave to it in this very search.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bench.search.pool import Entry

BETTER = 0.5
TIER = 2
"""The lowest tier that counts as the upper part of a pool."""
TAIL = 40
"""Characters at the end of a reply by which it is recognized where a tool cuts it."""
_FIELD = re.compile(r"\[\[ ## (\w+) ## \]\]")
_ASKED_TAG = re.compile(r"<(prompt|instruction|new_prompt|improved_prompt|output)>", re.IGNORECASE)
_OPRO_TAGS = ("INS", "Start")
_DSPY_INSTRUCTION = ("proposed_instruction", "improved_instruction", "new_instruction")


@dataclass(slots=True)
class Writer:
    """A writer for one search.

    Attributes:
        reads: Whether it draws better where it is shown failures.
        wrong: The wrong replies of the scorer in this search, by question.
        informed: How many of its draws were made with failures in sight.
    """

    pool: Sequence[Entry]
    seed: str
    reads: bool
    wrong: dict[str, set[str]] = field(default_factory=dict)
    informed: int = 0
    _drawn: int = 0
    _better: int = 0
    _order: list[Entry] = field(init=False)
    _best: list[Entry] = field(init=False)

    def __post_init__(self) -> None:
        self._order = random.Random(f"order {self.seed}").sample(list(self.pool), len(self.pool))
        self._best = [entry for entry in self._order if entry.tier >= TIER]
        random.Random(f"better {self.seed}").shuffle(self._best)

    def write(self, request: str, choices: int = 1) -> list[str]:
        """Return replies to a request, each with an instruction of its own."""
        shown = self.reads and self.sees_failure(request)
        return [shape_reply(request, self._draw(shown)) for _ in range(choices)]

    def note_wrong(self, question: str, reply: str) -> None:
        """Remember a wrong reply of the scorer."""
        self.wrong.setdefault(question, set()).add(reply.strip())

    def sees_failure(self, request: str) -> bool:
        """Whether a request shows a question together with a wrong reply to it."""
        return any(
            question in request and any(_is_quoted(reply, request) for reply in replies)
            for question, replies in self.wrong.items()
        )

    def _draw(self, informed: bool) -> str:
        self.informed += informed
        number, self._drawn = self._drawn, self._drawn + 1
        if informed and random.Random(f"coin {self.seed} {number}").random() < BETTER:
            entry = self._best[self._better % len(self._best)]
            self._better += 1
            return entry.text
        return self._order[number % len(self._order)].text


def _is_quoted(reply: str, request: str) -> bool:
    return reply[-TAIL:] in request if reply else False


def shape_reply(request: str, instruction: str) -> str:
    """Return an instruction in the form that a request asks for.

    The forms are those of the tools as released: the tags of OPRO's meta-prompt for GPT, the field
    marks of DSPy, the tags of promptolution, the code block of GEPA, the square brackets of OPRO's
    meta-prompt for PaLM, and JSON. Any other request gets the bare text.
    """
    for tag in _OPRO_TAGS:
        if f"</{tag}>" in request:
            return f"<{tag}>{instruction}</{tag}>"
    if "[[ ## completed ## ]]" in request:
        return _fill_fields(request, instruction)
    asked = _ASKED_TAG.findall(request)
    if asked and f"</{asked[-1]}>" in request:
        return f"<{asked[-1]}>{instruction}</{asked[-1]}>"
    if "```" in request:
        return f"```\n{instruction}\n```"
    if "square brackets" in request:
        return f"[{instruction}]"
    if re.search(r"\bjson\b", request, re.IGNORECASE):
        name = re.search(r'"(\w*(?:instruction|prompt)\w*)"\s*:', request)
        return json.dumps({name[1] if name else "instruction": instruction})
    return instruction


def _fill_fields(request: str, instruction: str) -> str:
    """Return DSPy's output fields, in order: the instruction where it is asked for, else a word."""
    # The last message ends in "Respond with the corresponding output fields, starting with …".
    wanted = _FIELD.findall(request.rpartition("Respond with the corresponding output fields")[2])
    lines = []
    for name in wanted:
        if name == "completed":
            continue
        is_wanted = name in _DSPY_INSTRUCTION or "instruction" in name
        lines.append(f"[[ ## {name} ## ]]\n{instruction if is_wanted else 'Nothing to add.'}\n")
    return "\n".join([*lines, "[[ ## completed ## ]]"])
