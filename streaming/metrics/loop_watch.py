"""How late an event loop is."""

import asyncio
import time

from streaming.measures.distribution import Distribution

# A loop that stands still for longer than this is noticed in any case.
INTERVAL_SECONDS = 0.05
LAG_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.06, 0.1, 0.2, 0.5, 1.0, 5.0)


class LoopWatch:
    """Wants to be called again and again, and notes how long after its time that was."""

    def __init__(self) -> None:
        self.lag = Distribution(LAG_BOUNDS)
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def overdue_seconds(self) -> float:
        """For how long the loop has been late until now. To be asked by another thread: on the loop itself it is never
        late."""
        return 0.0 if self._due is None else max(0.0, time.monotonic() - self._due)

    def start(self) -> None:
        """On the event loop."""
        self._wait(asyncio.get_running_loop())

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._due = None

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + INTERVAL_SECONDS
        self._timer = loop.call_at(self._due, self._note, loop)

    def _note(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._due is not None:
            self.lag.add(max(0.0, loop.time() - self._due))
            self._wait(loop)
