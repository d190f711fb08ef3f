"""Parquet files, in batches, through pyarrow (what `datasets` reads them with).

Not through `datasets` itself: it copies the file into its cache first, takes `[` and `*` in a
path as a pattern, and a second to import.
"""

from __future__ import annotations

from collections.abc import Iterator

from opro_cli.adapters.datasets.local_file import open_file
from opro_cli.adapters.datasets.rows import BadRow, Row, row_from
from opro_cli.errors import DataError


def read_rows(place: str, columns: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """The rows of a parquet file, numbered from 1; `columns` means nothing. Raises DataError."""
    del columns
    with open_file(place) as stream:
        # Here, because local text files must not pay for the import.
        import pyarrow
        import pyarrow.parquet

        try:
            number = 0
            for batch in pyarrow.parquet.ParquetFile(stream).iter_batches(batch_size=1024):
                for value in batch.to_pylist():
                    number += 1
                    yield row_from(number, value)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise DataError(
                f"{place}: cannot be read as parquet ({str(error).splitlines()[0]})",
                "check that the file is complete and really parquet",
            ) from None
