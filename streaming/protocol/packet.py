"""The one type of a packet, from the encoder to the socket or the HTTP response."""

from collections.abc import Sequence
from dataclasses import dataclass
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
        return type(self)(self.chars, [start + offset_ms for start in self.starts_ms], self.durations_ms)


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
        original, normalized = self.alignment, self.normalized_alignment
        shifted = original and original.shifted(offset_ms)
        # Where the text is spoken as it was written, the two are one object, and stay one.
        is_one = normalized is original and normalized_offset_ms == offset_ms
        return self._with_alignments(
            shifted, shifted if is_one else normalized and normalized.shifted(normalized_offset_ms)
        )

    def since_beginning(self) -> Self:
        """The same packet with the times of its characters counted from the stream's first sound."""
        start_ms = milliseconds(self.start)
        return self.shifted(start_ms, start_ms)

    def without_alignment(self) -> Self:
        return self._with_alignments(None, None)

    def _with_alignments(self, alignment: Alignment | None, normalized_alignment: Alignment | None) -> Self:
        if alignment is self.alignment and normalized_alignment is self.normalized_alignment:
            return self
        return type(self)(self.payload, self.seconds, self.start, alignment, normalized_alignment)


def milliseconds(seconds: float) -> int:
    """Every time of a stream is rounded like this, so that rounded spans that touch still touch, and add up to the rounded
    whole."""
    return round(seconds * 1000)
