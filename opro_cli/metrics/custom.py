"""Grade answers with the user's own regular expression or Python function."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable

from opro_cli.core.scale import SHARE, read_value
from opro_cli.core.task.example import UNREADABLE, Example, Grade
from opro_cli.errors import RunError
from opro_cli.reading.answer_text import collapse_spaces, is_same_text, require_text
from opro_cli.reading.final_answer import find_final_answer
from opro_cli.reading.reply_text import take_tail
from opro_cli.reading.structure import find_structures
from opro_cli.reading.thoughts import drop_thoughts


class RegexMetric:
    """The last match in the reply, group 1 or else the whole, compared as by `exact`.

    Only the last READ_LIMIT characters are searched, without thoughts. Because a pattern may
    backtrack endlessly, a run grades with it in a process that can be killed; see `Grader`.
    """

    target = staticmethod(require_text)

    def __init__(self, pattern: str) -> None:
        """Raise ValueError for an empty or a broken pattern, with the position."""
        if not pattern:
            raise ValueError("expected a pattern, as in regex:= (\\d+)")
        try:
            self._pattern = re.compile(pattern)
        except re.error as error:
            where = "" if error.pos is None else f" at position {error.pos}"
            raise ValueError(f"broken pattern {pattern!r}: {error.msg}{where}") from error
        except (OverflowError, RecursionError) as error:
            raise ValueError(f"broken pattern {pattern[:80]!r}: {error}") from error

    def find_doubt(self, example: Example) -> str:
        """Return why no reply could match as the target; "" where one can, or nothing tells.

        The part of the pattern that is read must match the target itself. A long target is not
        tried: a pattern may backtrack endlessly, and there is no process to kill here.
        """
        part = _compile_read_part(self._pattern)
        if part is None or len(example.target) > LONGEST_TRIED:
            return ""
        tried = (example.target, *(f"{article} {example.target}" for article in ("the", "a", "an")))
        if any(part.fullmatch(each) or part.fullmatch(each.lower()) for each in tried):
            return ""
        return f"{example.target!r} is nothing that {part.pattern} matches"

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """Return 1.0 for the same text, 0.0 for another; an empty match is unreadable."""
        tail, whole = take_tail(drop_thoughts(reply)), reply.rstrip()
        # what stands behind the thoughts stands at the end of the reply
        start = len(whole) - len(tail) if whole.endswith(tail) else None
        answer, found = "", 0
        for match in self._pattern.finditer(tail):
            group = 1 if self._pattern.groups and match[1] is not None else 0
            answer = match[group].strip()
            found = match.start(group) + match[group].find(answer)
        if not answer:
            return UNREADABLE
        span = None if start is None else (start + found, start + found + len(answer))
        return Grade(answer, float(is_same_text(answer, example.target)), span)


LONGEST_TRIED = 20
"""Characters of a target that a pattern is tried on in this process."""


def _compile_read_part(pattern: re.Pattern[str]) -> re.Pattern[str] | None:
    """Return the part of a pattern that is read as the answer: group 1, or else the whole.

    Returns:
        None where it means nothing by itself: it looks around, or back at another group.
    """
    source = pattern.pattern
    if pattern.groups:
        start = next(m.end() for m in _GROUP.finditer(source) if m["opens"])
        depth = 1
        for token in _TOKEN.finditer(source, start):
            depth += {"(": 1, ")": -1}.get(token[0][:1], 0)
            if depth == 0:
                source = source[start : token.start()]
                break
    if re.search(r"\(\?[=!<]|\(\?P=|\\[1-9]|[\^$]|\\[bBAZ]", source):
        return None
    try:
        return re.compile(source, pattern.flags | re.IGNORECASE)
    except (re.error, ValueError):
        return None


_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]", re.DOTALL)
_GROUP = re.compile(rf"(?P<opens>\((?!\?)|\(\?P<\w+>)|{_TOKEN.pattern}", re.DOTALL)

ScoreFunction = Callable[[str, str, str], float | bool | None]

LONGEST_READ, LONGEST_SHOWN = 20_000, 1_000
"""Characters of a function's error or result that are searched for keys, and shown."""


class FunctionMetric:
    """Score by `function(reply, target, question)`: 0.0 to 1.0, or None for unreadable.

    Gold answers that are objects or lists are JSON texts. The answer of a grade, the final answer
    of the reply, is for display only.
    """

    structures = frozenset({"object", "list"})

    def __init__(self, function: ScoreFunction, redact: Callable[[str], str] = str) -> None:
        """Create the metric; `redact` removes keys from errors and results in messages."""
        self._function = function
        self._redact = redact
        self._name = getattr(function, "__qualname__", repr(function))

    def target(self, raw: str) -> str:
        """Return the gold answer without surrounding whitespace."""
        return raw.strip()

    def grade(self, reply: str, example: Example, prompt: str = "") -> Grade:
        """Return the function's score of `reply`.

        Raises:
            RunError: The function raised, or returned anything but a score or None.
        """
        try:
            score: object = self._function(reply, example.target, example.input)
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            where, called = _find_own_line(error)
            hint = "make it return None for a reply that it cannot read"
            raise RunError(
                f"metric function {self._name} raised {type(error).__name__}: "
                f"{self._show(str(error))} on {example.source}{self._show(where)}",
                hint if called else CALLED_WITH,
            ) from error
        if score is None:
            return UNREADABLE
        value = read_value(score)
        if value is None or SHARE.refuses(value):
            raise RunError(
                f"metric function {self._name} returned {self._show(repr(score))} on "
                f"{example.source}; expected a score from 0 to 1, True, False or None"
            )
        return Grade(_summarize(reply), value)

    def _show(self, text: str) -> str:
        """Return redacted text for a message; searched further than shown, so no key is cut."""
        return self._redact(text[:LONGEST_READ])[:LONGEST_SHOWN]


CALLED_WITH = "it is called with three texts: def score(reply, target, question)"


def _find_own_line(error: BaseException) -> tuple[str, bool]:
    """Return the last line of the user's own code behind an error, and whether it ran at all.

    Own is what lies in the folder of the function, not the libraries that it calls.
    """
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is ours
    if not frames:
        return "", isinstance(error, SystemExit)
    folder = _find_folder(frames[0].filename)
    last = [frame for frame in frames if _find_folder(frame.filename) == folder][-1]
    code = f": {last.line}" if last.line else ""
    return f", at {last.filename}:{last.lineno}{code}", True


def _find_folder(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[0]


def _summarize(reply: str) -> str:
    """Return the final answer of a reply for display: its last JSON object or list, if it has any.

    The last line of such a reply is a bracket.
    """
    final = find_final_answer(reply).text
    if any(map(str.isalnum, final)):
        return final
    structures = find_structures(reply)
    return (structures[-1].text if structures else collapse_spaces(reply))[:LONGEST_SHOWN] or final
