"""Searches in processes of their own that are killed at random moments and resumed.

OPRO_KILL_SEED repeats the moments of a test, which prints the seed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PATIENCE_S = 120


def opro(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"COLUMNS": "80", "OPRO_CACHE_DIR": str(folder / "cache")}
    return subprocess.Popen(
        [sys.executable, "-m", "opro_cli", *words, "--plain"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err.decode()


def outcome(folder: Path) -> dict[str, Any]:
    """What a run came to: all but its name, its times, and calls that were in flight at a kill."""
    (file,) = (folder / "runs").glob("*/result.json")
    result = json.loads(file.read_text())
    return {
        k: v
        for k, v in result.items()
        if k not in ("run", "started", "seconds", "spend", "test_use")
    }


def kill_and_resume(
    prepare: Callable[[str], Path], kind: str, kills: int, latest: float
) -> Iterator[Path]:
    """Yield the folder of a search that ends by itself, then those of killed ones that end alike.

    Args:
        prepare: Makes a folder of this name with a config c.yaml.
        kind: Of the search, which gives the moments.
        kills: How many there are, over all folders.
        latest: The last moment of a kill, in times of the whole search.
    """
    seed = int(os.environ.get("OPRO_KILL_SEED", random.randrange(10**6)))
    moments, left = random.Random(f"{seed} {kind}"), kills
    began = time.monotonic()
    whole = prepare("whole")
    finish(opro(whole, "optimize", "c.yaml"))
    took = time.monotonic() - began
    expected = outcome(whole)
    assert expected["status"] == "finished"
    yield whole
    rounds = 0
    while left:
        folder = prepare(f"cut-{rounds}")
        rounds += 1
        process = opro(folder, "optimize", "c.yaml")
        while left:
            try:
                process.wait(moments.uniform(0.1, latest) * took)
                break  # it was done before
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                left -= 1
            begun = (folder / "runs").is_dir() and any((folder / "runs").glob("[!.]*/run.json"))
            process = opro(folder, *(("resume", "--last") if begun else ("optimize", "c.yaml")))
        finish(process)
        assert outcome(folder) == expected, f"OPRO_KILL_SEED={seed}"
        yield folder
    print(f"OPRO_KILL_SEED={seed} {kind}: {kills} kills survived in {rounds} runs")
