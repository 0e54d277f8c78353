"""Output formats: one registry, name -> sample rate, media type and encoder.

Adding a format is adding an entry here (see CONTRIBUTING.md).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from streaming.audio.codecs import AAC, MP3, OPUS, AdtsEncoder, CodecEncoder, OggOpusEncoder
from streaming.audio.encoder import Encoder
from streaming.audio.flac import FlacEncoder
from streaming.audio.ogg import OPUS_RATE
from streaming.audio.pcm import SampleEncoder, encode_alaw, encode_pcm16, encode_ulaw, wav_header

# Sample rate in Hz, bit rate in kbit/s.
MP3_RATES = ((22050, 32), (24000, 48), (44100, 32), (44100, 64), (44100, 96), (44100, 128), (44100, 192))
OPUS_BIT_RATES = (32, 64, 96, 128, 192)
PCM_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How a client wants its audio, always mono. `sample_rate` in Hz; `media_type` begins with audio/ for every format,
    since clients refuse anything else; `new_encoder` begins a stream."""

    name: str
    sample_rate: int
    media_type: str
    new_encoder: Callable[[], Encoder]

    def silence(self, seconds: float) -> bytes:
        """A whole stream in which nothing is heard."""
        encoder = self.new_encoder()
        return encoder.encode(np.zeros(round(seconds * self.sample_rate), dtype=np.float32)) + encoder.finish()


def _pcm(name: str, rate: int) -> OutputFormat:
    return OutputFormat(name, rate, "audio/pcm", partial(SampleEncoder, rate, encode_pcm16))


def _wav(name: str, rate: int) -> OutputFormat:
    new_encoder = partial(SampleEncoder, rate, encode_pcm16, header=wav_header(rate))
    return OutputFormat(name, rate, "audio/wav", new_encoder)


def _mp3(name: str, rate: int, kbps: int) -> OutputFormat:
    return OutputFormat(name, rate, "audio/mpeg", partial(CodecEncoder, MP3, rate, kbps * 1000))


def _opus(name: str, kbps: int) -> OutputFormat:
    return OutputFormat(name, OPUS_RATE, "audio/ogg", partial(OggOpusEncoder, OPUS, OPUS_RATE, kbps * 1000))


def _by_name(formats: Iterable[OutputFormat]) -> dict[str, OutputFormat]:
    return {output.name: output for output in formats}


# ElevenLabs' names, on sockets and over HTTP.
FORMATS = _by_name(
    [
        *(_pcm(f"pcm_{rate}", rate) for rate in PCM_RATES),
        OutputFormat("ulaw_8000", 8000, "audio/basic", partial(SampleEncoder, 8000, encode_ulaw)),
        OutputFormat("alaw_8000", 8000, "audio/PCMA", partial(SampleEncoder, 8000, encode_alaw)),
        *(_mp3(f"mp3_{rate}_{kbps}", rate, kbps) for rate, kbps in MP3_RATES),
        _mp3("mp3_44100", 44100, 128),  # what older clients call it
        *(_opus(f"opus_48000_{kbps}", kbps) for kbps in OPUS_BIT_RATES),
    ]
)
# The same over HTTP, where a response may be a file.
HTTP_FORMATS = FORMATS | _by_name(_wav(f"wav_{rate}", rate) for rate in PCM_RATES)
# OpenAI's names, over HTTP only: most are files with a header. Speech is made at 24 kHz.
CONTAINER_FORMATS = _by_name(
    [
        _pcm("pcm", 24000),
        _wav("wav", 24000),
        OutputFormat("flac", 24000, "audio/flac", partial(FlacEncoder, 24000)),
        OutputFormat("aac", 24000, "audio/aac", partial(AdtsEncoder, AAC, 24000, 96_000)),
        _mp3("mp3", 24000, 128),
        _opus("opus", 64),
    ]
)
