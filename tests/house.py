"""Figures of the house itself: `python -m tests.house` (`make house`).

Files, lines and functions of `opro_cli` without the training of the embedded models, and what a
run goes through: a small search against a local HTTP server, one call at a time, with every
function call of the package recorded.
"""

from __future__ import annotations

import ast
import configparser
import inspect
import json
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import opro_cli

PACKAGE = Path(opro_cli.__file__).parent
ROOT = PACKAGE.parent
QUESTIONS = 12
CONFIG = """\
name: house
task:
  data:
    train: rows.jsonl
    input: question
    target: answer
    split: {{train: {n}, dev: 0, test: 0}}
  answer: number
scorer: {{model: hosted_vllm/stub, api_base: "{url}", concurrency: 1, cache: false}}
optimizer: {{model: hosted_vllm/stub, api_base: "{url}", concurrency: 1, cache: false}}
search: {{steps: 1, candidates_per_step: 1}}
"""
REPLY = {
    "choices": [{"message": {"content": "<INS>Add up.</INS> 4"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3},
}


class Figure(NamedTuple):
    """A figure, what was aimed at, and whether it is met."""

    name: str
    value: str
    target: str = ""
    met: bool = True


@dataclass(slots=True)
class Trace:
    """Files of the package whose functions ran, since the last request that the server got."""

    files: set[str] = field(default_factory=set)
    between: list[frozenset[str]] = field(default_factory=list)
    """One set a request: the files run through since the request before it."""

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Record a call, as `sys.setprofile` wants it."""
        if event == "call":
            code = frame.f_code
            is_function = code.co_flags & inspect.CO_OPTIMIZED  # no module or class at its import
            if is_function and code.co_filename.startswith(str(PACKAGE)):
                self.files.add(code.co_filename)

    def mark(self) -> None:
        """Begin a new set: the server has got a request."""
        self.between.append(frozenset(self.files))
        self.files.clear()


def sources() -> list[Path]:
    """The modules that count: all but the training of the embedded models."""
    return sorted(p for p in PACKAGE.rglob("*.py") if "training" not in p.parts)


def size_figures() -> Iterator[Figure]:
    """Files, lines, functions, docstrings and contracts."""
    files = sources()
    lines = {path: len(path.read_text().splitlines()) for path in files}
    functions, documented, public = [], 0, 0
    for path in files:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.append((node.end_lineno or 0) - node.lineno + 1)
                if not node.name.startswith("_") and not _is_nested(tree, node):
                    public += 1
                    documented += ast.get_docstring(node) is not None
    total, longest = sum(lines.values()), max(files, key=lines.__getitem__)
    median = statistics.median(lines.values())
    yield Figure("files", str(len(files)), "at most 200", len(files) <= 200)
    yield Figure("lines", f"{total:,}", "at most 29,500", total <= 29_500)
    yield Figure("median lines of a file", f"{median:.0f}", "90 to 150", 90 <= median <= 150)
    name = f"{lines[longest]} ({longest.relative_to(PACKAGE)})"
    yield Figure("longest file", name, "at most 400", lines[longest] <= 400)
    long, too_long = (sum(n > limit for n in functions) for limit in (40, 60))
    share = 100 * long / len(functions)
    yield Figure("functions over 40 lines", f"{long} ({share:.1f} %)", "under 1 %", share < 1)
    yield Figure("functions over 60 lines", str(too_long), "none", too_long == 0)
    share = 100 * documented / public
    yield Figure("public functions with a docstring", f"{share:.1f} %", "all", documented == public)
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    count = sum(name.startswith("importlinter:contract") for name in contracts.sections())
    yield Figure("import contracts", str(count), "at least 7", count >= 7)


def _is_nested(tree: ast.Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is defined inside another one."""
    return any(
        node is inner
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef) and outer is not node
        for inner in ast.walk(outer)
    )


def trace_figures() -> Iterator[Figure]:
    """Files that a run goes through up to its first request, and those of one scorer call."""
    between = traced_run()
    first, call = between[0], between[QUESTIONS // 2]
    yield Figure("files, config to first request", str(len(first)), "at most 45", len(first) <= 45)
    yield Figure("files, one scorer call", str(len(call)), "at most 22", len(call) <= 22)


def traced_run() -> list[frozenset[str]]:
    """Run a small search; for each request the files run through since the one before it."""
    from opro_cli.cli.app import app

    trace = Trace()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            trace.mark()
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(REPLY).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with tempfile.TemporaryDirectory() as folder, HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = Path(folder, "house.yaml")
        config.write_text(
            CONFIG.format(n=QUESTIONS, url=f"http://127.0.0.1:{server.server_port}/v1")
        )
        rows = [{"question": f"2 + {i}?", "answer": str(2 + i)} for i in range(QUESTIONS)]
        Path(folder, "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        sys.setprofile(trace)
        threading.setprofile(trace)
        try:
            app(
                ["optimize", str(config), "--plain", "--json", "--runs-dir", f"{folder}/runs"],
                standalone_mode=False,
            )
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            server.shutdown()
    return trace.between


def main() -> None:
    """Print every figure beside its target."""
    figures = [*size_figures(), *trace_figures()]
    for figure in figures:
        print(
            f"{'' if figure.met else 'MISSED':7}{figure.name:36}{figure.value:>40}  {figure.target}"
        )


if __name__ == "__main__":
    main()
