"""What the tool costs beside the model: `python -m tests.bench.job`, about 40 seconds.

The real command, in a process of its own, on GSM8K rows (1 start prompt, then 3 steps of 8
candidates, on 50 questions each, 50 calls at a time) against a server that does nothing but wait
50 ms, and on a longer search against one that does not wait; beside them a client that only asks,
see `bare`. Of repeated runs the quickest counts: what other processes do to one only slows it down.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.table import Row, at_most, printed

ROOT = Path(__file__).parents[2]
GSM8K = ROOT / "configs" / "data" / "gsm8k_sample.jsonl"
CONCURRENCY = 50
STEPS, LONG = 3, 12
DELAY_MS = 50
ROUNDS = 3 + STEPS * (1 + 8)
"""Delays one after the other: the check and the first question, the 49 others; the proposals of a
step (in the first step the server shows that it gives one a call), then its 8 times 50
questions."""
REPEATS = 3
DIRECT, THROUGH_LITELLM = "hosted_vllm/stub", "mistral/stub"

CONFIG = """\
name: job
task:
  data:
    train: "{rows}"
    input: question
    target: answer
    split: {{train: 50, dev: 0, test: 0}}
  answer: number
scorer: {{model: "{model}", api_base: "{url}", concurrency: {concurrency}}}
optimizer: {{model: "{model}", api_base: "{url}", concurrency: {concurrency}}}
search:
  steps: {steps}
  candidates_per_step: 8
  initial_instructions: ["Let's solve the problem."]
  baselines: []
  noise_check: false
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process took: seconds from its start to its exit, seconds of a core, MiB at most.

    journal: bytes of its run's.
    """

    wall: float
    cpu: float
    peak: float
    calls: int = 0
    journal: int = 0


def rows() -> Iterator[Row]:
    """The table's lines, each as soon as it is measured."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _waiting(Path(folder))
        yield from _hurrying(Path(folder))


def _waiting(folder: Path) -> Iterator[Row]:
    with stub(DELAY_MS) as url:
        plain = best(lambda: optimize(folder, url, STEPS))
        live = best(lambda: optimize(folder, url, STEPS, live=True))
        bare = best(lambda: ask(url, plain.calls))
    yield Row("job: requests", plain.calls, "")
    yield Row("job: floor, waiting alone", plain.calls / CONCURRENCY * DELAY_MS / 1000, "s")
    yield Row("job: floor, as one step waits for the other", ROUNDS * DELAY_MS / 1000, "s")
    yield Row("job: bare aiohttp client", bare.wall, "s")
    yield at_most("job, --plain: wall", plain.wall, "s", 2.5)
    yield at_most("job, live view: wall", live.wall, "s", 2.5)
    yield Row("job, --plain: times the bare client", plain.wall / bare.wall, "×")
    yield at_most("job, --plain: CPU a call, start-up too", 1000 * plain.cpu / plain.calls, "ms", 1)
    yield at_most("job, live view: CPU a call, start-up too", 1000 * live.cpu / live.calls, "ms", 1)
    yield at_most("job, --plain: peak memory", plain.peak, "MiB", 120)
    yield at_most("job, live view: peak memory", live.peak, "MiB", 120)


def _hurrying(folder: Path) -> Iterator[Row]:
    with stub(0) as url:
        begun = best(lambda: optimize(folder, url, 0))
        plain = best(lambda: optimize(folder, url, LONG))
        live = best(lambda: optimize(folder, url, LONG, live=True))
        bare = best(lambda: ask(url, plain.calls))
        first = best(lambda: optimize(folder, url, 0, model=THROUGH_LITELLM))
        through = best(lambda: optimize(folder, url, STEPS, model=THROUGH_LITELLM))
    yield Row("no wait: requests", plain.calls, "")
    yield Row("no wait: start to exit without a step, wall", begun.wall, "s")
    yield Row("no wait: start to exit without a step, CPU", begun.cpu, "s")
    for name, spent in (("--plain", plain), ("live view", live)):
        calls = spent.calls - begun.calls
        cpu = 1000 * (spent.cpu - begun.cpu) / calls
        rate = calls / (spent.wall - begun.wall)
        yield at_most(f"no wait, {name}: CPU a further call", cpu, "ms", 1)
        yield Row(f"no wait, {name}: calls a second", rate, "", "≥ 1,000", rate >= 1000)
    slow = 1000 * (through.cpu - first.cpu) / (through.calls - first.calls)
    yield Row("no wait, through litellm: CPU a further call", slow, "ms")
    yield Row("no wait: journal a call", plain.journal / plain.calls, "bytes")
    yield Row("no wait, bare aiohttp client: CPU a call", 1000 * bare.cpu / bare.calls, "ms")
    yield Row("no wait, bare aiohttp client: calls a second", bare.calls / bare.wall, "")


def best(measure: Callable[[], Spent]) -> Spent:
    return min((measure() for _ in range(REPEATS)), key=lambda spent: spent.wall)


@contextmanager
def stub(delay_ms: float) -> Iterator[str]:
    """The url of a server that answers after so long."""
    command = [sys.executable, "-m", "tests.bench.stub", str(delay_ms), str(GSM8K)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def optimize(
    folder: Path, url: str, steps: int, *, live: bool = False, model: str = DIRECT
) -> Spent:
    """One run of the command, at a terminal for the live view."""
    config = folder / "config.yaml"
    told = {"rows": GSM8K, "url": url, "concurrency": CONCURRENCY, "steps": steps, "model": model}
    config.write_text(CONFIG.format(**told), "utf-8")
    runs = Path(tempfile.mkdtemp(dir=folder))
    command = ["-m", "opro_cli", "optimize", str(config), "--runs-dir", str(runs)]
    # Nothing is known beforehand: every question is a call.
    changes = {"OPRO_CACHE_DIR": tempfile.mkdtemp(dir=folder), "MISTRAL_API_KEY": "none"}
    spent = measured([*command, *([] if live else ["--plain"])], changes, live=live)
    journal = next(runs.glob("[!.]*/events.jsonl")).read_bytes()
    kinds = (b'{"event":"answered"', b'{"event":"proposed"', b'{"event":"checked"')
    calls = sum(line.startswith(kinds) for line in journal.splitlines())
    return Spent(spent.wall, spent.cpu, spent.peak, calls, len(journal))


def ask(url: str, requests: int) -> Spent:
    """So many requests by the client that does nothing else."""
    spent = measured(["-m", "tests.bench.bare", url, str(requests), str(CONCURRENCY)])
    return Spent(spent.wall, spent.cpu, spent.peak, requests)


def measured(
    arguments: Sequence[str], changes: Mapping[str, str] | None = None, *, live: bool = False
) -> Spent:
    """Run Python in a process of its own, with these changes of the environment."""
    terminal = {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **terminal, **(changes or {})}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the first of several runs compiles
    ours, theirs = pty.openpty() if live else (-1, subprocess.DEVNULL)
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    if live:
        os.close(theirs)
        threading.Thread(target=_drain, args=[ours], daemon=True).start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: exit code {process.returncode}")
    return Spent(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _drain(terminal: int) -> None:
    """Read what is drawn, as a terminal does; closed by the last process that wrote to it."""
    with suppress(OSError):
        while os.read(terminal, 65536):
            pass
    os.close(terminal)


def main() -> None:
    sys.exit(1 if printed(rows()) else 0)


if __name__ == "__main__":
    main()
