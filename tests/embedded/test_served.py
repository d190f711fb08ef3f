"""The same checkpoint behind a server that nobody here wrote: `transformers serve`, over HTTP.

Opt-in, `pytest -m train` after `pip install -e '.[train]'`.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from opro_cli.core.run.events import Answered
from opro_cli.embedded.config import SCORER
from opro_cli.store.journal import read_events

pytest.importorskip("torch")
pytest.importorskip("fastapi")

pytestmark = pytest.mark.train

STARTS_WITHIN = 120.0
DATA = Path(__file__).resolve().parents[2] / "configs" / "data" / "bbh_navigate.jsonl"
CONFIG = """\
task:
  data: {{train: "{data}", input: input, target: target, split: {{train: 12, dev: 6, test: 6}}}}
  answer: boolean
  instruction_position: Q_begin
  qa_markers: true
scorer: {{{scorer}, temperature: 0, max_tokens: 200, concurrency: 4}}
optimizer: {{model: embedded/tiny-optimizer, temperature: 1.0, max_tokens: 80}}
search: {{steps: 2, candidates_per_step: 3, initial_instructions: ["Let's solve the problem."]}}
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(SCORER)]
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen([*command, *options], env=offline) as server:
        try:
            _wait_for(port, server)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and server.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    raise TimeoutError("transformers serve did not start")


def answers(folder: Path, scorer: str) -> dict[tuple[str, str, int], str]:
    """What the scorer said in a run of the command, by candidate, split and question."""
    folder.mkdir()
    (folder / "c.yaml").write_text(CONFIG.format(data=DATA, scorer=scorer))
    done = subprocess.run(
        [sys.executable, "-m", "opro_cli", "optimize", "c.yaml", "--plain", "--no-cache"],
        cwd=folder,
        env={**os.environ, "OPENAI_API_KEY": "none"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (journal,) = folder.glob("runs/[!.]*/events.jsonl")
    told = (event for event in read_events(journal) if isinstance(event, Answered))
    return {(e.candidate, e.split, e.question): e.text.removeprefix(" ") for e in told}


def test_a_search_over_http_gets_the_same_answers(url: str, tmp_path: Path) -> None:
    own = answers(tmp_path / "own", "model: embedded/tiny-mistral")
    served = answers(tmp_path / "served", f'model: "openai/{SCORER}", api_base: "{url}"')
    assert len(own) > 100
    assert served == own
