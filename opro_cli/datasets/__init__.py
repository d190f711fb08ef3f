"""Sources of rows, recognised by the ending of a file or by a scheme.

To add one, write a function of type `Reader` and enter it in SOURCES. The contract suite in
`tests/datasets/test_sources_contract.py` then asks for a writer of that format.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from opro_cli.core.settings.schema import nearest
from opro_cli.datasets import cells, formats, handed, hub
from opro_cli.datasets.formats import BadRow, Reader, Row
from opro_cli.datasets.opening import GZIP
from opro_cli.errors import DataError
from opro_cli.plugins import find_entry_point

SOURCES: dict[str, Reader] = {
    ".jsonl": formats.read_jsonl,
    ".ndjson": formats.read_jsonl,
    ".json": formats.read_json_list,
    ".csv": cells.read_csv,
    ".tsv": cells.read_tsv,
    ".xlsx": cells.read_workbook,
    ".xlsm": cells.read_workbook,
    ".parquet": formats.read_parquet,
    "hub:": hub.read_hub,
}


def read_rows(
    source: str, columns: tuple[str, ...] | None = None, encoding: str | None = None
) -> Iterator[Row | BadRow]:
    """Read the rows of a file or hub name.

    Args:
        source: A file, packed by gzip where its name ends in .gz, "book.xlsx#Sheet", or "hub:…".
        columns: Names for the cells of a file without a header.
        encoding: Of a text file; None for UTF-8.

    Raises:
        DataError: It cannot be read; also while the rows are read.
    """
    if handed.name_handed(source) is not None:
        return handed.read_handed(source)
    file, _ = cells.split_sheet(source)
    suffix = PurePath(file.lower().removesuffix(GZIP)).suffix
    is_url = "://" in source
    scheme, colon, _ = source.partition(":")
    reader = SOURCES.get(scheme + colon) or SOURCES.get(suffix)
    if reader is not None and not is_url:
        return reader(source, columns, encoding)
    part = find_entry_point("datasets", scheme) if is_url else None
    if part is not None:
        rows: Iterator[Row | BadRow] = part.value(source, columns)
        return rows
    endings = [key for key in SOURCES if key.startswith(".")]
    guess = nearest(suffix, endings)
    listed = ", ".join(endings)
    hint = f"readable: {listed}, also as {GZIP}, and hub:OWNER/NAME[:CONFIG][@REVISION]#SPLIT"
    if is_url:
        kind, hint = "a URL", "download the file and name it, or use hub:OWNER/NAME#SPLIT"
    else:
        kind = f"a name that ends in {suffix}" if suffix else "a name without an ending"
        hint = f'did you mean "{guess}"? {hint}' if guess else hint
    raise DataError(f"{source}: expected a dataset, found {kind}", hint)
