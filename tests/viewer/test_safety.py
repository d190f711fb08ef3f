"""Who may ask, and for what: the token, Host, Origin, methods, and paths that lead elsewhere."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from yarl import URL

from opro_cli.store.folders import find_run_within
from opro_cli.viewer.server import _ASSETS, ViewServer, is_loopback
from tests.viewer.conftest import Page

RUN = "old-20261123-000004-abcd"


async def test_the_page_and_its_files_load_nothing_from_elsewhere(page: Page) -> None:
    for name in _ASSETS:
        got = await page.ask(name)
        assert got.status == 200
        assert got.body
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Referrer-Policy"] == "no-referrer"
        policy = got.headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
    assert (await page.ask("")).headers["Content-Type"] == "text/html; charset=utf-8"
    assert (await page.ask("view.js")).headers["Content-Type"] == "text/javascript; charset=utf-8"


async def test_without_the_token_there_is_nothing(page: Page) -> None:
    origin, token = page.root.rstrip("/").rsplit("/", 1)
    assert len(token) >= 32
    others = [
        *("/", "/api/runs", "/view.js", "/favicon.ico", f"/{token}", f"/{token[:-1]}/api/runs"),
        *(f"/{token}x/api/runs", f"//{token}/", f"/{token.swapcase()}/api/runs"),
    ]
    for path in others:
        got = await page.ask(path, root=origin)
        assert (got.status, got.body) == (404, b"not found\n"), path
        assert token.encode() not in got.body
    assert (await page.ask("api/runs")).status == 200


@pytest.mark.parametrize(
    "path",
    [
        *("api/", "api", "api/nothing", "api/runs/", "../", "%2e%2e/", "server.py", "page.html"),
        *("api/../view.js", "api%2fruns/..", "..%2f..%2fetc%2fpasswd", "api/runs%00"),
    ],
)
async def test_other_paths_are_not_found(page: Page, path: str) -> None:
    assert (await page.ask(path)).status == 404


async def test_a_page_that_calls_itself_by_another_name_is_refused(page: Page) -> None:
    port = page.root.split(":")[2].partition("/")[0]
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "[::1]"):
        assert (await page.ask("api/runs", Host=host)).status == 403, host
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
        assert (await page.ask("api/runs", Host=host)).status == 200, host


async def test_another_origin_is_refused(page: Page) -> None:
    host = page.root.split("/")[2]
    for origin in ("http://evil.example", "null", f"https://{host}", "http://127.0.0.1:1", ""):
        got = await page.ask("api/runs", Origin=origin)
        assert got.status == 403, origin
        assert "Access-Control-Allow-Origin" not in got.headers
    assert (await page.ask("api/runs", Origin=f"http://{host}")).status == 200


async def test_it_can_only_be_read(page: Page) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        got = await page.ask("api/runs", method)
        assert (got.status, got.headers["Allow"]) == (405, "GET, HEAD"), method
    head, whole = await page.ask("api/runs", "HEAD"), await page.ask("api/runs")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["ETag"] == whole.headers["ETag"]
    assert int(head.headers["Content-Length"]) == len(whole.body)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            ".",
            "..",
            "/",
            "../runs",
            "..//..",
            "/etc",
            "./" + RUN,
            RUN + "/..",
            "a\0b",
            ".cache",
        ),
        *(
            f"../runs/{RUN}",
            f"x/../{RUN}",
            f"{RUN}/",
            "x/y/z",
            "\\..\\..",
            "~",
            "%2e%2e",
            "x" * 9000,
        ),
    ],
)
async def test_no_name_leads_out_of_the_folder(page: Page, name: str) -> None:
    written = quote(name, safe="")
    for path in (
        f"run?name={written}",
        f"grid?run={written}&split=test",
        f"answer?run={written}&split=test&question=0&prompt=x",
        f"export?run={written}&split=test&prompts=x",
        f"compare?prompts={written}%40start&prompts={written}",
    ):
        got = await page.ask(f"api/{path}")
        assert got.status == 404, path
        assert set(got.data) == {"error", "hint"}


async def test_a_run_beside_the_folder_is_not_found_by_its_path(page: Page, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    os.rename(page.runs / RUN, elsewhere)  # noqa: PTH104
    for name in (str(elsewhere), "../elsewhere", "elsewhere", os.path.relpath(elsewhere)):
        assert (await page.ask(f"api/run?name={quote(name, safe='')}")).status == 404


async def test_a_sweep_beside_the_folder_is_not_found_either(page: Page, tmp_path: Path) -> None:
    """Although the parent of the folder looks like one, with cells in it."""
    (tmp_path / "sweep.json").write_text("{}")
    (page.runs / RUN).rename(tmp_path / "cell")
    for name in ("../cell", "..%2fcell", "%2e%2e/cell", "./../cell"):
        assert (await page.ask(f"api/run?name={name}")).status == 404


def test_the_name_of_a_folder_here_means_the_run_in_the_runs_folder(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where opro was started, there may be a run of the same name."""
    (tmp_path / "here" / RUN).mkdir(parents=True)
    (tmp_path / "here" / RUN / "run.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "here")
    assert find_run_within(runs, RUN) == runs / RUN


async def test_runs_are_named_as_everywhere(page: Page) -> None:
    (page.runs / RUN / "tags.txt").write_text("mine\n")
    for name in (RUN, "000004", "mine"):
        assert (await page.get(f"run?name={name}"))["row"]["run"] == RUN
    got = await page.ask("api/run?name=2026112")
    assert got.status == 404
    assert "fits 9 runs" in got.data["error"]


async def test_requests_without_sense_say_why(page: Page) -> None:
    for path, words in {
        "run": "name is missing",
        f"grid?run={RUN}": "split is missing",
        f"grid?run={RUN}&split=all": "split: expected one of train, dev, test, found 'all'",
        f"questions?run={RUN}&split=test&from=-1": "from: expected a whole number",
        f"questions?run={RUN}&split=test&from=1e3": "from: expected a whole number",
        f"questions?run={RUN}&split=test&from=%D9%A3": "from: expected a whole number",
        f"answer?run={RUN}&split=test&question=0&prompt=none": "has no prompt 'none'",
        f"answer?run={RUN}&split=test&question=99999&prompt=none": "has no prompt 'none'",
        f"export?run={RUN}&split=test&prompts=none&format=xlsx": "format: expected csv or jsonl",
        f"search?run={RUN}&split=test&text=a&prompts={'x,' * 25}": "too many to search",
        f"export?run={RUN}&split=test": "prompts is missing",
        f"compare?{'&'.join([f'prompts={RUN}'] * 9)}": "9 prompts are too many to compare",
        f"compare?prompts={RUN}": "one prompt is not enough",
        f"compare?prompts={RUN}&prompts={RUN}@9.9": "no step 9",
        f"compare?prompts={RUN}&prompts={RUN}@nonsense": "not a prompt",
    }.items():
        got = await page.ask(f"api/{path}")
        assert got.status == 400, (path, got.body)
        assert words in got.data["error"], path
        assert got.headers["Content-Type"] == "application/json"


async def test_a_malformed_request_is_refused_without_a_word(
    page: Page, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    port = URL(page.root).port
    for lines in ("Host: ", f"Host: 127.0.0.1:{port}\r\nX: {'x' * 100_000}", "no header"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET / HTTP/1.1\r\n{lines}\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readline(), 10)
        assert head.split()[1] in (b"400", b"403"), head
        writer.close()
    assert (*capfd.readouterr(), caplog.text) == ("", "", "")


def test_only_this_machine_is_meant_by_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.5", "example.org", "")))


async def test_a_server_for_all_machines_knows_numbers_and_no_other_names(runs: Path) -> None:
    from opro_cli.app.view import RunsViewer

    server = ViewServer(RunsViewer(runs), "0.0.0.0", 0)
    assert re.fullmatch(rf"http://127\.0\.0\.1:{server.port}/[\w-]{{32}}/", server.address)
    assert server._is_own(f"192.168.1.5:{server.port}")
    assert server._is_own(f"[fe80::1]:{server.port}")
    assert not server._is_own(f"evil.example:{server.port}")
    assert not server._is_own("192.168.1.5:1")
    server._socket.close()
