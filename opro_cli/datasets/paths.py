"""Paths into a row: `question`, `answers.text.0`, `messages[role=user][-1]`.

A path is names and indices with dots between them, and selectors in brackets. A list is asked by
an index, from its end where it is negative, or by a field of its elements. Names that the row has
as they stand win, dots and brackets among them: a column "a.b" is found before "b" inside "a".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from opro_cli.core.settings.schema import show

_INDEX = re.compile(r"-?\d{1,9}")
_SELECTOR = re.compile(r"\[(?:(?P<index>-?\d{1,9})|(?P<key>[^\[\]=]+)=(?P<value>[^\[\]]*))\]")
_STEP = re.compile(r"[.\[]")
_CHAT = re.compile(r"[^\[\].]+(?:\.[^\[\].\d-][^\[\].]*)*(?=\[|\.-?\d)")
"""The beginning of a path up to its first index or selector."""
_SHOWN = 8
"""Names of fields or turns that a message lists."""
TURN_TEXTS = {"role": ("content", "parts"), "from": ("value",)}
"""Where a chat turn has its text, by the field that says whose turn it is (OpenAI, ShareGPT)."""
_CONTENTS = [key for keys in TURN_TEXTS.values() for key in keys]


class MissingFieldError(ValueError):
    """A row has nothing at a path.

    Attributes:
        name: The whole path.
        detail: What there is instead; "" where the row lacks the very first name.
    """

    def __init__(self, name: str, detail: str = "") -> None:
        super().__init__(f"expected a value, found {detail or 'no such field'}")
        self.name, self.detail = name, detail


def get_field(row: Mapping[str, object], name: str) -> object:
    """Return the value at a path; a selector without an index gives all elements it meets.

    Raises:
        MissingFieldError: There is none; says what there is.
        ValueError: A selector is broken.
    """
    return _follow(row, name, name)


def _follow(value: object, rest: str, path: str) -> object:
    """Return the value at the `rest` of a `path`."""
    if not rest:
        return value
    if isinstance(value, Mapping):
        if rest.startswith("[") and rest not in value and (rows := _transpose(value)) is not None:
            return _select(rows, rest, path)
        return _follow_name(value, rest, path)
    if isinstance(value, list):
        return _select(value, rest, path)
    _refuse_bad_selector(rest, path)
    raise MissingFieldError(path, f"no field {rest} in {show(value)}")


def _follow_name(fields: Mapping[str, object], rest: str, path: str) -> object:
    """Follow a path into an object; of several names that it may begin with, the longest."""
    missing: MissingFieldError | None = None
    for end in _list_ends(rest):
        if rest[:end] in fields:
            try:
                return _follow(fields[rest[:end]], rest[end:].removeprefix("."), path)
            except MissingFieldError as error:
                missing = missing or error
    _refuse_bad_selector(rest, path)
    detail = "" if rest == path else f"no field {rest}; there is {list_names(fields)}"
    raise missing or MissingFieldError(path, detail)


def _transpose(columns: Mapping[str, object]) -> list[object] | None:
    """Return the elements of {"from": [...], "value": [...]}, as parquet keeps some lists.

    Returns:
        None where the lists are not of one length, or are none.
    """
    lists = [each for each in columns.values() if isinstance(each, list)]
    if not lists or len(lists) < len(columns) or len({*map(len, lists)}) > 1:
        return None
    return [dict(zip(columns, values, strict=True)) for values in zip(*lists, strict=True)]


def _list_ends(rest: str) -> Iterator[int]:
    """Yield where the first name of a path may end, the longest name first."""
    yield len(rest)
    yield from reversed([match.start() for match in _STEP.finditer(rest) if match.start()])


def _select(elements: list[object], rest: str, path: str) -> object:
    """Follow a path into a list: an index, a selector, or a field of each element."""
    selector = _SELECTOR.match(rest)
    if selector is not None:
        after = rest[selector.end() :].removeprefix(".")
        if selector["index"] is None:
            chosen = _filter(elements, selector["key"].strip(), selector["value"], path)
            return _follow(chosen, after, path)
        return _follow(_pick(elements, selector["index"], path), after, path)
    _refuse_bad_selector(rest, path)
    index = _INDEX.match(rest)
    if index is not None and rest[index.end() : index.end() + 1] in ("", ".", "["):
        after = rest[index.end() :].removeprefix(".")
        return _follow(_pick(elements, index.group(), path), after, path)
    if len(elements) > 1 and any(map(is_turn, elements)):
        raise ValueError(f"expected one turn, found {describe_turns(elements)}; {_name_last(path)}")
    return [_follow(each, rest, path) for each in elements]


def _refuse_bad_selector(rest: str, path: str) -> None:
    """Raise ValueError for brackets that are no selector."""
    at = rest.find("[")
    if at < 0 or _SELECTOR.match(rest, at):
        return
    raise ValueError(
        f"expected an index or a field's value in the brackets of {show(path)}, such as "
        "messages[-1] or messages[role=user][-1]"
    )


def _pick(elements: Sequence[object], index: str, path: str) -> object:
    number = int(index)
    if -len(elements) <= number < len(elements):
        return elements[number]
    kind = "turn" if any(map(is_turn, elements)) else "element"
    count = f"{len(elements)} {kind}{'' if len(elements) == 1 else 's'}"
    raise MissingFieldError(path, f"no {kind} {number} among {count}")


def _filter(elements: list[object], key: str, wanted: str, path: str) -> list[object]:
    wanted = wanted.strip().strip("\"'")
    chosen: list[object] = [
        each
        for each in elements
        if isinstance(each, Mapping) and key in each and _write(each[key]) == wanted
    ]
    if not chosen:
        raise MissingFieldError(path, f"none with {key}={wanted}; {describe_turns(elements, key)}")
    return chosen


def _write(value: object) -> str:
    """Return a value as a selector has it."""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def is_turn(value: object) -> bool:
    """Return whether a value is one turn of a chat."""
    return isinstance(value, Mapping) and any(
        isinstance(value.get(by), str) and any(key in value for key in keys)
        for by, keys in TURN_TEXTS.items()
    )


@dataclass(frozen=True, slots=True)
class TurnAt:
    """A turn of a chat that a path means.

    Attributes:
        chat: The path of the whole chat.
        index: Of the turn, from 0.
        role: Whose turn it is.
    """

    chat: str
    index: int
    role: str


def find_turn(row: Mapping[str, object], path: str) -> TurnAt | None:
    """Return the turn that a path of a row means; None where it means something else."""
    chat = _CHAT.match(path)
    if chat is None or path in row:
        return None
    bare = next(
        (path.removesuffix(f".{key}") for key in _CONTENTS if path.endswith(f".{key}")), path
    )
    try:
        turns, turn = get_field(row, chat[0]), get_field(row, bare)
    except ValueError:
        return None
    if isinstance(turn, list) and len(turn) == 1:
        turn = turn[0]
    if not isinstance(turns, list) or not isinstance(turn, Mapping) or not is_turn(turn):
        return None
    role = next(_write(turn[by]) for by in TURN_TEXTS if by in turn)
    index = next((i for i, each in enumerate(turns) if each is turn), None)
    return None if index is None else TurnAt(chat[0], index, role)


def read_turn(turn: Mapping[str, object]) -> object:
    """Return the content of a turn of a chat.

    Raises:
        ValueError: It has none, as a call of a tool has.
    """
    keys = [key for by, keys in TURN_TEXTS.items() if by in turn for key in keys]
    content = next((turn[key] for key in keys if turn.get(key) is not None), None)
    if content is None:
        raise ValueError(f"expected a turn with a text, found one with {list_names(turn)} alone")
    return content


def describe_turns(elements: Sequence[object], key: str = "") -> str:
    """Say what a list of turns, or of other objects, holds: "3 turns: system, user, assistant"."""
    by = key or next((by for by in TURN_TEXTS for each in elements if _has(each, by)), "")
    values = [show_plain(_write(each[by])) for each in elements if _has(each, by)]  # type: ignore[index]
    kind = "turn" if any(map(is_turn, elements)) else "element"
    count = f"{len(elements)} {kind}{'' if len(elements) == 1 else 's'}"
    more = ", …" if len(values) > _SHOWN else ""
    return f"{count}: {', '.join(values[:_SHOWN])}{more}" if values else f"{count} without {by}"


def _has(value: object, key: str) -> bool:
    return isinstance(value, Mapping) and key in value


def suggest_turns(elements: Sequence[object], path: str) -> str:
    """Return paths of one turn, for a message on one that meets several turns of a chat."""
    if path.endswith("]"):
        return _name_last(path)
    by = next((by for by in TURN_TEXTS for each in elements if _has(each, by)), "role")
    question, answer = ("user", "assistant") if by == "role" else ("human", "gpt")
    asked, answered = f"{path}[{by}={question}][-1]", f"{path}[{by}={answer}][-1]"
    return f"{asked} is the last question, {answered} the last answer"


def _name_last(path: str) -> str:
    closing = path.rfind("]")
    return f"name one, as {path[: closing + 1]}[-1]{path[closing + 1 :]} does the last"


def list_names(fields: Mapping[str, object]) -> str:
    """Return the names of fields for a message; what does not print is escaped."""
    names = [show_plain(name) for name in fields]
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "") or "nothing"


def show_plain(text: str) -> str:
    """Return a text of the data as it may stand in a message: short, and only what prints."""
    return text if text.isprintable() and len(text) <= 40 else show(text)
