"""Run the embedded models in a process of their own: `python -m opro_cli.embedded.worker`.

It exchanges lines of JSON. A line on stdin, [[key, folder, stop, ids, temperature, limit, seed],
…], has prompts to continue up to a text in `stop`, by the checkpoint in `folder`, which is loaded
on first use. A line on stdout, [[key, ids, finish_reason], …], has finished answers in any order,
or it is {"error": text} before the process ends. The process ends with stdin.

It is a process because under Python's lock two threads of small matrix products are hardly faster
than one.
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
"""Waiting prompts that are worth reading at once, however many are under way."""


class ModelQueue:
    """A model with its waiting rows and those under way."""

    def __init__(self, folder: Path) -> None:
        self.waiting: deque[Row] = deque()
        self._folder = folder
        self._spelt: dict[int, bytes] = {}
        self._model = Mistral(load_checkpoint(folder))
        self._batch = Batch(self._model)

    @property
    def is_busy(self) -> bool:
        """Whether any rows are waiting or under way."""
        return bool(self.waiting or self._batch.rows)

    def put(self, key: int, stop: list[str], prompt: Prompt) -> None:
        """Add a waiting row."""
        if stop and not self._spelt:
            self._spelt = read_spellings(self._folder)
        self.waiting.append(Row(key, prompt, StopWatch(self._spelt, stop) if stop else None))

    def advance(self) -> list[Finished]:
        """Read some prompts, or write a token of each answer, and return finished rows."""
        under_way = len(self._batch.rows)
        # Prompts read one by one cost twice as much.
        worth_it = len(self.waiting) >= min(FEW, 1 + under_way // 4)
        if not worth_it or under_way >= ROWS:
            return self._batch.step()
        begun, over = begin_rows(self._model, take_batch(self.waiting, ROWS - under_way))
        self._batch.add(begun)
        return over


def iterate_answers(lines: queue.SimpleQueue[bytes]) -> Iterator[list[Finished]]:
    """Yield finished rows until an empty line arrives; the models take turns."""
    queues: dict[str, ModelQueue] = {}
    while True:
        while not lines.empty() or not any(model.is_busy for model in queues.values()):
            line = lines.get()
            if not line:
                return
            for key, folder, stop, ids, *how in json.loads(line):
                if folder not in queues:
                    queues[folder] = ModelQueue(Path(folder))
                queues[folder].put(key, stop, Prompt(tuple(ids), *how))
        for model in queues.values():
            if model.is_busy:
                yield model.advance()


def serve(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Answer the prompts on `stdin` until it ends."""

    def write_line(content: Any) -> None:
        stdout.write(json.dumps(content).encode() + b"\n")
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
                write_line([(key, answer.ids, answer.finish_reason) for key, answer in over])
    except BrokenPipeError:
        pass  # the reader has gone
    except Exception as error:  # noqa: BLE001 - the parent process reports any error
        write_line({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
