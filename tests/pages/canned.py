"""A server with answers made by hand, as `opro view` gives them, and data for every view."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from opro_cli.render.html.assets import read_asset, read_page, read_script, read_style
from opro_cli.render.html.page import build_article
from opro_cli.render.html.view import build_view
from opro_cli.reports.recorded import History, RecordedRun
from tests.reports.html.pages import small_run

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
AXE = Path(__file__).parents[2] / ".bench/axe/node_modules/axe-core/axe.min.js"
"""Put there by `make axe`."""

Query = Mapping[str, Sequence[str]]
Answer = Callable[[Query], Any]


@dataclass
class Canned:
    """What is answered at each name under api/, and which addresses were asked.

    Attributes:
        fresh: Requests that were not answered with "not modified".
    """

    answers: dict[str, Answer]
    asked: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        files: Mapping[str, tuple[Callable[[], str], str]] = {
            "": (read_page, "text/html"),
            "view.js": (read_script, "text/javascript"),
            "view.css": (read_style, "text/css"),
            "report.css": (lambda: read_asset("report.css"), "text/css"),
        }
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        if name in files:
            read, kind = files[name]
            return web.Response(text=read(), content_type=kind, headers=headers)
        self.asked.append(request.path_qs)
        answer = self.answers.get(name.removeprefix("api/"))
        if answer is None:
            body, status = {"error": "not there", "hint": "ask for something else"}, 404
        else:
            query = {key: request.query.getall(key) for key in request.query}
            body, status = answer(query), 200
        text = json.dumps(body)
        tag = f'"{blake2b(text.encode(), digest_size=8).hexdigest()}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        self.fresh.append(request.path_qs)
        return web.Response(
            text=text, status=status, content_type="application/json", headers={"ETag": tag}
        )


async def _have_no_icon(_: web.Request) -> web.Response:
    return web.Response(status=204)


@asynccontextmanager
async def serve(canned: Canned) -> AsyncIterator[str]:
    """Serve, and yield the address of the page."""
    app = web.Application()
    app.router.add_get("/token/{name:.*}", canned.handle)
    # Browsers ask for it unasked; opro view has none.
    app.router.add_get("/favicon.ico", _have_no_icon)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/token/"))
    finally:
        await server.close()


def row(run: str, **changes: Any) -> dict[str, Any]:
    """A row of the list of runs."""
    told = {
        "run": run,
        "created": "2026-11-23T10:00:00+00:00",
        "status": "finished",
        "verdict": "improved",
        "gain": {"mean": 0.2, "interval": [0.1, 0.3], "p": 0.01},
        "scorer": "openai/a",
        "optimizer": "openai/b",
        "calls": 100,
        "usd": 0.5,
        "spark": [0.5, 0.5, 0.8],
        "best": {"split": "test", "mean": 0.8, "interval": [0.7, 0.9]},
        "steps_done": 2,
        "steps": 2,
        "tags": [],
        "config": run.partition("-")[0],
        "sweep": None,
    }
    return {**told, **changes}


def prompt(name: str, text: str, **changes: Any) -> dict[str, Any]:
    """A prompt of a run; its id is its name without the point, behind an x."""
    score = {"mean": 0.5, "interval": [0.3, 0.7], "n": 10, "correct": 5, "unreadable": 0}
    told = {
        "id": f"x{name.replace('.', '_')}",
        "name": name,
        "step": int(name.partition(".")[0]),
        "text": text,
        "form": {},
        "note": "",
        "parents": [],
        "scores": {"test": {**score, "estimated": False}},
        "is_start": name == "0.1",
        "is_best": name == "2.1",
        "tokens_in": 30.0,
        "tokens_out": 10.0,
    }
    return {**told, **changes}


LIVE = {
    "phase": "step 2 of 8: scoring",
    "newest": ["Think of a number.", "Count twice."],
    "spent": {"calls": 40, "usd": 0.25, "tokens": 12_000},
    "budget": {"calls": None, "usd": 1.0, "tokens": None},
    "left": 75.0,
    "left_at_most": 130.0,
    "calls_done": 40,
    "calls_expected": 160,
}


def article(run: RecordedRun | None = None, history: History | None = None) -> str:
    """The report of a run, as the server builds it."""
    return build_article(build_view(run or small_run(), "run", history or History()))


GRID = {"x0_1": "rwwru.x", "x1_1": "rrwrp.W", "x2_1": "rrrrRvr"}
"""Seven questions: 1, 4 and 6 flip between start and best, and 2 does; 6 under 1.1 was cut."""


def run_data(**changes: Any) -> dict[str, Any]:
    """What api/run answers."""
    told = {
        "row": row("sums-1"),
        "html": article(),
        "live": None,
        "prompts": [
            prompt("0.1", "start"),
            prompt("1.1", "a"),
            prompt("1.2", "b"),
            prompt("2.1", "c"),
            prompt("2.2", "d"),
        ],
        "splits": {"test": 7},
        "labels": [],
        "answer": "number",
    }
    return {**told, **changes}


def answer(query: Query) -> dict[str, Any]:
    """What api/answer answers: the reply says the question, and the mark is on it."""
    (question,), (given,) = query["question"], query["prompt"]
    reply = f"🙂 I think it is {question}, surely."
    at = reply.index(question)
    return {
        "run": query["run"][0],
        "prompt": given,
        "split": query["split"][0],
        "question": int(question),
        "input": f"question {question}?",
        "target": question,
        "judgement": "right",
        "answer": question,
        "score": 1.0,
        "read_from": [at, at + len(question)],
        "messages": [{"role": "user", "content": f"Q: question {question}?\nA:"}],
        "replies": [reply],
        "cut": False,
        "finish_reason": "stop",
        "tokens_in": 12,
        "tokens_out": 3,
        "seconds": 0.25,
        "cached": False,
        "feedback": "",
    }


def questions(query: Query) -> dict[str, Any]:
    """What api/questions answers."""
    begin, end = int(query["from"][0]), int(query["to"][0])
    return {
        "questions": [
            {"question": n, "input": f"question {n}?", "target": str(n)} for n in range(begin, end)
        ]
    }


def compare(query: Query) -> dict[str, Any]:
    """What api/compare answers."""
    first, second = query["prompts"]
    matrix = {"split": "test", "labels": ["no", "yes"], "rows": [[3, 1, 0, 0], [0, 2, 1, 0]]}
    return {
        "prompts": [prompt("0.1", "start"), prompt("2.1", "c")],
        "diff": [["removed", "start"], ["same", " at the "], ["added", "end"]],
        "flips": {"gained": [1, 2], "lost": [6]},
        "split": "test",
        "difference": {"mean": 0.1, "interval": [0.0, 0.2], "p": 0.04},
        "text": f"{first} against {second}: 2 gained, 1 lost",
        "confusion": [matrix, None],
        "cost": [{"tokens_in": 30.0, "tokens_out": 9.5, "usd": 0.001}] * 2,
        "caveats": ["they were scored on different questions"],
        "against_first": [],
    }


def usual() -> Canned:
    """A folder with four runs, one at work, and a sweep of two."""
    runs = [
        row("sums-1"),
        row("sums-2", created="2026-11-24T10:00:00+00:00", verdict="worse", usd=None, calls=20),
        row(
            "navigate-1",
            created="2026-11-22T10:00:00+00:00",
            verdict="not_distinguishable",
            gain={"mean": -0.01, "interval": [-0.1, 0.1], "p": 0.8},
            tags=["paper"],
        ),
        row("busy", status="running", verdict=None, gain=None, best=None, spark=[]),
        row("grid/a", sweep="grid"),
        row("grid/b", sweep="grid", gain={"mean": 0.4, "interval": [0.3, 0.5], "p": 0.001}),
    ]
    sweeps = [{"name": "grid", "finished": 2, "cells": 3}]
    trend = [
        {"run": f"sums-{n}", "created": f"2026-11-2{n}T10:00:00+00:00", "score": n / 4,
         "interval": [0.1, 0.9], "split": "test", "gain": 0.1, "verdict": verdict}
        for n, verdict in ((1, "improved"), (2, "worse"))
    ]  # fmt: skip
    return Canned(
        {
            "runs": lambda _: {"runs": runs, "sweeps": sweeps, "unread": ["left out: x is no run"]},
            "run": lambda _: run_data(),
            "grid": lambda _: {"size": 7, "prompts": GRID},
            "questions": questions,
            "answer": answer,
            "search": lambda query: {"questions": [2, 5] if query["text"] == ["two"] else []},
            "compare": compare,
            "trend": lambda _: {"points": trend},
        }
    )
