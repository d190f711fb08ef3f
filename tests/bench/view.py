"""How fast the web view opens: `python -m tests.bench.view [ANSWERS]`, 400,000 when left out.

Writes the run of `tests.bench.replay`, opens it once as `opro show` does (which leaves the snapshot
that a run has at its end), and asks a new `opro view` for it over HTTP: the run and its grid, one
answer, and all again while nothing changed. Where there is a Chromium, it opens the report in that,
at a new server and again. Then it lists 300 short runs that have their summaries.
`--no-snapshot` opens the long run as one that is still at work, and was never read before.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from opro_cli.store.folders import list_runs
from opro_cli.store.run_folder import read_run
from opro_cli.store.summary import read_run_summary
from tests.bench.replay import write_run
from tests.reports.html.browser import CHROMIUM, browser

ANSWERS = 400_000
RUNS = 300
RECORDED = Path(__file__).parents[1] / "run_folders" / "format-4"


@contextmanager
def viewing(runs_dir: Path) -> Iterator[tuple[str, int]]:
    """The address of a server of its own, and its process."""
    command = [sys.executable, "-m", "opro_cli", "view", "--no-open", "--port", "0"]
    with subprocess.Popen(
        [*command, "--runs-dir", str(runs_dir)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().decode().strip(), server.pid
        finally:
            server.terminate()


def busy(process: int) -> float:
    """The seconds of a core that a process has had (Linux): other work here does not count."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(address: str, etag: str = "") -> tuple[float, bytes, str]:
    """Seconds, body and ETag of one request."""
    began = time.perf_counter()
    request = Request(address, headers={"If-None-Match": etag} if etag else {})
    try:
        with urlopen(request) as reply:
            body, etag = reply.read(), reply.headers["ETag"]
    except HTTPError as unchanged:
        if unchanged.code != 304:
            raise
        body = b""
    return time.perf_counter() - began, body, etag


def measure_long(runs_dir: Path) -> None:
    """Print what the first look at a long run takes, and the next ones."""
    name = list_runs(runs_dir)[-1].name
    with viewing(runs_dir) as (root, process):
        before = busy(process)
        run, body, etag = ask(f"{root}api/run?name={name}")
        grid, marks, grid_etag = ask(f"{root}api/grid?run={name}&split=train")
        core = busy(process) - before
        data: dict[str, Any] = json.loads(marks)
        answers = sum(len(each) - each.count(".") for each in data["prompts"].values())
        print(f"{answers:,} answers: api/run {run:.2f} s, api/grid {grid:.2f} s", end="")
        sizes = f"{len(body) / 1e6:.1f} and {len(marks) / 1e6:.1f} MB"
        print(f", together {run + grid:.2f} s ({core:.2f} s of a core; {sizes})")
        prompt = list(data["prompts"])[-2]
        one, _, _ = ask(f"{root}api/answer?run={name}&split=train&question=7&prompt={prompt}")
        again, _, _ = ask(f"{root}api/run?name={name}", etag)
        same, _, _ = ask(f"{root}api/grid?run={name}&split=train", grid_etag)
        other, _, _ = ask(f"{root}api/grid?run={name}&split=dev")
        print(f"one answer {1000 * one:.0f} ms; unchanged: {1000 * again:.0f} and ", end="")
        print(f"{1000 * same:.0f} ms; another split {1000 * other:.0f} ms")


async def measure_page(runs_dir: Path) -> None:
    """Print when a browser has painted first, and when it has the whole report of a long run."""
    name = list_runs(runs_dir)[-1].name
    with viewing(runs_dir) as (root, _), tempfile.TemporaryDirectory() as profile:
        async with browser(Path(profile) / "profile") as tab:
            for when in ("at a new server", "again"):
                await tab.open("about:blank", 1280, 900)
                await tab.open(f"{root}#/run/{name}", 1280, 900)
                for _ in range(3):  # of ten seconds each
                    with suppress(AssertionError):
                        await tab.until("document.querySelector('article')")
                        break
                painted, whole, nodes = await tab.evaluate(_PAINTED)
                print(f"report in a browser, {when}: first paint {painted / 1000:.2f} s", end="")
                print(f", all of it {whole / 1000:.2f} s, {nodes:,} elements")


_PAINTED = """
document.body.offsetHeight && [
  performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN,
  performance.now(), document.querySelectorAll("*").length,
]
"""


def measure_list(runs_dir: Path) -> None:
    """Print what listing many runs takes, the first time and while nothing changed."""
    for number in range(RUNS):
        hour, minute = divmod(number, 60)
        name = f"sums-20261123-{hour:02}{minute:02}00-{number:08x}"
        shutil.copytree(RECORDED, runs_dir / name)
        read_run_summary(runs_dir / name)
    with viewing(runs_dir) as (root, process):
        before = busy(process)
        first, body, etag = ask(f"{root}api/runs")
        core = busy(process) - before
        again, _, _ = ask(f"{root}api/runs", etag)
        rows = json.loads(body)["runs"]
        print(f"{len(rows)} runs listed in {first:.2f} s ({core:.2f} s of a core)", end="")
        print(f"; unchanged: {1000 * again:.0f} ms")


def main() -> None:
    """Measure both."""
    numbers = [int(each) for each in sys.argv[1:] if re.fullmatch("[0-9]+", each)]
    count = numbers[0] if numbers else ANSWERS
    with tempfile.TemporaryDirectory() as folder:
        # Every step has eight proposals beside its 2,000 answers.
        run = write_run(Path(folder), count + count // 250)
        if "--no-snapshot" not in sys.argv:
            read_run(run)
        measure_long(Path(folder))
        if CHROMIUM is not None:
            asyncio.run(measure_page(Path(folder)))
    with tempfile.TemporaryDirectory() as folder:
        measure_list(Path(folder))


if __name__ == "__main__":
    main()
