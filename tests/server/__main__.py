"""Run the server as a process; its first line of output is its url.

python -m tests.server --port 0 --latency-ms 30 --answers train.jsonl --log-file log.jsonl
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from tests.server.app import LocalServer, Options
from tests.server.brain import load_answers
from tests.server.faults import load_plan


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--answers", type=Path, help="jsonl of questions and gold answers")
    parser.add_argument("--question-field", default="question")
    parser.add_argument("--answer-field", default="answer")
    parser.add_argument("--faults", type=Path, help="JSON: request number -> fault")
    parser.add_argument("--log-file", type=Path, help="one JSON line for every finished request")
    parser.add_argument("--ignore-n", action="store_true", help="always answer one choice")
    parser.add_argument("--no-usage", action="store_true", help="send no token counts")
    parser.add_argument("--require-key", help="answer 401 to any other bearer token")
    return parser


async def serve(args: argparse.Namespace) -> None:
    answers = (
        load_answers(args.answers, args.question_field, args.answer_field) if args.answers else {}
    )
    options = Options(
        latency_ms=args.latency_ms,
        honour_n=not args.ignore_n,
        with_usage=not args.no_usage,
        require_key=args.require_key,
        faults=load_plan(args.faults) if args.faults else {},
        log_file=args.log_file,
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with LocalServer(answers, options, port=args.port) as server:
        print(server.url, flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(parser().parse_args()))
