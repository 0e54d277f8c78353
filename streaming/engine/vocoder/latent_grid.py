"""From latents to the vocoder's frames: linear interpolation on one grid that is counted from the start of the stream.

A chain of linear resamplings (`torch.nn.functional.interpolate(mode="linear", scale_factor=s)`), as XTTS applies it to a
whole utterance: for the speed, to the rate of the mel frames, to the output's sample rate. The grids of input and output
meet only every 147 latents, so interpolating a piece by itself gives other values than interpolating the whole; here every
position is computed from the absolute index, in the arithmetic of ATen, and any piece comes out as it would be in the whole.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float32]]
Indices = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Resampling:
    """One linear resampling by `scale` (outputs per input)."""

    scale: float

    def length(self, inputs: int) -> int:
        """The outputs of a stream that ends after `inputs`; at least one where there is any input."""
        return max(math.floor(inputs * self.scale), min(inputs, 1))

    def positions(self, start: int, stop: int) -> Floats:
        """Where outputs `start` to `stop` lie: (stop - start,), in inputs from the start of the stream."""
        # ATen works in float32 with a fused multiply-add, which rounds once. The product of two float32 is exact in float64.
        step = np.float64(np.float32(1.0 / self.scale))
        positions = (step * (np.arange(start, stop) + 0.5) - 0.5).astype(np.float32)
        return np.maximum(positions, np.float32(0.0))

    def first_input(self, output: int) -> int:
        """The first input that goes into `output`."""
        return int(self.positions(output, output + 1)[0])

    def ready(self, inputs: int) -> int:
        """How many outputs are final when `inputs` are there and more may come: they need no input beyond."""
        count = self.length(inputs) if inputs > 1 else 0
        while count and self.first_input(count - 1) + 1 >= inputs:
            count -= 1
        return count

    def neighbours(self, start: int, stop: int, inputs: int, at_once: bool) -> tuple[Indices, Indices, Floats]:
        """For outputs `start` to `stop` the input before, the input after (the last of `inputs` at most) and its weight."""
        positions = self.positions(start, stop)
        if at_once and self.length(inputs) == inputs:
            positions = np.arange(start, stop, dtype=np.float32)
        before = np.minimum(positions.astype(np.int64), inputs - 1)
        weights = np.clip(positions - before.astype(np.float32), np.float32(0.0), np.float32(1.0))
        return before, np.minimum(before + 1, inputs - 1), weights


class LatentGrid:
    """The chain of resamplings between the latents and the vocoder's frames. It holds no state."""

    def __init__(self, scales: Sequence[float]) -> None:
        self._chain = [Resampling(scale) for scale in scales if scale != 1.0]
        self.frames_per_latent = math.prod(scales)

    def length(self, latents: int) -> int:
        """The frames of a stream that ends after `latents`."""
        for resampling in self._chain:
            latents = resampling.length(latents)
        return latents

    def ready(self, latents: int) -> int:
        """The frames that are final when `latents` are there and more may come."""
        for resampling in self._chain:
            latents = resampling.ready(latents)
        return latents

    def first_latent(self, frame: int) -> int:
        """The first latent that goes into `frame`."""
        for resampling in reversed(self._chain):
            frame = resampling.first_input(frame)
        return frame

    def weights(self, start: int, stop: int, latents: int, *, at_once: bool = False) -> tuple[int, Floats]:
        """Frames `start` to `stop` of a stream that ends after `latents`, as sums of latents.

        Gives the first latent that takes part, and a matrix (stop - start, n): its product with the n latents from there
        on, (n, d), is the frames. All but the last frames of a stream do not depend on `latents` (see `ready`).

        Where a resampling does not change the number (40 latents at speed 0.98: 40.8 are 40) torch copies. That can only
        be followed if no frame was needed before the end was known: `at_once`.
        """
        counts = []
        for resampling in self._chain:
            counts.append(latents)
            latents = resampling.length(latents)
        first, matrix = start, np.eye(stop - start)
        for resampling, count in zip(reversed(self._chain), reversed(counts), strict=True):
            before, after, weights = resampling.neighbours(first, first + matrix.shape[1], count, at_once)
            first = int(before[0])
            step = np.zeros((len(before), int(after[-1]) + 1 - first))
            rows = np.arange(len(before))
            np.add.at(step, (rows, before - first), 1.0 - weights)
            np.add.at(step, (rows, after - first), weights)
            matrix = matrix @ step
        return first, matrix.astype(np.float32)
