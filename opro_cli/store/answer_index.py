"""The answers in a journal: what became of each, in one byte, and where its lines begin.

A grid of a whole run and a single reply are both there at once, without the journal being read
again: a reply is a line of it, found by its offset.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args

import msgspec

from opro_cli.core.run.events import Answered, Event, Feedback, FirstReply, Refused
from opro_cli.core.run.records import MalformedEvent
from opro_cli.core.scale import Scale
from opro_cli.core.task.example import CUT, REFUSAL, Split, is_filtered
from opro_cli.reports.answers import MARKS, NOT_ASKED
from opro_cli.store.journal import build_damage_error, build_io_error, decode_event

_BLOCK = 1 << 18
"""Bytes that are decoded in one go: less than a hundredth of a second."""
_SPECIAL = frozenset({*CUT, REFUSAL, "content_filter"})
"""Reasons to finish with which a reply was cut or refused, or may have been."""
_RIGHT, _PARTLY, _WRONG, _UNREADABLE, _VALUED, _REFUSED = map(
    ord,
    (MARKS[name] for name in ("right", "partly right", "wrong", "unreadable", "valued", "refused")),
)
_BLANK = ord(NOT_ASKED)


class _Short(msgspec.Struct, frozen=True, gc=False, tag_field="event"):
    """The base of events without their texts."""


class _ShortAnswer(_Short, frozen=True, gc=False, tag="answered"):
    candidate: str
    split: Split
    question: int
    score: float | None
    finish_reason: str


class _ShortReply(_Short, frozen=True, gc=False, tag="reasoned"):
    candidate: str
    split: Split
    question: int
    finish_reason: str


class _ShortRefusal(_Short, frozen=True, gc=False, tag="refused"):
    candidate: str
    split: Split
    question: int


class _ShortFeedback(_Short, frozen=True, gc=False, tag="feedback"):
    candidate: str
    split: Split
    question: int


_OWN = (_ShortAnswer, _ShortReply, _ShortRefusal, _ShortFeedback)


@cache
def _build_decoder() -> msgspec.json.Decoder[Any]:
    """Return the decoder of lines that skips all texts; what is no answer is decoded to nothing."""
    known = {each.__struct_config__.tag for each in _OWN}
    tags = [each.__struct_config__.tag for each in get_args(Event)]
    others = [
        msgspec.defstruct(f"_Other{number}", [], tag=tag, tag_field="event", frozen=True, gc=False)
        for number, tag in enumerate(tags)
        if tag not in known
    ]
    return msgspec.json.Decoder(Union[(*_OWN, *others)])


class _Open(NamedTuple):
    """The last reply to a question so far.

    Attributes:
        ungraded: It may come again, with its grade.
    """

    refused: bool
    cut: bool
    ungraded: bool


@dataclass(slots=True)
class _Column:
    """The answers under one prompt to the questions of a split.

    Attributes:
        marks: A letter of MARKS for each question.
        at: Where the line of each answer begins; -1 without one.
        before: Where the lines before it begin: replies that were not graded yet, and remarks.
        open: The last reply to each of these questions.
    """

    marks: bytearray
    at: array[int]
    before: dict[int, list[int]] = field(default_factory=dict)
    open: dict[int, _Open] = field(default_factory=dict)


class AnswerIndex:
    """The answers of a run by prompt, split and question.

    Args:
        journal: The file; only what was scanned or added is known of it.
        sizes: Questions of each split.
        scale: Of the scores.
    """

    def __init__(self, journal: Path, sizes: Mapping[Split, int], scale: Scale) -> None:
        self._journal = journal
        self._sizes = dict(sizes)
        self._valued = not scale.bounded or scale.minimise
        self._columns: dict[tuple[str, str], _Column] = {}

    def get_marks(self, candidate: str, split: Split) -> str:
        """Return a letter for each question of a split under a candidate (its id)."""
        column = self._columns.get((candidate, split))
        if column is None:
            return NOT_ASKED * self._sizes[split]
        return column.marks.decode("ascii")

    def read_events(self, candidate: str, split: Split, question: int) -> list[Event]:
        """Read the replies to a question, their remarks and the refusal, in the order they came.

        Raises:
            JournalError: The journal cannot be read, or was changed since.
        """
        column = self._columns.get((candidate, split))
        if column is None or not 0 <= question < len(column.at):
            return []
        offsets = [*column.before.get(question, ()), column.at[question]]
        return [self._read_line(offset) for offset in offsets if offset >= 0]

    def _read_line(self, offset: int) -> Event:
        try:
            with self._journal.open("rb") as file:
                file.seek(offset)
                return decode_event(file.readline())
        except OSError as error:
            raise build_io_error("read", self._journal, error) from error
        except MalformedEvent as error:
            what = f"not the event that stood at byte {offset} before: {error}"
            raise build_damage_error(self._journal, 1, what) from None

    def scan(self, size: int) -> None:
        """Add the answers in the first `size` bytes, which are whole lines that others checked.

        Raises:
            JournalError: The journal cannot be read, or a line is no event.
        """
        for start, block in self._read_blocks(size):
            self._add_block(start, block)

    def _read_blocks(self, size: int) -> Iterator[tuple[int, bytes]]:
        """Yield whole lines, some at a time, and where they begin."""
        start = 0
        try:
            with self._journal.open("rb", buffering=0) as file:
                while start < size and (block := file.read(min(size - start, _BLOCK))):
                    end = block.rfind(b"\n") + 1
                    while not end and (more := file.read(_BLOCK)):  # a line of megabytes
                        block += more
                        end = block.rfind(b"\n") + 1
                    if not end:
                        return
                    yield start, block if end == len(block) else block[:end]
                    start = file.seek(start + end)
        except OSError as error:
            raise build_io_error("read", self._journal, error) from error

    def _add_block(self, start: int, block: bytes) -> None:
        """Add the events of whole lines; nearly all are answers that were neither cut nor refused.

        For those nothing is called and no line is copied: there may be millions.
        """
        find, valued, at_mark = block.find, self._valued, 0
        candidate = split = ""
        column = _Column(bytearray(), array("q"))
        for event in self._decode_block(block):
            begin, at_mark = at_mark, find(b"\n", at_mark) + 1
            if type(event) is _ShortAnswer:
                reason, question, score = event.finish_reason, event.question, event.score
                if event.candidate != candidate or event.split != split:
                    candidate, split = event.candidate, event.split
                    column = self._get_column(candidate, event.split)
                is_plain = reason == "stop" or reason not in _SPECIAL
                if is_plain and question not in column.before:
                    column.at[question] = start + begin
                    column.marks[question] = (
                        _RIGHT
                        if score == 1.0 and not valued
                        else _WRONG
                        if score == 0.0 and not valued
                        else self._judge(score)
                    )
                    continue
            if isinstance(event, _OWN):
                self.add(decode_event(block[begin:at_mark]), start + begin)
            elif event is not None:
                self.add(event, start + begin)

    def _decode_block(self, block: bytes) -> list[Any]:
        """Return what each line holds, as shortly as can be; None for nothing of interest."""
        try:
            events = _build_decoder().decode_lines(block)
        except (ValueError, RecursionError):  # a lone surrogate, which msgspec refuses
            events = []
        if len(events) == block.count(b"\n"):
            return events
        return list(map(self._decode_line, block.split(b"\n")[:-1]))  # or there are empty lines

    def _decode_line(self, line: bytes) -> Event | None:
        if not line or line.isspace():
            return None
        try:
            return decode_event(line)
        except MalformedEvent as error:
            raise build_damage_error(self._journal, 1, f"not an event of a run: {error}") from None

    def add(self, event: Any, offset: int) -> None:
        """Add the event of the line that begins at byte `offset`, if it is about an answer."""
        match event:
            case Answered():
                self._add_answer(event, offset)
            case FirstReply():
                column, question = self._get_column(event.candidate, event.split), event.question
                refused = is_filtered(event.text, event.finish_reason)
                known = column.open.get(question, _Open(False, False, False))
                cut = known.cut if refused else event.finish_reason in CUT
                column.open[question] = _Open(known.refused or refused, cut, True)
                column.before.setdefault(question, []).append(offset)
            case Feedback():
                column = self._get_column(event.candidate, event.split)
                column.before.setdefault(event.question, []).append(offset)
            case Refused():
                column = self._get_column(event.candidate, event.split)
                known = column.open.pop(event.question, _Open(True, False, False))
                self._set(column, event.question, offset, _REFUSED, cut=known.cut)

    def _add_answer(self, event: Answered, offset: int) -> None:
        column, question = self._get_column(event.candidate, event.split), event.question
        known = column.open.pop(question, _Open(False, False, False))
        refused = is_filtered(event.text, event.finish_reason)
        cut = event.finish_reason in CUT
        if refused or (known.ungraded and cut != known.cut and self._repeats(column, event)):
            cut = known.cut
        mark = _REFUSED if refused or known.refused else self._judge(event.score)
        self._set(column, question, offset, mark, cut=cut)

    def _repeats(self, column: _Column, event: Answered) -> bool:
        """Return whether an answer is the reply before it once more, now with its grade."""
        for offset in reversed(column.before[event.question]):
            reply = self._read_line(offset)
            if isinstance(reply, FirstReply) and not is_filtered(reply.text, reply.finish_reason):
                return reply.text == event.text
        return False

    def _judge(self, score: float | None) -> int:
        if score is None:
            return _UNREADABLE
        if self._valued:
            return _VALUED
        return _RIGHT if score == 1.0 else _PARTLY if score > 0 else _WRONG

    @staticmethod
    def _set(column: _Column, question: int, offset: int, mark: int, *, cut: bool) -> None:
        column.at[question] = offset
        column.marks[question] = ord(chr(mark).upper()) if cut else mark

    def _get_column(self, candidate: str, split: Split) -> _Column:
        column = self._columns.get((candidate, split))
        if column is None:
            size = self._sizes[split]
            column = _Column(bytearray([_BLANK]) * size, array("q", [-1]) * size)
            self._columns[candidate, split] = column
        return column
