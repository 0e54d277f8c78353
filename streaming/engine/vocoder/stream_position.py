"""What a stream of latents can give at a time: which frames, and which of the others these need."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from streaming.engine.vocoder.latent_grid import LatentGrid

# More frames than this (2.7 s) are decoded one part after the other: memory for a window does not grow with what is due.
MOST_FRAMES = 256


class Window(NamedTuple):
    """Frames `start` to `stop` of a stream, to be decoded from frames `first` to `end`. `at_once`: of a whole stream."""

    start: int
    stop: int
    first: int
    end: int
    at_once: bool = False

    def parts(self, context: int, most: int = MOST_FRAMES) -> "Iterator[Window]":
        """The same in windows of up to `most` frames."""
        for start in range(self.start, self.stop, most):
            stop = min(start + most, self.stop)
            yield Window(start, stop, max(start - context, self.first), min(stop + context, self.end), self.at_once)


class StreamPosition:
    """How far a stream is: it knows the number of its latents, and holds none."""

    def __init__(self, grid: LatentGrid, context: int) -> None:
        """`context`: the frames on each side that a frame's samples need."""
        self.grid = grid
        self._context = context
        self.count = 0
        self._emitted = 0  # frames
        self._ended = False

    def add(self, latents: int) -> None:
        """So many more are there. Raises ValueError after the last samples were decoded."""
        if self._ended:
            raise ValueError("The stream has ended.")
        self.count += latents

    def window(self, look_ahead: float | None = None, last: bool = False) -> Window:
        """What can be decoded now, as `VocoderStream.decode` says; empty (start = stop) where there is nothing to give."""
        context = self._context
        if last:
            end = stop = self.grid.length(self.count)
        else:
            end = self.grid.ready(self.count)
            stop = end - context
            early = 0 if look_ahead is None else self._frames_until(self.count - look_ahead)
            if early > stop:
                end = self.grid.length(self.count)
                stop = min(early, end)
        stop = max(stop, self._emitted)
        first, at_once = max(self._emitted - context, 0), last and not self._emitted
        return Window(self._emitted, stop, first, min(stop + context, end), at_once)

    def _frames_until(self, latents: float) -> int:
        return math.floor(latents * self.grid.frames_per_latent)

    def advance(self, window: Window, last: bool) -> None:
        """The window has been given."""
        self._emitted = window.stop
        self._ended = self._ended or last

    @property
    def first_needed(self) -> int:
        """The first latent that a later window needs."""
        if self._ended:
            return self.count
        return min(self.grid.first_latent(max(self._emitted - self._context, 0)), self.count)
