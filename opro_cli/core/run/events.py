"""The events of a run, as tagged structs, and their form in the journal.

One JSON object an event, `{"event": "answered", ...}`; times are seconds since the epoch.
FORMAT_VERSION rises when a record changes in a way that an older reader would misread:
2 has `reasoned` (a reply that is not graded yet), `refused` and `checked`; 3 has answers of
baselines and of a second time; 4 has replies that no call of their own was made for (`via`), and
`stopped`; 5 has what calls may have cost that nobody counted (`uncounted`, `in_flight`,
`limit_exceeded`), steps of other sizes (`step_planned`), candidates that are more than an
instruction, and replies of further roles; its runs ask compared prompts side by side; 6 has
searches that a strategy ends (`ended`), and runs that begin with solutions instead of prompts; 7
has parameters that a server refuses (`parameter_refused`), windows that seem too small
(`prompts_cut`), and tokens of thoughts (`reasoning_tokens`); 8 has the significance level of the
verdict (`test_used`), what a probe before the run spent (`probed`), and runs whose winner is chosen
by train and dev together; 9 has races that need no full answer sheet (`looked`), what a proposal
was made for (`note`), runs whose exemplars are balanced over labels whatever chooses them, and in
which a prompt is not asked the train questions that it shows as worked examples; 10 has positions
that are tried in several steps, races that do not go by a prompt that may not win, what answers
from the cache took when they were asked (`took`), by which costs are compared, ends of runs that
compare dollars where no answer tells any, proposals of every strategy judged by the placeholders of
the application, replies that are asked for again whatever is wrong
with their texts, schedules of the temperature over the steps that a budget is laid out for, start
prompts that are asked test alone where the calls left buy that, and proposals that stand where all
start prompts do.
"""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from msgspec import Meta, Struct

from opro_cli.core.task.example import Split

FORMAT_VERSION = 10

Via = Literal["call", "cache", "choice", "local"]
"""Where a reply came from: a call of its own, the answer cache, as a further choice of the call
that the sample before it came from, or from this machine without any model (or from calls that
are recorded on their own). Only calls count, and cost."""

# No time, price or count is as large; one that is (or is infinite) has lost its meaning.
Number = Annotated[float, Meta(gt=-1e15, lt=1e15)]
Count = Annotated[int, Meta(gt=-(10**15), lt=10**15)]
# Any finite number: a loss may be of any size.
Score = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]

TookBefore = tuple[Count | None, Count | None, Number | None]
"""What a reply from the answer cache took when its model was asked: tokens of prompt and reply, and
dollars. Nothing of it is spent again; candidates are compared by it."""


class _Record(Struct, frozen=True, tag_field="event"):
    """The base of all events: a time; the tag is an event's name in the journal."""

    at: Number


class SessionStarted(_Record, frozen=True, tag="session_started"):
    """`opro optimize` or `opro resume` began to work on the run, as process `pid`.

    keep_going: its user has said to go on whatever the first answers are, or to check nothing.
    """

    pid: Count
    opro_version: str
    format_version: Count = FORMAT_VERSION
    keep_going: bool = False


class Proposed(_Record, frozen=True, tag="proposed"):
    """The optimizer answered: one sample of one step (steps count from 1, samples from 0).

    text: the reply as it came, "" for a draft of the strategy's own. instructions: what the
    strategy read from it. forms: what these are beside their texts (core/task/prompt), ()
    for bare instructions. rejected: why the strategy wants each not scored, "" for those that it
    does; () for none. parents: ids of the candidates that they were made from. shown: of a request
    that was too long at first, what it had in place of all exemplars and past prompts. note: what
    the strategy made the proposal for, for people.
    """

    step: Count
    sample: Count
    text: str
    instructions: tuple[str, ...]
    finish_reason: str
    prompt_tokens: Count | None
    completion_tokens: Count | None
    usd: Number | None
    seconds: Number
    via: Via = "call"
    forms: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    reasoning_tokens: Count | None = None
    shown: str = ""
    note: str = ""


class StepPlanned(_Record, frozen=True, tag="step_planned"):
    """The strategy wants another number of samples in a step than `search.candidates_per_step`.

    ended: why it ends the search instead of this step; then there are none. "" where it goes on.
    """

    step: Count
    samples: Count
    ended: str = ""


class FirstReply(_Record, frozen=True, tag="reasoned"):
    """A reply to a question that is not graded yet.

    round: 1, or 2 for the second one to a question that is asked in two rounds. key: which of
    its calls an evaluator of another kind made, "" for the rounds. role: the model that replied.
    """

    candidate: str
    split: Split
    question: Count
    text: str
    finish_reason: str
    prompt_tokens: Count | None
    completion_tokens: Count | None
    usd: Number | None
    seconds: Number
    via: Via = "call"
    round: Count = 1
    key: str = ""
    role: str = "scorer"
    reasoning_tokens: Count | None = None
    took: TookBefore | None = None


class Answered(_Record, frozen=True, tag="answered"):
    """The scorer answered one question under one candidate.

    question: index into the split's examples. answer, score: as graded, both None when
    the reply is unreadable. One that was filtered away whole counts as refused, and is paid for.
    """

    candidate: str
    split: Split
    question: Count
    text: str
    answer: str | None
    score: Score | None
    finish_reason: str
    prompt_tokens: Count | None
    completion_tokens: Count | None
    usd: Number | None
    seconds: Number
    via: Via = "call"
    reasoning_tokens: Count | None = None
    took: TookBefore | None = None

    @property
    def is_taken_over(self) -> bool:
        """It was given in the probe before the run: one from the answer cache has no tokens."""
        return self.via == "cache" and self.prompt_tokens != 0


class Feedback(_Record, frozen=True, tag="feedback"):
    """An evaluator's remarks on the answer that is recorded right after this.

    parts: sub-scores by name, as a JSON object. text: a sentence or more.
    """

    candidate: str
    split: Split
    question: Count
    text: str
    parts: str = ""


class Refused(_Record, frozen=True, tag="refused"):
    """The scorer can never answer one question: it was filtered, is too long, or always fails."""

    candidate: str
    split: Split
    question: Count
    reason: str


class Pruned(_Record, frozen=True, tag="stopped"):
    """A candidate can no longer be the best and is asked no more train questions (core/racing).

    mean, low, high: what its score on all of them would have been, with its 95 % interval.
    """

    candidate: str
    mean: Number
    low: Number
    high: Number


Span = tuple[Number, Number, Number]
"""The mean score that an estimate expects, and the ends of its 95 % interval."""


class Looked(_Record, frozen=True, tag="looked"):
    """Who is asked which questions next, decided when all questions before it were answered.

    step: that is being raced; the one to come where `joining` is given. asked: questions of `split`
    by candidate. joining: train questions of every candidate that joins in the step. train, dev:
    what candidates that were not asked everything are estimated to score, as of now. finalists:
    those who meet dev, from the first look at it on. over: the race is over, and nobody is asked
    again before test.
    """

    step: Count
    split: Split = "train"
    asked: dict[str, tuple[Count, ...]] = {}
    joining: tuple[Count, ...] = ()
    train: dict[str, Span] = {}
    dev: dict[str, Span] = {}
    finalists: tuple[str, ...] = ()
    over: bool = False


class Checked(_Record, frozen=True, tag="checked"):
    """A model answered the tiny call that is made before the first paid question."""

    role: str
    text: str
    finish_reason: str
    prompt_tokens: Count | None
    completion_tokens: Count | None
    usd: Number | None
    seconds: Number
    reasoning_tokens: Count | None = None


class Retried(_Record, frozen=True, tag="retried"):
    """A call failed in passing and waits `wait` seconds before it is made again."""

    role: str
    attempt: Count
    wait: Number
    error: str


class Uncounted(_Record, frozen=True, tag="uncounted"):
    """A call without a usage report, charged at its upper bound.

    answered: it brought an answer, recorded right after this, without token counts. Otherwise it
    timed out or broke off, and the provider may still bill it. tokens, usd: the upper bound; usd
    is None where the price is unknown.
    """

    role: str
    answered: bool
    tokens: Count
    usd: Number | None
    why: str


class InFlight(_Record, frozen=True, tag="in_flight"):
    """The upper bound of all calls in flight to one model, valid until the next such event.

    Written before a call is sent that would raise it. A session that ends without `SessionEnded`
    (a kill, power loss) is charged this much; one that ends in good order waited for its calls.
    """

    role: str
    calls: Count
    tokens: Count
    usd: Number | None


class LimitExceeded(_Record, frozen=True, tag="limit_exceeded"):
    """A provider reported more than the upper bound of a call; later calls are bounded by it.

    prompt_overhead: the most tokens that a prompt took beyond its bytes. longest_reply: the most
    tokens that one reply took. max_tokens: the limit that the call was given.
    """

    role: str
    prompt_overhead: Count
    longest_reply: Count
    max_tokens: Count


class ParameterRefused(_Record, frozen=True, tag="parameter_refused"):
    """A server does not take an optional parameter: from here on it is left out, or renamed.

    address: the model and its server, as in the settings. parameter: its name in the request.
    value: as it was sent, in JSON. error: the server's words.
    """

    role: str
    address: str
    parameter: str
    value: str
    error: str


class PromptsCut(_Record, frozen=True, tag="prompts_cut"):
    """Prompts of different lengths were counted with the same number of tokens, the most so far.

    tokens: that number, most likely the server's window. prompts: how many were, when this was
    noticed. shortest, longest: their bytes.
    """

    role: str
    tokens: Count
    prompts: Count
    shortest: Count
    longest: Count


class TestUsed(_Record, frozen=True, tag="test_used"):
    """The test rows are about to be asked, for a verdict on these two prompts (core/run/uses).

    use: its id in the ledger of test sets. set, rows: what the rows are known by together, and
    their number. number: 1 for the first use of these rows. level: the one-sided significance
    level of the verdict. sharers: how many verdicts share the use. known: the level of each
    earlier use of the same prompts on the same rows, by its answers. note: why the ledger could
    not be read or written, "" where it could.
    """

    start: str
    winner: str
    use: str
    set: str
    rows: Count
    number: Count
    level: Number
    sharers: Count = 1
    known: dict[str, Number] = {}
    note: str = ""


class Probed(_Record, frozen=True, tag="probed"):
    """The probe before this run (`opro check --headroom`) spent this much in the same command.

    It counts under the ceilings of the run. role: the model. calls: those answered, with their
    tokens, and usd of those with a price; unpriced: the answers without one. lost_calls,
    lost_tokens, lost_usd: the upper bound of calls that nobody metered. folder: of the probe.
    """

    role: str
    calls: Count
    prompt_tokens: Count
    completion_tokens: Count
    usd: Number
    unpriced: Count = 0
    lost_calls: Count = 0
    lost_tokens: Count = 0
    lost_usd: Number | None = 0.0
    seconds: Number = 0.0
    folder: str = ""


class SessionEnded(_Record, frozen=True, tag="session_ended"):
    """The session ended in good order; reason: finished, interrupted, budget or failed.

    detail: the ceiling that was met, or what failed. hint: the remedy for a failure.
    """

    reason: str
    detail: str = ""
    hint: str = ""


Event = (
    SessionStarted
    | Checked
    | Proposed
    | StepPlanned
    | FirstReply
    | Feedback
    | Answered
    | Refused
    | Pruned
    | Looked
    | Uncounted
    | InFlight
    | LimitExceeded
    | ParameterRefused
    | PromptsCut
    | TestUsed
    | Probed
    | Retried
    | SessionEnded
)
