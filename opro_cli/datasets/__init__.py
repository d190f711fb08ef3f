"""Where rows come from: one line a source, recognised by the file's ending or a scheme.

To add one: a function of type `Reader`, and its line here. The contract suite
in `tests/datasets/test_sources_contract.py` then asks for a writer of that format.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from opro_cli.core.settings.schema import nearest
from opro_cli.datasets import formats, hub
from opro_cli.datasets.local_file import BadRow, Reader, Row
from opro_cli.errors import DataError

SOURCES: dict[str, Reader] = {
    ".jsonl": formats.read_jsonl,
    ".ndjson": formats.read_jsonl,
    ".json": formats.read_json_list,
    ".csv": formats.read_csv,
    ".tsv": formats.read_tsv,
    ".parquet": formats.read_parquet,
    "hub:": hub.read_hub,
}


def read_rows(place: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """The rows of a file or hub name. Raises DataError, some of it only while iterating."""
    scheme, colon, _ = place.partition(":")
    reader = SOURCES.get(scheme + colon) or SOURCES.get(PurePath(place).suffix.lower())
    if reader is None or "://" in place:
        raise DataError(
            f"{place}: expected a dataset, found {_describe_ending(place)}", _suggest_source(place)
        )
    return reader(place, columns)


def _describe_ending(place: str) -> str:
    if "://" in place:
        return "a URL"
    suffix = PurePath(place).suffix
    return f"a name that ends in {suffix}" if suffix else "a name without an ending"


def _suggest_source(place: str) -> str:
    if "://" in place:
        return "download the file and name it, or use hub:OWNER/NAME#SPLIT"
    endings = [key for key in SOURCES if key.startswith(".")]
    guess = nearest(PurePath(place).suffix, endings)
    meant = f'did you mean "{guess}"? ' if guess else ""
    return f"{meant}readable: {', '.join(endings)} and hub:OWNER/NAME[:CONFIG][@REVISION]#SPLIT"
