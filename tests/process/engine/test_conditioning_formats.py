"""The same speech as phones, browsers and editors write it gives nearly the same voice.

Two things are measured, and stated in docs/voices.md. The GPT's conditioning: the length of the difference by the length of
the original's. And the spectrum of the sound that the models are given, up to 7 kHz, in dB: the vocoder's embedding is made
from it, but the random network of the tests says nothing about how near two embeddings are (noise far below hearing changes
one as much as another speaker). Another speaker is the measure of what is far.
"""

import io
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from streaming.engine.demo.piper_voice import english_voice
from tests.pure.voices.muxing import LIVE, muxed
from tests.pure.voices.recordings import encoded
from voices.clips import ClipLimits, read_clip
from voices.decoding import Edit
from voices.survey import Part

if TYPE_CHECKING:
    from streaming.engine.checkpoint.coqui import XttsParts
    from streaming.engine.conditioner import Conditioner
    from streaming.engine.conditioning import Conditioning

TEXT = "Good morning! I got up early today, because the weather is finally beautiful. Have you ever seen the sea in winter?"
RATE = 48_000
LIMITS = ClipLimits(min_seconds=1.0, max_seconds=60.0, max_bytes=20_000_000)
NEAR, NEAR_DB = 0.02, 1.0


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float64]:
    """(frames, 1) at 48 kHz, as a browser records."""
    import soxr

    voice = english_voice()
    sound = np.concatenate([samples for samples, _ in voice.speak(TEXT, 1.0, 0, lambda: False)])
    resampled: NDArray[np.float64] = soxr.resample(sound.astype(np.float64), voice.sample_rate, RATE)
    room = np.random.default_rng(1).normal(scale=10 ** (-60 / 20), size=len(resampled))
    noisy: NDArray[np.float64] = (resampled + room)[:, None]  # as any real recording has
    return noisy


@pytest.fixture(scope="module")
def conditioner(tiny_parts: "XttsParts") -> Iterator["Conditioner"]:
    import torch

    from streaming.engine.conditioner import Conditioner

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Conditioner(tiny_parts, torch.device("cpu"))
    torch.set_num_threads(threads)


def copy_of(content: bytes, **edit: Any) -> bytes:
    return read_clip(content, LIMITS, Edit(**edit))[1]


def distance(one: "Conditioning", other: "Conditioning") -> float:
    return float((one.gpt - other.gpt).norm() / one.gpt.norm())


def spectrum(copy: bytes) -> NDArray[np.float64]:
    """The mean power in each of 24 bands, in dB."""
    import soxr

    sound, rate = soundfile.read(io.BytesIO(copy))
    heard = soxr.resample(sound, rate, 16_000)
    frames = np.lib.stride_tricks.sliding_window_view(heard, 512)[::160] * np.hanning(512)
    power = np.square(np.abs(np.fft.rfft(frames))).mean(axis=0)
    edges = np.geomspace(100, 7_000, 25) / 16_000 * 512
    bands = [power[round(low) : round(high) + 1].mean() for low, high in itertools.pairwise(edges)]
    levels: NDArray[np.float64] = 10 * np.log10(np.array(bands))
    return levels


@pytest.fixture(scope="module")
def original(speech: NDArray[np.float64]) -> bytes:
    return copy_of(encoded(speech, rate=RATE))


@pytest.fixture(scope="module")
def voice(conditioner: "Conditioner", original: bytes) -> "Conditioning":
    return conditioner.compute([original])


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        pytest.param("flac", "flac", {}, id="flac"),
        pytest.param("mp3", "libmp3lame", {}, id="mp3"),
        pytest.param("ipod", "aac", {}, id="m4a"),
        pytest.param("webm", "libopus", LIVE | {"seekable": False}, id="webm"),
        pytest.param("ogg", "libopus", {}, id="ogg"),
    ],
)
def test_a_format_hardly_changes_the_voice(
    conditioner: "Conditioner",
    voice: "Conditioning",
    original: bytes,
    speech: NDArray[np.float64],
    container: str,
    codec: str,
    options: dict[str, Any],
) -> None:
    copy = copy_of(muxed(container, codec, speech, rate=RATE, **options))
    assert distance(voice, conditioner.compute([copy])) < NEAR
    assert np.abs(spectrum(copy) - spectrum(original)).max() < NEAR_DB


def test_another_speaker_is_far_from_that(
    conditioner: "Conditioner", voice: "Conditioning", original: bytes, speech: NDArray[np.float64]
) -> None:
    """The same words a third higher, as if by somebody smaller."""
    copy = copy_of(encoded(speech, rate=60_000))
    assert distance(voice, conditioner.compute([copy])) > 2 * NEAR
    assert np.abs(spectrum(copy) - spectrum(original)).max() > 2 * NEAR_DB


def test_a_part_gives_the_voice_of_what_was_cut_out(conditioner: "Conditioner", speech: NDArray[np.float64]) -> None:
    part = conditioner.compute([copy_of(encoded(speech, rate=RATE), part=Part(1.0, 4.0))])
    cut = conditioner.compute([copy_of(encoded(speech[RATE : 4 * RATE], rate=RATE))])
    assert distance(cut, part) < 1e-5
