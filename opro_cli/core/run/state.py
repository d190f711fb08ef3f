"""The state of a run: a fold over its events, and nothing else.

`RunState.apply` is the only place where state changes; derived values are kept where they are
derived (loop/planner, core/leaks). An event that cannot follow raises IllegalEvent and changes
nothing: an answer for an unknown candidate or question, a second answer to one question, a
proposal for a step that is not the present one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from opro_cli.core.labels import find_closed_set, get_kind
from opro_cli.core.leaks.leaks import Leak, LeakFinder
from opro_cli.core.run.candidates import (
    CACHED,
    LEAKS,
    REPEATED,
    SHOWS_ALL,
    Candidate,
    Estimate,
    Outcome,
    Proposals,
    ProposedText,
    find_breach,
    list_texts,
)
from opro_cli.core.run.events import (
    FORMAT_VERSION,
    Answered,
    Checked,
    Event,
    Feedback,
    FirstReply,
    InFlight,
    LimitExceeded,
    Looked,
    ParameterRefused,
    Probed,
    PromptsCut,
    Proposed,
    Pruned,
    Refused,
    Retried,
    SessionEnded,
    SessionStarted,
    Span,
    StepPlanned,
    TestUsed,
    Uncounted,
)
from opro_cli.core.run.pace import Paces
from opro_cli.core.run.spend import Bounds, RoleSpend
from opro_cli.core.scale import SHARE, Scale
from opro_cli.core.settings.settings import PRUNE, SearchSettings, TaskSettings
from opro_cli.core.stats.intervals import Interval
from opro_cli.core.stats.spending import MOST
from opro_cli.core.task.example import CUT, SPLITS, Example, Split, is_filtered, list_groups
from opro_cli.core.task.prompt import SOLUTION, Content, Prompt, decode_content


class IllegalEvent(ValueError):
    """An event that cannot follow the state it is applied to."""


VALUED = frozenset({"temperature", "top_p", "stop", "reasoning_effort", "reasoning", "thinking"})
"""Parameters whose value may be what a server refuses."""
AGAIN = "again-"
"""The beginning of the id of a candidate whose questions are asked a second time."""


def is_again(candidate: Candidate) -> bool:
    """Return True for a candidate whose questions are asked a second time."""
    return candidate.id.startswith(AGAIN)


class RunState:
    """Everything known about a run.

    Attributes:
        sizes: Questions a split.
        train_rows: The rows of the source that the train questions are; 0, 1, 2 … by default.
        rounds: Calls that a question takes: 2 with a second round that asks for the final answer,
            none for the value of a solution.
        repeats: How often each question is asked; its score is one over all of its replies.
        exclude_refused: Questions that the scorer can never answer are left out of scores.
        groups: By split, which questions belong together; without a split where each is alone.
        labels: By split, the gold answer of each question where these are a few labels; else {}.
        leaks: Finds quotes of train questions in proposals.
        checked: The models that answered their check before the first paid question.
        candidates: By id, in the order they joined (initial ones as configured, then by step and
            sample), which does not depend on the order of arrival.
        history: Candidates as they entered, with the step they did; by the paper's rules an
            initial instruction enters again when it is proposed.
        working_seconds: Time with a process at work: the gaps between sessions do not count.
        paces: How fast calls were answered lately.
        pending: Candidates proposed in the present step so far, in order of arrival: they are
            scored while other proposals are awaited, and join once all are there.
        planned: Samples of the present step, where they are not `search.candidates_per_step`.
        search_ended: Why the strategy ended the search before its last step; "" if it did not.
        step: The last step whose candidates have joined.
        baselines: Prompts that the winner is compared with on test; no part of the search.
        again: Candidates whose questions are asked a second time, by the id of that second time.
        refused_parameters: What servers do not take, in the order in which it was learnt.
        prompts_cut: By role, prompts that a server seems to have cut to its window.
        test_use: The significance level of the verdict, drawn before the first test question.
        probed: By role, calls of the probe before the run, which are among its spend.
        look: What is asked now in a race without full answer sheets; None before its first look.
        most_calls: `budget.calls` of this session, by which a race is laid out; None for no end.
        drafts: Prompts of a probe before the run, which its first step tries beside its own.
    """

    def __init__(
        self,
        search: SearchSettings,
        sizes: Mapping[Split, int],
        train_rows: Sequence[int] | None = None,
        *,
        rounds: int = 1,
        exclude_refused: bool = False,
        questions: Sequence[Example] = (),
        scale: Scale = SHARE,
        form: str = "",
    ) -> None:
        """Begin with the initial candidates; `form` is that of their contents."""
        self.search = search
        self.groups: dict[Split, Sequence[int]] = {}
        self.labels: Mapping[Split, Sequence[str]] = {}
        self.sizes = dict(sizes)
        self.train_rows = tuple(range(sizes["train"]) if train_rows is None else train_rows)
        self.rounds = rounds
        self.repeats = 1
        self.exclude_refused = exclude_refused
        self.scale = scale
        self.leaks = LeakFinder(tuple(questions))
        self.checked: set[str] = set()
        self.candidates: dict[str, Candidate] = {}
        self.history: list[tuple[int, Candidate]] = []
        self.proposals = Proposals()
        self.spend: dict[str, RoleSpend] = {"optimizer": RoleSpend(), "scorer": RoleSpend()}
        self.sessions: list[SessionStarted] = []
        self.ended: SessionEnded | None = None
        self.last_at: float | None = None
        self.working_seconds = 0.0
        self.paces = Paces()
        self.pending: dict[str, Candidate] = {}
        self.planned: int | None = None
        self.search_ended = ""
        self.step = 0
        baselines = (ProposedText(0, text, "") for text in search.baselines or ())
        self.baselines = {text.id: text.make_candidate(self.groups) for text in baselines}
        self.again: dict[str, Candidate] = {}
        self.refused_parameters: list[ParameterRefused] = []
        self.prompts_cut: dict[str, PromptsCut] = {}
        self.test_use: TestUsed | None = None
        self.probed: dict[str, int] = {}
        self.look: Looked | None = None
        self.most_calls: int | None = None
        self.drafts = 0
        forms = search.initial_forms or (form,) * len(search.initial_instructions)
        for instruction, own in zip(search.initial_instructions, forms, strict=True):
            initial = ProposedText(0, instruction, "", own)
            self._enter(initial)
            if search.rules != "paper":
                self.proposals.seen.add(initial.identity)

    @classmethod
    def at_start(
        cls,
        search: SearchSettings,
        examples: Mapping[Split, Sequence[Example]],
        task: TaskSettings,
        scale: Scale = SHARE,
        *,
        repeats: int = 1,
    ) -> RunState:
        """Return the state of a run before its first event; `repeats` is that of the scorer."""
        state = cls(
            search,
            {split: len(examples[split]) for split in SPLITS},
            [example.row for example in examples["train"]],
            rounds=0 if task.problem else 2 if task.second_round else 1,
            exclude_refused=task.unanswerable == "exclude",
            questions=() if task.problem else examples["train"],
            scale=scale,
            form=SOLUTION if task.problem else "",
        )
        state.repeats = repeats
        state.groups.update(list_groups(examples))  # its candidates look there
        if closed := find_closed_set(get_kind(task.answer, task.evaluator), examples):
            state.labels = closed.golds
        return state

    def apply(self, event: Event) -> None:  # noqa: PLR0912 - a case for each event
        """Apply one event; raise IllegalEvent, and change nothing, if it cannot follow."""
        match event:  # the most frequent first: a journal has three lines for each call
            case InFlight():
                self._spend_of(event.role).set_in_flight(event)
            case Answered():
                self._apply_answered(event)
            case FirstReply():
                self._apply_first_reply(event)
            case Refused():
                self._refuse(event, len(self.sessions), event.at)
            case Pruned():
                self._apply_pruned(event)
            case Looked():
                self._apply_looked(event)
            case Checked():
                self.checked.add(event.role)
                self._spend_of(event.role).add(event)
            case Proposed():
                self._apply_proposed(event)
            case StepPlanned():
                self._apply_step_planned(event)
            case Feedback():
                self._find_open_candidate(event)
            case Uncounted():
                self._spend_of(event.role).add_uncounted(event)
            case LimitExceeded():
                self._spend_of(event.role).learn(event)
            case ParameterRefused():
                self.refused_parameters.append(event)
            case PromptsCut():
                self.prompts_cut.setdefault(event.role, event)
            case TestUsed():
                self._apply_test_used(event)
            case Probed():
                self._apply_probed(event)
            case SessionStarted():
                self._apply_session_started(event)
                for spend in self.spend.values():  # where a session before it was killed
                    spend.lose_in_flight()
            case SessionEnded():
                for spend in self.spend.values():  # all were waited for
                    spend.in_flight = Bounds()
                self.ended = event
            case Retried():
                pass  # in the journal for people; it decides nothing
        if self.last_at is not None and not isinstance(event, SessionStarted):
            gap = max(0.0, event.at - self.last_at)
            self.working_seconds += gap
            before_steps = self.step == 0 and not self.proposals.arrived
            self.paces.pass_time(event, gap, before_steps=before_steps)
        self.last_at = event.at

    def _apply_session_started(self, event: SessionStarted) -> None:
        self.sessions.append(event)
        self.ended = None
        if len(self.sessions) == 1:  # its format says what the start prompts are asked
            for candidate in self.candidates.values():
                self.exclude_shown(candidate)

    def _apply_first_reply(self, event: FirstReply) -> None:
        candidate = self._find_open_candidate(event)
        answers = candidate.answers[event.split]
        is_first = event.question not in answers.first_replies
        if event.key:
            keyed = answers.keyed_replies.get(event.question, {})
            if event.key in keyed:
                raise IllegalEvent(f"a second reply {event.key!r} to question {event.question}")
            answers.keyed_replies[event.question] = {**keyed, event.key: event.text}
        elif event.round == 1 and is_first:
            answers.first_replies[event.question] = event.text
        elif event.round == 2 == self.rounds and not (
            is_first or event.question in answers.second_replies
        ):
            answers.second_replies[event.question] = event.text
        else:
            raise IllegalEvent(f"round {event.round} of question {event.question} out of turn")
        if event.finish_reason in CUT:
            cut = answers.cut_replies.get(event.question, [])
            answers.cut_replies[event.question] = [*cut, event.key or str(event.round)]
        answers.costs.add_reply(event)
        self._join_again(candidate)
        self._spend_of(event.role).add(event)

    def _find_open_candidate(self, event: FirstReply | Feedback | Answered | Refused) -> Candidate:
        """Return the candidate of an open question; raise IllegalEvent for any other."""
        try:
            candidate = self.get_candidate(event.candidate)
        except KeyError:
            raise IllegalEvent(f"an answer for the unknown candidate {event.candidate}") from None
        if not 0 <= event.question < self.sizes[event.split]:
            raise IllegalEvent(f"an answer to question {event.question} of {event.split}")
        answers = candidate.answers[event.split]
        if answers.estimate is not None and not self.looks:
            raise IllegalEvent(f"an answer for the stopped candidate {event.candidate}")
        if event.question in answers.shown:
            raise IllegalEvent(f"an answer to question {event.question}, which the prompt shows")
        if event.question in answers.by_question:
            raise IllegalEvent(f"a second answer to question {event.question} of {event.split}")
        return candidate

    def _join_again(self, candidate: Candidate) -> None:
        """Keep a second time from its first answer on."""
        if is_again(candidate):
            self.again.setdefault(candidate.id, candidate)

    def _apply_answered(self, event: Answered) -> None:
        candidate = self._find_open_candidate(event)
        answers = candidate.answers[event.split]
        if (event.answer is None) != (event.score is None):
            raise IllegalEvent("an unreadable answer with a score, or a readable one without")
        if event.score is not None and self.scale.refuses(event.score):
            raise IllegalEvent(f"a score of {event.score:g}, which is not between 0 and 1")
        # A reply that was kept ungraded is paid for once, not again with its grade.
        ungraded = answers.first_replies if self.rounds == 1 else answers.second_replies
        known = event.question in ungraded
        session = CACHED if event.via == "cache" else len(self.sessions)
        sent = event.at - event.seconds
        ended_early = event.finish_reason in CUT or event.question in answers.cut_replies
        if event.answer is None and is_filtered(event.text, event.finish_reason):
            self._refuse(event, session, sent)
        else:
            score = None if event.score is None else self.scale.orient(event.score)
            outcome = Outcome(event.answer, score, False, session, sent)
            cut = ended_early and score is None
            answers.add(event.question, outcome, cut=cut, empty=not event.text.strip())
            answers.costs.add_answer(event, self.repeats)
            self._drop_estimate(candidate, event.split)
            self._join_again(candidate)
        if not known:
            self.spend["scorer"].add(event)
        elif event.score is None and ended_early and event.text.strip():
            self.spend["scorer"].cut += 1

    def _refuse(self, event: Answered | Refused, session: int, sent: float) -> None:
        candidate = self._find_open_candidate(event)
        answers = candidate.answers[event.split]
        exclude = self.exclude_refused or self.scale != SHARE  # where 0 is not the worst score
        answers.refuse(event.question, exclude=exclude, session=session, sent=sent)
        self._drop_estimate(candidate, event.split)
        self._join_again(candidate)

    def _apply_pruned(self, event: Pruned) -> None:
        candidate = self.candidates.get(event.candidate) or self.pending.get(event.candidate)
        if candidate is None or candidate.step == 0 or self.is_done(candidate):
            raise IllegalEvent(f"nobody to be stopped is called {event.candidate}")
        if not 0.0 <= event.low <= event.mean <= event.high <= 1.0:
            raise IllegalEvent(f"an estimate of {event.mean:g} in {event.low:g} to {event.high:g}")
        interval = Interval(event.low, event.high)
        candidate.answers["train"].estimate = Estimate(event.mean, interval)

    def _apply_looked(self, event: Looked) -> None:
        if not self.can_look or event.step not in (self.step, self.step + 1) or self.race_is_over:
            raise IllegalEvent(f"a look at step {event.step} after step {self.step}")
        for id, (mean, low, high) in (*event.train.items(), *event.dev.items()):
            if id not in self.candidates or not 0.0 <= low <= mean <= high <= 1.0:
                raise IllegalEvent(f"an estimate of {mean:g} for {id}")
        asked = [question for questions in event.asked.values() for question in questions]
        if not {*event.asked, *event.finalists} <= self.candidates.keys():
            raise IllegalEvent("a look at a candidate that is unknown")
        if not all(0 <= question < self.sizes[event.split] for question in asked):
            raise IllegalEvent(f"a look at no question of {event.split}")
        spans_of: dict[Split, dict[str, Span]] = {"train": event.train, "dev": event.dev}
        for split, spans in spans_of.items():
            for id, (mean, low, high) in spans.items():
                estimate = Estimate(mean, Interval(low, high), self.sizes[split])
                self.candidates[id].answers[split].estimate = estimate
        self.look = event

    def _drop_estimate(self, candidate: Candidate, split: Split) -> None:
        """Drop an estimate where all questions are answered now: their score is known."""
        answers = candidate.answers[split]
        if answers.estimate is not None and self.is_scored(candidate, split):
            answers.estimate = None

    def _apply_proposed(self, event: Proposed) -> None:
        if event.step != self.step + 1 or not self.is_searching:
            raise IllegalEvent(f"a proposal for step {event.step} after step {self.step}")
        if not 0 <= event.sample < self.samples:
            raise IllegalEvent(f"a proposal with sample number {event.sample}")
        if event.sample in self.proposals.arrived:
            raise IllegalEvent(f"a second proposal {event.sample} in step {event.step}")
        if not {len(event.forms), len(event.rejected)} <= {0, len(event.instructions)}:
            raise IllegalEvent("a proposal with more forms or rejections than texts, or fewer")
        self.proposals.add(event)
        self._spend_of("optimizer").add(event)
        if len(self.proposals.arrived) == self.samples:
            self._close_step()
            return
        for proposed, rejected in list_texts(event):
            known = self.candidates.keys() | self.pending.keys()
            if proposed.id not in known and not self._reason_to_skip(proposed, rejected):
                self.pending[proposed.id] = self._make_candidate(proposed)

    def _apply_probed(self, event: Probed) -> None:
        if event.role in self.probed:
            raise IllegalEvent(f"a second probe of the {event.role}")
        self.probed[event.role] = event.calls
        self.working_seconds += event.seconds
        self._spend_of(event.role).add_probe(event)

    def _apply_step_planned(self, event: StepPlanned) -> None:
        if event.step != self.step + 1 or event.step > self.search.steps:
            raise IllegalEvent(f"a plan for step {event.step} after step {self.step}")
        if self.planned is not None or self.proposals.arrived or self.search_ended:
            raise IllegalEvent(f"a plan for step {event.step}, which has begun, or never will")
        if event.samples < 0 or (event.samples and event.ended):
            raise IllegalEvent(f"a plan for {event.samples} samples")
        if event.ended:
            self.search_ended = event.ended
            return
        self.planned = event.samples
        if not event.samples:
            self._close_step()

    def _apply_test_used(self, event: TestUsed) -> None:
        if self.test_use is not None:
            raise IllegalEvent("a second use of the test rows")
        if not {event.start, event.winner} <= self.candidates.keys():
            raise IllegalEvent(f"a use of the test rows for {event.start} and {event.winner}")
        if not 0.0 < event.level <= MOST or event.number < 1 or event.sharers < 1:
            raise IllegalEvent(f"use {event.number} of the test rows, at level {event.level:g}")
        self.test_use = event

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

    def _spend_of(self, role: str) -> RoleSpend:
        if role not in self.spend:
            self.spend[role] = RoleSpend()
        return self.spend[role]

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

    def _close_step(self) -> None:
        self.step += 1
        for proposed in self.proposals.judge(self._reason_to_skip):
            self._enter(proposed)
        self.pending = {}
        self.planned = None

    def _reason_to_skip(self, proposed: ProposedText, rejected: str = "") -> str:
        """Return why a proposed text is not scored, "" when it is."""
        if proposed.identity in self.proposals.seen:
            return REPEATED
        # The rules are about the wording of prompts.
        broken = "" if proposed.form == SOLUTION else find_breach(proposed.text, self.search)
        broken = broken or rejected
        if not broken and proposed.form and self._shows_everything(proposed):
            return SHOWS_ALL
        if not broken and self.search.leaks == "drop" and self.leaks_of(proposed.text):
            return LEAKS
        return broken

    def _enter(self, proposed: ProposedText) -> None:
        # An instruction that enters again keeps its answers: nothing is paid for twice.
        new = self.pending.get(proposed.id) or self._make_candidate(proposed)
        candidate = self.candidates.setdefault(new.id, new)
        self.history.append((proposed.step, candidate))

    def _make_candidate(self, proposed: ProposedText) -> Candidate:
        candidate = proposed.make_candidate(self.groups)
        candidate.peers = self.candidates
        self.exclude_shown(candidate)
        return candidate

    def exclude_shown(self, candidate: Candidate) -> None:
        """Leave out of a candidate's train questions those that it shows as worked examples.

        What belongs together with a shown row is left out with it. A run that began before journal
        format 9 asks them all.
        """
        if candidate.form:
            shown = self._list_shown(candidate.content) if self.began_with(9) else ()
            candidate.answers["train"].shown = frozenset(shown)

    def _list_shown(self, content: Content) -> list[int]:
        rows = {demo.row for demo in content.demos} if isinstance(content, Prompt) else set()
        groups = self.groups.get("train") or range(self.sizes["train"])
        belongs = {groups[row] for row in rows if 0 <= row < self.sizes["train"]}
        return [row for row in range(self.sizes["train"]) if groups[row] in belongs]

    def _shows_everything(self, proposed: ProposedText) -> bool:
        """Return whether a prompt shows all train questions, so that none is left to ask."""
        shown = self._list_shown(decode_content(proposed.text, proposed.form))
        return self.began_with(9) and 0 < len(shown) == self.sizes["train"]

    @property
    def calls_per_question(self) -> int:
        """Calls that a question takes under a prompt."""
        return self.rounds * self.repeats

    def began_with(self, format_version: int) -> bool:
        """Return True if the run began with this format of the journal, or a later one.

        A run keeps the plan that it began with, whatever a later opro would ask next.
        """
        return not self.sessions or self.sessions[0].format_version >= format_version

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
        per_step = len(search.candidates or ()) or search.candidates_per_step
        tried = search.steps * per_step + (self.drafts if search.steps else 0)
        train = (starts + tried) * sizes["train"]
        dev = (starts + min(search.finalists, tried)) * sizes["dev"]
        test = (2 + len(self.baselines) + bool(search.noise_check)) * sizes["test"]
        proposals = search.steps * (search.candidates_per_step + search.ask_again) + 1
        return (train + dev + test) * self.calls_per_question + proposals

    @property
    def race_is_over(self) -> bool:
        """A race with looks has come to its end: who wins is decided."""
        return self.look is not None and self.look.over

    @property
    def keeps_going(self) -> bool:
        """Some session was told to go on whatever the first answers are."""
        return any(session.keep_going for session in self.sessions)

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

    def leaks_of(self, instruction: str) -> tuple[Leak, ...]:
        """Return the quotes of train questions, which the optimizer has seen, in an instruction."""
        return self.leaks.find(instruction)

    def of_step(self, step: int) -> list[Candidate]:
        """List the candidates that joined in a step (0: the initial ones)."""
        return [c for c in self.candidates.values() if c.step == step]


def replay(state: RunState, events: Iterable[Event]) -> RunState:
    """Apply events in order, and return the state."""
    for event in events:
        state.apply(event)
    return state
