"""How soon a command begins: `python -m tests.bench.start_up [ROUNDS]`, 10 when left out.

Each command runs in a process of its own, in turn with `python -c pass`, so that whatever else
the machine does falls on both; told are medians, and how many bare interpreters a command takes.
`import typer` is the floor of all of them. The compiled modules are in a folder of their own,
warm from a first round, as is the summary of the run, which its last session else leaves.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.replay import write_run
from tests.bench.table import Row, at_most, printed

ROUNDS = 10
ANSWERS = 1_642
"""Events of the quickstart's journal, about."""
RATIO = 8.0
FIRST_REQUEST_S = 1.0
OPRO = ("-c", "from opro_cli.cli.app import main; main()")
"""What the `opro` script does."""
PASS = ("-c", "pass")
CONFIG = """\
task:
  data: {{train: rows.jsonl, input: question, target: answer}}
  answer: number
scorer: {{model: openai/stub, api_base: "{url}"}}
optimizer: {{model: openai/stub, api_base: "{url}"}}
"""


class Took(NamedTuple):
    """Seconds of one process: on the wall, and of a core."""

    wall: float
    busy: float


def commands(run: Path) -> Mapping[str, tuple[str, ...]]:
    """What is measured, by its name."""
    runs_dir = ("--runs-dir", str(run.parent))
    return {
        "python -c pass": PASS,
        "import typer": ("-c", "import typer"),
        "import typer, rich.table": ("-c", "import typer, rich.table"),
        "opro --help": (*OPRO, "--help"),
        "opro optimize --help": (*OPRO, "optimize", "--help"),
        "opro runs": (*OPRO, "runs", *runs_dir),
        "opro show RUN": (*OPRO, "show", str(run)),
    }


def once(arguments: Sequence[str], environment: Mapping[str, str]) -> Took:
    """Run Python on arguments to its end; RuntimeError when that is a bad one."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL
    )
    busy = _reaped(process)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: exit code {process.returncode}")
    return Took(time.perf_counter() - begun, busy)


def _reaped(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process; the seconds of a core that it took."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def medians(run: Path, rounds: int, environment: Mapping[str, str]) -> dict[str, Took]:
    """Each command's median, all of them taking turns."""
    asked = commands(run)
    took: dict[str, list[Took]] = {name: [] for name in asked}
    for number in range(rounds + 1):
        for name, arguments in asked.items():
            one = once(arguments, environment)
            if number:  # the first round compiles
                took[name].append(one)
    return {name: _median(all_) for name, all_ in took.items()}


def _median(all_: Sequence[Took]) -> Took:
    return Took(*(statistics.median(each) for each in zip(*all_, strict=True)))


def first_request(folder: Path, environment: Mapping[str, str]) -> Took:
    """What passes from the start of `opro optimize` to the first byte at its model's server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        (folder / "opro.yaml").write_text(CONFIG.format(url=url))
        rows = ({"question": f"What is {n} plus {n}?", "answer": str(2 * n)} for n in range(1000))
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *OPRO, "optimize", "opro.yaml", "--plain"],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            began = b""
            while not began:  # the first connection only sees whether anybody listens
                connection, _ = server.accept()
                with connection:
                    began = connection.recv(1)
            wall = time.perf_counter() - begun
        finally:
            process.kill()
            busy = _reaped(process)
        return Took(wall, busy)


@contextlib.contextmanager
def _places() -> Iterator[tuple[Path, dict[str, str]]]:
    """An empty folder, and an environment in which modules are compiled once."""
    with tempfile.TemporaryDirectory() as name:
        here = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        changes = {"PYTHONPATH": here, "PYTHONPYCACHEPREFIX": f"{name}/compiled"}
        environment = {**os.environ, **changes, "OPENAI_API_KEY": "sk-none"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        yield Path(name), environment


def rows(rounds: int = ROUNDS) -> list[Row]:
    """The figures, one a row."""
    with _places() as (folder, environment):
        took = medians(write_run(folder / "runs", ANSWERS), rounds, environment)
        firsts = [first_request(folder, environment) for _ in range(max(2, rounds // 2))][1:]
    bare = took["python -c pass"]
    found = []
    for name, each in took.items():
        ratio = each.busy / bare.busy
        label = f"{name}, CPU in bare Pythons"
        found += [
            Row(f"{name}, wall", 1000 * each.wall, "ms"),
            Row(f"{name}, CPU", 1000 * each.busy, "ms"),
            at_most(label, ratio, "x", RATIO) if "opro" in name else Row(label, ratio, "x"),
        ]
    first, label = _median(firsts), "opro optimize, first request"
    return [
        *found,
        at_most(f"{label}, wall", first.wall, "s", FIRST_REQUEST_S),
        Row(f"{label}, CPU", first.busy, "s"),
    ]


def main() -> None:
    rounds = int(sys.argv[1]) if sys.argv[1:] else ROUNDS
    printed(rows(rounds))


if __name__ == "__main__":
    main()
