"""Debian's Chromium without a window, driven over its DevTools protocol, which takes less than a driver and its library."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import connect

PATIENCE_SECONDS = 60.0
# A name under which this machine is a stranger.
ANOTHER_HOST = "another.test"


def program(name: str) -> str:
    """Where a program of Debian's is. A test fails without it: `make test-system` has it installed."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, f"{name} is not installed: run .ci/system-packages as root"
    return found


class Browser:
    """A process of the browser with one page."""

    def __init__(self, folder: Path) -> None:
        options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage")
        resolver = f"--host-resolver-rules=MAP {ANOTHER_HOST} 127.0.0.1"
        self._log = (folder / "chromium.log").open("wb")
        self._process = subprocess.Popen(
            [
                program("chromium"),
                *options,
                resolver,
                f"--user-data-dir={folder}",
                "--remote-debugging-port=0",
                "about:blank",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._closing = ExitStack()
        self._numbers = count(1)
        self._folder = folder
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._page = self._closing.enter_context(connect(self._address(), max_size=None))
            for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
                self._call(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def open(self, url: str) -> None:
        """Go to a page, and wait for everything that it loads."""
        self._evaluate("window.isTheOldPage = true")
        failure = self._call("Page.navigate", url=url).get("errorText")
        assert failure is None, f"{url}: {failure}"
        self.wait_until("!window.isTheOldPage && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, or what its promise is fulfilled with."""
        answer = self._evaluate(expression)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_until(self, expression: str) -> None:
        _wait_until(lambda: self._evaluate(expression)["result"].get("value") is True, expression)

    def text(self, selector: str = "body") -> str:
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def click(self, selector: str) -> None:
        """With the mouse, in the middle of an element."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.wait_until(f"{element} !== null")
        self.evaluate(f"{element}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = f"(box => [box.x + box.width / 2, box.y + box.height / 2])({element}.getBoundingClientRect())"
        x, y = self.evaluate(box)
        for event in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", clickCount=1)

    def submit(self, selector: str) -> None:
        """Click on what leads to another page, and wait for it."""
        self.evaluate("window.isTheOldPage = true")
        self.click(selector)
        self.wait_until("!window.isTheOldPage && document.readyState === 'complete'")

    def type(self, selector: str, text: str) -> None:
        self.click(selector)
        self._call("Input.insertText", text=text)

    def choose_file(self, selector: str, path: Path) -> None:
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def _address(self) -> str:
        port_file = self._folder / "DevToolsActivePort"
        _wait_until(lambda: port_file.exists() and len(port_file.read_text().split()) == 2, "the browser starts")
        with urllib.request.urlopen(f"http://127.0.0.1:{port_file.read_text().split()[0]}/json/list") as answer:
            [page] = [target for target in json.load(answer) if target["type"] == "page"]
        return str(page["webSocketDebuggerUrl"])

    def _evaluate(self, expression: str) -> dict[str, Any]:
        return self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._page.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._page.recv(PATIENCE_SECONDS))
            if message.get("id") == number:
                # A page that is just being left answers with an error.
                return dict(message.get("result", {"result": {}}))
            self._note(message)

    def _note(self, event: dict[str, Any]) -> None:
        match event:
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                self.errors.append(str(details))
            case {"method": "Log.entryAdded", "params": {"entry": {"level": "error", "text": text} as entry}}:
                self.errors.append(f"{text} {entry.get('url', '')}")


def _wait_until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"it did not happen: {what}"
        time.sleep(0.05)
