"""One utterance as its listener got it, and what follows from that."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

RATE = 24_000


@dataclass(frozen=True)
class Heard:
    """`chunks`: seconds since the request, and samples (24 kHz), of each chunk in order; empty ones are left out."""

    chunks: tuple[tuple[float, int], ...]

    @classmethod
    def of(cls, chunks: Sequence[Sequence[float]]) -> "Heard":
        return cls(tuple((float(at), int(samples)) for at, samples in chunks if samples))

    @property
    def ttfa(self) -> float:
        return self.chunks[0][0]

    @property
    def first_packet(self) -> float:
        return self.chunks[0][1] / RATE

    @property
    def wall(self) -> float:
        return self.chunks[-1][0]

    @property
    def audio(self) -> float:
        return sum(samples for _, samples in self.chunks) / RATE

    @property
    def rtf(self) -> float:
        return self.wall / self.audio

    @property
    def playable_at(self) -> float:
        """The earliest moment, in seconds since the request, at which a player can begin and never run dry."""
        before = accumulate((samples / RATE for _, samples in self.chunks), initial=0.0)
        return max(at - audio for (at, _), audio in zip(self.chunks, before, strict=False))


MEASURES = ("ttfa", "first_packet", "playable_at", "wall", "audio", "rtf")


def medians(runs: Sequence[Heard]) -> dict[str, float]:
    """Of each measure, in seconds; rtf has no unit."""
    return {name: statistics.median(getattr(run, name) for run in runs) for name in MEASURES}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
