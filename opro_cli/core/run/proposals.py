"""Proposals: the texts of the optimizer's replies, and why some of them are not scored."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from opro_cli.core.run.candidates import Candidate, make_candidate_id
from opro_cli.core.run.events import Proposed
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.task.example import CUT, Groups, is_filtered

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

    def add(self, reply: Proposed, faults: Sequence[str]) -> None:
        """Add one reply to the present step, with what is wrong with each of its texts."""
        self.arrived[reply.sample] = reply
        self.replies += 1
        self.shown = reply.shown or self.shown
        if reply.via != "local" and all(faults):
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
