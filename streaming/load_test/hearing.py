"""What a listener gets, and when: packets of PCM with their times."""

from dataclasses import dataclass, field

import numpy as np

RATE = 24_000
# Quieter than this (-50 dBFS) is no sound.
AUDIBLE = 10 ** (-50 / 20) * 32_768
# Shorter than this (seconds), nobody hears a gap.
SHORTEST_GAP = 0.01


@dataclass(slots=True)
class Hearing:
    """One turn. All times are of one clock, in seconds. `intended`: when the client wanted to speak, whenever it came to do
    so: what it waits in a queue of its own counts as well."""

    intended: float
    audible_at: float | None = None
    began: float | None = None
    audio: float = 0.0
    # For each packet, how much later it came than a player needs it that began with the first one.
    lateness: list[float] = field(default_factory=list)
    # Until when such a player has audio, how long it had none, and how often.
    dry_at: float = 0.0
    starved: float = 0.0
    gaps: int = 0

    def take(self, at: float, pcm: bytes) -> float:
        """16 bits, mono. Gives its seconds."""
        samples = np.frombuffer(pcm, dtype="<i2")
        if not samples.size:
            return 0.0
        if self.began is None:
            self.began = self.dry_at = at
        if self.audible_at is None and int(np.abs(samples.astype(np.int32)).max()) > AUDIBLE:
            self.audible_at = at
        self.lateness.append(max(0.0, at - self.began - self.audio))
        if (missing := at - self.dry_at) > 0:
            self.starved += missing
            self.gaps += missing >= SHORTEST_GAP
        seconds = samples.size / RATE
        self.dry_at = max(self.dry_at, at) + seconds
        self.audio += seconds
        return seconds

    @property
    def ttfa(self) -> float | None:
        """None if nothing was to be heard."""
        return None if self.audible_at is None else self.audible_at - self.intended

    @property
    def buffer(self) -> float:
        """The seconds that a player has to hold back at its beginning in order never to run dry."""
        return max(self.lateness, default=0.0)
