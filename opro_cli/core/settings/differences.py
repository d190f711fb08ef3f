"""Differences between two configs, and the origin of each value of one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from opro_cli.core.settings.filled import get_section
from opro_cli.core.settings.names import NameResolver
from opro_cli.core.settings.search import MARGIN, StopSettings
from opro_cli.core.settings.settings import BudgetSettings, Settings
from opro_cli.core.settings.task import LABELLED
from opro_cli.errors import UsageError

# May differ between a run and its resume: they change how fast answers come, never which.
OPERATIONAL: tuple[str, ...] = (
    "name",
    "task.answer_timeout",
    "search.test_unbeaten_start",
    *(
        f"{role}.{key}"
        for role in ("scorer", "optimizer")
        for key in (
            "concurrency",
            "timeout",
            "requests_per_minute",
            "tokens_per_minute",
            "cache",
            "endpoints",
            "gguf.context",
            "gguf.threads",
        )
    ),
    *(f"budget.{key}" for key in ("usd", "calls", "tokens", "minutes")),
)


_LATER_DATA = ("limit", "options", "index_from", "group", "encoding")
"""Keys of `task.data` that came after the first runs."""
_LATER_SEARCH: Mapping[str, Any] = {
    "objectives": None,
    "prefer": "best",
    "margin": MARGIN,
    "meta_prompt": None,
}
"""Keys of `search` that came after the first runs, with their defaults."""
_LATER: Mapping[str, Any] = {"top_p": None, "seed": "auto"}
"""Keys of a model that came after the first runs, with their defaults."""
_LATER_SCORER: Mapping[str, Any] = {"repeats": 1, "repeat_score": "mean"}
"""Likewise, of the scorer alone."""


def convert_to_plain(settings: Settings) -> dict[str, Any]:
    """Return settings as plain data that `read_settings` reads back to equal settings."""
    plain: dict[str, Any] = dataclasses.asdict(settings)
    for model in (plain["scorer"], plain["optimizer"]):
        if model["stop"] is not None:
            model["stop"] = list(model["stop"])
        endpoints = model.pop("endpoints")
        if endpoints is not None:  # else the record is as before there were any
            model["endpoints"] = list(endpoints)
    for model in (plain["scorer"], plain["optimizer"], *plain["roles"].values()):
        for name, default in _LATER.items():  # the record is as before there were any
            if model[name] == default:
                del model[name]
        for name in ("gguf", "reasoning", "extra"):
            given = {key: value for key, value in (model.pop(name) or {}).items() if value}
            if given:  # no section is the same as one of defaults
                model[name] = given
    for name, default in _LATER_SCORER.items():
        if plain["scorer"][name] == default:
            del plain["scorer"][name]
    _convert_prompts(plain, settings)
    if settings.search.candidates is not None:
        plain["search"]["candidates"] = list(settings.search.candidates)
    if settings.search.baselines is not None:
        plain["search"]["baselines"] = list(settings.search.baselines)
    _convert_task(plain, settings)
    return {"name": plain.pop("name"), **plain}


def _convert_task(plain: dict[str, Any], settings: Settings) -> None:
    """Write the task as plain data; what is not given leaves the record as before there was any."""
    task = plain["task"]
    if settings.task.golds is None:
        del task["golds"]
    if settings.task.problem is None:
        del task["problem"], task["parameters"]
        for name in _LATER_DATA:
            if task["data"][name] is None:
                del task["data"][name]
        if isinstance(settings.task.data.options, tuple):
            task["data"]["options"] = list(settings.task.data.options)
    else:
        del task["data"], task["answer"]
    if settings.task.answer in LABELLED:
        pairs = settings.task.labels
        task["labels"] = None if pairs is None else dict(pairs)
    else:
        del task["labels"], task["label_score"]


def _convert_prompts(plain: dict[str, Any], settings: Settings) -> None:
    """Write prompts as plain data; what is not given leaves the record as before there was any."""
    task, search = plain["task"], plain["search"]
    search["initial_instructions"] = list(settings.search.initial_instructions)
    del search["start"]
    for name in ("keep_placeholders", "gate_margin", "initial_forms"):
        if search[name] is None:
            del search[name]
    if settings.search.initial_forms is not None:
        search["initial_forms"] = list(settings.search.initial_forms)
    for name, default in _LATER_SEARCH.items():
        if search[name] == default:
            del search[name]
    if settings.search.stop_when == StopSettings():
        del search["stop_when"]
    if settings.task.prompt is None:
        del task["prompt"]
    else:
        del task["instruction_position"], task["qa_markers"]
        task["prompt"] = [{role: text} for role, text in settings.task.prompt]
    files = plain.pop("prompt_files")
    if files:
        plain["prompt_files"] = list(files)


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs between two configs; None where a side lacks it."""

    path: str
    before: Any
    after: Any

    @property
    def is_operational(self) -> bool:
        """It may be made between two sessions of a run.

        The endpoints of a model may be replaced. Without any it is asked where its name alone
        leads, which may be another model.
        """
        from_or_to_none = None in (self.before, self.after)
        return self.path in OPERATIONAL and not (
            self.path.endswith(".endpoints") and from_or_to_none
        )


def find_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """List the key paths that differ between two plain configs, in order of path.

    The files that prompts are from are no difference: their texts count.
    """
    left, right = _flatten(before), _flatten(after)
    pairs = (
        (path, _get_value(left, path), _get_value(right, path))
        for path in sorted({*left, *right} - {"prompt_files"})
    )
    return tuple(Change(path, old, new) for path, old, new in pairs if old != new)


def _get_value(flat: Mapping[str, Any], path: str) -> Any:
    """Return the value of a key path, None where there is none.

    A model without a key that came later has its default, which may be other than None.
    """
    model, _, name = path.rpartition(".")
    is_later = name in _LATER and f"{model}.model" in flat
    return flat.get(path, _LATER[name] if is_later else None)


def _flatten(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {".".join(map(str, path)): value for path, value in _list_leaves(plain, ())}


def apply_changes(
    budget: BudgetSettings, changes: Sequence[str], spent: Mapping[str, float] | None = None
) -> BudgetSettings:
    """Return a budget with "usd=5", "calls=+100", "minutes=none" applied in order.

    Args:
        budget: The ceilings to change.
        changes: As above.
        spent: By the name of a ceiling; what "+" adds to where there is no ceiling.

    Raises:
        UsageError: One of `changes` is no change of a ceiling.
    """
    names = [field.name for field in fields(BudgetSettings)]
    for change in changes:
        name, _, amount = change.partition("=")
        expected = f"expected {'|'.join(names)}=AMOUNT, =+MORE or =none, found {change!r}"
        if name not in names:
            raise UsageError(f"--budget: {expected}")
        if amount == "none":
            budget = replace(budget, **{name: None})
            continue
        try:
            number: Any = float(amount)
        except ValueError:
            raise UsageError(f"--budget: {expected}") from None
        if amount.startswith("+"):
            number += getattr(budget, name) or (spent or {}).get(name, 0.0)
        if not 0 < number < float("inf"):
            raise UsageError(f"--budget: {expected}")
        if name in ("calls", "tokens"):
            if number != int(number):
                raise UsageError(f"--budget: {expected}; {name} are whole numbers")
            number = int(number)
        budget = replace(budget, **{name: number})
    return budget


Kind = Literal["file", "option", "preset", "default"]


@dataclass(frozen=True, slots=True)
class KeyOrigin:
    """One key of a config that was read.

    Attributes:
        path: The key with its sections, ("search", "steps").
        value: As plain data.
        kind: What gave the value.
        preset: The preset that gave it, "gsm8k"; "" where none did.
    """

    path: tuple[str, ...]
    value: Any
    kind: Kind
    preset: str = ""


def find_origins(plain: Mapping[str, Any], raw: Any, names: NameResolver) -> list[KeyOrigin]:
    """List every key of a config with the origin of its value.

    Args:
        plain: The whole config, every default written out.
        raw: The file as it stands, already found to be a config.
        names: What presets stand for.
    """
    presets = _list_presets(raw, names)
    return [_find_origin(path, value, raw, presets) for path, value in _list_leaves(plain, ())]


def find_written(path: tuple[str, ...], raw: Any) -> tuple[str, ...]:
    """Return the path under which a file gives a key: start prompts have an older name, too."""
    search = get_section(raw, "search")
    is_start = path == ("search", "initial_instructions") and "start" in search
    return ("search", "start") if is_start else path


def _find_origin(
    path: tuple[str, ...], value: Any, raw: Any, presets: Mapping[str, Mapping[str, Any]]
) -> KeyOrigin:
    if _has(raw, find_written(path, raw)) or path == ("prompt_files",):
        return KeyOrigin(path, value, "file")
    for name, given in presets.items():
        if _has(given, path):
            return KeyOrigin(path, value, "preset", name)
    return KeyOrigin(path, value, "default")


def _list_presets(raw: Any, names: NameResolver) -> dict[str, Mapping[str, Any]]:
    """Return configs of the keys that the presets of a config give, by the names of the presets."""
    search = get_section(raw, "search")
    named = get_section(raw, "task").get("preset")
    task_preset = None if named is None else str(named)
    given: dict[str, Mapping[str, Any]] = {}
    if "preset" in search:  # it goes before that of the task
        preset = str(search["preset"])
        given[preset] = names.search_preset(preset, task_preset, search.get("strategy"))
    if task_preset is not None:
        given[task_preset] = {"task": names.task_preset(task_preset)}
    return given


def _list_leaves(
    plain: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in plain.items():
        if isinstance(value, Mapping):
            yield from _list_leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _has(config: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(config, Mapping) or name not in config:
            return False
        config = config[name]
    return True
