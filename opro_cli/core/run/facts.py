"""The facts of a run: what is known about it, and what follows.

Nothing here changes anything: the events that do are applied by `RunState` (core/run/state).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass, field

from opro_cli.core.leaks.leaks import Leak, LeakFinder
from opro_cli.core.run.candidates import AGAIN, Candidate
from opro_cli.core.run.events import (
    FORMAT_VERSION,
    Looked,
    ParameterRefused,
    PromptsCut,
    SessionEnded,
    SessionStarted,
    TestUsed,
)
from opro_cli.core.run.pace import Paces
from opro_cli.core.run.proposals import Proposals, ProposedText
from opro_cli.core.run.spend import RoleSpend
from opro_cli.core.scale import SHARE, Scale
from opro_cli.core.settings.search import ASKING_NONE, PRUNE, SearchSettings
from opro_cli.core.task.example import Example, Split
from opro_cli.core.task.prompt import Content, Prompt, decode_content

VALUED = frozenset({"temperature", "top_p", "stop", "reasoning_effort", "reasoning", "thinking"})
"""Parameters whose value may be what a server refuses."""


@dataclass(eq=False, repr=False)
class RunFacts:
    """Everything known about a run; every attribute has its place in core/run/snapshot.

    What events tell has a default, the value before the first event.
    """

    search: SearchSettings
    sizes: dict[Split, int]
    """Questions a split."""
    train_rows: Sequence[int] = ()
    """The rows of the source that the train questions are; 0, 1, 2 … unless they are given."""
    _: KW_ONLY
    rounds: int = 1
    """Calls that a question takes: 2 with a second round that asks for the final answer, none for
    the value of a solution."""
    repeats: int = 1
    """How often each question is asked; its score is one over all of its replies."""
    exclude_refused: bool = False
    """Questions that the scorer can never answer are left out of scores."""
    scale: Scale = SHARE
    questions: InitVar[Sequence[Example]] = ()
    """Those of train, whose quotes in proposals are leaks."""

    groups: dict[Split, Sequence[int]] = field(default_factory=dict)
    """By split, which questions belong together; without a split where each is alone."""
    labels: Mapping[Split, Sequence[str]] = field(default_factory=dict)
    """By split, the gold answer of each question where these are a few labels; else {}."""
    leaks: LeakFinder = field(init=False)
    """Finds quotes of train questions in proposals."""
    most_calls: int | None = None
    """`budget.calls` of this session, by which a race is laid out; None for no end."""
    drafts: int = 0
    """Prompts of a probe before the run, which its first step tries beside its own."""
    probed: dict[str, int] = field(default_factory=dict)
    """By role, calls of the probe before the run, which are among its spend."""

    candidates: dict[str, Candidate] = field(default_factory=dict)
    """By id, in the order they joined (initial ones as configured, then by step and sample), which
    does not depend on the order of arrival."""
    history: list[tuple[int, Candidate]] = field(default_factory=list)
    """Candidates as they entered, with the step they did; by the paper's rules an initial
    instruction enters again when it is proposed."""
    pending: dict[str, Candidate] = field(default_factory=dict)
    """Candidates proposed in the present step so far, in order of arrival: they are scored while
    other proposals are awaited, and join once all are there."""
    baselines: dict[str, Candidate] = field(init=False)
    """Prompts that the winner is compared with on test; no part of the search."""
    again: dict[str, Candidate] = field(default_factory=dict)
    """Candidates whose questions are asked a second time, by the id of that second time."""

    step: int = 0
    """The last step whose candidates have joined."""
    planned: int | None = None
    """Samples of the present step, where they are not `search.candidates_per_step`."""
    proposals: Proposals = field(default_factory=Proposals)
    search_ended: str = ""
    """Why the strategy ended the search before its last step; "" if it did not."""
    look: Looked | None = None
    """What is asked now in a race without full answer sheets; None before its first look."""
    test_use: TestUsed | None = None
    """The significance level of the verdict, drawn before the first test question."""

    sessions: list[SessionStarted] = field(default_factory=list)
    ended: SessionEnded | None = None
    last_at: float | None = None
    working_seconds: float = 0.0
    """Time with a process at work: the gaps between sessions do not count."""
    paces: Paces = field(default_factory=Paces)
    """How fast calls were answered lately."""

    spend: dict[str, RoleSpend] = field(
        default_factory=lambda: {"optimizer": RoleSpend(), "scorer": RoleSpend()}
    )
    checked: set[str] = field(default_factory=set)
    """The models that answered their check before the first paid question."""
    refused_parameters: list[ParameterRefused] = field(default_factory=list)
    """What servers do not take, in the order in which it was learnt."""
    prompts_cut: dict[str, PromptsCut] = field(default_factory=dict)
    """By role, prompts that a server seems to have cut to its window."""

    def __post_init__(self, questions: Sequence[Example]) -> None:
        self.sizes = dict(self.sizes)
        self.train_rows = tuple(self.train_rows) or tuple(range(self.sizes["train"]))
        self.leaks = LeakFinder(tuple(questions))
        baselines = (ProposedText(0, text, "") for text in self.search.baselines or ())
        self.baselines = {text.id: text.make_candidate(self.groups) for text in baselines}

    def list_unsent(self, role: str, *addresses: str) -> tuple[str, ...]:
        """Return the parameters that are left out for a role, at any of these addresses.

        Other roles ask the same model for other temperatures, but a role that has found out what
        it does not know at all has found it out for all.
        """
        return tuple(
            each.parameter
            for each in self.refused_parameters
            if each.address in addresses and (each.role == role or each.parameter not in VALUED)
        )

    def spend_of(self, role: str) -> RoleSpend:
        """Return the spend of a role, an empty one for a role that was not asked yet."""
        return self.spend.get(role) or RoleSpend()

    @property
    def keeps_going(self) -> bool:
        """Some session was told to go on whatever the first answers are."""
        return any(session.keep_going for session in self.sessions)

    def began_with(self, format_version: int) -> bool:
        """Return True if the run began with this format of the journal, or a later one.

        A run keeps the plan that it began with, whatever a later opro would ask next.
        """
        return not self.sessions or self.sessions[0].format_version >= format_version

    @property
    def interleaves(self) -> bool:
        """Compared prompts are asked side by side, question by question.

        A run that began before journal format 5 asks one prompt after the other, to its end.
        """
        return self.began_with(5)

    @property
    def spares_test(self) -> bool:
        """A start prompt that no candidate beat is compared with nothing, so test is not asked.

        A run without a search is there for its scores, and one that began before journal format
        6 goes on as it began: both ask test in any case.
        """
        began = self.sessions[0].format_version if self.sessions else FORMAT_VERSION
        return self.search.steps > 0 and began >= 6

    @property
    def compares_on_test(self) -> bool:
        """Test answers will be compared, so that none may come from the cache."""
        return self.interleaves and (bool(self.sizes["train"]) or len(self.candidates) > 1)

    @property
    def planned_samples(self) -> int:
        """Proposals that the strategy wants in the present step."""
        return self.search.candidates_per_step if self.planned is None else self.planned

    @property
    def samples(self) -> int:
        """Proposals that the present step waits for: a fruitless one is asked for again."""
        again = min(self.search.ask_again, len(self.proposals.fruitless))
        return self.planned_samples + again

    def find_asked_sample(self, sample: int) -> int:
        """Return the planned sample that a sample asks for, in the first place or again."""
        while sample >= self.planned_samples:
            sample = self.proposals.fruitless[sample - self.planned_samples]
        return sample

    @property
    def is_searching(self) -> bool:
        """There are steps to come, as far as the calls of a budget go."""
        chooses = self.look is not None and (self.look.over or bool(self.look.finalists))
        return self.step < self.search.steps and not self.search_ended and not chooses

    @property
    def looks(self) -> bool:
        """Candidates are raced from the first one on, by looks that grow (loop/looks).

        So a budget is spent that does not buy the whole search. A run keeps to what it began with,
        however its budget is changed.
        """
        if self.look is not None:
            return True
        is_short = self.most_calls is not None and self.most_calls < self.count_everything()
        return self.can_look and is_short and not self.has_answers()

    @property
    def can_look(self) -> bool:
        """Looks are possible: they estimate shares of right answers.

        Runs that began before journal format 9, those with `eval_interval`, and pruning need full
        answer sheets.
        """
        search = self.search
        raced = bool(search.racing) and search.rules != "paper" and self.scale == SHARE
        plain = search.eval_interval is None and search.strategy != PRUNE
        searches = search.steps > 0 and self.sizes["train"] > 0
        return raced and plain and searches and self.began_with(9)

    def count_everything(self) -> int:
        """Count the calls of the whole search, as if every proposal were new and nobody stopped."""
        search, sizes = self.search, self.sizes
        starts = len(search.initial_instructions)
        listed = len(search.candidates or ())
        if self.began_with(10):
            tried = listed or search.steps * search.candidates_per_step
        else:
            tried = search.steps * (listed or search.candidates_per_step)
        tried = tried + self.drafts if search.steps else 0
        train = (starts + tried) * sizes["train"]
        dev = (starts + min(search.finalists, tried)) * sizes["dev"]
        test = (2 + len(self.baselines) + bool(search.noise_check)) * sizes["test"]
        proposals = search.steps * (search.candidates_per_step + search.ask_again) + 1
        if search.strategy in ASKING_NONE and self.began_with(10):
            proposals = 0
        return (train + dev + test) * self.calls_per_question + proposals

    @property
    def calls_per_question(self) -> int:
        """Calls that a question takes under a prompt."""
        return self.rounds * self.repeats

    @property
    def race_is_over(self) -> bool:
        """A race with looks has come to its end: who wins is decided."""
        return self.look is not None and self.look.over

    def get_candidate(self, id: str) -> Candidate:
        """Return the candidate or baseline with an id, or one of them asked a second time.

        A second time without an answer yet is a new object each time.

        Raises:
            KeyError: There is none.
        """
        for known in (self.candidates, self.pending, self.again, self.baselines):
            if id in known:
                return known[id]
        first = self.get_candidate(id[len(AGAIN) :]) if id.startswith(AGAIN) else None
        if first is None or first.id.startswith(AGAIN):
            raise KeyError(id)
        return Candidate(id, first.instruction, first.step, form=first.form, groups=self.groups)

    def second_time(self, candidate: Candidate) -> Candidate:
        """Return the candidate under which its questions are asked a second time."""
        return self.get_candidate(AGAIN + candidate.id)

    def of_step(self, step: int) -> list[Candidate]:
        """List the candidates that joined in a step (0: the initial ones)."""
        return [c for c in self.candidates.values() if c.step == step]

    def leaks_of(self, instruction: str) -> tuple[Leak, ...]:
        """Return the quotes of train questions, which the optimizer has seen, in an instruction."""
        return self.leaks.find(instruction)

    def list_shown(self, content: Content) -> list[int]:
        """List the train questions that belong together with the worked examples of a prompt."""
        rows = {demo.row for demo in content.demos} if isinstance(content, Prompt) else set()
        groups = self.groups.get("train") or range(self.sizes["train"])
        belongs = {groups[row] for row in rows if 0 <= row < self.sizes["train"]}
        return [row for row in range(self.sizes["train"]) if groups[row] in belongs]

    def shows_everything(self, proposed: ProposedText) -> bool:
        """Return whether a prompt shows all train questions, so that none is left to ask."""
        shown = self.list_shown(decode_content(proposed.text, proposed.form))
        return self.began_with(9) and 0 < len(shown) == self.sizes["train"]

    def missing(self, candidate: Candidate, split: Split) -> list[int]:
        """List the questions of a split that a candidate has not been asked, ascending."""
        done, shown = candidate.answers[split].by_question, candidate.answers[split].shown
        if not self.count_missing(candidate, split):
            return []
        questions = range(self.sizes[split])
        return [
            question for question in questions if question not in done and question not in shown
        ]

    def count_missing(self, candidate: Candidate, split: Split) -> int:
        """Count the questions of a split that a candidate has not been asked, and may be."""
        answers = candidate.answers[split]
        return self.sizes[split] - len(answers.shown) - len(answers.by_question)

    def is_scored(self, candidate: Candidate, split: Split) -> bool:
        """Return True if a candidate has answered all questions of a split that has any."""
        return bool(self.sizes[split]) and not self.count_missing(candidate, split)

    def is_done(self, candidate: Candidate) -> bool:
        """Return True if all train questions were asked, or the candidate was stopped early."""
        return self.is_settled(candidate, "train")

    def is_settled(self, candidate: Candidate, split: Split) -> bool:
        """Return True if the score on a split is known or estimated."""
        estimated = candidate.answers[split].estimate is not None
        return estimated or self.is_scored(candidate, split)

    def is_step_done(self, step: int) -> bool:
        """Return True if all candidates of a step have joined and are done."""
        return step <= self.step and all(self.is_done(c) for c in self.of_step(step))

    def has_answers(self) -> bool:
        """Return True if the scorer has answered anything."""
        answers = (a for c in self.candidates.values() for a in c.answers.values())
        return any(each.by_question for each in answers)

    def has_readable_answer(self) -> bool:
        """Return True if the metric could read any answer of the scorer."""
        answers = (a for c in self.candidates.values() for a in c.answers.values())
        return any(len(a.by_question) > a.unreadable + a.refused for a in answers)
