"""llama.cpp's server, without llama.cpp: `python -m tests.fakes.gguf_server`.

It answers {"pid": …, "route": …, "asked": …} as text, and below it an instruction where one is
asked for. A prompt with "die!" ends the process, one with "wait!" takes two seconds. The name of
the file says how loading goes: "broken", "crashing", "slow" (it holds the interpreter, as
llama.cpp does) or fine.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opro_cli.models.gguf_server import Parameters, main

SLOW_S = 30


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send({"status": "ok"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_chat = self.path.endswith("/chat/completions")
        asked = body["messages"][-1]["content"] if is_chat else body["prompt"]
        if "die!" in asked:
            os.write(2, b"0.01.000 E ggml: out of memory\n")  # at once: others may die beside it
            os._exit(7)
        if "wait!" in asked:
            time.sleep(2)
        text = json.dumps({"pid": os.getpid(), "route": self.path, "asked": asked})
        if "Generate an instruction" in asked:
            text += f"\n<INS>Mind all {len(asked)} of them.</INS>"
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        choice |= {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
        usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
        self._send({"choices": [choice] * body.get("n", 1), "usage": usage})

    def _send(self, what: Any) -> None:
        data = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@dataclass
class Served:
    listening_address: str


def serve(parameters: Parameters) -> Served:
    name = parameters["path"]
    if "slow" in name:
        ctypes.PyDLL(None).sleep(SLOW_S)  # PyDLL keeps the interpreter's lock
    if "crashing" in name:
        os.abort()
    if "broken" in name:
        print("llama_model_load: error loading model: missing tensor", file=sys.stderr, flush=True)
        print("init: exiting", file=sys.stderr, flush=True)
        raise RuntimeError("Failed to init server")
    server = ThreadingHTTPServer(("127.0.0.1", parameters["port"]), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    return Served(f"http://127.0.0.1:{server.server_address[1]}")


if __name__ == "__main__":
    main(serve)
