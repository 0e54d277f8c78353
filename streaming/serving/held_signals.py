"""The signals that end a server process are held back until everybody has finished."""

import asyncio
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

# The one that began a worker's end may come again, from the process group and from the parent process.
REPETITION_SECONDS = 1.0


class HeldSignals:
    """The first SIGTERM or SIGINT calls `on_first` on the event loop, and is handed to the server, whose handlers are
    installed already, by `release`; a second one at once."""

    def __init__(self, on_first: Callable[[], object]) -> None:
        self._on_first = on_first
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers_own: dict[int, Any] = {}
        self._first: int | None = None
        self._caught_at = 0.0

    def install(self) -> None:
        """On the event loop. Where the server does not handle a signal, nor do we: signals belong to the main thread."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            handler = signal.getsignal(number)
            if callable(handler) and handler not in (signal.default_int_handler, self._catch):
                self._servers_own[number] = handler
                signal.signal(number, self._catch)

    def release(self) -> None:
        """The server gets the signal that was held back, if it has not got one yet."""
        servers_own, self._servers_own = self._servers_own, {}
        for number, handler in servers_own.items():
            signal.signal(number, handler)
        if servers_own and self._first is not None:
            signal.raise_signal(self._first)

    def _catch(self, number: int, frame: Any) -> None:
        if self._first is not None:
            if not self._is_repetition:
                self.release()
            return
        self._first, self._caught_at = number, time.monotonic()
        if self._loop:
            self._loop.call_soon_threadsafe(self._on_first)

    @property
    def _is_repetition(self) -> bool:
        is_worker = multiprocessing.parent_process() is not None
        return is_worker and time.monotonic() < self._caught_at + REPETITION_SECONDS
