"""Candidates, the proposals that they come from, and their answers and scores on a split."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from opro_cli.core.run.answer_costs import AnswerCosts
from opro_cli.core.run.events import Proposed
from opro_cli.core.settings.settings import SearchSettings
from opro_cli.core.stats.groups import compute_design_effect
from opro_cli.core.stats.intervals import Interval, wilson_interval
from opro_cli.core.task.example import (
    CUT,
    SPLITS,
    Groups,
    Split,
    is_filtered,
)
from opro_cli.core.task.prompt import Content, decode_content
from opro_cli.core.text import encode_text

CACHED = -1
"""The session of an answer from the answer cache, of which the time of asking is unknown."""


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a candidate on a split so far.

    Attributes:
        mean: Sum of scores / n, where unreadable and refused answers count 0.
        n: Questions answered, without those left out.
        correct: Answers with full score.
        interval: 95 %, Wilson; where questions belong together, for as many independent ones as
            there are if all of a group are alike.
        refused: Questions that the scorer can never answer.
        estimated: The candidate was stopped early (core/racing/race), and mean and interval are
            those that all questions would have given.
        cut: Of the unreadable answers, those to a reply that ended at its limit of tokens.
        cut_empty: Of these, those without any text: thoughts took all of it.
    """

    mean: float
    n: int
    correct: int
    unreadable: int
    interval: Interval
    refused: int = 0
    estimated: bool = False
    cut: int = 0
    cut_empty: int = 0


class Estimate(NamedTuple):
    """The score on all questions of a candidate that was stopped early, with its 95 % interval.

    Attributes:
        questions: Their number; 0 in runs that began before journal format 9.
    """

    mean: float
    interval: Interval
    questions: int = 0


class Outcome(NamedTuple):  # made in half the time of a frozen dataclass: a replay makes many
    """The answer to one question (None: unreadable) and its score.

    Attributes:
        excluded: The scorer can never answer it and the score leaves it out.
        session: The session of the run in which the scorer was asked, counted from 1; CACHED
            where it was asked in another run.
        sent: When the call was sent that was answered, seconds since the epoch.
    """

    answer: str | None
    score: float | None
    excluded: bool = False
    session: int = 0
    sent: float = 0.0


@dataclass(slots=True)
class Answers:
    """One candidate's answers on one split, with their running sums."""

    by_question: MutableMapping[int, Outcome] = field(default_factory=dict)
    first_replies: dict[int, str] = field(default_factory=dict)
    """Replies of the first round that wait for the second, or of the only one for their grade."""
    second_replies: dict[int, str] = field(default_factory=dict)
    """Replies of the second round that wait for their grade."""
    keyed_replies: dict[int, dict[str, str]] = field(default_factory=dict)
    """Replies to an evaluator's calls, by the key of the call, until it has answered."""
    cut_replies: dict[int, list[str]] = field(default_factory=dict)
    """The keys ("1" and "2" for the rounds) of those of them that ended at their limit."""
    correct: int = 0
    unreadable: int = 0
    refused: int = 0
    excluded: int = 0
    estimate: Estimate | None = None
    """Set when the candidate was stopped early: nothing more is asked."""
    partial: bool = False
    """Some answer has a score that is neither 0 nor 1."""
    cut: int = 0
    """Of the unreadable answers, those to a reply that ended at its limit of tokens."""
    cut_empty: int = 0
    """Of these, those to a reply without any text."""
    costs: AnswerCosts = field(default_factory=AnswerCosts)
    shown: frozenset[int] = frozenset()
    """Questions that are never asked: the prompt shows them, with their answers."""

    def add(
        self, question: int, outcome: Outcome, *, cut: bool = False, empty: bool = False
    ) -> None:
        """Add one new answer.

        Args:
            question: Index into the split's examples.
            outcome: The answer with its score.
            cut: It is unreadable, and its reply ended at the limit of tokens.
            empty: That reply has no text.
        """
        self.by_question[question] = outcome
        if self.first_replies or self.keyed_replies:
            self._drop_replies(question)
        score = outcome.score
        self.cut += cut
        self.cut_empty += cut and empty
        if score is None:
            self.unreadable += 1
        elif score == 1.0:
            self.correct += 1
        elif score != 0.0:
            self.partial = True

    def refuse(self, question: int, *, exclude: bool, session: int = 0, sent: float = 0.0) -> None:
        """Add a question that can never be answered."""
        self.by_question[question] = Outcome(None, None, exclude, session, sent)
        self._drop_replies(question)
        self.costs.drop(question)
        self.refused += 1
        self.excluded += exclude

    def _drop_replies(self, question: int) -> None:
        self.first_replies.pop(question, None)
        self.second_replies.pop(question, None)
        self.keyed_replies.pop(question, None)
        self.cut_replies.pop(question, None)

    def score(self, groups: Sequence[int] = ()) -> Score | None:
        """Return the score so far; None before the first answer (nothing is not 0).

        groups: What each question of the split belongs to; empty where each is alone.
        """
        n = len(self.by_question) - self.excluded
        mean = self.mean()
        if mean is None:
            return None
        if self.estimate:
            interval = self.estimate.interval
        elif 0.0 <= mean <= 1.0:
            interval = wilson_interval(mean, self.count_independent(groups))
        else:  # no share: nothing is known of its spread
            interval = Interval(mean, mean)
        counts = (n, self.correct, self.unreadable)
        early = self.estimate is not None
        return Score(mean, *counts, interval, self.refused, early, self.cut, self.cut_empty)

    def count_independent(self, groups: Sequence[int] = ()) -> float:
        """Return how many independent questions tell as much as those that were answered."""
        n = len(self.by_question) - self.excluded
        if not groups:
            return n
        answered = self.by_question.items()
        own = [groups[question] for question, outcome in answered if not outcome.excluded]
        return max(1.0, n / compute_design_effect(own))

    def mean(self) -> float | None:
        """Return the mean of the score alone, which is needed far more often."""
        if self.estimate is not None:
            return self.estimate.mean
        n = len(self.by_question) - self.excluded
        if not n:
            return None
        try:
            return self.total() / n
        except OverflowError:  # losses of 1e306, say, whose sum is no number
            return math.fsum((outcome.score or 0.0) / n for outcome in self.by_question.values())

    def total(self) -> float:
        """Return the sum of the scores, None counting 0."""
        if not self.partial:
            return float(self.correct)
        # fsum is exact, so the order of arrival cannot show in the last digit.
        return math.fsum(outcome.score or 0.0 for outcome in self.by_question.values())


@dataclass(slots=True)
class Candidate:
    """A prompt, or another solution, under test.

    Attributes:
        id: Its name in the journal.
        instruction: The text of its content.
        step: The step that proposed it, 0 for the initial ones.
        answers: By split.
        form: The parts of its content beside the text (`core/task/prompt.encode_form`).
        parents: Ids of the candidates that it was made from.
        note: What it was made for, in a few words; "" where its strategy does not say.
        groups: By split, what each question belongs to; without a split where each is alone.
        peers: All candidates of the run that have joined, by id.
    """

    id: str
    instruction: str
    step: int
    answers: dict[Split, Answers] = field(default_factory=lambda: {s: Answers() for s in SPLITS})
    form: str = ""
    parents: tuple[str, ...] = ()
    note: str = ""
    groups: Groups = field(default_factory=dict, repr=False, compare=False)
    peers: Mapping[str, Candidate] = field(default_factory=dict, repr=False, compare=False)

    @property
    def excluded_rows(self) -> frozenset[int]:
        """The train questions that it is not asked, since it shows them as worked examples."""
        return self.answers["train"].shown

    @property
    def content(self) -> Content:
        """The prompt or other solution under test."""
        return decode_content(self.instruction, self.form)

    def score(self, split: Split) -> Score | None:
        """Return the score on a split so far, None before the first answer.

        What is estimated of a prompt that was asked nothing at all is no score either.
        """
        if not self.is_asked:
            return None
        return self.answers[split].score(self.groups.get(split, ()))

    @property
    def is_asked(self) -> bool:
        """There is an answer to some question."""
        return any(answers.by_question for answers in self.answers.values())

    def count_independent(self, split: Split) -> float:
        """Return how many independent questions tell as much as those answered on a split."""
        return self.answers[split].count_independent(self.groups.get(split, ()))


def make_candidate_id(text: str, form: str = "") -> str:
    """Return a candidate's name in the journal: 12 hex digits, the same in every run."""
    data = encode_text(f"{text}\n{form}" if form else text)
    return hashlib.sha256(data).hexdigest()[:12]


REPEATED, LEAKS, TOO_LONG = "repeated", "leaks", "too long"
SHOWS_ALL = "shows all train questions"
"""Reasons not to score a text; others are those of `find_breach` and of strategies."""
EMPTY, CUT_SHORT, REFUSED = "empty", "cut", "refused"
DECLINED, NO_TAGS = "declined", "no tags"
"""Reasons why a reply holds no text that could be scored: nothing at all, its end at max_tokens
before there was one, a content filter, an apology, and other words without a proposal."""


@dataclass(frozen=True, slots=True)
class ProposedText:
    """One text read from a reply.

    Attributes:
        step: Counted from 1; 0 for an initial instruction.
        skipped: Why it was not scored, "" when it was.
        form: The parts of its content beside the text.
        parents: Ids of the candidates that it was made from.
        note: What it was made for, "" where its strategy does not say.
    """

    step: int
    text: str
    skipped: str
    form: str = ""
    parents: tuple[str, ...] = ()
    note: str = ""

    @property
    def id(self) -> str:
        """The id of the candidate that it is or would be."""
        return make_candidate_id(self.text, self.form)

    @property
    def identity(self) -> str:
        """The name under which the text is recognised when it is proposed again."""
        return self.id if self.form else self.text

    def make_candidate(self, groups: Groups) -> Candidate:
        """Return a new candidate with this text, for questions of these groups."""
        return Candidate(
            self.id,
            self.text,
            self.step,
            form=self.form,
            parents=self.parents,
            note=self.note,
            groups=groups,
        )


def list_texts(reply: Proposed) -> list[tuple[ProposedText, str]]:
    """Return the texts of a reply, not judged yet, each with its strategy's reason to skip it."""
    none = ("",) * len(reply.instructions)
    return [
        (ProposedText(reply.step, text, "", form, reply.parents, reply.note), rejected)
        for text, form, rejected in zip(
            reply.instructions, reply.forms or none, reply.rejected or none, strict=True
        )
    ]


@dataclass(slots=True)
class Proposals:
    """All proposals of a run so far.

    Attributes:
        arrived: Replies to the present step, by sample, until all are there.
        texts: Those of the steps before.
        seen: Texts, or ids where there is a form, that are no new candidates any more.
        replies: Number of replies to meta-prompts.
        fruitless_by: Number of replies from which no new candidate could be taken, by the reason;
            of a reply with several texts the first one's.
        unread_reply: The beginning of the first reply of words without a proposal.
        shown: What the last requests had of exemplars and past prompts, where that is not all.
        fruitless: Samples of the present step whose reply held nothing to score, not even a
            repetition, in order of arrival.
        gave_choices: One call of the last whole step brought several proposals.
    """

    arrived: dict[int, Proposed] = field(default_factory=dict)
    texts: list[ProposedText] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    replies: int = 0
    fruitless_by: dict[str, int] = field(default_factory=dict)
    unread_reply: str = ""
    shown: str = ""
    gave_choices: bool = False
    fruitless: list[int] = field(default_factory=list)

    @property
    def empty(self) -> int:
        """The number of replies from which no new candidate could be taken."""
        return sum(self.fruitless_by.values())

    def add(self, reply: Proposed) -> None:
        """Add one reply to the present step."""
        self.arrived[reply.sample] = reply
        self.replies += 1
        self.shown = reply.shown or self.shown
        rejected = reply.rejected or ("",) * len(reply.instructions)
        if reply.via != "local" and all(rejected):
            self.fruitless.append(reply.sample)

    def judge(self, reason_to_skip: Callable[[ProposedText, str], str]) -> list[ProposedText]:
        """Return the texts of a step that are worth scoring, in the order of the samples.

        Each is seen from then on; no reply is left when all are judged.
        """
        worthy: list[ProposedText] = []
        for _, reply in sorted(self.arrived.items()):
            before, reason = len(worthy), ""
            for proposed, rejected in list_texts(reply):
                judged = replace(proposed, skipped=reason_to_skip(proposed, rejected))
                reason = reason or judged.skipped
                self.seen.add(judged.identity)
                self.texts.append(judged)
                if not judged.skipped:
                    worthy.append(judged)
            if len(worthy) == before:
                reason = reason or find_want(reply)
                self.fruitless_by[reason] = self.fruitless_by.get(reason, 0) + 1
                if reason in (NO_TAGS, DECLINED) and not self.unread_reply:
                    self.unread_reply = reply.text[:SHOWN].strip()
        self.gave_choices = any(reply.via == "choice" for reply in self.arrived.values())
        self.arrived, self.fruitless = {}, []
        return worthy


SHOWN = 300
"""Characters of a reply without a proposal that are kept, to be shown."""


_APOLOGY = re.compile(
    r"""\W{0,3}(?:(?:i['’]m|i\sam)\s(?:very\s)?(?:sorry|unable|not\sable)|sorry|i\s(?:can(?:['’]t|not)|won['’]t)
    |es\stut\smir\sleid|leider|ich\skann\s(?:nicht|das\snicht)|désolée?|je\s(?:suis\sdésolée?|ne\speux)
    |lo\ssiento|no\spuedo|desculpe|lamento|mi\sdispiace|извините|к\sсожалению|я\sне\sмогу
    |抱歉|对不起|對不起|很抱歉|我无法|我不能|申し訳|すみません|죄송|미안)""",
    re.IGNORECASE | re.VERBOSE,
)


def find_want(reply: Proposed) -> str:
    """Return why a reply holds no text that could be scored."""
    if is_filtered(reply.text, reply.finish_reason):
        return REFUSED
    if reply.finish_reason in CUT:
        return CUT_SHORT
    if not reply.text.strip():
        return EMPTY
    return DECLINED if _APOLOGY.match(reply.text) else NO_TAGS


def find_breach(text: str, search: SearchSettings) -> str:
    """Return the rule for instructions that a text breaks, "" for none.

    The reference's three, in its order (google-deepmind/opro, run_evolution).
    """
    if len(text) > search.longest_allowed:
        return TOO_LONG
    if search.drop_digits and any(char.isdigit() for char in text):
        return "digits"
    if search.rules == "paper" and "INS" in text:
        return "tag"
    return ""
