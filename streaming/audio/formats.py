"""Output formats: one registry, name -> sample rate and encoder.

Adding a format is adding an entry here (see CONTRIBUTING.md). Encoders take mono float32 samples in [-1, 1].
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
PCM_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
# Full scale is 32768, as libsndfile and most decoders have it: then every 16-bit value survives the way there and back.
_FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How a client wants its audio: `sample_rate` in Hz; `encode` turns samples into the bytes of a packet."""

    name: str
    sample_rate: int
    encode: Callable[[Samples], bytes]


def encode_pcm16(samples: Samples) -> bytes:
    """Signed 16-bit little-endian, headerless. Samples beyond [-1, 1] are clipped."""
    return bytes(np.clip(np.rint(samples * _FULL_SCALE), -32768, 32767).astype("<i2"))


def decode_pcm16(data: bytes) -> Samples:
    """The inverse: what `encode_pcm16` makes of the result is `data` again. Raises ValueError for half a sample."""
    integers: NDArray[Any] = np.frombuffer(data, dtype="<i2")
    return (integers / _FULL_SCALE).astype(np.float32)


FORMATS: dict[str, OutputFormat] = {
    f"pcm_{rate}": OutputFormat(f"pcm_{rate}", rate, encode_pcm16) for rate in PCM_RATES
}
