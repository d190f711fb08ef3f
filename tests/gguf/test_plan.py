"""How a server is sized, and what is told of a file before it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opro_cli.core.settings.models import GgufSettings, ScorerSettings
from opro_cli.errors import UsageError
from opro_cli.models import gguf_plan
from opro_cli.models.gguf_header import Header
from opro_cli.models.gguf_plan import (
    Memory,
    count_needed_tokens,
    inspect_files,
    note_file,
    plan_server,
    read_memory,
    require_extra,
    require_files,
    require_memory,
)
from tests.gguf.made import Q4_0, Q4_1, write_gguf

GB = 10**9
MISTRAL = {
    "general.architecture": "llama",
    "llama.context_length": 32_768,
    "llama.block_count": 32,
    "llama.embedding_length": 4_096,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
    "tokenizer.chat_template": "…",
}


def header(size: int = 4 * GB, metadata: dict[str, Any] = MISTRAL, **formats: int) -> Header:
    return Header(size, metadata, formats or {"Q4_K": size}, 1000)


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_plan, "read_memory", lambda: Memory(16 * GB, 12 * GB))
    monkeypatch.setattr(gguf_plan, "count_cores", lambda: 6)
    monkeypatch.setattr(gguf_plan, "is_installed", lambda: True)


def plan(concurrency: int = 4, tokens: int = 2_000, **gguf: Any) -> gguf_plan.ServerPlan:
    model = ScorerSettings("gguf/m.gguf", gguf=GgufSettings(**gguf) if gguf else None)
    return plan_server(model, Path("m.gguf"), header(), concurrency, tokens)


def test_slots_follow_the_concurrency_and_the_context_follows_the_prompts() -> None:
    made = plan(concurrency=8, tokens=2_000)
    assert (made.slots, made.context, made.threads, made.gpu_layers) == (8, 2_048, 6, 0)


def test_a_context_is_never_beyond_the_trained_one() -> None:
    assert plan(tokens=100_000, concurrency=1).context == 32_768


def test_the_config_has_the_last_word() -> None:
    made = plan(tokens=100, context=8_192, threads=3, gpu_layers=99)
    assert (made.context, made.threads, made.gpu_layers) == (8_192, 3, 99)


def test_cpus_have_a_use_for_some_slots_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(concurrency=500).slots == 12
    monkeypatch.setattr(gguf_plan, "count_cores", lambda: 1)
    assert plan(concurrency=500).slots == 4
    assert plan(concurrency=500, gpu_layers=99).slots == 64


def test_there_are_no_more_slots_than_memory_has_room_for() -> None:
    # 128 KiB a token: 8,192 tokens take 1.07 GB, and 12 - 4 - 0.3 GB are left
    assert plan(concurrency=16, tokens=8_192).slots == 7
    assert plan(concurrency=16, tokens=32_768 * 4).slots == 1


def test_needed_tokens_have_room_for_scripts_of_few_bytes_a_token() -> None:
    assert count_needed_tokens(1_000, ScorerSettings("gguf/m.gguf", max_tokens=50)) == 2_306


def test_a_file_larger_than_memory_is_refused_unless_a_gpu_holds_it() -> None:
    with pytest.raises(UsageError, match=r"needs 20\.3 GB of memory, this machine has 16\.0 GB"):
        require_memory(ScorerSettings("gguf/m.gguf"), header(20 * GB))
    require_memory(ScorerSettings("gguf/m.gguf"), header(15 * GB))
    require_memory(ScorerSettings("gguf/m.gguf", gguf=GgufSettings(gpu_layers=99)), header(20 * GB))


def test_a_file_larger_than_what_is_free_is_noted() -> None:
    (note,) = note_file(ScorerSettings("gguf/m.gguf"), header(13 * GB))
    assert "needs 13.3 GB of memory, and 12.0 GB are free now" in note


def test_a_slow_format_is_noted_with_the_remedy() -> None:
    slow = header(GB, Q4_1=2, Q8_0=1)
    (note,) = note_file(ScorerSettings("gguf/m.gguf"), slow)
    assert "Q4_1 is slow on CPUs" in note
    assert "take a Q4_0 or Q4_K_M file" in note
    assert not note_file(ScorerSettings("gguf/smollm2-135m"), slow)
    assert not note_file(ScorerSettings("gguf/m.gguf"), header(GB, Q4_1=1, Q8_0=2))
    on_gpu = ScorerSettings("gguf/m.gguf", gguf=GgufSettings(gpu_layers=9))
    assert not note_file(on_gpu, slow)


def test_replies_beyond_the_context_are_noted() -> None:
    (note,) = note_file(ScorerSettings("gguf/m.gguf", max_tokens=32_768), header(GB))
    assert "max_tokens 32,768 is more than its context has room for, 32,768 tokens" in note
    assert not note_file(ScorerSettings("gguf/m.gguf", max_tokens=32_767), header(GB))
    small = ScorerSettings("gguf/m.gguf", max_tokens=4_096, gguf=GgufSettings(context=4_096))
    (note,) = note_file(small, header(GB))
    assert "4,096 tokens for prompt and reply" in note


def test_a_base_model_is_noted() -> None:
    metadata = {key: of for key, of in MISTRAL.items() if "template" not in key}
    (note,) = note_file(ScorerSettings("gguf/m.gguf"), header(GB, metadata))
    assert "a base model without a chat template" in note


def test_the_extra_is_asked_for_before_anything_is_downloaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gguf_plan, "is_installed", lambda: False)
    monkeypatch.setattr(gguf_plan, "fetch_file", lambda name: pytest.fail("downloaded"))
    with pytest.raises(UsageError, match="needs the extra gguf") as refusal:
        require_files([ScorerSettings("gguf/hub:a/b/c.gguf")])
    assert str(refusal.value.hint).startswith("pip install 'opro-cli[gguf]'")
    require_files([ScorerSettings("openai/x")])
    with pytest.raises(UsageError):
        require_extra("gguf/x.gguf")


def test_a_report_has_the_file_or_the_reason_why_not(tmp_path: Path) -> None:
    good = write_gguf(tmp_path / "good.gguf", tensors=(("a", 64, Q4_0),))
    slow = write_gguf(tmp_path / "slow.gguf", tensors=(("a", 64, Q4_1),))
    models = {
        "scorer": ScorerSettings(f"gguf/{good}"),
        "optimizer": ScorerSettings(f"gguf/{good}"),
        "judge": ScorerSettings(f"gguf/{slow}"),
        "other": ScorerSettings(f"gguf/{tmp_path / 'none.gguf'}"),
        "far": ScorerSettings("openai/x"),
    }
    first, second, third = inspect_files(models)
    assert (first.file, first.format, first.chat, first.context) == (str(good), "Q4_0", True, 2048)
    assert first.problem is None
    assert "slow on CPUs" in second.notes[0]
    assert "no such file" in str(third.problem)
    assert third.to_json()["notes"] == []


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, Memory(8_000 * 1024, 5_000 * 1024)),
        ({"sys/fs/cgroup/memory.max": "max"}, Memory(8_000 * 1024, 5_000 * 1024)),
        ({"sys/fs/cgroup/memory.max": "1000000"}, Memory(1_000_000, 1_000_000)),
        (
            {"sys/fs/cgroup/memory/memory.limit_in_bytes": "6000000"},
            Memory(6_000_000, 5_000 * 1024),
        ),
    ],
)
def test_memory_is_what_the_machine_and_its_container_have(
    limits: dict[str, str], expected: Memory, tmp_path: Path
) -> None:
    files = {"proc/meminfo": "MemTotal: 8000 kB\nMemAvailable:  5000 kB\nx\n", **limits}
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert read_memory(tmp_path) == expected
    assert read_memory(Path("/")) is not None
