"""A real browser for the page: headless Chromium, spoken to by the protocol of its own developer tools."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

START_S_MAX = 60.0
ANSWER_S_MAX = 60.0
_LOOK_AGAIN_MS = 20
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


class Browser:
    """One page of a browser.

    complaints   what the page did wrong so far: exceptions, refused assets, broken rules of the policy
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._last = socket, 0
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to one command."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(ANSWER_S_MAX))
            if message.get("id") == self._last:
                assert "error" not in message, f"{method}: {message['error']}"
                return dict(message["result"])
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        told = message["params"]
        if message["method"] == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["exceptionDetails"]))
        elif message["method"] == "Log.entryAdded" and told["entry"]["level"] in ("warning", "error"):
            self.complaints.append(f"{told['entry']['text']} ({told['entry'].get('url', '')})")
        elif message["method"] == "Page.javascriptDialogOpening":
            self.complaints.append(f"a dialog was opened: {told['message']}")

    def open(self, address: str, *, width: int = 1280, scheme: str = "light") -> None:
        """Go to an address, in a window of this width, on a device that is set to this colour scheme."""
        self.ask("Page.navigate", url="about:blank")
        self.until("location.href === 'about:blank'", "the page before is gone")
        self.complaints.clear()
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.ask("Emulation.setEmulatedMedia", features=[feature])
        self.ask("Page.navigate", url=address)
        self.until("document.readyState === 'complete'", "the page has loaded")

    def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited when it is a promise."""
        answer = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, json.dumps(answer["exceptionDetails"])
        return answer["result"].get("value")

    def text(self, selector: str) -> str:
        """Return the text of the first element that is selected; empty when there is none."""
        return str(self.value(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''"))

    def until(self, condition: str, description: str) -> None:
        """Return once a JavaScript condition is true; it may become so on a page that is still to come."""
        until_s = time.monotonic() + ANSWER_S_MAX
        while time.monotonic() < until_s:
            answer = self.ask("Runtime.evaluate", expression=_soon(condition), awaitPromise=True)
            # a page that goes away takes its promises along
            if answer["result"].get("value") is True:
                return
        shown = self.value("document.body.innerText")
        raise AssertionError(f"waited for: {description}; {self.complaints}; the page shows:\n{shown}")

    def click(self, selector: str, label: str) -> None:
        """Press the button with this label once it is there."""
        buttons = f"[...document.querySelectorAll({json.dumps(selector)})]"
        found = f"{buttons}.find((button) => button.textContent === {json.dumps(label)})"
        self.until(f"{found} !== undefined", f"a button “{label}”")
        self.value(f"{found}.click()")

    def write(self, selector: str, text: str) -> None:
        """Replace what stands in a field, as a person would type it."""
        self.value(f"document.querySelector({json.dumps(selector)}).select()")
        self.ask("Input.insertText", text=text)

    def press_enter(self) -> None:
        """Press Enter in whatever has the focus."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **key)


def _soon(condition: str) -> str:
    """A promise of `true`, or of `false` when it takes more than a second."""
    return (
        "new Promise((answer) => { const until = Date.now() + 1000;"
        f" const look = () => ({condition}) ? answer(true) : Date.now() > until ? answer(false)"
        f" : setTimeout(look, {_LOOK_AGAIN_MS}); look(); }})"
    )


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """Yield a browser with an empty profile in this folder; skips, visibly, where none is installed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("install chromium to run this test")
    with (folder / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"], stdout=log, stderr=log
        )
        try:
            with connect(_page(folder, process), max_size=None) as socket:
                yield Browser(socket)
        finally:
            process.terminate()
            process.wait(START_S_MAX)


def _page(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the browser's one page listens, once it does."""
    announced = folder / "profile" / "DevToolsActivePort"
    until_s = time.monotonic() + START_S_MAX
    while time.monotonic() < until_s:
        assert process.poll() is None, (folder / "browser.log").read_text()
        try:
            port = int(announced.read_text().split("\n")[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=START_S_MAX) as answer:
                pages = [target for target in json.load(answer) if target["type"] == "page"]
            return str(pages[0]["webSocketDebuggerUrl"])
        except (OSError, ValueError, IndexError):
            time.sleep(0.02)
    raise AssertionError("the browser did not start: " + (folder / "browser.log").read_text())
