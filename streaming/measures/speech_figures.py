"""What is counted of the way of speech from the engine to its listeners, and of the voices."""

from collections import Counter
from typing import Literal

from streaming.measures.distribution import Distribution

# In seconds. A packet has at most 60 ms of sound.
LATENESS_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.06, 0.1, 0.2, 0.5, 1.0)
PREPARATION_BOUNDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)

# What has become of a voice that was to be prepared: computed now; found, since it had been computed before; failed in the
# engine; unusable, since its recordings cannot be read.
Preparation = Literal["computed", "found", "failed", "unusable"]
PREPARATIONS: tuple[Preparation, ...] = ("computed", "found", "failed", "unusable")


class SpeechFigures:
    """One for each server process. The event loop adds. `lateness`: how long after its time a paced packet was sent."""

    def __init__(self) -> None:
        self.lateness = Distribution(LATENESS_BOUNDS)
        self.preparations: Counter[Preparation] = Counter()
        self.preparation_seconds = Distribution(PREPARATION_BOUNDS)
