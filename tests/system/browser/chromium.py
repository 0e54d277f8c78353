"""Debian's Chromium without a window, driven over its DevTools protocol, which takes less than a driver and its library."""

import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.system.browser.browser import Browser
from tests.system.browser.devtools import DevTools, wait_until
from tests.system.programs import program

# A name under which this machine is a stranger: pages of it are not secure for a browser, which has no microphone for them.
ANOTHER_HOST = "another.test"
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-dev-shm-usage",
    f"--host-resolver-rules=MAP {ANOTHER_HOST} 127.0.0.1",
    "--remote-debugging-port=0",
    "--use-fake-device-for-media-stream",
)


class Chromium:
    """A process of the browser. Its microphone is not real: it hears a beep each second, or the WAV file `microphone` once.
    A page may use it after `Browser.allow("audioCapture")`."""

    def __init__(self, folder: Path, microphone: Path | None = None) -> None:
        self._folder = folder
        self._microphone = () if microphone is None else (f"--use-file-for-fake-audio-capture={microphone}%noloop",)
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            log = starting.enter_context((self._folder / "chromium.log").open("wb"))
            options = (*OPTIONS, *self._microphone, f"--user-data-dir={self._folder}", "about:blank")
            process = subprocess.Popen([program("chromium"), *options], stdout=log, stderr=subprocess.STDOUT)
            starting.callback(_end, process)
            self._devtools = starting.enter_context(DevTools(self._address()))
            self._closing = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def browser(self, screenshots: Path) -> Browser:
        """A new one: nobody is signed in, and nothing is in its cache."""
        return Browser(self._devtools, screenshots)

    def _address(self) -> str:
        """Chromium writes its port and the path of the whole browser into a file."""
        file = self._folder / "DevToolsActivePort"
        wait_until(lambda: file.exists() and len(file.read_text().split()) == 2, "the browser starts")
        port, path = file.read_text().split()
        return f"ws://127.0.0.1:{port}{path}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
