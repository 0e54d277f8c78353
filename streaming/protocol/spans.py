"""One text's characters, each with the time in which it is heard."""

from collections import deque
from typing import NamedTuple

from streaming.protocol.packet import Alignment, milliseconds
from streaming.protocol.speaking_rate import weight


class Span(NamedTuple):
    """From when to when a character is heard, in seconds of the stream."""

    char: str
    start: float
    end: float


class Spans:
    """The spans of a text, in order. Each begins where the one before it ends, the first at `begin`. `place` gives the next
    characters their spans, `finish` the last one; `take` hands them out, packet by packet."""

    def __init__(self, text: str, begin: float) -> None:
        self._text = text
        self._placed = 0
        self._end = begin
        self._waiting: deque[Span] = deque()
        self._last: Span | None = None

    @property
    def placed(self) -> int:
        """How many characters have their span."""
        return self._placed

    def place(self, index: int, until: float) -> list[Span]:
        """The characters up to `index` are heard by `until`, and share by weight the time that no other has; returns their
        spans. The text's last character is kept for `finish`. Where no character is left, the time goes to the next one."""
        chars = self._text[self._placed : min(index, len(self._text) - 1)]
        if not chars:
            return []
        until = max(until, self._end)
        per_weight = (until - self._end) / sum(map(weight, chars))
        placed: list[Span] = []
        for char in chars[:-1]:
            placed.append(Span(char, self._end, self._end + weight(char) * per_weight))
            self._end = placed[-1].end
        placed.append(Span(chars[-1], self._end, until))
        self._end = until
        self._placed += len(chars)
        self._waiting += placed
        return placed

    def finish(self, until: float, *, last_packet_start: float, end: float) -> list[Span]:
        """The speech is over at `until`, and the audio at `end`: the last character ends there. It begins in its last
        packet, and the one before it lasts until then, unless that has been sent. Returns the spans of those before it that
        had none."""
        rest, length = self._text[self._placed :], len(self._text)
        if not rest:
            return []
        per_weight = max(0.0, until - self._end) / sum(map(weight, rest))
        start = until - weight(rest[-1]) * per_weight
        placed = self.place(length - 2, start - weight(rest[-2]) * per_weight) if len(rest) > 2 else []
        placed += self.place(length - 1, max(start, min(last_packet_start, until)))
        self._last = Span(rest[-1], self._end, max(end, self._end))
        self._placed = length
        return placed

    def take(self, start: float, end: float, *, last: bool) -> Alignment | None:
        """The characters that begin in the packet from `start` to `end`, or that began before it and got their span only
        now; None if there is none. The text's last character comes with the packet that is the `last`."""
        taken: list[Span] = []
        while self._waiting and (last or self._waiting[0].start < end):
            taken.append(self._waiting.popleft())
        if last and self._last:
            taken.append(self._last)
            self._last = None
        if not taken:
            return None
        origin = milliseconds(start)
        return Alignment(
            chars=[span.char for span in taken],
            starts_ms=[milliseconds(span.start) - origin for span in taken],
            durations_ms=[milliseconds(span.end) - milliseconds(span.start) for span in taken],
        )
