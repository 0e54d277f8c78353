"""Chromium's DevTools protocol: one connection to its process, with a session for each page."""

import json
import time
from collections.abc import Callable
from itertools import count
from typing import Any, Self

from websockets.sync.client import connect

PATIENCE_SECONDS = 60.0
Event = dict[str, Any]


class Refused(Exception):
    """The browser answers a command with an error: for instance because the page is just being left."""


class DevTools:
    def __init__(self, address: str) -> None:
        self._connection = connect(address, max_size=None)
        self._numbers = count(1)
        self._listeners: dict[str, Callable[[Event], None]] = {}

    def __enter__(self) -> Self:
        self._socket = self._connection.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._connection.__exit__(*error)

    def call(self, method: str, session: str = "", /, **params: Any) -> dict[str, Any]:
        """Give a command, to a page or (without a session) to the whole browser. Raises Refused."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        self._socket.send(json.dumps(command))
        while True:
            message = json.loads(self._socket.recv(PATIENCE_SECONDS))
            if message.get("id") == number:
                break
            self._tell(message)
        if "error" in message:
            raise Refused(f"{method}: {message['error']['message']}")
        return dict(message["result"])

    def listen(self, session: str, listener: Callable[[Event], None]) -> None:
        """Have the events of a page told. They arrive while a command waits for its answer."""
        self._listeners[session] = listener

    def _tell(self, event: Event) -> None:
        if listener := self._listeners.get(event.get("sessionId", "")):
            listener(event)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Until a condition holds. A test fails with `what` if it never does."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"it did not happen: {what}"
        time.sleep(0.05)
