"""Uncompressed samples: 16-bit PCM, with or without a WAV header, and 8-bit telephony (ITU-T G.711)."""

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streaming.audio.encoder import Samples, joined

# Full scale is 32768, as libsndfile and most decoders have it: then every 16-bit value survives the way there and back.
_FULL_SCALE = np.float32(32768.0)
_LEAST, _MOST = np.float32(-32768), np.float32(32767)
_INT16 = np.dtype("<i2")
# Stands in a WAV header for the length of samples that are not there yet; the standard has no number for that. All readers
# that were tried stop at the end of the file. sox does so without a warning for this number alone, and it is negative to
# none. A length of 0 would be an empty file.
_UNKNOWN_LENGTH = 0x7FFFF000


def encode_pcm16(samples: Samples) -> bytes:
    """Signed 16-bit little-endian, headerless. Samples beyond [-1, 1] are clipped."""
    return _integers(samples).astype(_INT16).tobytes()


def decode_pcm16(data: bytes) -> Samples:
    """The inverse: what `encode_pcm16` makes of the result is `data` again. Raises ValueError for half a sample."""
    integers: NDArray[Any] = np.frombuffer(data, dtype="<i2")
    return (integers / _FULL_SCALE).astype(np.float32)


def _integers(samples: Samples) -> NDArray[Any]:
    # In place, and by the bare operations: `np.clip` costs a packet more in Python than all of the arithmetic.
    integers = samples * _FULL_SCALE
    np.rint(integers, out=integers)
    np.maximum(integers, _LEAST, out=integers)
    np.minimum(integers, _MOST, out=integers)
    return integers


def encode_ulaw(samples: Samples) -> bytes:
    """G.711 mu-law, a byte for each sample."""
    return bytes(_ULAW[_integers(samples).astype(np.int32) + 32768])


def encode_alaw(samples: Samples) -> bytes:
    """G.711 A-law, a byte for each sample."""
    return bytes(_ALAW[_integers(samples).astype(np.int32) + 32768])


def _ulaw_codes() -> NDArray[np.uint8]:
    """The code of every 16-bit value: sign, 3 bits of exponent, 4 of mantissa, all inverted."""
    value = np.arange(-32768, 32768)
    # The standard's magnitudes have 14 bits and a bias of 33; at 16 bits that is a bias of 132, clipped at 32635.
    magnitude = np.minimum(np.abs(value), 32635) + 132
    exponent = np.log2(magnitude).astype(np.int64) - 7
    mantissa = magnitude >> (exponent + 3) & 0x0F
    sign = np.where(value < 0, 0x80, 0)
    return np.asarray(~(sign | exponent << 4 | mantissa), dtype=np.uint8)


def _alaw_codes() -> NDArray[np.uint8]:
    """The code of every 16-bit value: sign, 3 bits of exponent, 4 of mantissa, every other bit inverted."""
    value = np.arange(-32768, 32768)
    # 12 bits of magnitude; a negative value counts from -1, so that both signs have the same steps.
    magnitude = np.where(value < 0, ~value, value) >> 4
    exponent = np.maximum(np.log2(np.maximum(magnitude, 1)).astype(np.int64) - 3, 0)
    mantissa = magnitude >> np.maximum(exponent - 1, 0) & 0x0F
    sign = np.where(value < 0, 0, 0x80)
    return np.asarray((sign | exponent << 4 | mantissa) ^ 0x55, dtype=np.uint8)


_ULAW = _ulaw_codes()
_ALAW = _alaw_codes()


class SampleEncoder:
    """Each sample has bytes of its own: nothing is held back."""

    delay = 0

    def __init__(self, sample_rate: int, encode: Callable[[Samples], bytes], *, header: bytes = b"") -> None:
        self.sample_rate = sample_rate
        self._encode = encode
        self._header = header

    def encode(self, samples: Samples) -> bytes:
        if not len(samples):
            return b""
        header, self._header = self._header, b""
        return header + self._encode(samples)

    def encode_all(self, parts: Sequence[Samples]) -> Iterator[bytes]:
        """At once: for so short parts, turns through numpy cost more than the arithmetic."""
        data, start = self._encode(joined(parts)) if parts else b"", 0
        width = len(data) // max(1, sum(map(len, parts)))
        for part in parts:
            header, self._header = (self._header, b"") if len(part) else (b"", self._header)
            end = start + width * len(part)
            yield header + data[start:end]
            start = end

    def tail(self, ahead: int) -> int:
        return 0

    def finish(self) -> bytes:
        return b""


def wav_header(sample_rate: int) -> bytes:
    """The header of a 16-bit mono WAV stream of unknown length (RIFF, format 1)."""
    pcm_format = struct.pack("<HHIIHH", 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    chunks = b"".join(
        [
            b"WAVE",
            struct.pack("<4sI", b"fmt ", len(pcm_format)),
            pcm_format,
            struct.pack("<4sI", b"data", _UNKNOWN_LENGTH),
        ]
    )
    return struct.pack("<4sI", b"RIFF", _UNKNOWN_LENGTH + len(chunks)) + chunks
