"""Sound as the plainest file of all: a WAV with one channel of 32-bit floats, and nothing else in it."""

import struct

import numpy as np
from numpy.typing import NDArray

BYTES_PER_SAMPLE = 4
_FLOATS = 3
_HEAD = 44


def plain_wav(samples: NDArray[np.float32], rate: int) -> bytes:
    """`rate` in Hz. Exactly these samples, bit for bit."""
    data = samples.astype("<f4", copy=False).tobytes()
    sound = struct.pack("<HHIIHH", _FLOATS, 1, rate, rate * BYTES_PER_SAMPLE, BYTES_PER_SAMPLE, 8 * BYTES_PER_SAMPLE)
    chunks = b"fmt " + struct.pack("<I", len(sound)) + sound + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def shortened(wav: bytes, most: int) -> bytes:
    """A `plain_wav` with at most so many bytes of samples."""
    if len(wav) <= _HEAD + most:
        return wav
    return plain_wav(np.frombuffer(wav, "<f4", most // BYTES_PER_SAMPLE, _HEAD), _rate(wav))


def first_seconds(wav: bytes, seconds: float) -> bytes:
    """The beginning of a `plain_wav`."""
    return shortened(wav, round(seconds * _rate(wav)) * BYTES_PER_SAMPLE)


def _rate(wav: bytes) -> int:
    rate: int = struct.unpack_from("<I", wav, 24)[0]
    return rate
