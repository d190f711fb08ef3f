"""The state of a run: a fold over its events, and nothing else.

`RunState.apply` is the only place where state changes. What follows from the state is said by
core/run/facts, and kept where it is derived (loop/planner, core/leaks). An event that cannot follow
raises IllegalEvent and changes nothing: an answer for an unknown candidate or question, a second
answer to one question, a proposal for a step that is not the present one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field

from opro_cli.core.labels import find_closed_set, get_kind
from opro_cli.core.run.candidates import CACHED, Candidate, Estimate, Outcome, is_again
from opro_cli.core.run.events import (
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
from opro_cli.core.run.facts import RunFacts
from opro_cli.core.run.proposals import (
    LEAKS,
    REPEATED,
    SHOWS_ALL,
    ProposedText,
    find_breach,
    list_texts,
)
from opro_cli.core.run.spend import Bounds, RoleSpend
from opro_cli.core.scale import SHARE, Scale
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.task import TaskSettings
from opro_cli.core.stats.intervals import Interval
from opro_cli.core.stats.spending import MOST
from opro_cli.core.task.example import CUT, SPLITS, Example, Split, is_filtered, list_groups
from opro_cli.core.task.prompt import SOLUTION


class IllegalEvent(ValueError):
    """An event that cannot follow the state it is applied to."""


@dataclass(eq=False, repr=False)
class RunState(RunFacts):
    """Everything known about a run, as its events say."""

    form: InitVar[str] = field(default="", kw_only=True)
    """That of the initial candidates' contents, where `search.initial_forms` has none."""

    def __post_init__(self, questions: Sequence[Example], form: str) -> None:
        super().__post_init__(questions)
        search = self.search
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
            repeats=repeats,
        )
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
            case SessionEnded():
                self._apply_session_ended(event)
            case Retried():
                pass  # in the journal for people; it decides nothing
        self._pass_time(event)

    def _pass_time(self, event: Event) -> None:
        """Count the time since the event before, but for that between two sessions."""
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
        for spend in self.spend.values():  # where a session before it was killed
            spend.lose_in_flight()

    def _apply_session_ended(self, event: SessionEnded) -> None:
        for spend in self.spend.values():  # all were waited for
            spend.in_flight = Bounds()
        self.ended = event

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
        self.proposals.add(event, self._list_faults(event))
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

    def _spend_of(self, role: str) -> RoleSpend:
        if role not in self.spend:
            self.spend[role] = RoleSpend()
        return self.spend[role]

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
        return self._find_fault(proposed, rejected)

    def _list_faults(self, event: Proposed) -> list[str]:
        """Return what is wrong with each text of a reply, whatever else has arrived.

        A repetition is none: which of two texts repeats the other is a matter of their order. In
        a run that began before journal format 10 only what its strategy rejected counts.
        """
        judges = self.began_with(10)
        return [
            self._find_fault(proposed, rejected) if judges else rejected
            for proposed, rejected in list_texts(event)
        ]

    def _find_fault(self, proposed: ProposedText, rejected: str) -> str:
        """Return why a proposed text would not be scored whenever it came, "" when it would."""
        # The rules are about the wording of prompts.
        broken = "" if proposed.form == SOLUTION else find_breach(proposed.text, self.search)
        broken = broken or rejected
        if not broken and proposed.form and self.shows_everything(proposed):
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
            shown = self.list_shown(candidate.content) if self.began_with(9) else ()
            candidate.answers["train"].shown = frozenset(shown)


def replay(state: RunState, events: Iterable[Event]) -> RunState:
    """Apply events in order, and return the state."""
    for event in events:
        state.apply(event)
    return state
