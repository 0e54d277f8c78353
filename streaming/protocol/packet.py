"""The one type of a packet, from the encoder to the socket or the HTTP response."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which characters begin in a packet, when (ms, from the packet's start, or from another
    origin after `shifted`) and how long each
    lasts (ms)."""

    chars: Sequence[str]
    starts_ms: Sequence[int]
    durations_ms: Sequence[int]

    def shifted(self, offset_ms: int) -> Self:
        """The same characters, each later by the offset."""
        return replace(self, starts_ms=[start + offset_ms for start in self.starts_ms])


@dataclass(frozen=True, slots=True)
class Packet:
    """One piece of encoded audio.

    `payload`: the encoded bytes. `seconds`: how much sound went in; `start`: how much of its utterance went in before.
    `alignment`: the characters that begin in the packet, as the client wrote them; `normalized_alignment`: those that the
    engine was given.
    """

    payload: bytes
    seconds: float = 0.0
    start: float = 0.0
    alignment: Alignment | None = None
    normalized_alignment: Alignment | None = None

    @property
    def end(self) -> float:
        """Where it ends in its utterance, in seconds.

        Without the last digits, in which a sum of two floats may differ from the float of the sum: half a millisecond would
        be rounded up in one place and down in another.
        """
        return round(self.start + self.seconds, 9)

    def shifted(self, offset_ms: int) -> Self:
        """The same packet with the times of its characters later by the offset."""
        return self._with_alignments(*(each and each.shifted(offset_ms) for each in self._alignments))

    def since_first_character(self) -> Self:
        """The same packet with the times of each alignment counted from its first character.

        The sound before that character belongs to the character before it. Clients (Pipecat) keep a clock of their own, to
        which they add the end of each message's last character: counted like this, that end is the beginning of the next
        message's first character.
        """
        return self._with_alignments(
            *(each and each.shifted(-min(each.starts_ms, default=0)) for each in self._alignments)
        )

    def without_alignment(self) -> Self:
        return self._with_alignments(None, None)

    @property
    def _alignments(self) -> tuple[Alignment | None, Alignment | None]:
        return self.alignment, self.normalized_alignment

    def _with_alignments(self, alignment: Alignment | None, normalized_alignment: Alignment | None) -> Self:
        return replace(self, alignment=alignment, normalized_alignment=normalized_alignment)
