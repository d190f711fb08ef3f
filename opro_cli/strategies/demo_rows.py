"""The train rows that worked examples are made of, and the draw of one more for a prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from opro_cli.core.draws import Random
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.view import SearchView
from opro_cli.core.spellings import is_same_label
from opro_cli.core.task.prompt import GOLD, Demo
from opro_cli.strategies.worth import Part, draw


@dataclass(frozen=True, slots=True)
class DemoRows:
    """The train rows, and what examples of them show.

    Attributes:
        view: The run.
        replies: By row, a candidate's right reply that says more than the gold answer.
        room: Characters for all examples of a prompt together.
        worth: What parts of prompts are worth, ("row", 3) among them.
    """

    view: SearchView
    replies: Mapping[int, tuple[str, str]]
    room: int
    worth: Mapping[Part, float]

    def pick(
        self, demos: Sequence[Demo], rng: Random, *, replies: bool, without: Collection[int] = ()
    ) -> Demo | None:
        """Draw one more example for a prompt; None where no row is left, or none has room.

        It has the label that the prompt shows least, where gold answers are a few labels, and
        belongs together with none that the prompt shows. Rows that did well come more often.

        Args:
            demos: The examples that the prompt has.
            rng: Of the step.
            replies: Show a reply of the scorer, not the gold answer.
            without: Rows that are not wanted.
        """
        groups = self.view.state.groups.get("train") or range(len(self.view.train))
        taken = {groups[demo.row] for demo in demos}
        room = self.room - sum(map(self.measure, demos))
        shown = {row: name for row, (name, _) in self.replies.items()}
        rows = shown if replies else range(len(self.view.train))
        free = (row for row in rows if groups[row] not in taken and row not in without)
        fitting = [
            demo
            for demo in (Demo(row, shown[row] if replies else GOLD) for row in free)
            if self.measure(demo) <= room
        ]
        labels = self.view.labels
        if labels and fitting:
            counts = Counter(labels[demo.row] for demo in demos)
            least = min(counts[labels[demo.row]] for demo in fitting)
            fitting = [demo for demo in fitting if counts[labels[demo.row]] == least]
        worths = [self.worth.get(("row", demo.row), 0.0) for demo in fitting]
        return draw(rng, fitting, worths) if fitting else None

    def measure(self, demo: Demo) -> int:
        """Return the characters of an example."""
        example = self.view.train[demo.row]
        gold = example.split_golds()[0].target
        answer = gold if demo.shown == GOLD else self.replies.get(demo.row, ("", gold))[1]
        return len(example.input) + len(answer)


def find_replies(view: SearchView, candidates: Sequence[Candidate]) -> dict[int, tuple[str, str]]:
    """Return right replies to train rows, each behind the id of the candidate it was given under.

    Of several that of the first candidate. One that is no more than the gold answer is left out.
    """
    found: dict[int, tuple[str, str]] = {}
    for candidate in candidates:
        for row, outcome in sorted(candidate.answers["train"].by_question.items()):
            if row in found or outcome.score != 1.0:
                continue
            reply = (view.read_reply(candidate.id, "train", row) or "").strip()
            if reply and not is_same_label(reply, view.train[row].split_golds()[0].target):
                found[row] = candidate.id, reply
    return dict(sorted(found.items()))
