"""Every way in which `opro` refuses to go on.

OproError                 message, hint (the remedy), exit code; one boundary in `cli/` prints it
├── UsageError     (2)    what was asked for cannot be done as asked
│   ├── ConfigError       all problems of a config file at once
│   ├── DataError         a dataset names its file, row and field
│   └── RunFolderError    no such run, an ambiguous name, a resume that is refused
│       └── RunBusyError  another process is at work on the run
│       └── RunExistsError    a new run under a name that is taken
├── RunError       (1)    a run that exists cannot go on: its metric or its preflight fails
│   └── ResultError       its result, or another of its files, cannot be written
├── JournalError   (1)    the journal of a run cannot be read or written
├── ModelError     (1)    a model did not answer; transient or for good
└── Interrupted    (130)  stopped by the user, resumable
"""

from __future__ import annotations

from collections.abc import Sequence


class OproError(Exception):
    """A refusal that a user can read and act on.

    `message` is one lower-case sentence that says what, where, expected and found;
    `hint` is the remedy, or None when the message already is one. `where` is the file or folder
    that it is about, for programs; None where the message alone says so.
    """

    exit_code = 1
    where: str | None = None

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def reason_of(error: Exception) -> str:
    """Return the words of an error without the number and the path that Python adds to them."""
    strerror = getattr(error, "strerror", None)
    return strerror if isinstance(strerror, str) else str(error)


class UsageError(OproError):
    """What was asked for cannot be done as asked."""

    exit_code = 2


class ConfigError(UsageError):
    """A config file has problems; `problems` are finished lines, one a problem."""

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
    """A new run was to have the name of a run that exists."""


class RunError(OproError):
    """A run that exists cannot go on; what was answered is kept, so that it can be resumed."""


class ResultError(RunError):
    """A file of a run that exists cannot be written."""


class JournalError(OproError):
    """The journal of a run cannot be read or written."""


class ModelError(OproError):
    """A model did not answer.

    transient: asking again may help (rate limit, 5xx, timeout, refused connection).
    unanswerable: this one request can never be answered (filtered, too long); others may be.
    retry_after: seconds the provider asked to wait, or None.
    status: the HTTP status, or None where there was none.
    maybe_billed: the provider may have computed, and may bill, an answer that did not arrive.
    """

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        transient: bool,
        status: int | None = None,
        retry_after: float | None = None,
        unanswerable: bool = False,
        maybe_billed: bool = False,
    ) -> None:
        super().__init__(message, hint)
        self.transient = transient
        self.unanswerable = unanswerable
        self.maybe_billed = maybe_billed
        self.status = status
        self.retry_after = retry_after


class Interrupted(OproError):
    """The user stopped the run; everything answered so far is on disk."""

    exit_code = 130


class BudgetReached(Exception):
    """No call fits under a ceiling any more; the text says which one. How a session may end."""
