"""How long Python's search for reference cycles takes: nothing else runs meanwhile."""

import gc
import time
from typing import Literal

from streaming.measures.distribution import Distribution

PAUSE_BOUNDS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.02, 0.06, 0.1, 0.2, 0.5, 1.0)
GENERATIONS = 3


class GarbageWatch:
    """Of this process, whichever thread searches. `pauses`: by the oldest generation that was looked at."""

    def __init__(self) -> None:
        self.pauses = [Distribution(PAUSE_BOUNDS) for _ in range(GENERATIONS)]
        self._began = 0.0

    def start(self) -> None:
        gc.callbacks.append(self._note)

    def stop(self) -> None:
        if self._note in gc.callbacks:
            gc.callbacks.remove(self._note)

    def _note(self, phase: Literal["start", "stop"], info: dict[str, int]) -> None:
        """Python looks for cycles only once at a time."""
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.pauses[info["generation"]].add(time.perf_counter() - self._began)
