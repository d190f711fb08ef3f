"""Scoring candidates: evaluate a question, record what came of it, or why nothing will."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from msgspec import structs

from opro_cli.calls.attempts import TimedReply, describe_answer
from opro_cli.calls.budget import read_clock
from opro_cli.calls.checks import is_alive, is_unnamed
from opro_cli.calls.endpoints import is_congested
from opro_cli.calls.metered import Calls
from opro_cli.core.draws import derive_seed
from opro_cli.core.run.candidates import Candidate, is_again
from opro_cli.core.run.events import Answered, Feedback, FirstReply, Refused
from opro_cli.core.run.progress import Role
from opro_cli.core.scale import SHARE
from opro_cli.core.task.example import (
    CUT,
    ChatReply,
    ChatRequest,
    Evaluation,
    Example,
    Message,
    Replied,
    Split,
)
from opro_cli.core.task.prompt import Content
from opro_cli.errors import (
    DoubtfulAnswers,
    EmptyReplyError,
    JournalError,
    ModelError,
    OproError,
    RunError,
    Stopped,
)
from opro_cli.loop.first_answers import CAUSES, FirstAnswers
from opro_cli.loop.first_answers import GO_ON as KEEP_GOING
from opro_cli.loop.planner import Question
from opro_cli.ports import Evaluator

T = TypeVar("T")

PATIENCE_S = 1.0
"""Seconds that a grade may still take once a stop is asked for; then a resume grades the reply."""

FIRST_QUESTIONS = 6
"""So many unreadable answers in a row, before any readable one, are no accident: where half of them
can be read, one run in 64 has them. Three would be one in 8."""
FIRST_REFUSALS = 3
"""The same of refusals, all of them before anything else was said."""

MOST_REFUSED = 20
"""So many refused questions in a session, before any that is answered, are no accident; nor are so
many in a row that are refused in words which nobody knows."""

GO_ON = "`--no-preflight` goes on all the same"


class _GivenUp(BaseException):
    """The evaluation ends here: a stop was asked for, and a resume finishes it."""


_ENDS = (Stopped, JournalError, _GivenUp)
"""What a call raises where nothing may come of the evaluation any more."""


class _Filtered(BaseException):
    """The provider kept a whole reply back."""


@dataclass(slots=True)
class QuestionCalls:
    """The calls of one evaluation, as `ports.MeteredCall`.

    The last reply is open until it is recorded: on its own before anything else takes time, or
    with the answer when the evaluation is done, in one line of the journal.
    """

    calls: Calls
    question: Question
    candidate: Candidate
    fresh: bool
    stack: AsyncExitStack
    last: TimedReply | None = None
    """The last reply; without tokens of its own once it is recorded."""
    ended: BaseException | None = None
    """What ended the evaluation, whatever its code makes of it: a user's may catch it."""
    _open: tuple[Role, str | int, TimedReply] | None = None
    _recorded: bool = False

    async def __call__(
        self,
        role: Role,
        messages: tuple[Message, ...],
        key: str | int = 1,
        *,
        max_tokens: int | None = None,
        repeat: int = 1,
    ) -> Replied:
        """Return the recorded reply of a call, or make it."""
        with self._keep_end():
            return await self._reply(role, messages, key, max_tokens, repeat)

    @contextmanager
    def _keep_end(self) -> Iterator[None]:
        """Keep what ends the evaluation, and let no later call be made."""
        if self.ended is not None:
            raise self.ended
        try:
            yield
        except _ENDS as end:
            self.ended = end
            raise

    async def _reply(
        self,
        role: Role,
        messages: tuple[Message, ...],
        key: str | int,
        max_tokens: int | None,
        repeat: int,
    ) -> Replied:
        await self.record_reply()
        known = self._get_recorded(key)
        if known is not None:
            self.last = _recall(known, key)
            answers = self.candidate.answers[self.question.split]
            cut = str(key) in answers.cut_replies.get(self.question.index, ())
            return Replied(known, known, cut)
        if self._recorded and self.calls.stop.is_set():
            raise _GivenUp
        request = self._build_request(role, messages, key, max_tokens, repeat)
        answering = self.calls.answer(role, request, fresh=self.fresh)
        answered = await self.stack.enter_async_context(answering)
        self.last = answered
        if answered.reply.filtered:
            raise _Filtered
        self.record_open()  # that of a call that was made beside this one
        self._open = role, key, answered
        cut = answered.reply.finish_reason in CUT
        return Replied(answered.reply.text, answered.recorded.text, cut)

    def _build_request(
        self,
        role: Role,
        messages: tuple[Message, ...],
        key: str | int,
        max_tokens: int | None,
        repeat: int,
    ) -> ChatRequest:
        """Build the request of a call, as the settings of its model have it."""
        model = self.calls.settings.models[role]
        limits = [each for each in (max_tokens, model.max_tokens) if each is not None]
        return ChatRequest(
            messages,
            model.temperature,
            min(limits, default=None),
            self._seed(role, key) if model.seed else None,
            stop=model.stop or (),
            # A second time that a warm cache answers would show no change, however much there is.
            fresh=is_again(self.candidate),
            top_p=model.top_p,
            repeat=repeat,
        )

    @property
    def is_keyed(self) -> bool:
        """The open reply has a key of the evaluator's own."""
        return self._open is not None and isinstance(self._open[1], str)

    async def unless_stopped(self, work: Awaitable[T]) -> T:
        """Await work with no call in flight; not long once a stop is asked for."""
        working = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self.calls.stop.wait())
        try:
            with self._keep_end():
                await self.record_reply()
                await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait((working,), timeout=PATIENCE_S)
                if not working.done():
                    raise _GivenUp
            return working.result()
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def record_reply(self) -> None:
        """Record the open reply on its own, and end its call."""
        if self._open is not None:
            self.record_open()
            await self.stack.pop_all().aclose()

    def record_open(self) -> None:
        """Record the open reply, if there is one."""
        if self._open is None:
            return
        role, key, answered = self._open
        call: dict[str, Any] = (
            {"round": key} if isinstance(key, int) else {"key": key, "role": role}
        )
        self.calls.record(
            FirstReply(**_name_question(self.question), **describe_answer(answered), **call)
        )
        self._open, self._recorded = None, True
        self.last = _recall(answered.reply.text, key, answered)

    def _get_recorded(self, key: str | int) -> str | None:
        answers, index = self.candidate.answers[self.question.split], self.question.index
        if isinstance(key, str):
            return answers.keyed_replies.get(index, {}).get(key)
        rounds = {1: answers.first_replies, 2: answers.second_replies}
        return rounds[key].get(index)

    def _seed(self, role: Role, key: str | int) -> int:
        own = () if isinstance(key, int) else (role, key)
        seed, question = self.calls.settings.search.seed, self.question
        return derive_seed(seed, "answer", question.split, question.index, *own)


@dataclass(slots=True)
class Scoring:
    """Evaluates questions.

    Attributes:
        known: Answers of the probe before this run, by candidate, split and question.
        answered: Questions of this session that got an answer.
        refused: Those that will never get one.
        unnamed: Of these, those since the last answer that were refused in unknown words, or by
            code that raised.
    """

    calls: Calls
    examples: Mapping[Split, Sequence[Example]]
    evaluator: Evaluator
    known: Mapping[tuple[str, Split, int], Answered] = field(default_factory=dict)
    answered: int = 0
    refused: int = 0
    unnamed: int = 0

    async def ask(self, question: Question) -> None:
        """Put one question, in one round or two, and record what came of it.

        A question that will never be answered is recorded as refused, and does not stop the run.
        Raises ModelError when the scorer answers nothing at all.
        """
        try:
            await self._put(question)
        except ModelError as error:
            if not await self._is_about_the_question(error):
                raise
            self._refuse(question, error)
            self.unnamed += is_unnamed(error) or error.about == "code"
            count = self.unnamed if self.answered else self.refused
            if count >= MOST_REFUSED:
                which = "questions in a row" if self.answered else "questions and answered none"
                words = f"{self.model} refused {count} {which}: {error.message}"
                raise RunError(words, error.hint) from error

    async def ask_first(self, questions: Sequence[Question], first: FirstAnswers) -> None:
        """Put the first questions of a run one at a time, until an answer can be read.

        These are questions of the run like all others: nothing is paid for twice. Where there are
        fewer than FIRST_QUESTIONS although more will be asked, as in a short first look, they
        decide nothing: FirstAnswers does, when it has seen enough.

        Args:
            questions: Those to put.
            first: The answers of the run so far, for the message.

        Raises:
            RunError: None can be read, or the first FIRST_REFUSALS are all refused.
        """
        refused: list[tuple[Question, ModelError]] = []
        for put, question in enumerate(questions, 1):
            try:
                await self._put(question)
            except ModelError as error:
                if not await self._is_about_the_question(error):
                    raise
                refused.append((question, error))
                if len(refused) == min(FIRST_REFUSALS, len(questions)) == put:
                    raise self._describe_refusals([each for _, each in refused]) from error
                continue
            if self.calls.stop.is_set() or self._could_be_read(question):
                # Only now: until something is answered, the fault may be the config's.
                for earlier, refusal in refused:
                    self._refuse(earlier, refusal)
                return
        if len(questions) < min(FIRST_QUESTIONS, len(self.examples["train"])):
            for earlier, refusal in refused:
                self._refuse(earlier, refusal)
            return
        settings = self.calls.settings
        what = f"{self.model}: none of its first {len(questions)} answers could be read as "
        lines = [f"{what}{settings.task.answer}", *first.list_cut(), *first.list_replies()]
        remedy = first.find_remedy()
        causes = f"{remedy};" if remedy else CAUSES
        hint = f"{causes} {GO_ON}"
        if settings.search.steps:  # other commands have no --keep-going
            hint = f"{causes} {KEEP_GOING}, and so does `--no-preflight`"
        raise DoubtfulAnswers("\n".join(lines), hint)

    def _describe_refusals(self, errors: Sequence[ModelError]) -> OproError:
        """Return the error for a scorer that refused all of its first questions."""
        if all(isinstance(error, EmptyReplyError) for error in errors):
            return errors[0]
        hint = errors[0].hint or "is the config right?"
        return RunError(
            f"{self.model} refused the first {len(errors)} questions: {errors[0].message}",
            f"{hint}; {GO_ON}",
        )

    @property
    def model(self) -> str:
        """The scorer as messages name it."""
        models = [self.calls.models[role][0].name for role in self.evaluator.roles]
        return models[0] if models else self.evaluator.name

    async def _is_about_the_question(self, error: ModelError) -> bool:
        """Return True if it is this question that gets no answer, while others do.

        A question that fails again and again may be at fault, or the server may be down: the
        tiny call finds out, as it does where one is refused in unknown words after answers.
        """
        if error.unanswerable or is_congested(error):
            return error.unanswerable
        has_answered = self.answered or self.calls.state.has_readable_answer()
        if not error.transient and not (has_answered and is_unnamed(error)):
            return False
        if error.about == "code" and not has_answered:
            return False  # a defect, which every question would meet
        if self.answered and isinstance(error, EmptyReplyError):
            return True  # it has said something to other questions
        role = next(iter(self.evaluator.roles), "scorer")
        return not self.calls.stop.is_set() and await is_alive(self.calls, role)

    def _could_be_read(self, question: Question) -> bool:
        candidate = self.calls.state.get_candidate(question.candidate)
        return candidate.answers[question.split].by_question[question.index].score is not None

    def _refuse(self, question: Question, error: ModelError) -> None:
        self.refused += 1
        self.calls.record(
            Refused(at=read_clock(), reason=error.message, **_name_question(question))
        )

    async def _put(self, question: Question) -> None:
        candidate = self.calls.state.get_candidate(question.candidate)
        example = self.examples[question.split][question.index]
        # Answers that are compared are all given now, by the scorer as it is now.
        to_compare = question.split == "test" and self.calls.state.compares_on_test
        fresh = to_compare or is_again(candidate)
        known = self.known.get((question.candidate, question.split, question.index))
        if known is not None and not fresh:
            self.answered += 1
            self.calls.record(take_over(known))
            return
        async with AsyncExitStack() as stack:
            call = QuestionCalls(self.calls, question, candidate, fresh, stack)
            try:
                evaluation = await self._evaluate(candidate.content, example, call)
                self._check_scale(evaluation, example)
            except _GivenUp:
                await call.record_reply()
                return
            except _Filtered:
                evaluation = UNREAD
            except (OproError, Stopped):
                await call.record_reply()  # it is kept for when the metric is mended
                raise
            else:
                self.answered, self.unnamed = self.answered + 1, 0
                if call.is_keyed:  # the answer has no place for the role that gave its reply
                    await call.record_reply()
            self._record(question, evaluation, call.last)

    async def _evaluate(
        self, content: Content, example: Example, call: QuestionCalls
    ) -> Evaluation:
        """Evaluate, and end as the calls did where one of them ended it.

        Code of the user's may have caught that, wrapped it, or made it part of a group of errors.
        """
        try:
            evaluation = await self.evaluator.evaluate(content, example, call)
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException:
            if call.ended is not None:
                raise call.ended from None
            raise
        if call.ended is not None:
            raise call.ended
        return evaluation

    def _check_scale(self, evaluation: Evaluation, example: Example) -> None:
        """Refuse a value that is not on the evaluator's scale.

        Raises:
            RunError: It is not, or there is none where 0 would not mean a wrong answer.
        """
        scale, name = self.evaluator.scale, self.evaluator.name
        if evaluation.value is not None and scale.refuses(evaluation.value):
            raise RunError(
                f"task.evaluator {name}: {evaluation.value!r} is not on its scale",
                "return values between 0 and 1, or give it scale = Scale(bounded=False)",
            )
        if evaluation.value is None and scale != SHARE:
            raise RunError(
                f"task.evaluator {name} found no value on {example.source}, and its scale has none "
                "for an answer that cannot be read",
                "return the value of the worst answer there is",
            )

    def _record(self, question: Question, evaluation: Evaluation, reply: TimedReply | None) -> None:
        """Record an evaluation, with its last reply if that is not recorded yet."""
        redact, asked = self.calls.redact, _name_question(question)
        if evaluation.parts or evaluation.feedback:
            parts = json.dumps(dict(evaluation.parts)) if evaluation.parts else ""
            text = redact(evaluation.feedback)
            self.calls.record(Feedback(read_clock(), text=text, parts=parts, **asked))
        answer = None if evaluation.answer is None else redact(evaluation.answer)
        answered = reply or TimedReply(ChatReply("", "none", 0, 0, 0.0), 0.0, "local")
        self.calls.record(
            Answered(answer=answer, score=evaluation.value, **asked, **describe_answer(answered))
        )


UNREAD = Evaluation(None, None)


def take_over(answer: Answered) -> Answered:
    """Return the answer of the probe as the run records it: it is paid for there, and not here.

    It keeps its tokens and dollars, by which candidates are compared.
    """
    return structs.replace(answer, at=read_clock(), seconds=0.0, via="cache")


def _name_question(question: Question) -> dict[str, Any]:
    """Return the fields by which every event of a question names it."""
    return {"candidate": question.candidate, "split": question.split, "question": question.index}


def _recall(text: str, key: str | int, recorded: TimedReply | None = None) -> TimedReply:
    """Return a reply that is recorded already: it costs nothing again.

    Args:
        text: As it came, or as it was recorded in an earlier session.
        key: Of its call. One under a key of the evaluator's own is no call of the question's.
        recorded: As it came in this session; None for one of an earlier session.
    """
    reply = ChatReply(text, "recalled", 0, 0, 0.0)
    via = "local" if isinstance(key, str) else recorded.via if recorded else "call"
    redacted = replace(reply, text=recorded.recorded.text) if recorded else None
    return TimedReply(reply, 0.0, via, redacted)
