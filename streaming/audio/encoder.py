"""What every output format provides: samples in, bytes out, one continuous stream."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# Mono, float32, full scale is [-1, 1]. What is beyond is clipped.
Samples = NDArray[np.float32]


def joined(parts: Sequence[Samples]) -> Samples:
    """All of them in one. The only one with samples in it is not copied."""
    full = [part for part in parts if len(part)]
    return full[0] if len(full) == 1 else np.concatenate(full or parts)


class Encoder(Protocol):
    """One stream of encoded audio: one socket, context or HTTP response has one of these from beginning to end."""

    sample_rate: int  # Hz, of the samples that it takes
    delay: int  # samples of silence that a decoder puts before the stream's first one

    def encode(self, samples: Samples) -> bytes:
        """The bytes that `samples` complete, perhaps none. All bytes together are the same however the samples are cut."""

    def encode_all(self, parts: Sequence[Samples]) -> Iterator[bytes]:
        """`encode` of each part. What takes its time is done when it is asked for."""

    def tail(self, ahead: int) -> int:
        """How many samples of silence have to follow the next `ahead` samples, so that a decoder that has the bytes
        until then has played all of these. The last sample of the silence completes some bytes. 0 if nothing is held, or if
        nothing comes out before the end."""

    def finish(self) -> bytes:
        """The rest: nothing if the stream had no samples. The stream is over then."""
