"""One timer for a deadline that moves."""

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls `on_time` at a time of the event loop's clock."""

    def __init__(self, on_time: Callable[[], None]) -> None:
        self._on_time = on_time
        self._timer: asyncio.TimerHandle | None = None

    def set(self, time: float | None) -> None:
        """None: never. A later time waits for the timer that is set already, which then finds that it came too early."""
        if time is None or (self._timer and self._timer.when() <= time):
            return
        self.cancel()
        self._timer = asyncio.get_running_loop().call_at(time, self._call)

    def close(self) -> None:
        """Nothing is called any more, and nobody is referred to: what waits for its deadline refers to this one."""
        self.cancel()
        self._on_time = _nothing

    def cancel(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _call(self) -> None:
        self._timer = None
        self._on_time()


def _nothing() -> None:
    pass
