"""Which characters are heard when.

An engine may say how far into the text each of its chunks reaches; within a chunk the characters share the time by weight.
Otherwise the speed is estimated, and the last chunk takes the rest of the text. In both cases every character has one span,
the spans follow each other without a gap, and together they are as long as the audio.
"""

from collections import deque

from streaming.protocol.packet import Alignment

# About how fast people speak. Only for engines that do not say how far they are.
CHARS_PER_SECOND = 14.0
_PAUSES = frozenset(".!?…。！？,;:、，；：\n")


def _weight(char: str) -> float:
    if char in _PAUSES:
        return 2.5
    return 0.7 if char.isspace() else 1.0


class Aligner:
    """The spans of one utterance. Times are seconds from the utterance's first sample."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._assigned = 0
        self._time = 0.0
        self._spans: deque[tuple[str, float, float]] = deque()
        self._last: tuple[str, float, float] | None = None

    @property
    def assigned(self) -> int:
        """How many characters have their span."""
        return self._assigned

    def extend(self, until: float, text_end: int | None) -> None:
        """Audio up to `until` exists now, and speaks the text up to `text_end` (None: the engine does not know). The
        last character is kept back for `finish`."""
        most = len(self._text) - 1
        if text_end is None:
            text_end = self._assigned + max(1, round((until - self._time) * CHARS_PER_SECOND))
        self._assign(until, min(most, text_end))

    def finish(self, until: float, *, last_packet_start: float, end: float | None = None) -> None:
        """The speech is complete. The last character begins in its last packet and ends with the audio: at `until`, or
        later, at `end`, if silence follows the speech."""
        self._assign(until, len(self._text))
        if not self._spans:
            return
        char, start, spoken = self._spans.pop()
        moved = max(start, min(last_packet_start, spoken))
        if self._spans:
            before = self._spans.pop()
            self._spans.append((before[0], before[1], moved))
        else:
            # What begins before it has been sent: its span begins where theirs ended, in an earlier packet.
            moved = start
        self._last = (char, moved, spoken if end is None else end)

    def _assign(self, until: float, text_end: int) -> None:
        chars = self._text[self._assigned : text_end]
        until = max(until, self._time)
        if not chars:
            return
        per_weight = (until - self._time) / sum(map(_weight, chars))
        for char in chars:
            start, self._time = self._time, self._time + _weight(char) * per_weight
            self._spans.append((char, start, self._time))
        self._time = until
        last = self._spans.pop()
        self._spans.append((last[0], last[1], until))
        self._assigned = text_end

    def take(self, start: float, end: float, *, last: bool) -> Alignment | None:
        """The characters that begin in the packet from `start` to `end`; None if none does."""
        taken: list[tuple[str, float, float]] = []
        while self._spans and (last or self._spans[0][1] < end):
            taken.append(self._spans.popleft())
        if last and self._last:
            taken.append(self._last)
            self._last = None
        if not taken:
            return None
        origin = _ms(start)
        return Alignment(
            chars=[char for char, _, _ in taken],
            starts_ms=[max(0, _ms(begin) - origin) for _, begin, _ in taken],
            durations_ms=[_ms(finish) - _ms(begin) for _, begin, finish in taken],
        )


def _ms(seconds: float) -> int:
    # Both ends of every span are rounded the same way, so that rounded spans still add up to the rounded whole.
    return round(seconds * 1000)
