"""The two prompts of a gate, and the questions that they are asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from opro_cli import wiring
from opro_cli.app import evaluate as evaluating
from opro_cli.app.evaluate import Dataset
from opro_cli.app.given import read_instruction
from opro_cli.app.named_prompts import build_unscored_error, find_prompt
from opro_cli.app.prompt import freeze_form
from opro_cli.app.versions import note_differences, read_version, read_version_at, write_prompts
from opro_cli.core.task.example import Split
from opro_cli.core.task.prompt import Prompt
from opro_cli.errors import UsageError
from opro_cli.reports.formats import pluralize
from opro_cli.reports.gate import Side
from opro_cli.reports.selected import select_prompt
from opro_cli.store.folders import Note
from opro_cli.store.run_folder import read_run

_QUESTION = re.compile(r"\{\{\s*(?:question|input)\s*\}\}")
_HINT = "`opro gate` compares prompts"


@dataclass(frozen=True, slots=True)
class GateRequest:
    """The request of a person.

    Attributes:
        target: A run, RUN@PLACE, or a config.
        prompts: Files: the new prompt of a run, or the old one and the new one.
        against: The git revision that has the old prompt of a config; None for none.
        split: Whose questions are asked.
        limit: Questions at most, None for all.
        margin: As in `GatePlan`.
        budget: Changes of the ceilings, "usd=5".
    """

    target: str
    prompts: tuple[Path, ...]
    against: str | None = None
    split: Split = "test"
    limit: int | None = None
    margin: float = 0.05
    budget: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptPair:
    """The old prompt, which must not be lost, and the new one; load: gets their questions."""

    old: Side
    new: Side
    load: Callable[[], Dataset]
    notes: tuple[str, ...] = ()


def refuse_whole_prompts(request: GateRequest, pair: PromptPair) -> None:
    """Refuse a file with what `opro prompt` prints: the frame would stand around it once more.

    Raises:
        UsageError: A file has the hole for the question, which no instruction has.
    """
    sides = (pair.old, pair.new)[2 - len(request.prompts) :]
    for side in sides:
        hole = _QUESTION.search(side.text)
        if hole and (len(sides) == 2 or not _QUESTION.search(pair.old.text)):
            raise UsageError(
                f"{side.label}: a whole prompt, with {hole[0]} in it; a gate asks instructions, "
                "in the frame of the run or the config",
                "`opro prompt RUN --instruction` prints the instruction of a run's winner alone",
            )


def find_pair(request: GateRequest, runs_dir: Path, note: Note | None) -> PromptPair:
    """Return the two prompts that a request names.

    Args:
        request: What is asked for.
        runs_dir: Where runs are kept.
        note: Gets which run a name means where several have it.

    Raises:
        UsageError: There is nothing to compare.
    """
    if Path(request.target).suffix in (".yaml", ".yml"):
        return _pair_of_config(request)
    return _pair_of_run(request, runs_dir, note)


def _pair_of_run(request: GateRequest, runs_dir: Path, note: Note | None) -> PromptPair:
    """Return the winner of a run against a file, or two files on its questions."""
    if request.against is not None:
        raise UsageError(
            f"--against is for a config in a git repository, and {request.target} names a run",
            "name the config, or give the old prompt with --prompt as well",
        )
    folder, selector = find_prompt(runs_dir, request.target, note)
    run = read_run(folder)
    settings = wiring.parse_settings(run.settings)
    if settings is not None:
        evaluating.refuse_problem(run.name, settings, _HINT)

    def load() -> Dataset:
        return evaluating.load_dataset_of_run(folder, request.split, request.limit)

    if len(request.prompts) == 2:
        old, new = map(_read_side, request.prompts)
        return PromptPair(old, new, load)
    if len(request.prompts) != 1:
        raise UsageError(
            f"{run.name}: no prompt to compare its winner with",
            "--prompt FILE names the new one; two of them the old one and the new one",
        )
    winner = select_prompt(run, selector).candidate
    if winner is None:
        raise build_unscored_error(run)
    notes = () if run.status == "finished" else (f"{run.name} is {run.status}: its best so far",)
    form = ""
    if winner.form and settings is not None and isinstance(winner.content, Prompt):
        form = freeze_form(run, winner.content, settings)
        notes = (*notes, _describe_form(winner.content))
    old = Side(f"winner of {run.name}", winner.instruction, form)
    new = replace(_read_side(request.prompts[0]), form=form)
    return PromptPair(old, _match_end(new, old), load, notes)


def _describe_form(prompt: Prompt) -> str:
    """Return that the new text stands where the old one does: a file has nothing but a text."""
    if not prompt.demos:
        return "the new prompt is asked in the winner's place and frame"
    examples = pluralize(len(prompt.demos), "worked example")
    return f"the new prompt is asked with the winner's {examples}, in its place"


def _pair_of_config(request: GateRequest) -> PromptPair:
    """Return the prompt of a config at two times, or two files on its questions."""
    config = Path(request.target)
    evaluating.refuse_problem(str(config), wiring.read_scoring_config(config), _HINT)

    def load() -> Dataset:
        return evaluating.load_dataset(config, request.split, request.limit)

    if request.against is None:
        if len(request.prompts) != 2:
            what = "two prompts at most" if request.prompts[2:] else "nothing to compare"
            raise UsageError(
                f"{config}: {what}",
                "--against REVISION compares its prompt with that of a git revision; two --prompt "
                "FILE compare the first with the second",
            )
        old, new = map(_read_side, request.prompts)
        return PromptPair(old, new, load)
    if request.prompts:
        raise UsageError(
            "--against takes both prompts from the config",
            "leave out --prompt, or give both prompts with it and no --against",
        )
    before, now = read_version_at(config, request.against), read_version(config)
    old_text, new_text = write_prompts(before, now)
    old = Side(f"{config} at {request.against}", *old_text)
    new = Side(str(config), *new_text)
    return PromptPair(old, new, load, note_differences(before, now))


def _read_side(path: Path) -> Side:
    return Side("stdin" if str(path) == "-" else str(path), read_instruction(path))


def _match_end(new: Side, old: Side) -> Side:
    """Return a side that ends with a line break where the other one does: files differ in that."""
    return replace(new, text=f"{new.text}\n") if old.text.endswith("\n") else new
