"""The header of a GGUF file, and every way in which a file can be none."""

from __future__ import annotations

import contextlib
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_cli.models.gguf_header import FaultyFileError, read_header
from tests.gguf.made import LLAMA, Q4_1, make_gguf, write_gguf


def test_a_file_says_what_its_model_is(tmp_path: Path) -> None:
    header = read_header(write_gguf(tmp_path / "m.gguf"))
    assert header.architecture == "llama"
    assert header.has_chat_template
    assert header.trained_context == 2048
    # two blocks of 18 bytes, and one of 34
    assert header.tensor_bytes == {"Q4_0": 36, "Q8_0": 34}
    assert header.main_format == "Q4_0"
    # 2 layers, 2 heads, keys and values of 16 numbers each, of 2 bytes
    assert header.estimate_token_bytes() == 2 * 2 * (16 + 16) * 2


def test_heads_that_differ_by_layer_are_added_up(tmp_path: Path) -> None:
    metadata = {**LLAMA, "llama.attention.head_count_kv": [1, 3]}
    header = read_header(write_gguf(tmp_path / "m.gguf", metadata=metadata))
    assert header.estimate_token_bytes() == (1 + 3) * (16 + 16) * 2


def test_a_base_model_has_no_template(tmp_path: Path) -> None:
    metadata = {key: of for key, of in LLAMA.items() if "template" not in key}
    assert not read_header(write_gguf(tmp_path / "m.gguf", metadata=metadata)).has_chat_template


def test_the_share_of_a_format_is_of_bytes(tmp_path: Path) -> None:
    tensors = (("a", 96, Q4_1), ("b", 32, 8))
    header = read_header(write_gguf(tmp_path / "m.gguf", tensors=tensors))
    assert header.share_of("Q4_1") == pytest.approx(60 / 94)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no GGUF file"),
        (b"GG", "is no GGUF file"),
        (b"PK\3\4" + bytes(100), "is no GGUF file"),
        (b"GGUF" + struct.pack("<I", 1) + bytes(64), "of version 1"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(64), "of a big-endian machine"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "has a damaged header: 1,152,9"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "has a damaged header: 0 tensors and 1,"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**63), "has a damaged header: a name of"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1), "is cut: its header reaches beyond"),
    ],
)
def test_what_is_no_file_of_this_kind_is_told(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    with pytest.raises(FaultyFileError, match=message):
        read_header(path)


def test_lists_that_would_take_forever_are_refused(tmp_path: Path) -> None:
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k"
    path = tmp_path / "m.gguf"
    with path.open("wb") as file:
        file.write(head + struct.pack("<IIQ", 9, 8, 2**40))
        file.truncate(2**33)  # a sparse file: all of its texts are empty
    began = time.monotonic()
    with pytest.raises(FaultyFileError, match="lists of 1,099,511,627,776 texts"):
        read_header(path)
    assert time.monotonic() - began < 1


def test_a_file_that_is_cut_anywhere_is_told(tmp_path: Path) -> None:
    whole, path = make_gguf(), tmp_path / "m.gguf"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(FaultyFileError, match=r"is cut|is no GGUF file"):
            read_header(path)
    path.write_bytes(whole)
    read_header(path)


@given(
    changes=st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 255)), min_size=1, max_size=8)
)
@settings(max_examples=300)
def test_a_damaged_file_is_read_or_told_and_never_takes_long(
    changes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(make_gguf())
    for place, byte in changes:
        data[place % len(data)] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    path.write_bytes(data)
    began = time.monotonic()
    with contextlib.suppress(FaultyFileError):
        header = read_header(path)
        assert header.size == len(data)
        assert header.estimate_token_bytes() >= 0
        assert 0 <= header.share_of("Q4_0") <= 1
        assert isinstance(header.main_format, str)
        assert isinstance(header.architecture, str)
    assert time.monotonic() - began < 2


@given(data=st.binary(max_size=400))
@settings(max_examples=200)
def test_any_bytes_behind_the_magic_are_read_or_told(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.gguf"
    path.write_bytes(b"GGUF\3\0\0\0" + data)
    with contextlib.suppress(FaultyFileError):
        read_header(path)
