"""Recordings to upload: harmonics under a syllable rhythm, with a little noise, as bytes of a file."""

import io
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from voices.clips import ClipLimits

LIMITS = ClipLimits(min_seconds=1.0, max_seconds=10.0, max_bytes=2_000_000)
RATE = 22_050


def speech(seconds: float = 2.0, *, rate: int = RATE, channels: int = 1, pitch: float = 120.0) -> NDArray[Any]:
    """(frames, channels), peak 0.5 of full scale, about -20 dBFS. Another pitch is another speaker."""
    time = np.arange(round(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * pitch * n * time) / n for n in range(1, 12))
    noise = np.random.default_rng(7).normal(scale=0.02, size=len(time))
    mono = (voice + noise) * (0.1 + np.sin(2 * np.pi * 2 * time) ** 2)
    return np.repeat((0.5 * mono / np.abs(mono).max())[:, None], channels, axis=1)


def encoded(samples: NDArray[Any], *, rate: int = RATE, container: str = "WAV", subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=subtype)
    return file.getvalue()


def recording(seconds: float = 2.0, *, pitch: float = 120.0) -> bytes:
    """A WAV that is accepted unless its length is not."""
    return encoded(speech(seconds, pitch=pitch))
