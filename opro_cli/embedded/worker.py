"""`python -m opro_cli.embedded.worker`: the models in a process of its own, fed by pipes.

Lines of JSON. In, on stdin: [[key, folder, stop, ids, temperature, limit, seed], …], prompts to
continue, until one of the texts in `stop`, by the checkpoint in a folder, which is read when it is
first named. Out, on stdout: [[key, ids, finish_reason], …] as they are over, in any order; or one
{"error": text} before it ends. The end of stdin ends it, so it outlives nobody.

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

from opro_cli.embedded.decoding import ROWS, Batch, Finished, Row, begin_rows, take_batch
from opro_cli.embedded.mistral import Mistral, load_checkpoint
from opro_cli.embedded.prompts import Prompt, StopWatch, read_spellings

FEW = 8
"""So many that wait are worth reading, however many are under way."""


class ModelQueue:
    """One model, the rows that wait for it, and those under way."""

    def __init__(self, folder: Path) -> None:
        self.waiting: deque[Row] = deque()
        self._folder = folder
        self._spelt: dict[int, bytes] = {}
        self._model = Mistral(load_checkpoint(folder))
        self._batch = Batch(self._model)

    @property
    def is_busy(self) -> bool:
        return bool(self.waiting or self._batch.rows)

    def put(self, key: int, stop: list[str], prompt: Prompt) -> None:
        """One more that waits."""
        if stop and not self._spelt:
            self._spelt = read_spellings(self._folder)
        self.waiting.append(Row(key, prompt, StopWatch(self._spelt, stop) if stop else None))

    def turn(self) -> list[Finished]:
        """Read some prompts, or write one more token of each answer; what is over by then."""
        under_way = len(self._batch.rows)
        # One by one they would be read at twice the cost.
        worth_it = len(self.waiting) >= min(FEW, 1 + under_way // 4)
        if not worth_it or under_way >= ROWS:
            return self._batch.step()
        begun, over = begin_rows(self._model, take_batch(self.waiting, ROWS - under_way))
        self._batch.add(begun)
        return over


def iterate_answers(lines: queue.SimpleQueue[bytes]) -> Iterator[list[Finished]]:
    """What is over, turn by turn, until an empty line comes; the models take turns."""
    desks: dict[str, ModelQueue] = {}
    while True:
        while not lines.empty() or not any(desk.is_busy for desk in desks.values()):
            line = lines.get()
            if not line:
                return
            for key, folder, stop, ids, *how in json.loads(line):
                if folder not in desks:
                    desks[folder] = ModelQueue(Path(folder))
                desks[folder].put(key, stop, Prompt(tuple(ids), *how))
        for desk in desks.values():
            if desk.is_busy:
                yield desk.turn()


def serve(stdin: BinaryIO, stdout: BinaryIO) -> None:
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
        for over in iterate_answers(lines):
            if over:
                tell([(key, each.ids, each.finish_reason) for key, each in over])
    except BrokenPipeError:
        pass  # nobody listens any more
    except Exception as error:  # noqa: BLE001 - whoever waits is told, in words
        tell({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
