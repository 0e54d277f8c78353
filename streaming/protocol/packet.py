"""The one type of a packet, from the encoder to the socket or the HTTP response."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which characters come with a packet, when each begins (ms, from the packet's start, or from another origin after
    `shifted`) and how long it lasts (ms). Most begin in the packet; the first ones may have begun before it."""

    chars: Sequence[str]
    starts_ms: Sequence[int]
    durations_ms: Sequence[int]

    @property
    def end_ms(self) -> int:
        """When the last character ends."""
        return self.starts_ms[-1] + self.durations_ms[-1]

    def shifted(self, offset_ms: int) -> Self:
        """The same characters, each later by the offset."""
        return replace(self, starts_ms=[start + offset_ms for start in self.starts_ms])


@dataclass(frozen=True, slots=True)
class Packet:
    """One piece of encoded audio.

    `payload`: the encoded bytes. `seconds`: how much sound went in; `start`: when it is heard, in seconds of the stream.
    `alignment`: the characters that come with the packet, as the client wrote them; `normalized_alignment`: those that the
    engine was given.
    """

    payload: bytes
    seconds: float = 0.0
    start: float = 0.0
    alignment: Alignment | None = None
    normalized_alignment: Alignment | None = None

    def shifted(self, offset_ms: int, normalized_offset_ms: int) -> Self:
        """The same packet with the times of its alignment, and those of its normalized one, later by the offsets."""
        return self._with_alignments(
            self.alignment and self.alignment.shifted(offset_ms),
            self.normalized_alignment and self.normalized_alignment.shifted(normalized_offset_ms),
        )

    def since_beginning(self) -> Self:
        """The same packet with the times of its characters counted from the stream's first sound."""
        start_ms = milliseconds(self.start)
        return self.shifted(start_ms, start_ms)

    def without_alignment(self) -> Self:
        return self._with_alignments(None, None)

    def _with_alignments(self, alignment: Alignment | None, normalized_alignment: Alignment | None) -> Self:
        return replace(self, alignment=alignment, normalized_alignment=normalized_alignment)


def milliseconds(seconds: float) -> int:
    """Every time of a stream is rounded like this, so that rounded spans that touch still touch, and add up to the rounded
    whole."""
    return round(seconds * 1000)
