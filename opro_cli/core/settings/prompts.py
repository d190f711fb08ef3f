"""Prompts of a config: the start prompts, a chat of the user's own, and the files they are from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from opro_cli.core.settings.schema import Path, Problem, key, text
from opro_cli.core.task.chat import (
    INSTRUCTION,
    RESERVED,
    ROLES,
    MalformedHole,
    Turn,
    parse_turn,
)
from opro_cli.core.text import encode_text

FILE = "file:"
"""The beginning of a text that stands in a file."""
START, TURN = "search.start", "task.prompt"
"""What a file may hold, behind which its number stands, counted from 0."""


@dataclass(frozen=True, slots=True)
class PromptFile:
    """The file that a text of the config was read from; the config has the text itself."""

    place: str = key(
        text(), doc="Where the text stands: `search.start.N` or `task.prompt.N`, counted from 0."
    )
    file: str = key(text(), doc="The file, as an absolute path.")
    sha256: str = key(text(), doc="The SHA-256 of its text, in hex.")


_SAME = (("start", "initial_instructions"), ("prompt", "instruction_position", "qa_markers"))
"""Keys of which the first one says the same as the others in another way."""


def drop_replaced(section: Mapping[str, Any], above: Collection[str]) -> dict[str, Any]:
    """Return a section without the keys that say what those put on top of it say in another way."""
    gone: set[str] = set()
    for first, *others in _SAME:
        if first in above:
            gone.update(others)
        if not {*others}.isdisjoint(above):
            gone.add(first)
    return {name: value for name, value in section.items() if name not in gone or name in above}


def hash_prompt(prompt: str) -> str:
    """Return the SHA-256 of a text, in hex."""
    return hashlib.sha256(encode_text(prompt)).hexdigest()


def name_start(search: Mapping[str, Any]) -> str:
    """Return the name under which a config gives its start prompts."""
    return "start" if "start" in search else "initial_instructions"


def name_start_as_given(problem: Problem, config: Mapping[str, Any]) -> Problem:
    """Return a problem of the start prompts under the name that a config gives them."""
    search = config.get("search")
    name = name_start(search) if isinstance(search, Mapping) else ""
    if name != "start" or problem.path[:2] != ("search", "initial_instructions"):
        return problem
    return replace(problem, path=("search", name, *problem.path[2:]))


def fill_start(config: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """Return a config whose start prompts are under `initial_instructions`, their older name."""
    search = config.get("search")
    if not isinstance(search, Mapping) or "start" not in search:
        return dict(config)
    if "initial_instructions" in search:
        message = "found beside search.initial_instructions, its older name; keep one of them"
        problems.append(Problem(("search", "start"), message))
    others = {name: value for name, value in search.items() if name != "start"}
    return {**config, "search": {**others, "initial_instructions": search["start"]}}


def find_prompt_faults(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with `task.prompt` besides its structure, which its reader checks.

    The config is as its user gave it, without presets.
    """
    task = config.get("task")
    chat = task.get("prompt") if isinstance(task, Mapping) else None
    if not isinstance(task, Mapping) or chat is None:
        return
    for other in ("instruction_position", "qa_markers"):
        if other in task:
            message = f"found beside task.{other}, which says where everything stands as well"
            yield Problem(("task", "prompt"), message)
            message = "found beside task.prompt, which says where everything stands; keep one"
            yield Problem(("task", other), message)
    if task.get("problem") is not None:
        yield Problem(("task", "prompt"), "found beside task.problem, which asks no scorer")
    elif task.get("evaluator", "model") != "model":
        message = f"found with task.evaluator {task['evaluator']}, which builds its own requests"
        yield Problem(("task", "prompt"), message)
    yield from _find_faults_of_turns(chat, config)


def _find_faults_of_turns(chat: Any, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the holes that are malformed, or what the chat as a whole lacks."""
    files = list_files(config)
    turns: list[Turn] = []
    for path, role, frozen in list_turns(chat):
        try:
            turns.append(parse_turn(role, frozen))
        except MalformedHole as error:
            where = describe_place(files.get(f"{TURN}.{path[-2]}"), error.line, frozen)
            yield Problem(path, f"{where}expected {error}, found {error.found!r}")
    if not isinstance(chat, list) or len(turns) != len(chat) or not turns:
        return  # the reader of the key says why
    names = {hole.name for turn in turns for hole in turn.holes}
    if INSTRUCTION not in names:
        yield _miss_instruction(chat, config, files)
    if names <= {*RESERVED[:2]}:
        message = "nothing of a row stands in it; write {{question}}, or {{name}} of a field"
        yield Problem(("task", "prompt"), message)
    if all(turn.role != "user" for turn in turns):
        yield Problem(("task", "prompt"), "no message is the user's, and models expect one")


def _miss_instruction(chat: Any, config: Mapping[str, Any], files: Mapping[str, str]) -> Problem:
    """Return the problem of a chat without a place for the optimized text."""
    remedy = "write it where the optimized text stands"
    from_files = [path for path, *_ in list_turns(chat) if f"{TURN}.{path[2]}" in files]
    if not from_files:
        message = f"no message has the hole {{{{instruction}}}}; {remedy}, or make one message "
        return Problem(("task", "prompt"), message + "file:PATH of the prompt to optimize")
    search = config.get("search")
    name = name_start(search) if isinstance(search, Mapping) else ""
    others = f"search.{name} is the start prompt"
    why = others if len(from_files) == 1 else "more than one message is from a file"
    file = files[f"{TURN}.{from_files[0][2]}"]
    return Problem(from_files[0], f"{file}: has no {{{{instruction}}}}, and {why}; {remedy}")


def list_turns(chat: Any) -> Iterator[tuple[Path, Any, str]]:
    """Yield path, role and text of the messages of a chat, as far as they are messages."""
    for index, turn in enumerate(chat if isinstance(chat, list) else ()):
        if isinstance(turn, Mapping) and len(turn) == 1:
            ((role, frozen),) = turn.items()
            if role in ROLES and isinstance(frozen, str):
                yield ("task", "prompt", index, role), role, frozen


def list_files(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the files that texts of a config were read from, by the names of the texts."""
    listed = config.get("prompt_files")
    entries = listed if isinstance(listed, list) else ()
    return {
        str(each.get("place")): str(each.get("file"))
        for each in entries
        if isinstance(each, Mapping)
    }


def describe_place(file: str | None, line: int, frozen: str) -> str:
    """Return where in a text something stands, as the beginning of a message."""
    if file is not None:
        return f"{file}:{line}: "
    return f"line {line}: " if "\n" in frozen.rstrip("\n") else ""
