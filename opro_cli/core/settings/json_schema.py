"""The JSON Schema of configs and sweep files, for editors.

It is built from the declarations that the reader uses, so every config that opro reads meets it.
It cannot express everything: `opro check` finds secrets in a URL and keys that do not fit together.
Editors know draft 7 best.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

from opro_cli.core.settings.schema import JsonSchema, or_null, read_by_type
from opro_cli.core.settings.settings import Settings

DRAFT = "http://json-schema.org/draft-07/schema#"
TASK_PRESET = "A public dataset by its name; it stands for task.data, task.answer and others."


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The names that values of a config may have.

    Attributes:
        answers: Each may be followed by `:ARGUMENT`.
        parameters: The parameters of each problem, as a dataclass.
    """

    answers: Sequence[str]
    strategies: Sequence[str]
    task_presets: Sequence[str]
    search_presets: Sequence[str]
    parameters: Mapping[str, type[Any]]


def config_schema(names: KnownNames) -> JsonSchema:
    """Build the schema of a run's config."""
    schema = _section(Settings)
    properties = schema["properties"]
    task, search = properties["task"], properties["search"]["anyOf"][0]["properties"]
    _allow_presets(task, names.task_presets)
    _allow_parameters(task, names.parameters)
    answer = {"enum": list(names.answers)}
    known = "|".join(map(re.escape, names.answers))
    with_argument = {"type": "string", "pattern": f"^({known})(:|$)"}
    task["properties"]["answer"] |= {"anyOf": [answer, with_argument]}
    outside = {"type": "string", "pattern": r"^python:[\w.]+:\w+$"}  # installed ones are unknown
    search["strategy"] |= {"anyOf": [{"enum": list(names.strategies)}, outside]}
    search["preset"] |= {"enum": list(names.search_presets)}
    return {"$schema": DRAFT, "title": "The config of an opro run", **schema}


def file_schema(title: str, section: type[Any]) -> JsonSchema:
    """Build the schema of a file whose keys are those of a section."""
    return {"$schema": DRAFT, "title": title, **_section(section)}


def _allow_presets(task: dict[str, Any], presets: Sequence[str]) -> None:
    """Let `task.preset` stand for the keys that must be given without it."""
    data = task["properties"]["data"]["anyOf"][0]
    without = {
        "required": ["data", "answer"],
        "properties": {"data": {"required": data.pop("required")}},
    }
    preset = {"description": TASK_PRESET, "default": None, **or_null({"enum": list(presets)})}
    task["properties"] = {"preset": preset, **task["properties"]}
    texts = {"preset": {"type": "string"}, "problem": {"type": "string"}}
    given = {"anyOf": [{"required": [name], "properties": {name: texts[name]}} for name in texts]}
    task |= {"if": given, "then": {}, "else": without}


def _allow_parameters(task: dict[str, Any], parameters: Mapping[str, type[Any]]) -> None:
    """Let the parameters of the problems stand in `task`."""
    outside = {"type": "string", "pattern": r"^python:[\w.]+:\w+$"}
    named = {"anyOf": [{"enum": list(parameters)}, outside, {"type": "null"}]}
    task["properties"]["problem"] |= named
    for problem, options in parameters.items():
        hints = get_type_hints(options)
        for field in dataclasses.fields(options):
            known = task["properties"].setdefault(
                field.name, {"description": "", "anyOf": [], "default": field.default}
            )
            known["description"] += f"{known['description'] and ', '}of task.problem {problem}"
            schema = read_by_type(hints[field.name]).schema
            known["anyOf"] += [schema] if schema not in known["anyOf"] else []


def _section(cls: type[Any]) -> dict[str, Any]:
    fields = dataclasses.fields(cls)
    return {
        "type": "object",
        "properties": {field.name: _property(field) for field in fields},
        "required": [field.name for field in fields if _must_be_given(field)],
        "additionalProperties": False,
    }


def _property(field: dataclasses.Field[Any]) -> dict[str, Any]:
    """Build the schema of one key, with its meaning and its default."""
    described: dict[str, Any] = {"description": field.metadata["doc"]}
    if "sections" in field.metadata:
        item = _section(field.metadata["sections"])
        return {**described, **or_null({"type": "array", "items": item, "minItems": 1})}
    if "named" in field.metadata:
        item = _section(field.metadata["named"])
        sections = {"type": "object", "additionalProperties": item}
        return {**described, **or_null({**sections, "propertyNames": {"pattern": r"^[a-z]\w*$"}})}
    if "section" in field.metadata:
        nested = _section(field.metadata["section"])
        return {**described, **(nested if _must_be_given(field) else or_null(nested))}
    if field.default_factory is not dataclasses.MISSING:
        described["default"] = field.default_factory()
    elif not _must_be_given(field):
        default = field.default
        described["default"] = list(default) if isinstance(default, tuple) else default
    return {**described, **field.metadata["reader"].schema}


def _must_be_given(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing
