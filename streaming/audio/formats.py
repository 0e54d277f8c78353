"""Output formats: one registry, name -> sample rate, media type and encoder.

Adding a format is adding an entry here (see CONTRIBUTING.md).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from streaming.audio.encoder import Encoder
from streaming.audio.pcm import SampleEncoder, encode_alaw, encode_pcm16, encode_ulaw, wav_header

PCM_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How a client wants its audio, always mono. `sample_rate` in Hz; `media_type` begins with audio/ for every format,
    since clients refuse anything else; `new_encoder` begins a stream."""

    name: str
    sample_rate: int
    media_type: str
    new_encoder: Callable[[], Encoder]


def _pcm(name: str, rate: int) -> OutputFormat:
    return OutputFormat(name, rate, "audio/pcm", partial(SampleEncoder, rate, encode_pcm16))


def _wav(name: str, rate: int) -> OutputFormat:
    new_encoder = partial(SampleEncoder, rate, encode_pcm16, header=wav_header(rate))
    return OutputFormat(name, rate, "audio/wav", new_encoder)


def _by_name(formats: Iterable[OutputFormat]) -> dict[str, OutputFormat]:
    return {output.name: output for output in formats}


# The vendor's names, on sockets and over HTTP.
FORMATS = _by_name(
    [
        *(_pcm(f"pcm_{rate}", rate) for rate in PCM_RATES),
        OutputFormat("ulaw_8000", 8000, "audio/basic", partial(SampleEncoder, 8000, encode_ulaw)),
        OutputFormat("alaw_8000", 8000, "audio/PCMA", partial(SampleEncoder, 8000, encode_alaw)),
    ]
)
# OpenAI's names, over HTTP only: most are files with a header.
CONTAINER_FORMATS = _by_name([_pcm("pcm", 24000), _wav("wav", 24000)])
