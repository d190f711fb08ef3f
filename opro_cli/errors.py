"""Every way in which `opro` refuses to continue.

OproError                 message, hint (the remedy), exit code; one boundary in `cli/` prints it
├── UsageError     (2)    the request cannot be carried out as given
│   ├── ConfigError       all problems of a config file at once
│   ├── DataError         a dataset names its file, row and field
│   └── RunFolderError    no such run, an ambiguous name, a resume that is refused
│       ├── RunBusyError  another process is at work on the run
│       └── RunExistsError    a new run under a name that is taken
├── RunError       (1)    a run that exists cannot go on: its metric or its preflight fails
│   ├── DoubtfulAnswers   its first answers cannot be what was asked for; a person decides
│   └── ResultError       its result, or another of its files, cannot be written
├── JournalError   (1)    the journal of a run cannot be read or written
├── ModelError     (1)    a model did not answer; transient or permanently
│   └── EmptyReplyError   it answered, and said nothing
└── Interrupted    (130)  stopped by the user, resumable
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from opro_cli.shell import quote

PINNED = "correct it and start a new run: this one resumes only with the part it began with"
"""The remedy for the failure of a part from outside opro, in place of a resume."""


def name_in_shell(folder: str) -> str:
    """Return a run as a remedy names it: its name where it is in `runs`, else its path, quoted."""
    inside, _, name = folder.replace("\\", "/").rpartition("/")  # as Windows parts them, too
    return quote(name if inside == "runs" else folder)


def asks_for_new_run(hint: str | None) -> bool:
    """Return whether a remedy is to start anew, so that no resume is to be offered beside it."""
    return hint is not None and "start a new run" in hint


class OproError(Exception):
    """A refusal that a user can read and act on.

    Attributes:
        message: One lower-case sentence that says what, where, expected and found.
        hint: The remedy, or None when the message already is one.
        where: The file or folder concerned, for programs; None where only the message says so.
        folder: Of the run that is kept, for `opro_cli.load_run`; None where there is none, and
            outside of the Python API.
    """

    exit_code = 1
    where: str | None = None
    folder: str | None = None

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def reason_of(error: Exception) -> str:
    """Return the words of an error without the number and the path that Python adds to them."""
    strerror = getattr(error, "strerror", None)
    return strerror if isinstance(strerror, str) else str(error)


class UsageError(OproError):
    """The request cannot be carried out as given."""

    exit_code = 2


class ConfigError(UsageError):
    """A config file has problems; `problems` are finished lines, one each."""

    def __init__(self, where: str, problems: Sequence[str], hint: str | None = None) -> None:
        count = f"{len(problems)} problem" + ("s" if len(problems) != 1 else "")
        super().__init__("\n".join([f"{where}: {count}", *problems]), hint)
        self.problems = tuple(problems)
        self.where = where


class DataError(UsageError):
    """A dataset cannot be used; the message names file, row and field."""


class RunFolderError(UsageError):
    """A run folder is missing, ambiguous, or must not be resumed."""


class RunBusyError(RunFolderError):
    """Another process is at work on the run."""


class RunExistsError(RunFolderError):
    """A new run would have the name of an existing one."""


class RunError(OproError):
    """A run that exists cannot go on; what was answered is kept, so that it can be resumed."""


class DoubtfulAnswers(RunError):
    """The first answers of a run are unreadable or beside the point; whether it goes on is asked.

    The first line of the message says which, the others show questions, gold answers and replies.
    """


class ResultError(RunError):
    """A file of a run that exists cannot be written."""


class JournalError(OproError):
    """The journal of a run cannot be read or written."""


class ModelError(OproError):
    """A model did not answer.

    Attributes:
        transient: Asking again may help (rate limit, 5xx, timeout, refused connection).
        status: The HTTP status, or None where there was none.
        retry_after: Seconds the provider asked to wait, or None.
        unanswerable: This one request can never be answered (filtered, too long); others may be.
        too_long: A shorter request may be.
        maybe_billed: The provider may have computed, and may bill, an answer that did not arrive.
        tries: Calls in all that it is worth, None for as many as there is patience for.
        about: "address" where that may be wrong (no such host, a web page): unless it has answered
            before, asking again helps little. "config" where the remedy is another config, which
            another run begins with; never of a model that has answered in the run. "prompt" where
            that is so for every prompt of the same form, whatever was answered before. "code" where
            a function raised: asking again helps only one that has answered before. "endpoint"
            where that server answers nobody any more, and another one may: no credit, no memory.
        refused: The optional parameter that the server does not take as it was sent; without it
            the request may be answered. "" for a refusal of anything else.
        sent: Its value, as people read it.
    """

    tries: int | None = None

    def __init__(  # noqa: PLR0913 - all but two are keywords with a default
        self,
        message: str,
        hint: str | None = None,
        *,
        transient: bool,
        status: int | None = None,
        retry_after: float | None = None,
        unanswerable: bool = False,
        too_long: bool = False,
        maybe_billed: bool = False,
        about: Literal["", "address", "config", "prompt", "code", "endpoint"] = "",
    ) -> None:
        super().__init__(message, hint)
        self.about = about
        self.transient = transient
        self.status = status
        self.retry_after = retry_after
        self.unanswerable = unanswerable
        self.too_long = too_long
        self.maybe_billed = maybe_billed
        self.refused = ""
        self.sent = ""


class EmptyReplyError(ModelError):
    """A model answered with an empty text, and with no reason that would tell why.

    That may be an accident. At temperature 0 it may also be all that there is, so that a few tries
    must do; the calls are told as far as they are known, and nothing of them is graded.
    """

    tries = 3

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint, transient=True)


class Interrupted(OproError):
    """The user stopped the run; everything answered so far is on disk."""

    exit_code = 130


class Stopped(Exception):
    """A call was not made because the run ends here: no fault of anybody's.

    Whoever calls a model lets it pass, code of the user's included.
    """


class BudgetReached(Stopped):
    """No further call fits under a ceiling; the text says which one."""


class Halted(Stopped):
    """A clean stop was asked for while a call waited."""
