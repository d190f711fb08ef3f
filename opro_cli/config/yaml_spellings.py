"""How a YAML file spells the values that it does not mean as text."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from opro_cli.core.settings.schema import Path

_TEXT = "tag:yaml.org,2002:str"


def spellings_of(node: yaml.Node, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the path and the spelling of each such value below a node.

    `yes`, `010` and `2024-01-01` are read as true, 8 and a date, and an error about them has to
    quote what stands in the file.
    """
    if isinstance(node, yaml.ScalarNode):
        if node.style is None and node.tag != _TEXT:
            yield path, node.value
    elif isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from spellings_of(value, (*path, str(name.value)))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from spellings_of(value, (*path, index))
