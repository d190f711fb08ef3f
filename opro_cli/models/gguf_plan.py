"""How the server of a gguf/ model is sized, and whether this machine can hold it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from opro_cli.core.settings.models import BUNDLED_GGUF, GgufSettings, ModelSettings, is_gguf
from opro_cli.errors import OproError, UsageError
from opro_cli.models.gguf_files import (
    Offer,
    fetch_file,
    find_file,
    find_offer,
    read_gguf,
)
from opro_cli.models.gguf_header import Header
from opro_cli.processes import count_cores
from opro_cli.reports.formats import format_size

EXTRA = "pip install 'opro-cli[gguf]'   (llama.cpp's server, 34 MB)"
MOST_SLOTS, SLOTS_A_CORE, MOST_SLOTS_GPU = 4, 2, 64
"""Slots at most on few cores, for each of many, and with a GPU. On two cores 16 slots answered 2.8
calls a second in 560 MB, 4 slots 4.7 in 280 MB."""
TEMPLATE_TOKENS = 256
"""Tokens that a chat template adds at most, and a margin."""
UNKNOWN_CONTEXT = 4_096
"""Tokens of context of a file that does not say what it was trained on."""
BESIDE_BYTES = 300_000_000
"""What the process takes beside weights and context: code, buffers, the cache of prompts."""
SLOW_FORMAT = "Q4_1"
"""It reads prompts at half the speed of Q4_0, which CPUs have instructions for."""


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """The options of the process that serves a file.

    Attributes:
        name: The model as the config has it.
        path: Of the file.
        slots: Requests that it answers at once.
        context: Tokens of one request and its reply.
        threads: Threads that compute.
        gpu_layers: Layers on the GPU.
        is_base: The model has no chat template, so it continues texts.
        size: Bytes of the file.
    """

    name: str
    path: str
    slots: int
    context: int
    threads: int
    gpu_layers: int = 0
    is_base: bool = False
    size: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of this machine's memory, or of this container's."""

    total: int
    available: int


def read_memory(root: Path = Path("/")) -> Memory | None:
    """Return the memory that this process may use, None where the system does not say."""
    try:
        rows = (line.split() for line in (root / "proc/meminfo").read_text().splitlines())
        counts = {row[0]: int(row[1]) * 1024 for row in rows if len(row) > 1}
        total = counts["MemTotal:"]
        available = counts.get("MemAvailable:", total)
    except (OSError, KeyError, ValueError):
        try:
            total = available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, ValueError, OSError):
            return _read_memory_of_windows()
    for limit in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int((root / limit).read_text()))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return Memory(total, min(available, total))


def _read_memory_of_windows() -> Memory | None:
    if sys.platform == "win32":
        import ctypes
        import struct

        # MEMORYSTATUSEX: its length and the load in percent, then seven counts of bytes.
        layout = struct.Struct("=LL7Q")
        status = ctypes.create_string_buffer(layout.pack(layout.size, *[0] * 8), layout.size)
        if ctypes.windll.kernel32.GlobalMemoryStatusEx(status):
            _, _, total, available, *_ = layout.unpack(status.raw)
            return Memory(total, available)
    return None


def count_needed_tokens(prompt: int, model: ModelSettings) -> int:
    """Return the context that a model's longest prompt and its reply need.

    Args:
        prompt: Its tokens, estimated at 4 bytes each; a script with fewer bytes a token takes up
            to twice as many.
        model: The settings of the role.
    """
    return 2 * prompt + model.reply_limit + TEMPLATE_TOKENS


def plan_server(
    model: ModelSettings, path: Path, header: Header, concurrency: int, tokens: int
) -> ServerPlan:
    """Size the server of a file.

    Args:
        model: One of the models that it serves.
        path: The file.
        header: Its header.
        concurrency: Calls at a time, of all roles that it serves.
        tokens: The context that they need.
    """
    served = model.gguf or GgufSettings()
    most = header.trained_context or UNKNOWN_CONTEXT
    context = served.context or min(most, -(-max(tokens, 1_024) // 256) * 256)
    on_cpu = max(MOST_SLOTS, SLOTS_A_CORE * count_cores())
    slots = max(1, min(concurrency, MOST_SLOTS_GPU if served.gpu_layers else on_cpu))
    memory, per_slot = read_memory(), header.estimate_token_bytes() * context
    if memory is not None and per_slot and not served.gpu_layers:
        room = memory.available - header.size - BESIDE_BYTES
        slots = max(1, min(slots, room // per_slot))
    return ServerPlan(
        name=model.model,
        path=str(path),
        slots=slots,
        context=context,
        threads=served.threads or count_cores(),
        gpu_layers=served.gpu_layers,
        is_base=not header.has_chat_template,
        size=header.size,
    )


@dataclass(frozen=True, slots=True)
class FileReport:
    """The facts of a gguf/ model, as `opro check` shows them.

    Attributes:
        model: As the config names it.
        file: Its path, "" for one that is not here.
        size: Bytes; None where nobody knows.
        format: That of most bytes, "Q4_K".
        chat: Whether it has a chat template; None where it is not here.
        context: Tokens that it was trained on.
        download: Size and licence of a file that the run will fetch, "" for none.
        installed: Whether the extra is.
        problem, hint: Why no run can begin, None when it can.
        notes: What is worth knowing.
    """

    model: str
    file: str = ""
    size: int | None = None
    format: str = ""
    chat: bool | None = None
    context: int | None = None
    download: str = ""
    installed: bool = True
    problem: str | None = None
    hint: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what `opro check --json` has under "files"."""
        return {**asdict(self), "notes": list(self.notes)}


def is_installed() -> bool:
    """Whether the extra is installed; it is not imported."""
    return importlib.util.find_spec("xllamacpp") is not None


def inspect_files(models: Mapping[str, ModelSettings]) -> tuple[FileReport, ...]:
    """Look at the file of each gguf/ model, once; nothing is downloaded and nothing raised."""
    by_limit = sorted(models.values(), key=lambda model: model.reply_limit)  # the longest counts
    served = {model.model: model for model in by_limit if is_gguf(model.model)}
    return tuple(map(_inspect, served.values()))


def _inspect(model: ModelSettings) -> FileReport:
    report = FileReport(model.model, installed=is_installed())
    try:
        path = find_file(model.model)
        if path is None:
            offer: Offer = find_offer(model.model)
            return _require_extra(
                FileReport(
                    model.model, size=offer.size, download=str(offer), installed=report.installed
                )
            )
        header = read_gguf(model.model, path)
        report = FileReport(
            model.model,
            file=str(path),
            size=header.size,
            format=header.main_format,
            chat=header.has_chat_template,
            context=header.trained_context,
            installed=report.installed,
            notes=note_file(model, header),
        )
        require_memory(model, header)
    except OproError as error:
        return _add_problem(report, error)
    return _require_extra(report)


def _require_extra(report: FileReport) -> FileReport:
    try:
        require_extra(report.model)
    except UsageError as error:
        return _add_problem(report, error)
    return report


def _add_problem(report: FileReport, error: OproError) -> FileReport:
    facts = {**asdict(report), "problem": error.message, "hint": error.hint}
    return FileReport(**facts)


def require_files(models: Iterable[ModelSettings]) -> None:
    """Check that each gguf/ model can be served; a file of the hub is downloaded.

    Raises:
        UsageError: The extra is missing, or the file, or it is damaged or too large.
    """
    for model in {each.model: each for each in models if is_gguf(each.model)}.values():
        require_extra(model.model)  # before a download
        require_memory(model, read_gguf(model.model, fetch_file(model.model)))


def require_extra(name: str) -> None:
    """Raise UsageError where llama.cpp's server is not installed."""
    if not is_installed():
        raise UsageError(f"{name} needs the extra gguf of opro, which is not installed", EXTRA)


def require_memory(model: ModelSettings, header: Header) -> None:
    """Raise UsageError for a file that does not fit into this machine's memory."""
    memory = read_memory()
    if memory is None or (model.gguf and model.gguf.gpu_layers):  # then it may lie in the GPU's
        return
    needed = header.size + BESIDE_BYTES
    if needed > memory.total:
        raise UsageError(
            f"{model.model}: needs {format_size(needed)} of memory, this machine has "
            f"{format_size(memory.total)}",
            "take a file with fewer bits, such as Q4_K_M, or a smaller model",
        )


def note_file(model: ModelSettings, header: Header) -> tuple[str, ...]:
    """Return what is worth knowing of a file that can be served."""
    notes = []
    on_cpu = not (model.gguf and model.gguf.gpu_layers)
    memory = read_memory()
    if on_cpu and memory is not None and header.size + BESIDE_BYTES > memory.available:
        notes.append(
            f"{model.model}: needs {format_size(header.size + BESIDE_BYTES)} of memory, and "
            f"{format_size(memory.available)} are free now: close other programs"
        )
    if on_cpu and model.model != BUNDLED_GGUF and header.share_of(SLOW_FORMAT) > 0.5:
        notes.append(
            f"{model.model}: its format {SLOW_FORMAT} is slow on CPUs, which read Q4_0 twice as "
            "fast: take a Q4_0 or Q4_K_M file of the same model, or set gguf.gpu_layers"
        )
    context = (model.gguf and model.gguf.context) or header.trained_context
    if context and model.max_tokens and model.max_tokens >= context:
        notes.append(
            f"{model.model}: max_tokens {model.max_tokens:,} is more than its context has room "
            f"for, {context:,} tokens for prompt and reply: longer replies are cut there"
        )
    if not header.has_chat_template:
        notes.append(
            f"{model.model}: a base model without a chat template: it continues the texts of a "
            'prompt; `stop` ends its replies, such as stop: ["\\nQ:"]'
        )
    return tuple(notes)
