"""A planted key is never written: not into a file, a log, an error or a traceback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
import yaml

from opro_cli import wiring
from opro_cli.cli.app import main
from tests.cli.conftest import CONFIG, Opro
from tests.hostile.conftest import obeyed_in
from tests.hostile.keys import ALL, ECHO, IN_URL, PLANTED, files_with_keys, keys_in
from tests.server import Fault, LocalServer, Options

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0

ECHOES = {"x-your-key": PLANTED["OPRO_API_KEY"], "set-cookie": f"k={PLANTED['OPENAI_API_KEY']}"}
# Far enough on that many calls are in flight: none meets two of them, and waits are short.
IN_PASSING = {
    10: Fault("status", 500, ECHOES, f"<html>{ECHO}</html>"),
    11: Fault("malformed_json"),
    12: Fault("no_choices"),
    13: Fault("status", 429, {**ECHOES, "retry-after-ms": "1"}, {"error": {"message": ECHO}}),
    14: Fault("reset_mid_body"),
    15: Fault("status", 200, ECHOES, {"choices": ECHO, "object": ECHO}),
}
FOR_GOOD = Fault("status", 401, ECHOES, {"error": {"message": ECHO, "code": "invalid_api_key"}})


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, key in PLANTED.items():
        monkeypatch.setenv(name, key)


async def command(folder: Path, home: Path, *arguments: str) -> asyncio.subprocess.Process:
    """opro as a process, with every key at hand and every log turned up."""
    loud = {"LITELLM_LOG": "DEBUG", "OPENAI_LOG": "debug", "PYTHONWARNINGS": "always"}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "opro_cli",
        *arguments,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **PLANTED, **loud, "HOME": str(home), "PYTHONPATH": str(ROOT)},
    )


async def some_answers(folder: Path, process: asyncio.subprocess.Process) -> None:
    """Wait until the journal has a few answers and a retry; the process must not end before."""
    async with asyncio.timeout(PATIENCE_S):
        while process.returncode is None:
            said = b"".join(path.read_bytes() for path in folder.glob("runs/*/events.jsonl"))
            if said.count(b'"answered"') > 3 and b'"retried"' in said:
                return
            await asyncio.sleep(0.005)
    raise AssertionError("it ended before")


@pytest.mark.slow
async def test_nothing_that_a_process_writes_has_a_key(tmp_path: Path) -> None:
    """Faults that echo every key, a kill, a resume that is refused for good, debug logs on."""
    folder, home = tmp_path / "work", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    rows = [{"question": f"What is {n} plus {n}?", "answer": str(2 * n)} for n in range(1, 31)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = Options(models=("stub",), faults=IN_PASSING)
    async with LocalServer({str(r["question"]): str(r["answer"]) for r in rows}, options) as server:
        config = yaml.safe_load(CONFIG)
        config["scorer"] = config["optimizer"] = {"model": "openai/stub", "api_base": server.url}
        (folder / "c.yaml").write_text(yaml.safe_dump(config))
        process = await command(folder, home, "optimize", "c.yaml")
        await some_answers(folder, process)
        process.send_signal(signal.SIGKILL)
        said = [*await process.communicate()]
        server.options = Options(models=("stub",), faults=lambda number: FOR_GOOD)
        process = await command(folder, home, "resume", "--last")
        said += await process.communicate()
    assert process.returncode == 1
    assert b"answered 401: wrong keys: [redacted]" in said[-1]
    assert any(PLANTED["OPRO_API_KEY"] in (entry.authorization or "") for entry in server.requests)
    assert [keys_in(data) for data in said] == [[]] * 4
    assert b"Traceback" not in b"".join(said)
    assert not list(files_with_keys(tmp_path))
    (journal,) = folder.glob("runs/*/events.jsonl")
    assert b"[redacted]" in journal.read_bytes()


METRICS = {
    "raises": "raise RuntimeError(KEY)",
    "exits": "raise SystemExit(KEY)",
    "returns": "return KEY",
    "nests": "raise ValueError(['deep', {'in': KEY}])",
}


@pytest.mark.parametrize("body", METRICS.values(), ids=METRICS)
@pytest.mark.usefixtures("planted")
def test_code_of_the_user_cannot_tell_a_key(
    opro: Opro, folder: Path, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "leaky", raising=False)
    (folder / "leaky.py").write_text(
        "import os\nKEY = os.environ['OPRO_API_KEY']\n"
        f"def grade(reply, target, question):\n    {body}\n"
    )
    (folder / "c.yaml").write_text(CONFIG.replace("answer: number", "answer: python:leaky:grade"))
    said = opro("optimize", "c.yaml")
    assert said.code == 1
    assert "metric function grade" in said.err
    assert "[redacted]" in said.err
    assert not keys_in((said.out + said.err).encode())
    assert not list(files_with_keys(folder))


@pytest.mark.parametrize("error", ["RuntimeError", "SystemExit"])
@pytest.mark.usefixtures("planted")
def test_code_that_fails_while_it_is_imported(
    opro: Opro, folder: Path, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    (folder / "broken.py").write_text(f"import os\nraise {error}(os.environ['OPRO_API_KEY'])\n")
    (folder / "c.yaml").write_text(CONFIG.replace("answer: number", "answer: python:broken:grade"))
    said = opro("check", "c.yaml")
    assert said.code == 2
    assert f"importing broken failed: {error}: [redacted]" in said.err


@pytest.mark.usefixtures("planted", "folder")
def test_the_traceback_of_a_defect_has_no_key_and_nothing_to_obey(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def defect(settings: object, **_: object) -> None:
        try:
            raise KeyError(ECHO)
        except KeyError as cause:
            raise RuntimeError(f"\x1b]52;c;cm0K\x07 {ECHO} \u202e \ud800") from cause

    monkeypatch.setattr(wiring, "load_data", defect)
    monkeypatch.setattr(sys, "argv", ["opro", "check", "c.yaml"])
    with pytest.raises(SystemExit, match="1"):
        main()
    err = capsys.readouterr().err
    assert "Traceback (most recent call last):" in err
    assert "RuntimeError: \\x1b]52;c;cm0K\\x07 wrong keys: [redacted]" in err
    assert "this is a defect in opro" in err
    assert not keys_in(err.encode())
    assert not [line for line in err.split("\n") if obeyed_in(line)]


@pytest.mark.parametrize(
    "url",
    [
        f"http://me:{IN_URL}@localhost/v1",
        f"http://{IN_URL}@localhost/v1",
        f"http://me@there:{IN_URL}@localhost/v1",
        f"http://me:of two {IN_URL}@localhost/v1",
        f"HTTP://me:{IN_URL}@localhost/v1",
        f"ftp://me:{IN_URL}@localhost/v1",
        f"http://localhost/v1?key={IN_URL}",
        f"http://localhost/v1?KEY={IN_URL}",
        f"http://localhost/v1?a=b&api_key={IN_URL}",
        f"http://localhost/v1?api-key={IN_URL}",
        f"http://localhost/v1?subscription-key={IN_URL}&b=c",
        f"http://localhost/v1?access_token={IN_URL}",
        f"http://localhost/v1?client_secret={IN_URL}",
        f"http://localhost/v1?sig={IN_URL}",
    ],
)
def test_a_key_in_an_address_is_refused_and_not_repeated(
    opro: Opro, folder: Path, url: str
) -> None:
    config = yaml.safe_load(CONFIG)
    config["scorer"]["api_base"] = url
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    said = opro("optimize", "c.yaml")
    assert said.code == 2
    assert "scorer.api_base: expected a URL" in said.err
    assert not keys_in(said.err.encode())
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("place", ["scorer", "optimizer.api_key", "name", "task.answer", "search"])
@pytest.mark.parametrize("key", ALL)
def test_a_key_in_the_wrong_place_is_not_repeated(
    opro: Opro, folder: Path, place: str, key: str, request: pytest.FixtureRequest
) -> None:
    if key != IN_URL:  # one that is nowhere in the environment is known by its shape alone
        request.getfixturevalue("planted")
    config = yaml.safe_load(CONFIG)
    section, _, name = place.partition(".")
    if name:
        config[section][name] = f"Bearer {key}"
    else:
        config[section] = f"Bearer {key}"
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    said = opro("check", "c.yaml")
    assert said.code == 2
    assert not keys_in(said.err.encode())


def test_an_address_without_a_key_is_fine(opro: Opro, folder: Path) -> None:
    config = yaml.safe_load(CONFIG)
    config["scorer"]["api_base"] = "https://east.example/openai/v1?api-version=2024-10-21"
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    assert opro("check", "c.yaml").code == 0
