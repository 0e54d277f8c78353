"""Which latents a frame is the sum of, and with what weights. Many streams ask for the same frames, so these are kept."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from streaming.engine.gpu.transfer import Array
from streaming.engine.vocoder.latent_grid import LatentGrid
from streaming.engine.vocoder.weights import FRAME_SCALES

# Latents that go into a frame at most: two of each resampling's outputs, `FASTEST` latents apart.
TERMS = 16
FASTEST = 4.0
# coqui's bound: slower than this, speech would have no end.
SLOWEST = 0.05
# Of a sequence, with the one that says it is over.
_MOST_LATENTS = 606
_SPEEDS_KEPT = 64
# Frames are computed so many at a time.
_BLOCK = 128


class Sums(NamedTuple):
    """Frames as sums of latents: the first latent of each (n,), and the weights of it and the following ones (n, TERMS)."""

    begins: Array
    weights: Array

    def part(self, start: int, stop: int) -> "Sums":
        return Sums(self.begins[start:stop], self.weights[start:stop])

    @classmethod
    def joined(cls, parts: "Sequence[Sums]") -> "Sums":
        return parts[0] if len(parts) == 1 else cls(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


class FrameTable:
    """The frames of streams of one speed."""

    def __init__(self, speed: float) -> None:
        """Raises ValueError for a speed above FASTEST."""
        if speed > FASTEST:
            raise ValueError(f"Speech can be {FASTEST:g} times as fast as usual, not {speed:g} times.")
        self.grid = LatentGrid((1.0 / max(speed, SLOWEST), *FRAME_SCALES))
        self._final = self.grid.ready(_MOST_LATENTS)
        # Of frames that do not depend on where their stream ends.
        self._blocks: dict[int, Sums] = {}

    def sums(self, first: int, end: int, count: int, *, at_once: bool) -> Sums:
        """Frames `first` to `end` of a stream with `count` latents; see `LatentGrid.weights`."""
        ready = min(self.grid.ready(count), self._final)
        if at_once or ready <= first:
            return _sums(self.grid, first, end, count, at_once=at_once)
        known = self._known(first, min(end, ready))
        if end > ready:
            known.append(_sums(self.grid, ready, end, count))
        return Sums.joined(known)

    def _known(self, first: int, end: int) -> list[Sums]:
        parts = []
        for number in range(first // _BLOCK, (end - 1) // _BLOCK + 1):
            start = number * _BLOCK
            parts.append(self._block(number).part(max(first - start, 0), end - start))
        return parts

    def _block(self, number: int) -> Sums:
        if number not in self._blocks:
            start = number * _BLOCK
            stop = min(start + _BLOCK, self._final)
            self._blocks[number] = _sums(self.grid, start, stop, _MOST_LATENTS)
        return self._blocks[number]


@lru_cache(_SPEEDS_KEPT)
def frame_table(speed: float) -> FrameTable:
    return FrameTable(speed)


def _sums(grid: LatentGrid, first: int, end: int, count: int, *, at_once: bool = False) -> Sums:
    latent, matrix = grid.weights(first, end, count, at_once=at_once)
    begins = (matrix != 0.0).argmax(1)
    terms = begins[:, None] + np.arange(TERMS)
    taken = np.take_along_axis(matrix, np.minimum(terms, matrix.shape[1] - 1), 1)
    return Sums(latent + begins, np.where(terms < matrix.shape[1], taken, 0.0).astype(np.float32))
