"""Samples -> frames -> shards of bounded length.

A *frame* is one chunk from the engine. Frames are joined as `chunk_length_schedule_frames` says, and the result is cut into
shards that are short enough for one packet.
"""

from collections.abc import Sequence
from itertools import pairwise

from streaming.audio.encoder import Samples, joined


class FrameJoiner:
    """Joins the first frames of a turn: the n-th packet has `schedule[n]` frames; after the list, every packet has one."""

    def __init__(self, schedule: Sequence[int]) -> None:
        self._wanted = list(schedule)
        self._held: list[Samples] = []

    def push(self, frame: Samples) -> Samples | None:
        """The joined frames once there are enough of them, else None."""
        self._held.append(frame)
        return self.flush() if len(self._held) >= (self._wanted[0] if self._wanted else 1) else None

    def flush(self) -> Samples | None:
        """What is held, however little (the utterance is over); None if there is nothing."""
        if not self._held:
            return None
        frames = joined(self._held)
        self._held.clear()
        del self._wanted[:1]
        return frames


def shards(samples: Samples, *, most: int) -> list[Samples]:
    """`samples` cut into the fewest parts of at most `most` samples, as equal as can be: no short last packet."""
    length = len(samples)
    if length <= most:
        return [samples] if length else []
    # The first ones have one sample more, where they cannot all be equal.
    count = -(-length // most)
    least, longer = divmod(length, count)
    ends = [number * least + min(number, longer) for number in range(count + 1)]
    return [samples[start:end] for start, end in pairwise(ends)]
