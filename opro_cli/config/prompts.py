"""Prompts that stand in files of their own: read once, into the config of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opro_cli.core.settings.meta_prompt import KEY
from opro_cli.core.settings.prompts import (
    FILE,
    START,
    TURN,
    hash_prompt,
    list_turns,
)
from opro_cli.core.settings.schema import Path as KeyPath
from opro_cli.core.settings.schema import Problem, nearest
from opro_cli.core.task.chat import has_instruction
from opro_cli.core.text import UNSENDABLE
from opro_cli.errors import reason_of
from opro_cli.files import open_to_read

MOST_BYTES = 1_000_000
"""Of a prompt's file; no model reads as much."""

_LONGEST_NAME = 250
"""Characters of a text that may be the name of a file."""


class UnusablePrompt(ValueError):
    """A file that is no prompt; says why."""


def read_prompt_file(path: Path) -> str:
    """Return the text of a file, byte for byte but for a byte order mark at its start.

    Raises:
        UnusablePrompt: It cannot be read, or is no prompt.
    """
    try:
        with open_to_read(path) as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise UnusablePrompt(f"{path}: no such file{_guess_name(path)}") from None
    except (OSError, ValueError) as error:
        raise UnusablePrompt(f"{path}: cannot be read: {reason_of(error)}") from None
    if len(data) > MOST_BYTES:
        raise UnusablePrompt(
            f"{path}: larger than {MOST_BYTES // 1_000_000} MB, which is no prompt"
        )
    return decode_prompt(path, data)


def decode_prompt(path: Path, data: bytes) -> str:
    """Return the text of a prompt's file; raises UnusablePrompt as `read_prompt_file`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        where = f"byte {error.start}, line {line}"
        raise UnusablePrompt(f"{path}: not UTF-8 text ({where}); save it as UTF-8") from None
    if UNSENDABLE.search(text):
        raise UnusablePrompt(f"{path}: holds a NUL character, so it is no text")
    if not text.strip():
        raise UnusablePrompt(f"{path}: is empty")
    return text


def _guess_name(path: Path) -> str:
    try:
        guess = nearest(path.name, sorted(each.name for each in path.parent.iterdir()))
    except OSError:
        return f"; there is no folder {path.parent}" if not path.parent.is_dir() else ""
    return f' (did you mean "{guess}"?)' if guess else ""


def locate(path: Path, folder: Path) -> Path:
    """Return where a file is; beside the config when it is nowhere, for the error to name."""
    try:
        beside = (folder / path.expanduser()).resolve()
        return path.resolve() if not beside.exists() and path.exists() else beside
    except (OSError, RuntimeError, ValueError):  # no such user, a NUL, a name too long
        return folder / path


def names_file(text: str, folders: Sequence[Path]) -> bool:
    """Return whether a text is the name of a file in one of these folders."""
    if len(text) > _LONGEST_NAME or "\n" in text or not text.strip():
        return False
    try:
        return any((folder / Path(text.strip()).expanduser()).is_file() for folder in folders)
    except (OSError, RuntimeError, ValueError):  # no such user, a NUL, a name too long
        return False


@dataclass(slots=True)
class _Inlining:
    """The texts of one config that take the place of the names of their files."""

    folder: Path
    files: dict[str, dict[str, str]]
    """What the config says of files that were read before, by the name of the text."""
    problems: list[Problem] = field(default_factory=list)

    is_put_off: bool = False
    """The names are made absolute, and the files read later."""

    def read(self, value: Any, name: str, path: KeyPath) -> Any:
        """Return the text in the file that a value names; any other value as it is."""
        if not isinstance(value, str) or not value.startswith(FILE) or self.was_read(value, name):
            return value
        if not value.removeprefix(FILE).strip():
            self.problems.append(Problem(path, f"expected a path behind {FILE}, found none"))
            return value
        file = locate(Path(value.removeprefix(FILE).strip()), self.folder)
        if self.is_put_off:
            return f"{FILE}{file}"
        try:
            text = read_prompt_file(file)
        except UnusablePrompt as error:
            self.problems.append(Problem(path, str(error)))
            return value
        self.files[name] = {"place": name, "file": str(file), "sha256": hash_prompt(text)}
        return text

    def read_words(self, value: Any) -> Any:
        """Return the text of a meta-prompt; what is not the text itself names a file."""
        is_text = not isinstance(value, str) or "{{" in value or "\n" in value.strip()
        if is_text or not value.strip():
            return value
        named = value if value.startswith(FILE) else f"{FILE}{value}"
        text = self.read(named, KEY, ("search", "meta_prompt"))
        return value if text == named and not self.is_put_off else text

    def was_read(self, text: str, name: str) -> bool:
        """Return whether a text is that of a file already, whatever it begins with."""
        return self.files.get(name, {}).get("sha256") == hash_prompt(text)


def inline_prompts(raw: Any, folder: Path, *, is_put_off: bool = False) -> list[Problem]:
    """Put the texts of `file:PATH` into a config, and which files they are from beside them.

    Paths are looked for beside the config, then in the current folder. A file that is a message of
    `task.prompt` is the start prompt itself where no message has a hole for it.

    Args:
        raw: The config as plain data; sections that change are made anew.
        folder: Of the config.
        is_put_off: The files are only named by their absolute paths, since a section of this config
            goes into another one, which then says what the files are.

    Returns:
        What is wrong with the files.
    """
    if not isinstance(raw, dict):
        return []
    listed = raw.get("prompt_files")
    known = (e for e in (listed if isinstance(listed, list) else ()) if isinstance(e, dict))
    before = {str(each.get("place")): each for each in known}
    inlining = _Inlining(folder, before, is_put_off=is_put_off)
    search = raw.get("search")
    if isinstance(search, Mapping):
        for name in ("start", "initial_instructions"):
            if name in search:
                texts = _inline_start(search[name], ("search", name), inlining)
                raw["search"] = {**raw["search"], name: texts}
        if "meta_prompt" in search:
            words = inlining.read_words(search["meta_prompt"])
            raw["search"] = {**raw["search"], "meta_prompt": words}
    _inline_chat(raw, inlining)
    if inlining.files:
        raw["prompt_files"] = list(inlining.files.values())
    return inlining.problems


def _inline_start(value: Any, path: KeyPath, inlining: _Inlining) -> Any:
    if isinstance(value, list):
        return [
            inlining.read(each, f"{START}.{index}", (*path, index))
            for index, each in enumerate(value)
        ]
    return inlining.read(value, f"{START}.0", path)


def _inline_chat(raw: dict[str, Any], inlining: _Inlining) -> None:
    task = raw.get("task")
    chat = task.get("prompt") if isinstance(task, Mapping) else None
    named = [path for path, _, text in list_turns(chat) if text.startswith(FILE)]
    if not named or not isinstance(chat, list):
        return
    texts = list(chat)
    for path, role, value in list_turns(chat):
        index = int(path[2])
        texts[index] = {role: inlining.read(value, f"{TURN}.{index}", path)}
    read = [path for path in named if f"{TURN}.{path[2]}" in inlining.files]
    if len(read) == 1 == len(named) and not any(has_instruction(t) for *_, t in list_turns(texts)):
        _make_start(raw, texts, read[0], inlining)
    raw["task"] = {**raw["task"], "prompt": texts}


def _make_start(raw: dict[str, Any], chat: list[Any], path: KeyPath, inlining: _Inlining) -> None:
    """Make the one message that is from a file the start prompt, and a hole in its place.

    Where the config gives start prompts, what is wrong is said when it is read.
    """
    search = {} if raw.get("search") is None else raw["search"]
    if not isinstance(search, Mapping) or {"start", "initial_instructions"} & search.keys():
        return
    _, _, index, role = path
    entry = inlining.files.pop(f"{TURN}.{index}")
    raw["search"] = {**search, "start": chat[int(index)][role]}
    chat[int(index)] = {role: "{{instruction}}"}
    inlining.files[f"{START}.0"] = {**entry, "place": f"{START}.0"}
