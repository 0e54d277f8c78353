"""When each character is heard, on the clock of a whole response (wire.md 1.5: seconds, from its first sample)."""

from collections.abc import Sequence
from dataclasses import dataclass

from streaming.protocol.messages import Alignment
from streaming.speech.delivery import Packet


@dataclass(frozen=True, slots=True)
class Timed:
    """Characters, and for each when it begins and ends, in seconds."""

    characters: Sequence[str]
    starts: Sequence[float]
    ends: Sequence[float]


class Timeline:
    """Give it the packets of a response in order: their times are relative to each packet, and a packet knows where in its
    utterance it begins. In whole milliseconds, so that neighbours that touch still touch."""

    def __init__(self) -> None:
        self._utterance_begins = 0.0
        self._now = 0.0

    def place(self, packet: Packet) -> tuple[Timed | None, Timed | None]:
        """The original's characters that begin in the packet, and the spoken ones."""
        if packet.start == 0:
            self._utterance_begins = self._now
        self._now = self._utterance_begins + packet.start + packet.seconds
        origin = round(self._utterance_begins * 1000) + round(packet.start * 1000)
        return _shifted(packet.alignment, origin), _shifted(packet.normalized, origin)


def _shifted(alignment: Alignment | None, origin_ms: int) -> Timed | None:
    if alignment is None:
        return None
    starts = [origin_ms + start for start in alignment.starts_ms]
    ends = [start + length for start, length in zip(starts, alignment.durations_ms, strict=True)]
    return Timed(alignment.chars, [start / 1000 for start in starts], [end / 1000 for end in ends])
