"""Datasets of the Hugging Face hub: hub:OWNER/NAME[:CONFIG][@REVISION]#SPLIT.

Only data files are read, never code: `trust_remote_code` is not used. HF_HUB_OFFLINE, HF_ENDPOINT
and the proxy variables are respected. A dataset that was loaded once is read from the cache when
the hub is out of reach.
"""

from __future__ import annotations

import os
import re
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opro_cli.datasets.formats import BadRow, Row, build_row, list_class_names, name_classes
from opro_cli.errors import DataError

_NAME = re.compile(
    r"hub:(?P<repository>[\w.-]+/[\w.-]+)(?::(?P<config>[^@#]+))?(?:@(?P<revision>[^#]+))?"
    r"#(?P<split>.+)"
)
_PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class HubName:
    """One split of a dataset on the hub; None means the only config and the main revision."""

    repository: str
    config: str | None
    revision: str | None
    split: str


def parse_hub_name(source: str) -> HubName:
    """Parse a `hub:` name; raises DataError."""
    match = _NAME.fullmatch(source)
    if match is None:
        lacks_split = ", found no #SPLIT" if "#" not in source else ""
        raise DataError(
            f"{source}: expected hub:OWNER/NAME[:CONFIG][@REVISION]#SPLIT{lacks_split}",
            "for example hub:openai/gsm8k:main#train",
        )
    return HubName(**match.groupdict())


def read_hub(
    source: str, columns: tuple[str, ...] | None = None, encoding: str | None = None
) -> Iterator[Row | BadRow]:
    """Read the rows of a split, numbered from 1; the rest is ignored. Raises DataError."""
    del columns, encoding
    split = load_split(parse_hub_name(source), source)
    names = list_class_names(getattr(split, "features", None))
    for number, value in enumerate(split, start=1):
        yield build_row(number, name_classes(value, names))


def load_split(name: HubName, source: str) -> Iterable[Any]:
    """Load a split through the cache of `datasets`.

    Raises:
        DataError: It cannot be loaded; within seconds when the hub cannot be reached.
    """
    if Path(name.repository).exists():
        # The library would read the folder instead of the hub, and say nothing.
        raise DataError(
            f"{source}: the folder {name.repository} here hides the dataset of that name",
            "run from another folder, or name the files in it",
        )
    reachable = is_hub_reachable()
    # Here, because importing it takes a second that local files must not pay.
    import datasets
    import httpx
    import pyarrow

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    offline = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = offline or not reachable  # then only the cache is used
    try:
        loaded: Iterable[Any] = datasets.load_dataset(
            name.repository, name.config, split=name.split, revision=name.revision
        )
        return loaded
    except (
        OSError,
        ValueError,
        RuntimeError,
        httpx.HTTPError,
        pyarrow.ArrowException,
        datasets.exceptions.DatasetsError,
    ) as error:
        raise _build_error(source, error, reachable) from error
    finally:
        datasets.config.HF_HUB_OFFLINE = offline


def is_hub_reachable() -> bool:
    """Ask the hub one short question: the library would retry a dead network for 23 seconds."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}:
        return False
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    try:
        request = urllib.request.Request(endpoint, method="HEAD")
        urllib.request.urlopen(request, timeout=_PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return True  # a refusal is an answer
    except urllib.error.URLError as error:
        # A certificate is one, too: the library brings its own list of authorities.
        return isinstance(error.reason, ssl.SSLError)
    except (OSError, ValueError):
        return False
    return True


def _build_error(source: str, error: Exception, reachable: bool) -> DataError:
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    if not reachable:
        return DataError(
            f"{source}: the hub cannot be reached, and the dataset is not in the cache ({reason})",
            "check the network, proxy and HF_HUB_OFFLINE, or name local files under task.data "
            "(each of train, dev and test; null where there is none)",
        )
    if "scripts are no longer supported" in reason:
        return DataError(
            f"{source}: the dataset is a program, which is not run",
            "try its parquet copy: put @refs/convert/parquet before the #",
        )
    return DataError(
        f"{source}: cannot be loaded ({reason})",
        "check owner, name, config, revision and split on huggingface.co; "
        "private and gated datasets need HF_TOKEN",
    )
