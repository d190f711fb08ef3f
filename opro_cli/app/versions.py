"""The prompt of a config as it is now, and as it was at a git revision."""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from opro_cli import wiring
from opro_cli.config.overrides import Override
from opro_cli.config.yaml_file import read_yaml
from opro_cli.core.settings.differences import convert_to_plain, find_changes
from opro_cli.core.settings.filled import get_section
from opro_cli.core.settings.prompts import FILE, list_turns
from opro_cli.core.settings.schema import Path as KeyPath
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.chat import ChatTemplate, RawChat, fill_instruction, parse_chat
from opro_cli.core.task.prompt import Prompt, encode_form
from opro_cli.errors import ConfigError, UsageError
from opro_cli.files import write_atomically
from opro_cli.processes import Finished, read_program

_PROMPTS = ("search.initial_instructions", "task.prompt", "task.instruction_position")
"""Keys that are the prompt itself."""
_ASKED = ("task.", "scorer.", "roles.")
"""Sections that decide how a prompt is asked and graded."""


@dataclass(frozen=True, slots=True)
class Version:
    """A config, as far as its prompt goes.

    Attributes:
        where: For people, "mine.yaml at main".
        text: Its start prompt.
        template: The chat that the start prompt stands in.
        plain: All settings.
    """

    where: str
    text: str
    template: ChatTemplate
    plain: Mapping[str, Any]


def read_version(config: Path) -> Version:
    """Return a config as it is in the working tree.

    Raises:
        UsageError: It has several start prompts, or cannot be read.
    """
    settings = wiring.read_scoring_config(config)
    return _build_version(str(config), settings, convert_to_plain(settings))


def _build_version(where: str, settings: Settings, plain: Mapping[str, Any]) -> Version:
    texts = settings.search.initial_instructions
    if len(texts) > 1:
        raise UsageError(
            f"{where}: has {len(texts)} start prompts, and a gate compares one with one",
            "name the two with --prompt OLD --prompt NEW",
        )
    return Version(where, texts[0], settings.task.format.template, plain)


def read_version_at(config: Path, revision: str) -> Version:
    """Return a config as it was at a git revision, with the files of its prompts from there, too.

    Nothing is checked out: git prints the files, and they are read from a folder that is removed
    again.

    Args:
        config: The file in the working tree.
        revision: A branch, a tag, a commit, HEAD~1.

    Raises:
        UsageError: There is no git, repository, revision or file, or the config of then cannot be
            read.
    """
    where = f"{config} at {revision}"
    tree = _Tree.open(config, revision)
    with TemporaryDirectory(prefix="opro-") as scratch:
        folder = Path(scratch).resolve()
        copy = tree.copy(tree.locate(config.resolve()), folder)
        try:
            copies = [
                Override(key, f"{FILE}{tree.copy(tree.find(file, config), folder)}", "")
                for key, file in _list_prompt_files(read_yaml(copy).raw)
            ]  # as named they may be found in the working tree
            settings = wiring.read_scoring_config(copy, copies, config.resolve().parent)
        except ConfigError as error:
            problems = [each.replace(str(copy), where) for each in error.problems]
            problems = [each.replace(str(folder), str(tree.root)) for each in problems]
            raise ConfigError(where, problems, "an older opro may have read it") from None
        plain = _map_paths(convert_to_plain(settings), str(folder), str(tree.root))
        return _build_version(where, settings, plain)


def _list_prompt_files(raw: Any) -> Iterator[tuple[KeyPath, Path]]:
    """Yield the files that a config takes prompts from, as it names them, each with its key."""
    search, texts = get_section(raw, "search"), list[tuple[KeyPath, Any]]()
    for name in ("start", "initial_instructions", "candidates"):
        value = search.get(name)
        listed = enumerate(value) if isinstance(value, list) else ()
        texts += [(("search", name, index), each) for index, each in listed]
        texts.append((("search", name), value))
    turns = list_turns(get_section(raw, "task").get("prompt"))
    texts += [(path, frozen) for path, _, frozen in turns]
    for key, text in texts:
        if isinstance(text, str) and text.startswith(FILE) and text.removeprefix(FILE).strip():
            yield key, Path(text.removeprefix(FILE).strip())


def _map_paths(value: Any, old: str, new: str) -> Any:
    """Return plain data whose paths in one folder are those in another."""
    if isinstance(value, Mapping):
        return {name: _map_paths(each, old, new) for name, each in value.items()}
    if isinstance(value, list):
        return [_map_paths(each, old, new) for each in value]
    return value.replace(old, new) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class _Tree:
    """The files of a repository at one commit.

    Attributes:
        root: The folder of the working tree.
        commit: Its hash.
        revision: As it was asked for.
    """

    root: Path
    commit: str
    revision: str

    @classmethod
    def open(cls, config: Path, revision: str) -> _Tree:
        """Find the repository of a config and the commit of a revision."""
        folder = config.resolve().parent
        found = _ask_git(folder, "rev-parse", "--show-toplevel")
        if found.code:
            raise UsageError(
                f"{config}: --against needs a git repository: {_read_words(found)}",
                "give both prompts instead: --prompt OLD --prompt NEW",
            )
        commit = None
        if revision and not revision.startswith("-"):
            commit = _ask_git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        if commit is None or commit.code:
            raise UsageError(
                f"--against: this repository has no revision {revision!r:.80}",
                "`git log --oneline` lists them; a shallow clone, as of CI, has to fetch it first",
            )
        root = Path(os.fsdecode(found.out).rstrip("\n"))
        return cls(root.resolve(), commit.out.decode().strip(), revision)

    def locate(self, path: Path) -> str:
        """Return the path of a file inside the repository, with slashes."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            raise UsageError(
                f"{path}: is outside of the repository {self.root}, so it has no revisions",
                "give both prompts instead: --prompt OLD --prompt NEW",
            ) from None

    def find(self, file: Path, config: Path) -> str:
        """Return where a file of a prompt is: beside the config, else from the current folder."""
        path = file.expanduser()
        beside, here = (
            Path(posixpath.normpath((folder / path).as_posix()))
            for folder in (config.resolve().parent, Path.cwd().resolve())
        )
        name = self.locate(beside)
        if self.read(name) is None and here.is_relative_to(self.root):
            other = self.locate(here)
            return name if self.read(other) is None else other
        return name

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a file; None where the commit has none of that name."""
        shown = _ask_git(self.root, "show", "--no-textconv", f"{self.commit}:{name}")
        return None if shown.code else shown.out

    def copy(self, name: str, folder: Path) -> Path:
        """Write a file of the commit below a folder, and return its path."""
        data = self.read(name)
        if data is None:
            raise UsageError(
                f"{name}: is not in revision {self.revision} ({self.commit[:12]})",
                "name a revision that has it, or give both prompts: --prompt OLD --prompt NEW",
            )
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data, lasting=False)
        return path


def _ask_git(folder: Path, *arguments: str) -> Finished:
    """Return what git says; it only reads, and asks nobody anything."""
    git = shutil.which("git")
    if git is None:
        raise UsageError(
            "--against needs git, and there is none on this machine",
            "install it, or give both prompts: --prompt OLD --prompt NEW",
        )
    return read_program(git, "-C", str(folder), *arguments)


def _read_words(found: Finished) -> str:
    lines = found.err.decode("utf-8", "replace").strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else f"git exited with {found.code}"


def write_prompts(before: Version, now: Version) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return text and form of both prompts.

    Where both stand in the same chat, each is its start prompt. Else the whole chats are compared,
    the start prompts in them: a text that shows it all, and a form that holds it.

    Raises:
        UsageError: A chat cannot be written with the prompt in it.
    """
    whole = [fill_instruction(each.template, "\x01") for each in (before, now)]
    if _normalize(whole[0]) == _normalize(whole[1]):
        return (before.text, ""), (now.text, "")
    first, second = map(_write_whole, (before, now))
    return first, second


def _write_whole(version: Version) -> tuple[str, str]:
    chat = fill_instruction(version.template, version.text)
    rendered = version.template.render(lambda name: {"instruction": version.text}.get(name, ""))
    if parse_chat(chat).render(lambda _: "") != rendered:
        raise UsageError(
            f"{version.where}: its prompt cannot be put into its messages: a backslash stands "
            "before {{",
            "take the backslash out",
        )
    text = "\n\n".join(f"{role}:\n{frozen}" for role, frozen in chat)
    return text, encode_form(Prompt(text, chat=chat))


def _normalize(chat: RawChat) -> list[tuple[str, str]]:
    return [(role, frozen.replace("\r\n", "\n")) for role, frozen in chat]


def note_differences(before: Version, now: Version) -> tuple[str, ...]:
    """Return a note about what else differs: both prompts are asked as the config is now."""
    changes = [
        change.path
        for change in find_changes(before.plain, now.plain)
        if change.path.startswith(_ASKED)
        and not change.path.startswith(_PROMPTS)
        and not change.is_operational
    ]
    if not changes:
        return ()
    return (
        f"{before.where} differs in {', '.join(changes)}, too: both prompts are asked as "
        f"{now.where} has it",
    )
