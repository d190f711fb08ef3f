"""A run as a search strategy sees it when a step begins, and the proposals that it makes.

Nothing in a view changes during a step: a resume in the middle of one sees what its beginning
saw, so that a strategy proposes the same again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from opro_cli.core.draws import Random, create_rng
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.deciding import measure_mean
from opro_cli.core.run.exemplars import Memo, choose_exemplars
from opro_cli.core.run.placeholders import judge_placeholders
from opro_cli.core.run.replies import KeptReplies
from opro_cli.core.run.selection import select_trajectory
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.task.example import Example, Message, Split
from opro_cli.core.task.prompt import (
    Content,
    Layout,
    MetaPromptMaterial,
    Prompt,
    PromptFormat,
    Solution,
    TrajectoryEntry,
)

MOST_HALVINGS = 4
"""Times that a request which is too long is made shorter."""

ReadReply = Callable[[str, Split, int], str | None]
"""The scorer's reply by candidate, split and question; None where none was kept."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to the optimizer.

    Attributes:
        messages: The chat.
        samples: The number of different replies that are wanted.
        temperature: Of this request; None for the config's.
        parents: Ids of the candidates that the replies are made from.
        draw: What is drawn beside the step and the sample, so that the same request elsewhere is
            answered with the same reply only where this is equal.
        note: What the replies are asked for, in a few words for people.
    """

    messages: tuple[Message, ...]
    samples: int = 1
    temperature: float | None = None
    parents: tuple[str, ...] = ()
    draw: str = "propose"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A candidate that needs no model; a string is an instruction.

    `note` says in a few words, for people, how it was made.
    """

    content: Content | str
    parents: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """The end of a search before its last step.

    Attributes:
        reason: As people will read it, "the optimum was found".
    """

    reason: str


def check_proposal(proposal: object) -> None:
    """Refuse what a strategy may not propose.

    Raises:
        TypeError: It is neither an Ask with messages nor a Draft with a content.
    """
    match proposal:
        case Ask(messages=messages):
            fine = all(isinstance(message, Message) for message in messages)
        case Draft(content=content):
            fine = isinstance(content, Content | str)
        case _:
            fine = False
    if not fine:
        raise TypeError(
            f"expected an Ask of messages, or a Draft of a prompt, found {proposal!r:.60}"
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """A training question that the scorer got wrong under a candidate.

    Attributes:
        index: Of the question among the training examples.
        example: The question and its gold answer.
        reply: The scorer's reply; None where the strategy does not need "failures".
        answer: The answer read from the reply; None when it was unreadable.
        score: Below 1, or None when the reply was unreadable.
        cut: The reply ended at its limit of tokens.
        feedback: An evaluator's remarks; "" for none.
    """

    index: int
    example: Example
    reply: str | None
    answer: str | None
    score: float | None
    cut: bool = False
    feedback: str = ""


@dataclass(slots=True)
class SearchView:
    """A run as a strategy sees it; it changes nothing.

    Attributes:
        state: The run.
        train: The training examples.
        format: The position of an instruction in a scorer prompt, by the config.
        description: The subject of the questions, "" if it is not given.
        options: `search.options`, as the strategy declares them.
        labels: The gold answer of each training example, where these are a few labels; else ().
        most_exemplars: None for as many as `search.exemplars` says.
        most_past: Candidates of the trajectory; None for as many as `search.history` says.
        kept: What is known of replies beside their grade.
        halves: The strategy shows other things, too, and half as much of them each time that a
            request was too long.
        times_shortened: How often that was.
    """

    state: RunState
    train: Sequence[Example]
    format: PromptFormat
    description: str = ""
    options: Any = None
    read_reply: ReadReply = lambda *_: None
    memo: Memo = field(default_factory=Memo)
    labels: Sequence[str] = ()
    most_exemplars: int | None = None
    most_past: int | None = None
    kept: KeptReplies = field(default_factory=KeptReplies)
    halves: bool = False
    times_shortened: int = 0

    @property
    def search(self) -> SearchSettings:
        """The `search` section of the config."""
        return self.state.search

    @property
    def step(self) -> int:
        """The step that begins, counted from 1."""
        return self.state.step + 1

    @property
    def start_layout(self) -> Layout:
        """The place that all start prompts have; proposals that are words alone have it too.

        In runs that began before journal format 10 they have that of the config.
        """
        contents = [each.content for each in self.state.of_step(0)]
        layouts = {each.layout if isinstance(each, Prompt) else Layout() for each in contents}
        if len(layouts) > 1 or not self.state.began_with(10):
            return Layout()
        return replace(layouts.pop(), demo_turns=None) if layouts else Layout()

    @property
    def start_format(self) -> PromptFormat:
        """The position of the words of a proposal in a scorer prompt."""
        return self.format if self.format.chat else self.format.place(self.start_layout)

    def candidates(self) -> list[Candidate]:
        """Return the candidates whose train questions are done, in the order they joined."""
        known = self.state.candidates.values()
        return [candidate for candidate in known if self.state.is_done(candidate)]

    def score(self, candidate: Candidate) -> float:
        """Return a candidate's mean score on train, higher being better."""
        return measure_mean(candidate, "train")

    def trajectory(self) -> list[Candidate]:
        """Return the candidates that the paper's meta-prompt shows, ascending by score."""
        shown = select_trajectory(self.state)
        return shown if self.most_past is None else shown[-self.most_past :]

    def exemplars(self) -> tuple[Example, ...]:
        """Return the training examples that `search.exemplar_choice` draws for this step."""
        labels = self.labels if self.state.began_with(6) else ()
        chosen = choose_exemplars(self.state, self.trajectory(), self.memo, labels)
        if self.most_exemplars is not None:  # the shortest, in their order
            by_length = sorted(chosen, key=lambda index: len(self.train[index].input))
            chosen = tuple(sorted(by_length[: self.most_exemplars], key=chosen.index))
        return tuple(self.train[index] for index in chosen)

    def shorten(self) -> str:
        """Show less from now on, after a request that was too long for the optimizer.

        Half of the exemplars, then none, then the better half of the trajectory.

        Returns:
            What is shown, for people; "" where there is no less to show.
        """
        if self.halves:
            return self._halve()
        if shown := len(self.exemplars()):
            self.most_exemplars = shown // 2
            return f"{shown // 2} of {shown} exemplars (search.exemplars)"
        if (past := len(self.trajectory())) > 1:
            self.most_past = past // 2
            return f"no exemplars and {past // 2} of {past} past prompts (search.history)"
        return ""

    def _halve(self) -> str:
        if self.times_shortened == MOST_HALVINGS:
            return ""
        self.times_shortened += 1
        self.most_exemplars = len(self.exemplars()) // 2
        self.most_past = max(1, len(self.trajectory()) // 2)
        return f"1/{2**self.times_shortened} of what it should show of failures and past prompts"

    def failures(self, candidate: Candidate) -> list[Failure]:
        """Return the train questions that a candidate got wrong, in the order of the questions."""
        outcomes = sorted(candidate.answers["train"].by_question.items())
        return [
            Failure(
                index,
                self.train[index],
                self.read_reply(candidate.id, "train", index),
                outcome.answer,
                outcome.score,
                (candidate.id, "train", index) in self.kept.cut,
                self.kept.feedback.get((candidate.id, "train", index), ""),
            )
            for index, outcome in outcomes
            if outcome.score is None or outcome.score < 1.0
        ]

    def rng(self, purpose: str) -> Random:
        """Return a generator for one purpose in this step; the same in every run of a seed."""
        return create_rng(self.search.seed, "strategy", purpose, self.step)

    def entries(self) -> tuple[TrajectoryEntry, ...]:
        """Return the lines of a meta-prompt about the trajectory."""
        return tuple(map(self._build_entry, self.trajectory()))

    def material(self) -> MetaPromptMaterial:
        """Return the material of the paper's meta-prompts."""
        return MetaPromptMaterial(
            trajectory=self.entries(),
            exemplars=self.exemplars(),
            format=self.start_format,
            score_buckets=self.search.score_buckets,
            description=self.description,
            kept=self.search.initial_instructions if self.search.keep_placeholders else (),
        )

    def _build_entry(self, candidate: Candidate) -> TrajectoryEntry:
        answers = candidate.answers["train"]
        count = self.state.sizes["train"] - len(answers.shown)
        entry = TrajectoryEntry(candidate.instruction, self.score(candidate))
        if answers.estimate is not None:
            asked = (len(answers.by_question), count)
            entry = TrajectoryEntry(candidate.instruction, *answers.estimate[:2], asked)
        if answers.unreadable and self.state.began_with(6):
            entry = replace(entry, unreadable=answers.unreadable / len(answers.by_question))
        return entry


def judge_candidate(candidate: Content, view: SearchView) -> str:
    """Return which of the application's placeholders a candidate loses or adds, "" for none."""
    if isinstance(candidate, Solution):
        return ""
    return judge_placeholders(candidate.text, view.search, view.format.template.fields)


@dataclass(slots=True)
class RehearsedView(SearchView):
    """A view of a run that has not begun, with a trajectory made up for its meta-prompt.

    To a strategy from outside opro the start prompts are done, as they are when the first step
    begins, with made-up answers.
    """

    made_up: tuple[TrajectoryEntry, ...] = ()
    made_up_reply: str = "(the reply of the scorer)"

    def failures(self, candidate: Candidate) -> list[Failure]:
        """Return every train question as one without a right answer: nothing is answered yet."""
        if self.state.rounds == 0 and self.state.has_answers():  # a problem's values are known
            return SearchView.failures(self, candidate)
        return [
            Failure(index, example, self.made_up_reply, None, None)
            for index, example in enumerate(self.train)
        ]

    def entries(self) -> tuple[TrajectoryEntry, ...]:
        """Return the trajectory that was made up."""
        return self.made_up
