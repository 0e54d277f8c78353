"""Sample-rate conversion of a stream: the same samples as converting everything at once, for any cutting."""

import numpy as np
import soxr

from streaming.audio.encoder import Samples

_NOTHING: Samples = np.zeros(0, dtype=np.float32)


class Resampler:
    """One stateful resampler per stream (libsoxr, HQ). n samples in give round(n * target / source) out."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        is_identity = source_rate == target_rate
        self._stream = None if is_identity else soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32")

    def push(self, samples: Samples) -> Samples:
        """The output that is certain so far: some milliseconds less than was put in."""
        if self._stream is None or not len(samples):
            return samples
        return self._convert(samples, last=False)

    def finish(self) -> Samples:
        """The rest. The stream is over then."""
        return _NOTHING if self._stream is None else self._convert(_NOTHING, last=True)

    def _convert(self, samples: Samples, *, last: bool) -> Samples:
        assert self._stream is not None  # noqa: S101 - for the type checker
        converted: Samples = self._stream.resample_chunk(samples, last=last)
        return converted
