"""The process that serves a GGUF file: `python -m opro_cli.models.gguf_server`.

It reads parameters, a line of JSON, from stdin, and writes lines of JSON to stdout: {"loading": …}
before the file is loaded, and {"address": …} once the server answers, or {"error": …}. It lives as
long as its stdin is open, so that it ends with its parent, whatever becomes of that.

Tests run their own server in its place: `serve` is all that knows of llama.cpp.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from opro_cli.processes import take_pipe

PROMPT_CACHE_MIB = 256
"""Of prompts that no slot has any more; left alone it grew to 4.5 GB for a model of 145 MB."""
BATCH = 512
"""Tokens of prompts that are computed together."""

Parameters = Mapping[str, Any]
"""The fields of a ServerPlan, and the port; 0 for any that is free."""


def main(serve: Callable[[Parameters], object] | None = None) -> None:
    """Serve as told on stdin, until stdin ends.

    Args:
        serve: Loads and serves; returns an object whose `listening_address` is the server's.
    """
    pipe = os.fdopen(take_pipe(1), "w")  # what llama.cpp prints is no message

    def send(message: Mapping[str, Any]) -> None:
        pipe.write(json.dumps(message) + "\n")
        pipe.flush()

    parameters = json.loads(sys.stdin.buffer.readline() or b"null")
    if parameters is None:
        return  # the parent has gone already
    _end_with_parent(take_pipe(0))
    send({"loading": parameters["path"]})
    try:
        server = (serve or serve_file)(parameters)
    except Exception as error:  # noqa: BLE001 - its parent words it
        send({"error": str(error) or type(error).__name__})
        sys.stderr.flush()
        os._exit(1)
    send({"address": getattr(server, "listening_address", "")})
    threading.Event().wait()


def _end_with_parent(stdin: int) -> None:
    """End this process when its stdin ends, also while llama.cpp loads and Python stands still."""
    with suppress(ImportError, OSError, AttributeError):  # Windows: the thread alone
        import fcntl

        # A signal that nobody handles ends the process without a turn of the interpreter.
        fcntl.fcntl(stdin, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(stdin, fcntl.F_SETFL, fcntl.fcntl(stdin, fcntl.F_GETFL) | os.O_ASYNC)
        if select.select([stdin], [], [], 0)[0]:
            os._exit(0)  # it ended before that

    def wait() -> None:
        while os.read(stdin, 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def serve_file(parameters: Parameters) -> object:
    """Load a file and serve it; returns the server, which answers on threads of its own."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = parameters["path"]
    settings.hostnames = ["127.0.0.1"]
    settings.port = parameters["port"]
    settings.n_parallel = parameters["slots"]
    settings.n_ctx = parameters["slots"] * parameters["context"]  # of all slots together
    settings.kv_unified = False  # else one long prompt takes the room of the others
    settings.n_batch = settings.n_ubatch = BATCH
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = parameters["threads"]
    settings.n_threads_http = parameters["slots"] + 2
    settings.cache_ram_mib = PROMPT_CACHE_MIB
    settings.n_gpu_layers = parameters["gpu_layers"]
    settings.fit_params = False  # sized by the parent, and not by what is free at the moment
    settings.ui = False
    settings.verbosity = 1  # errors, the last of which the parent quotes
    return xllamacpp.Server(settings)


if __name__ == "__main__":
    main()
