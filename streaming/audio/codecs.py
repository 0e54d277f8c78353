"""Compressed formats, by the encoders of FFmpeg. The only file that imports PyAV.

FFmpeg's muxers are not used: they may hold bytes back, and they write headers (ID3, Xing) that break players of streams.
The few bytes around a packet are written here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from streaming.audio.encoder import Samples
from streaming.audio.ogg import OggOpusStream
from streaming.audio.pcm import encode_pcm16

_NOTHING: Samples = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Codec:
    """One of FFmpeg's encoders, and what its frames need to be heard.

    `delay`: how many samples later a sound comes out of encoder and decoder than it went in. `lag`: how many frames have to
    follow a frame before its bytes come out.
    """

    name: str
    sample_format: str
    delay: int = 0
    lag: int = 0
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


# 576 samples in LAME and 529 in any decoder (LAME's technical FAQ). Without the bit reservoir a frame's bytes are its own,
# and need not wait for the frames that follow.
MP3 = Codec("libmp3lame", "fltp", delay=576 + 529, lag=1, options={"reservoir": "0"})
# Frames of 20 ms; the encoder looks 6.5 ms ahead. A constant bit rate, as the format's name promises one.
OPUS = Codec("libopus", "flt", delay=312, options={"vbr": "off", "frame_duration": "20"})
# The other coder of FFmpeg fills what it takes for noise with noise of its own.
AAC = Codec("aac", "fltp", delay=1024, lag=1, options={"aac_coder": "fast"})
FLAC = Codec("flac", "s16")


class CodecEncoder:
    """One stream of a codec's packets, one after the other. `bit_rate` in bits per second; None for lossless codecs."""

    def __init__(self, codec: Codec, sample_rate: int, bit_rate: int | None = None) -> None:
        self.sample_rate = sample_rate
        self.delay = codec.delay
        self._codec = codec
        self._context = _open(codec, sample_rate, bit_rate)
        self._frame_size = self._context.frame_size
        self._held = _NOTHING
        self._taken = 0  # samples

    def encode(self, samples: Samples) -> bytes:
        self._taken += len(samples)
        whole, self._held = _cut(np.concatenate([self._held, samples]), self._frame_size)
        return b"".join(self._wrap(packet) for frame in whole for packet in self._compress(frame))

    def encode_all(self, parts: Sequence[Samples]) -> Iterator[bytes]:
        return map(self.encode, parts)

    def tail(self, ahead: int) -> int:
        taken = self._taken + ahead
        frames = -(-(taken + self._codec.delay) // self._frame_size) + self._codec.lag
        return frames * self._frame_size - taken

    def finish(self) -> bytes:
        if not self._taken:
            return b""
        packets = self._compress(self._held) if len(self._held) else []
        self._held = _NOTHING
        return b"".join(map(self._wrap, [*packets, *map(bytes, self._context.encode(None))]))

    def _compress(self, frame: Samples) -> list[bytes]:
        return [bytes(packet) for packet in self._context.encode(self._frame(frame))]

    def _frame(self, samples: Samples) -> av.AudioFrame:
        if self._codec.sample_format == "s16":
            array = np.frombuffer(encode_pcm16(samples), dtype=np.int16)
            frame = av.AudioFrame.from_ndarray(array.reshape(1, -1), format="s16", layout="mono")
        else:
            clipped = np.clip(samples, -1, 1).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(clipped, format=self._codec.sample_format, layout="mono")
        frame.sample_rate = self.sample_rate
        return frame

    def _wrap(self, packet: bytes) -> bytes:
        """A packet as it goes into the stream."""
        return packet


class AdtsEncoder(CodecEncoder):
    """AAC-LC with an ADTS header before each packet (ISO/IEC 13818-7, 6.2)."""

    _RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)

    def _wrap(self, packet: bytes) -> bytes:
        length = 7 + len(packet)
        header = 0xFFF  # sync word
        for value, bits in (
            (0b0001, 4),  # MPEG-4, layer 0, no checksum
            (1, 2),  # low complexity
            (self._RATES.index(self.sample_rate), 4),
            (0, 1),
            (1, 3),  # one channel
            (0, 4),
            (length, 13),
            (0x7FF, 11),  # no word on the decoder's buffer
            (0, 2),  # one packet
        ):
            header = header << bits | value
        return header.to_bytes(7, "big") + packet


class OggOpusEncoder(CodecEncoder):
    """Opus in Ogg. Takes 48 kHz."""

    def __init__(self, codec: Codec, sample_rate: int, bit_rate: int) -> None:
        super().__init__(codec, sample_rate, bit_rate)
        # Told in the stream's header: a decoder drops it.
        self.delay = 0
        self._stream = OggOpusStream(codec.delay)
        self._header = self._stream.header()
        self._packets = 0

    def finish(self) -> bytes:
        """The end is told to the sample. What is filled in brings out the last of the speech: always a packet or two."""
        if not self._taken:
            return b""
        length = self._taken + self._codec.delay
        filling = np.zeros(self.tail(0), dtype=np.float32)
        frames, self._held = _cut(np.concatenate([self._held, filling]), self._frame_size)
        packets = [packet for frame in frames for packet in self._compress(frame)]
        last = packets.pop()
        return b"".join(map(self._wrap, packets)) + self._page(last, length, last=True)

    def _wrap(self, packet: bytes) -> bytes:
        self._packets += 1
        return self._page(packet, self._packets * self._frame_size)

    def _page(self, packet: bytes, position: int, *, last: bool = False) -> bytes:
        header, self._header = self._header, b""
        return header + self._stream.page(packet, position=position, last=last)


def _open(codec: Codec, sample_rate: int, bit_rate: int | None) -> AudioCodecContext:
    context = av.CodecContext.create(codec.name, "w")
    if not isinstance(context, AudioCodecContext):
        raise TypeError(f"{codec.name} is no audio codec.")
    context.sample_rate = sample_rate
    context.format = codec.sample_format
    context.layout = "mono"
    context.options = dict(codec.options)
    if bit_rate is not None:
        context.bit_rate = bit_rate
    context.open()
    return context


def _cut(samples: Samples, size: int) -> tuple[list[Samples], Samples]:
    """Whole frames, and what is left over."""
    whole = len(samples) // size * size
    return [samples[start : start + size] for start in range(0, whole, size)], samples[whole:]
