"""Addresses that cannot be right: no such host, no good certificate, a web page."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import certifi
import pytest
from aiohttp import web

from opro_cli.errors import ModelError
from opro_cli.models.call_errors import CERTIFICATES
from tests.server import Fault
from tests.wire.conftest import Wire, asking, both

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the key")


@pytest.fixture
def trusted_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CERTIFICATES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the certificate of localhost, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    names = "subjectAltName=DNS:localhost"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2"
    subject = ["-subj", "/CN=localhost", "-addext", names]
    subprocess.run([*command.split(), *subject], cwd=folder, check=True, capture_output=True)
    return folder


async def serve_tls(folder: Path) -> tuple[web.AppRunner, int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    async def answer(_: web.Request) -> web.Response:
        message = {"role": "assistant", "content": "7"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({"id": "c", "object": "chat.completion", "choices": [choice]})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    return runner, runner.addresses[0][1]


async def fail(wire: Wire, base: str) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await wire.at(base).reply(asking())
    return caught.value


@both
@needs_openssl
@pytest.mark.usefixtures("trusted_nowhere")
async def test_a_certificate_of_ones_own_is_not_tried_again(
    wire: Wire, signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, port = await serve_tls(signed)
    try:
        error = await fail(wire, f"https://localhost:{port}/v1")
        assert "the certificate of localhost is not trusted: self-signed" in error.message
        assert not error.transient
        assert "set SSL_CERT_FILE to" in (error.hint or "")
        monkeypatch.setenv("SSL_CERT_FILE", str(signed / "gone.pem"))
        error = await fail(wire, f"https://localhost:{port}/v1")
        assert "SSL_CERT_FILE names" in (error.hint or "")
        assert "which is not there" in (error.hint or "")
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("wire", ["lean"], indirect=True)
@needs_openssl
@pytest.mark.usefixtures("trusted_nowhere")
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
async def test_authorities_come_from_the_environment(
    wire: Wire, signed: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(signed / "cert.pem"))
    runner, port = await serve_tls(signed)
    try:
        reply = await wire.at(f"https://localhost:{port}/v1").reply(asking())
        assert reply.text == "7"
        error = await fail(wire, f"https://127.0.0.1:{port}/v1")
        assert "the certificate of 127.0.0.1 is not trusted: IP address mismatch" in error.message
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("wire", ["lean"], indirect=True)
@needs_openssl
@pytest.mark.usefixtures("trusted_nowhere")
async def test_authorities_add_up(
    wire: Wire, signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many systems set SSL_CERT_FILE to the usual ones for everybody."""
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(signed / "cert.pem"))
    runner, port = await serve_tls(signed)
    try:
        assert (await wire.at(f"https://localhost:{port}/v1").reply(asking())).text == "7"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("wire", ["lean"], indirect=True)
@pytest.mark.usefixtures("trusted_nowhere")
@pytest.mark.parametrize("text", [None, "no certificate"])
async def test_a_bundle_that_cannot_be_read_is_named(
    wire: Wire, text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    if text is not None:
        bundle.write_text(text)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    error = await fail(wire, "https://localhost:1/v1")
    assert error.message.startswith(f"REQUESTS_CA_BUNDLE: {bundle} cannot be read: ")
    assert not error.transient


@both
async def test_a_server_without_tls(wire: Wire) -> None:
    server = await wire.serve()
    error = await fail(wire, server.url.replace("http:", "https:"))
    assert "no TLS connection to 127.0.0.1" in error.message
    assert error.hint == f"does it speak plain http? set api_base to {server.url}"
    assert error.about == "address"


@both
async def test_a_host_without_an_address(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    error = await fail(wire, "http://no-such-host.invalid/v1")
    assert "no-such-host.invalid cannot be found" in error.message
    assert (error.transient, error.about, error.maybe_billed) == (True, "address", False)
    assert "HTTPS_PROXY" in (error.hint or "")


@both
async def test_a_web_page(wire: Wire) -> None:
    page = "<html><head><title>Log in to the hotel</title></head></html>"
    await wire.serve(faults={0: Fault.page(200, page)})
    error = await fail(wire, wire.server.url)
    assert "sent a web page: Log in to the hotel" in error.message
    assert error.about == "address"
