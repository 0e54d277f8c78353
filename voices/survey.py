"""What is measured of a recording while it is read once: which of its channels is used, and where in it somebody speaks.

A part of it can be chosen (`Part`): then all that is measured is of that part, but for the picture of the whole.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voices.speech_part import SECONDS_PER_LEVEL, Range, kept, noise_of, phrases

Samples = NDArray[np.float32]

CLIPPED_AT = 0.999
PEAK_COUNT = 200
HIGHEST_COPY_RATE = 48_000
# Peaks are found in pieces of 5 ms, levels in four of these.
_PIECES_PER_LEVEL = 4
# A mix as loud as this, in relation to the power of the loudest channel, is used. One channel of two gives a quarter.
# A quieter one has cancelled itself out, as channels of opposite polarity do, or is one channel of many.
_LEAST_MIX = 0.2


@dataclass(frozen=True)
class Part:
    """From one second of a recording to another; None: to its end."""

    start: float = 0.0
    end: float | None = None


WHOLE = Part()


@dataclass(frozen=True)
class Measured:
    """`chosen`: the candidate that is used, and `scale` what its samples are divided by. `ranges`: the frames that are used,
    with some silence around the speech. `speech_frames`: how many these are, without that silence if any is left out. The
    mean `power` (1.0: full scale) and the `clipped` share are of the speech, `noise` is the power of the quietest moments
    and `peak` the highest sample of the part; up to PEAK_COUNT `peaks` are of the whole recording."""

    chosen: int = 0
    ranges: list[Range] = field(default_factory=list)
    scale: float = 1.0
    speech_frames: int = 0
    power: float = 0.0
    clipped: float = 0.0
    noise: float = 0.0
    peak: float = 0.0
    peaks: list[float] = field(default_factory=list)


class Survey:
    """Of a recording of so many channels at so many Hz, which is added in blocks of `block` frames."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.sample_rate = sample_rate
        self._piece = max(1, int(sample_rate * SECONDS_PER_LEVEL / _PIECES_PER_LEVEL))
        self._channels = channels
        self.block = self._piece * round(_PIECES_PER_LEVEL / SECONDS_PER_LEVEL)
        self.frames = 0
        self.is_finite = True
        # For each piece and candidate: the mean square, the mean, the peak. For each piece and channel: the clipped share.
        self._pieces: list[tuple[NDArray[np.float32], ...]] = []

    def add(self, block: Samples) -> None:
        self.frames += len(block)
        if not np.isfinite(block).all():
            self.is_finite = False
            return
        # All blocks but the last have whole pieces.
        padded = np.pad(block, ((0, -len(block) % self._piece), (0, 0)), mode="edge")
        heard = candidates(padded).reshape(-1, self._piece, self._candidates)
        clipped = (np.abs(padded) >= CLIPPED_AT).reshape(-1, self._piece, self._channels)
        self._pieces.append(
            (
                np.square(heard).mean(axis=1, dtype=np.float32),
                heard.mean(axis=1, dtype=np.float32),
                np.abs(heard).max(axis=1),
                clipped.mean(axis=1, dtype=np.float32),
            )
        )

    def measured(self, *, has_headroom: bool, part: Part = WHOLE) -> Measured:
        """`has_headroom`: samples beyond full scale are not clipped, only loud."""
        if not self._pieces:
            return Measured()
        power, mean, peak, clipped = (np.concatenate(values) for values in zip(*self._pieces, strict=True))
        chosen = _choice(power)
        highest = float(peak[:, chosen].max())
        is_loud = has_headroom and highest > 1.0
        scale = highest if is_loud else 1.0
        bars = _bars(peak[:, chosen] / scale)
        start, end = self._pieces_of(part, len(power))
        if start >= end:
            return Measured(chosen=chosen, scale=scale, peaks=bars)
        share = np.zeros(end - start) if is_loud else _share(clipped[start:end], chosen)
        heard = (values[start:end, chosen] for values in (power, mean, peak))
        return self._of_part(chosen, scale, bars, (start, end), (*heard, share))

    def _of_part(
        self, chosen: int, scale: float, bars: list[float], pieces: Range, values: tuple[NDArray[Any], ...]
    ) -> Measured:
        power, mean, peak, clipped = values
        offset = float(mean.mean(dtype=np.float64))
        # Without its constant part: it is no sound.
        levels = _levels(np.maximum(power - 2 * offset * mean + offset**2, 0).astype(np.float64))
        found = phrases(levels)
        begin, end = pieces[0] * self._piece, min(pieces[1] * self._piece, self.frames)
        ranges = self._frames(kept(found, len(levels)), begin, end)
        spoken = ranges if ranges == [(begin, end)] else self._frames(found, begin, end)
        return Measured(
            chosen=chosen,
            ranges=ranges,
            scale=scale,
            speech_frames=sum(stop - start for start, stop in spoken),
            power=_mean(levels, found) / scale**2,
            clipped=_mean(_levels(clipped), found),
            noise=noise_of(levels) / scale**2,
            peak=max(0.0, float(peak.max()) - abs(offset)) / scale,
            peaks=bars,
        )

    def _pieces_of(self, part: Part, count: int) -> Range:
        per_second = self.sample_rate / self._piece
        end = count if part.end is None else min(count, round(part.end * per_second))
        return min(count, round(part.start * per_second)), end

    @property
    def _candidates(self) -> int:
        return 1 if self._channels == 1 else 1 + self._channels

    def _frames(self, ranges: list[Range], begin: int, limit: int) -> list[Range]:
        step = self._piece * _PIECES_PER_LEVEL
        return [(begin + start * step, min(begin + end * step, limit)) for start, end in ranges]


def copy_rate(rate: int) -> int:
    """The sample rate in Hz of the copy that models read: the recording's own, or its half, third or fourth, so that it is
    not above HIGHEST_COPY_RATE. XTTS reads 22,050 Hz: nothing is lost that it would hear."""
    return rate // -(-rate // HIGHEST_COPY_RATE)


def candidates(block: Samples) -> Samples:
    """What may be used of (frames, channels): the mean of all channels, and behind it each of them."""
    if block.shape[1] == 1:
        return block
    return np.concatenate((block.mean(axis=1, keepdims=True), block), axis=1)


def _choice(power: NDArray[np.float32]) -> int:
    total = power.sum(axis=0, dtype=np.float64)
    loudest = int(total[1:].argmax()) + 1 if len(total) > 1 else 0
    return loudest if total[0] < _LEAST_MIX * total[loudest] else 0


def _share(clipped: NDArray[np.float32], chosen: int) -> NDArray[np.float32]:
    share: NDArray[np.float32] = clipped[:, chosen - 1] if chosen else clipped.mean(axis=1)
    return share


def _levels(values: NDArray[np.floating]) -> NDArray[np.float64]:
    padded: NDArray[np.float64] = np.pad(values.astype(np.float64), (0, -len(values) % _PIECES_PER_LEVEL), mode="edge")
    levels: NDArray[np.float64] = padded.reshape(-1, _PIECES_PER_LEVEL).mean(axis=1)
    return levels


def _mean(levels: NDArray[np.float64], ranges: list[Range]) -> float:
    parts = [levels[start:end] for start, end in ranges]
    return float(np.concatenate(parts).mean()) if parts else 0.0


def _bars(peaks: NDArray[np.floating]) -> list[float]:
    parts = np.array_split(peaks, min(PEAK_COUNT, len(peaks)))
    return [round(min(1.0, float(part.max())), 3) for part in parts]
