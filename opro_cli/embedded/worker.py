"""`python -m opro_cli.embedded.worker FOLDER`: the model in a process of its own, fed by pipes.

Lines of JSON. In, on stdin: [[key, ids, temperature, limit, seed], …], prompts to continue. Out,
on stdout: [[key, ids, finish_reason], …] as they are over, in any order; or one {"error": text}
before it ends. The end of stdin ends it, so it outlives nobody.

A process because Python's lock lets two threads of small matrix products do little more than one.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from opro_cli.embedded.checkpoint import load_checkpoint
from opro_cli.embedded.decoding import ROWS, Batch, Over, Row, begin, together
from opro_cli.embedded.mistral import Mistral
from opro_cli.embedded.prompts import Prompt

FEW = 8
"""So many that wait are worth reading, however many are under way."""


def answers(model: Mistral, lines: queue.SimpleQueue[bytes]) -> Iterator[list[Over]]:
    """What is over, step by step, until an empty line comes."""
    waiting: deque[Row] = deque()
    batch = Batch(model)
    while True:
        while not lines.empty() or not (waiting or batch.rows):
            line = lines.get()
            if not line:
                return
            waiting.extend(_row(*told) for told in json.loads(line))
        # One by one they would be read at twice the cost.
        worth_it = len(waiting) >= min(FEW, 1 + len(batch.rows) // 4)
        if worth_it and len(batch.rows) < ROWS:
            begun, over = begin(model, together(waiting, ROWS - len(batch.rows)))
            batch.add(begun)
            yield over
        else:
            yield batch.step()


def _row(key: int, ids: list[int], temperature: float, limit: int, seed: int) -> Row:
    return Row(key, Prompt(tuple(ids), temperature, limit, seed))


def serve(folder: Path, stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Answer until the end of stdin."""

    def tell(what: Any) -> None:
        stdout.write(json.dumps(what).encode() + b"\n")
        stdout.flush()

    def listen() -> None:
        for line in stdin:
            lines.put(line)
        lines.put(b"")

    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=listen, daemon=True).start()
    try:
        model = Mistral(load_checkpoint(folder))
        for over in answers(model, lines):
            if over:
                tell([(key, each.ids, each.finish_reason) for key, each in over])
    except BrokenPipeError:
        pass  # nobody listens any more
    except Exception as error:  # noqa: BLE001 - whoever waits is told, in words
        tell({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
