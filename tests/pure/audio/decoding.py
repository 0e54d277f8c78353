"""A voice to encode, and what a player hears of a stream."""

import io
from collections.abc import Iterator
from functools import cache

import av
import numpy as np

from streaming.audio.encoder import Encoder, Samples
from streaming.audio.formats import OutputFormat

# FFmpeg's names of the streams that these media types stand for.
CONTAINERS = {
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/wav": "wav",
    "audio/basic": "mulaw",
    "audio/PCMA": "alaw",
    "audio/pcm": "s16le",
}
# How much of the decoder's output comes before the first sample; Ogg says so itself, and players drop it.
PRIMING = {"audio/mpeg": 1105, "audio/aac": 1024}
# In dB, some below what the least bit rate reaches.
LIKENESS = {"audio/mpeg": 19, "audio/ogg": 13, "audio/aac": 40, "audio/basic": 30, "audio/PCMA": 30}
LOSSLESS = 75
HEADERLESS = ("audio/basic", "audio/PCMA", "audio/pcm")


@cache
def voice(rate: int, seconds: float, *, pitch: float = 120.0) -> Samples:
    """A buzz with the harmonics, the glides and the syllables of a voice. It is loud at its first and last sample."""
    time = np.arange(round(rate * seconds)) / rate
    phase = 2 * np.pi * np.cumsum(pitch + 30 * np.sin(2 * np.pi * 0.7 * time)) / rate
    harmonics = sum(np.sin(number * phase) / number for number in range(1, 25) if number * 150 < 0.45 * rate)
    loudness = 0.15 + 0.1 * np.cos(2 * np.pi * 3 * time)
    samples = np.asarray(loudness * harmonics, dtype=np.float32)
    samples.flags.writeable = False
    return samples


def decoded(stream: bytes, output: OutputFormat) -> Samples:
    """What FFmpeg hears, from a stream that may be cut off behind any packet."""
    options = {"sample_rate": str(output.sample_rate)} if output.media_type in HEADERLESS else {}
    with av.open(io.BytesIO(stream), "r", format=CONTAINERS[output.media_type], options=options) as container:
        assert container.streams.audio[0].rate == output.sample_rate
        assert container.streams.audio[0].channels == 1
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    heard = np.concatenate(frames)
    scale = 32768 if heard.dtype == np.int16 else 1
    return heard.astype(np.float32) / np.float32(scale)


def encoded(encoder: Encoder, *parts: Samples) -> bytes:
    """A whole stream."""
    return b"".join([*map(encoder.encode, parts), encoder.finish()])


def likeness(heard: Samples, wanted: Samples) -> float:
    """How far the difference is below the signal, in dB."""
    assert len(heard) == len(wanted)
    error = (heard - wanted).astype(np.float64)
    return float(10 * np.log10(np.square(wanted, dtype=np.float64).sum() / max(np.square(error).sum(), 1e-20)))


def by_name(output: OutputFormat) -> str:
    return output.name


def least_likeness(output: OutputFormat) -> float:
    return LIKENESS.get(output.media_type, LOSSLESS)


def priming(output: OutputFormat) -> int:
    return PRIMING.get(output.media_type, 0)


def mp3_frames(stream: bytes) -> Iterator[bytes]:
    """The frames of MPEG audio layer III, by their headers. Anything between two frames fails, an ID3 tag as well."""
    while stream:
        assert stream[0] == 0xFF
        assert stream[1] in (0xFB, 0xF3), "layer III of MPEG-1 or MPEG-2, without a checksum"
        length = (144 if is_mpeg1(stream) else 72) * mp3_bit_rate(stream) // mp3_sample_rate(stream) + (
            stream[2] >> 1 & 1
        )
        yield stream[:length]
        stream = stream[length:]


def is_mpeg1(frame: bytes) -> bool:
    return frame[1] == 0xFB


def mp3_bit_rate(frame: bytes) -> int:
    mpeg1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    mpeg2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    return 1000 * (mpeg1 if is_mpeg1(frame) else mpeg2)[frame[2] >> 4]


def mp3_sample_rate(frame: bytes) -> int:
    return (44100, 48000, 32000)[frame[2] >> 2 & 3] // (1 if is_mpeg1(frame) else 2)


def is_a_table_of_frames(frame: bytes) -> bool:
    """Whether a mono frame tells of the others and has no sound. The marks stand at fixed places."""
    behind_side_information = 4 + (17 if is_mpeg1(frame) else 9)
    mark = frame[behind_side_information : behind_side_information + 4]
    return mark in (b"Xing", b"Info") or frame[36:40] == b"VBRI"
