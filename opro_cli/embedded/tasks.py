"""The tasks that the embedded models were trained on, told by the wording of their questions."""

from __future__ import annotations

import re
from collections.abc import Iterable

KNOWN = (
    "boolean expressions, navigation, object counting, tracking shuffled objects and closing "
    "brackets, as BIG-Bench-Hard words them"
)
"""The tasks, for messages."""

_QUESTION = re.compile(
    r"""(?:\b(?:not|and|or|True|False)\b[()\s]*){2,}\bis\b
    | \bdo\ you\ return\ to\ the\ starting\ point\?
    | \bI\ have\ .{1,2000}\ How\ many\ [\w\ ]{1,40}\ do\ I\ have\?
    | \bAt\ the\ start\ of\ (?:the|a)\ \w{1,20},\ they\ (?:are\ )?each\b
    | \bComplete\ the\ rest\ of\ the\ sequence,\ making\ sure\ that\ the\ parentheses""",
    re.DOTALL | re.VERBOSE,
)


def is_known(questions: Iterable[str]) -> bool:
    """Return whether most questions are of a task that the embedded models know."""
    known = [bool(_QUESTION.search(question)) for question in questions]
    return 2 * sum(known) > len(known)
