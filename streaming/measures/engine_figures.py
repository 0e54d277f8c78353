"""What is counted of the engine processes of a server."""

import threading
from collections import Counter
from typing import Literal

from streaming.measures.distribution import Distribution, Totals

# In seconds: a step of a GPU takes milliseconds, one of a busy CPU a tenth of a second.
STEP_BOUNDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 5.0)

# Why a process ended: by itself; with an error that it reported; because it gave no sign of life; because it said nothing of
# what it was given to do.
Cause = Literal["exited", "failed", "hung", "silent"]
CAUSES: tuple[Cause, ...] = ("exited", "failed", "hung", "silent")


class EngineFigures:
    """The threads that hear the processes report to it, so it has a lock. They do so once in a second or less. `starts`: how
    often one became ready; `deaths`: how often one ended that had not been told to."""

    def __init__(self) -> None:
        self.steps = Distribution(STEP_BOUNDS)
        self.starts = 0
        self.deaths: Counter[Cause] = Counter()
        self._lock = threading.Lock()

    def stepped(self, before: Totals, after: Totals) -> None:
        """A process reports its steps: what it had reported before, and what there is now."""
        with self._lock:
            self.steps.grow(before, after)

    def started(self) -> None:
        with self._lock:
            self.starts += 1

    def died(self, cause: Cause) -> None:
        with self._lock:
            self.deaths[cause] += 1
