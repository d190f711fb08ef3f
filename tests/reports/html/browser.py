"""A headless Chromium, spoken to over the DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_KEYS = {
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "PageDown": 34,
}


class Browser:
    """One tab.

    Attributes:
        said: What the page wrote to its console, or was refused, and requests to anywhere else.
        home: The beginning of the addresses that it may ask.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.said: list[str] = []
        self.home = "file:"
        self._socket = socket
        self._asked = 0

    async def open(self, page: Path | str, width: int, height: int, scheme: str = "light") -> None:
        """Show a file, or an address, in a window of this size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme_wanted = {"name": "prefers-color-scheme", "value": scheme}
        await self.call("Emulation.setEmulatedMedia", features=[scheme_wanted])
        url = page if isinstance(page, str) else page.as_uri()
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        told = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        for _ in range(200):
            if await self.evaluate(f"Boolean({expression})"):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never came true: {expression}")

    async def press(self, key: str) -> None:
        """Press and release a key."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS.get(key, ord(key[0]))}
        text = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    async def write(self, text: str) -> None:
        """Type a text into what has the focus."""
        await self.call("Input.insertText", text=text)

    async def point_at(self, selector: str, *, click: bool = False) -> None:
        """Move the mouse to the middle of an element, and click there."""
        await self.evaluate(
            f"{_one(selector)}.scrollIntoView({{block: 'center', behavior: 'instant'}})"
        )
        box = await self.evaluate(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
            f"({_one(selector)}.getBoundingClientRect())"
        )
        place = {"x": box[0], "y": box[1]}
        await self.call("Input.dispatchMouseEvent", type="mouseMoved", **place)
        for kind in ("mousePressed", "mouseReleased") if click else ():
            button = {"button": "left", "clickCount": 1}
            await self.call("Input.dispatchMouseEvent", type=kind, **place, **button)

    async def picture(self, to: Path, **options: Any) -> None:
        """Save what the window shows."""
        shot = await self.call("Page.captureScreenshot", **options)
        to.write_bytes(base64.b64decode(shot["data"]))

    async def call(self, method: str, **parameters: Any) -> Any:
        """One command of the protocol, and its result."""
        self._asked += 1
        await self._socket.send_json({"id": self._asked, "method": method, "params": parameters})
        while True:
            told = await self._socket.receive_json(timeout=60)
            if told.get("id") == self._asked:
                assert "result" in told, told
                return told["result"]
            if told["method"] in (
                "Log.entryAdded",
                "Runtime.consoleAPICalled",
                "Runtime.exceptionThrown",
                "Page.javascriptDialogOpening",
                "Network.requestWillBeSent",
            ):
                self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        url = told["params"].get("request", {}).get("url", "")
        own = (self.home, "blob:")
        if told["method"] != "Network.requestWillBeSent" or not url.startswith(own):
            self.said.append(json.dumps(told)[:500])


def _one(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)})"


@asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[Browser]:
    """A browser with an empty profile, gone at the end."""
    assert CHROMIUM
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command = [CHROMIUM, *options, "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    with subprocess.Popen(
        [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            port = await _port(profile / "DevToolsActivePort")
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json") as reply:
                    tabs = [tab for tab in await reply.json() if tab["type"] == "page"]
                address = tabs[0]["webSocketDebuggerUrl"]
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    tab = Browser(socket)
                    for domain in ("Page", "Log", "Runtime", "Network"):
                        await tab.call(f"{domain}.enable")
                    await tab.call("Emulation.setFocusEmulationEnabled", enabled=True)
                    yield tab
        finally:
            process.terminate()


async def _port(file: Path) -> str:
    for _ in range(600):
        if file.exists() and (lines := file.read_text().splitlines()):
            return lines[0]
        await asyncio.sleep(0.05)
    raise AssertionError("the browser did not start")
