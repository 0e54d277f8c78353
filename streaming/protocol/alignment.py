"""Which characters are heard when.

An engine speaks a text piece by piece and says which piece a chunk belongs to, so the time of a piece's first character is
known, and so is that of its last one when the piece is over. Between them the times are estimated: by the rate at which the
voice has been heard to speak, and, where the piece takes longer than that, ever more slowly, so that there are always
characters left for the rest of its audio. Estimates never leave their piece. A span that has been sent is never changed.
"""

from bisect import bisect_right
from itertools import accumulate

from streaming.protocol.packet import Alignment
from streaming.protocol.spans import Spans
from streaming.protocol.speaking_rate import Tempo, weight
from streaming.text.rewriting import Rewriting


class Untimed:
    """In place of an Aligner, for a client that is not told any times: only how fast the voice speaks is learned."""

    def __init__(self, text: Rewriting, tempo: Tempo, begin: float = 0.0) -> None:
        self._text = text
        self._tempo = tempo
        self._begin = begin

    def extend(self, until: float, text_end: int | None, piece_end: int | None) -> None:
        """See `Aligner`."""

    def finish(self, until: float, *, piece_end: int | None, last_packet_start: float, end: float) -> None:
        """The speech is complete, at `until`."""
        if spoken := sum(map(weight, self._text.spoken)):
            self._tempo.learn(spoken, until - self._begin)

    def take(self, start: float, end: float, *, last: bool) -> tuple[None, None]:
        return None, None


class Aligner:
    """The spans of one utterance's characters: as the client wrote them, and as they are spoken.

    Times are seconds of the stream, and the first character's span begins at `begin`. Every character has one span, the
    spans follow each other without a gap, and together they are as long as the audio.
    """

    def __init__(self, text: Rewriting, tempo: Tempo, begin: float = 0.0) -> None:
        self._text = text
        self._tempo = tempo
        self._spoken = Spans(text.spoken, begin)
        self._original = None if text.original == text.spoken else Spans(text.original, begin)
        # The weight of the text before each character, and of all of it.
        self._weights = [0.0, *accumulate(map(weight, text.spoken))]
        self._length = len(self._weights) - 1
        self._piece_end = 0
        # The last character of which the end is known, not estimated, and when that is.
        self._known_end = 0
        self._known_time = begin
        self._until = begin

    def extend(self, until: float, text_end: int | None, piece_end: int | None) -> None:
        """Audio up to `until` exists now. `piece_end`: where the piece that it speaks ends in the spoken text (None: where
        the text does). `text_end`: how far into the text it speaks (None: the engine does not know)."""
        self._enter(piece_end)
        self._until = max(self._until, until)
        if text_end is None:
            self._place(self._estimate())
        else:
            self._reach(max(0, min(text_end, self._length)))

    def finish(self, until: float, *, piece_end: int | None, last_packet_start: float, end: float) -> None:
        """The speech is complete, at `until`. The last character begins in its last packet if it can, and ends with the
        audio: then, or later, at `end`, if silence follows the speech."""
        self._enter(piece_end)
        if self._tempo.is_patient:
            # Nobody waits for that packet: the character begins where its share of the time does.
            last_packet_start = self._known_time
        self._until = max(self._until, until)
        self._learn(self._length)
        first = self._spoken.placed
        placed = self._spoken.finish(self._until, last_packet_start=last_packet_start, end=end)
        if self._original:
            self._follow(first, [span.end for span in placed])
            self._original.finish(self._until, last_packet_start=last_packet_start, end=end)

    def take(self, start: float, end: float, *, last: bool) -> tuple[Alignment | None, Alignment | None]:
        """The alignment and the normalized alignment of the packet from `start` to `end` (see `Spans.take`)."""
        normalized = self._spoken.take(start, end, last=last)
        return (self._original.take(start, end, last=last) if self._original else normalized), normalized

    def _enter(self, piece_end: int | None) -> None:
        """What comes now is of the piece up to `piece_end`. If it is another one, the one before it is over."""
        piece_end = self._length if piece_end is None else min(piece_end, self._length)
        if piece_end > self._piece_end:
            if self._known_end < self._piece_end:
                self._reach(self._piece_end)
            self._piece_end = piece_end

    def _reach(self, index: int) -> None:
        """The audio that exists speaks the text up to `index`."""
        self._place(index)
        self._learn(index)
        self._known_end, self._known_time = max(index, self._known_end), self._until
        self._piece_end = max(self._piece_end, self._known_end)

    def _learn(self, index: int) -> None:
        if index > self._known_end:
            spoken = self._weights[index] - self._weights[self._known_end]
            self._tempo.learn(spoken, self._until - self._known_time)

    def _estimate(self) -> int:
        """How far into the text the audio probably speaks; at least one character before the end of the piece."""
        before = self._weights[self._known_end]
        left = self._weights[self._piece_end] - before
        if not left:
            return self._known_end
        said = before + left * self._tempo.progress(left, self._until - self._known_time)
        index = bisect_right(self._weights, said, self._known_end, self._piece_end) - 1
        is_nearer_the_next = 2 * said > self._weights[index] + self._weights[index + 1]
        return min(index + is_nearer_the_next, self._piece_end - 1)

    def _place(self, index: int) -> None:
        first = self._spoken.placed
        self._follow(first, [span.end for span in self._spoken.place(index, self._until)])

    def _follow(self, first: int, ends: list[float]) -> None:
        """The spoken characters from `first` on end then: so does what the client wrote for them."""
        if self._original:
            for index, end in enumerate(ends, first + 1):
                self._original.place(self._text.original_end(index), end)
