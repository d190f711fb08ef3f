"""The prompt that a run found, printed whole, or written back into the file that it came from."""

from __future__ import annotations

import codecs
import json
import re
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from opro_cli.app.named_prompts import build_unscored_error, find_prompt
from opro_cli.app.open_prompts import build_open_messages, build_whole_prompt
from opro_cli.app.run_settings import read_recorded_settings
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.deciding import measure_mean
from opro_cli.core.run.selection import find_baseline
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.prompts import START, PromptFile
from opro_cli.core.settings.settings import Settings
from opro_cli.core.task.chat import ESCAPED
from opro_cli.core.task.prompt import Prompt, encode_form
from opro_cli.core.text import encode_text
from opro_cli.errors import ResultError, UsageError, reason_of
from opro_cli.files import explain_refusal, read_file, write_atomically
from opro_cli.reports.prompts import WholePrompt, serialize_form
from opro_cli.reports.recorded import RecordedRun
from opro_cli.reports.result import build_result
from opro_cli.reports.selected import BEST, select_prompt
from opro_cli.store.folders import Note, find_run
from opro_cli.store.run_folder import read_run


def read_prompt(runs_dir: Path, name: str, note: Note | None = None) -> WholePrompt:
    """Return the prompt that RUN or RUN@PLACE names, with its holes open.

    Args:
        runs_dir: Where runs are kept.
        name: RUN for its best prompt, RUN@start, RUN@STEP or RUN@STEP.NUMBER.
        note: Gets which run a name means where several have it.

    Raises:
        UsageError: The run has no such prompt, or none with a score yet.
    """
    folder, selector = find_prompt(runs_dir, name, note)
    run = read_run(folder)
    candidate = select_prompt(run, selector).candidate
    if candidate is None:
        raise build_unscored_error(run)
    if selector == BEST and run.status != "finished" and note is not None:
        note(f"{run.name} is {run.status}, so this is its best prompt so far")
    whole = build_whole_prompt(run, candidate)
    if whole.escaped and note is not None:
        sent = "where the instruction itself has {{, which was sent as it is"
        note(f"{ESCAPED} stands {sent}: nothing fills it")
    return whole


def freeze_form(run: RecordedRun, prompt: Prompt, settings: Settings) -> str:
    """Return the form of a prompt that needs no row of its run: a chat with all that it shows.

    The text of any other prompt may stand in it in place of its own.

    Args:
        run: Whose train rows and replies it shows.
        prompt: With worked examples, or a layout of its own.
        settings: Of the run.
    """
    messages = build_open_messages(run, replace(prompt, instruction="{{instruction}}"), settings)
    chat = tuple((message.role, message.content) for message in messages)
    return encode_form(Prompt("", chat=chat))


@dataclass(frozen=True, slots=True)
class Application:
    """The best prompt of a run, and the file that it may be written into.

    Attributes:
        run: The run's name.
        argument: The run as a command takes it.
        path: The file.
        began_with: The text that the run began with.
        found: The file's content as it is now.
        winner: Its content with the best prompt, in the file's own line breaks.
        why: Why it is this file, where there are several.
        chat: The whole prompt as JSON, where it has worked examples or a layout, for which the file
            has no place; empty for none. It goes into `chat_path`.
        chat_found: The content of that file as it is now; empty for none.
    """

    run: str
    argument: str
    path: Path
    began_with: str
    found: bytes
    winner: bytes
    why: str
    chat: bytes = b""
    chat_found: bytes = b""

    @property
    def chat_path(self) -> Path:
        """The file beside the other one for the whole prompt."""
        return self.path.with_name(f"{self.path.name}.chat.json")

    @property
    def found_text(self) -> str:
        """The file's text as it is now."""
        return self.found.decode("utf-8-sig", "replace")

    @property
    def winner_text(self) -> str:
        """The file's text with the best prompt."""
        return self.winner.decode("utf-8-sig", "replace")

    @property
    def is_done(self) -> bool:
        """The files have the best prompt already."""
        return self.found == self.winner and self.chat in (b"", self.chat_found)

    @property
    def is_changed(self) -> bool:
        """The file is neither as the run began with it nor as it would be written.

        Another kind of line breaks, as git may check them out, is no change.
        """
        texts = (text.replace("\r\n", "\n") for text in (self.found_text, self.began_with))
        return self.found != self.winner and len({*texts}) > 1


def plan_application(
    runs_dir: Path, name: str, *, anyway: bool = False, note: Note | None = None
) -> Application:
    """Return what `opro apply` would write; nothing is written.

    Args:
        runs_dir: Where runs are kept.
        name: Of the run.
        anyway: Whatever the verdict is.
        note: Gets which run a name means where several have it.

    Raises:
        UsageError: There is nothing to write, no file to write it into, or the verdict is against
            it.
    """
    folder = find_run(runs_dir, name, note)
    run = read_run(folder)
    by_hand = f"`opro prompt {run.argument} --instruction > FILE` writes it into a file"
    winner = select_prompt(run, BEST).candidate
    if winner is None:
        raise build_unscored_error(run)
    settings = read_recorded_settings(Path(run.folder))
    files = _list_start_files(settings)
    if not files:
        raise UsageError(f"{run.name}: no start prompt of this run is from a file", by_hand)
    if winner.step == 0:
        raise UsageError(
            f"{run.name}: its best prompt is a start prompt, so there is nothing to write"
        )
    if not anyway:
        _require_improvement(run)
    start, why = _find_ancestor(run.state, winner)
    if start not in files:
        raise UsageError(f"{run.name}: {why}, and is from no file", by_hand)
    path = Path(files[start].file)
    began_with = run.state.search.initial_instructions[start]
    try:
        found = read_file(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {reason_of(error)}", by_hand) from None
    written = fit_into_file(winner.instruction, found)
    application = Application(
        run.name, run.argument, path, began_with, found, written, why if len(files) > 1 else ""
    )
    return _add_chat(application, run, winner, settings) if winner.form else application


def _add_chat(
    application: Application, run: RecordedRun, winner: Candidate, settings: Settings
) -> Application:
    """Return the application of a prompt that has more than a text, with the chat of all of it."""
    messages = build_open_messages(run, winner.content, settings)
    whole = WholePrompt(run.name, winner.step, winner.instruction, messages, serialize_form(winner))
    chat = json.dumps(whole.to_json(), ensure_ascii=False, indent=2)
    found = b""
    with suppress(OSError, ValueError):  # most often there is none yet
        found = read_file(application.chat_path)
    return replace(application, chat=encode_text(f"{chat}\n"), chat_found=found)


def _list_start_files(settings: Settings) -> dict[int, PromptFile]:
    """Return the files of the start prompts, by the number of the prompt from 0."""
    return {
        int(each.place.rpartition(".")[2]): each
        for each in settings.prompt_files or ()
        if each.place.startswith(f"{START}.")
    }


def _require_improvement(run: RecordedRun) -> None:
    result = build_result(run, finished=run.status == "finished")
    if result["verdict"] != "improved":
        words = {"worse": "worse", "not_distinguishable": "no measurable gain"}
        verdict = words.get(result["verdict"], f"none: {result['verdict_sentence']}")
        raise UsageError(
            f"{run.name}: the verdict is not that the prompt improved: {verdict}",
            "--anyway writes it all the same",
        )


def _find_ancestor(state: RunState, winner: Candidate) -> tuple[int, str]:
    """Return the number of the start prompt that the winner comes from, and how that is known.

    By its parents, where the strategy names them; of several the one with the best train score.
    Without any it is the best start prompt, which the winner was compared with.
    """
    numbers = {start.id: number for number, start in enumerate(state.of_step(0))}
    seen, ancestors, queue = {winner.id}, [], list(winner.parents)
    while queue:
        parent = queue.pop()
        if parent in seen:
            continue
        seen.add(parent)
        candidate = None
        with suppress(KeyError):
            candidate = state.get_candidate(parent)
        if candidate is not None and parent in numbers:
            ancestors.append(candidate)
        elif candidate is not None:
            queue += candidate.parents
    if ancestors:
        best = max(ancestors, key=lambda each: measure_mean(each, "train"))
        return numbers[best.id], f"the prompt was made from start prompt {numbers[best.id] + 1}"
    start = find_baseline(state)
    number = numbers[start.id] if start else 0
    return number, f"start prompt {number + 1} is the one that the prompt was compared with"


_END = re.compile(r"[\r\n]*\Z")


def fit_into_file(prompt: str, found: bytes) -> bytes:
    """Return a prompt as the content of a file: its byte order mark, line breaks and end stay.

    Args:
        prompt: The text.
        found: The file's present content.
    """
    mark = codecs.BOM_UTF8 if found.startswith(codecs.BOM_UTF8) else b""
    present = found.decode("utf-8-sig", "replace")
    lines = re.findall(r"\r?\n", present)
    text = _END.sub("", prompt)
    if lines and all(each == "\r\n" for each in lines):
        text = re.sub(r"\r?\n", "\r\n", text)
    end = _END.search(present)
    return mark + encode_text(text + (end.group() if end else ""))


def write_application(application: Application) -> Path | None:
    """Write the best prompt into its file, and return the copy of what was there.

    What the file has no place for goes into one beside it. Without another text there is no copy.

    Raises:
        UsageError: The file has changed since it was shown.
        ResultError: The disk refuses.
    """
    path = application.path.resolve()  # a link stays one
    with explain_refusal(ResultError, f"{path}: cannot be written", "make room or fix permissions"):
        if read_file(path) != application.found:
            raise UsageError(f"{path}: changed a moment ago", "look at it, and apply again")
        mode = stat.S_IMODE(path.stat().st_mode)
        with path.open("r+b"):  # a file that may not be written is not replaced either
            pass
        if application.chat not in (b"", application.chat_found):
            if application.chat_found:
                _keep_copy(application.chat_path, application.chat_found, mode)
            write_atomically(application.chat_path, application.chat, mode=mode)
        if application.found == application.winner:
            return None
        copy = _keep_copy(path, application.found, mode)
        write_atomically(path, application.winner, mode=mode)
    return copy


def _keep_copy(path: Path, data: bytes, mode: int) -> Path:
    """Write a copy beside a file, under the first name that is free, and return its path."""
    for number in count():
        copy = path.with_name(f"{path.name}.bak" + (f".{number}" if number else ""))
        try:
            copy.touch(mode, exist_ok=False)
        except FileExistsError:
            continue
        write_atomically(copy, data, mode=mode)
        return copy
    raise AssertionError("numbers do not end")
