"""Threads that work side by side through compiled functions, thousands of times a second."""

import queue
import threading
from collections.abc import Callable


class Crew:
    """Threads that run the same function side by side, the caller being the first of them."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._work = [queue.SimpleQueue[Callable[[int], None] | None]() for _ in range(threads - 1)]
        for index, work in enumerate(self._work):
            threading.Thread(target=self._serve, args=(index + 1, work), name=f"int8-{index + 1}", daemon=True).start()

    def run(self, function: Callable[[int], None]) -> None:
        """`function(number)` in every thread. They must meet at a barrier last: only the caller's return is awaited."""
        for work in self._work:
            work.put(function)
        function(0)

    def stop(self) -> None:
        for work in self._work:
            work.put(None)

    @staticmethod
    def _serve(number: int, work: "queue.SimpleQueue[Callable[[int], None] | None]") -> None:
        while function := work.get():
            function(number)
