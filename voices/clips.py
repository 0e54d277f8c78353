"""Is this file a usable reference recording? Bytes in; facts, or one sentence that a person can act on, out.

Uploads are hostile until read: nothing here trusts a header further than to refuse early, and no more sound is decoded
than the limits allow.
"""

import hashlib
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

# libsndfile reads two dozen containers more; these are the ones that browsers play as well.
SUFFIXES = {"WAV": "wav", "WAVEX": "wav", "FLAC": "flac", "OGG": "ogg", "MP3": "mp3"}
MEDIA_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg", "mp3": "audio/mpeg"}

MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 8_000, 192_000
MAX_CHANNELS = 2
# Speech is recorded around -20 dBFS; 30 dB below that, room noise and 16-bit steps are as loud as the voice.
MIN_LEVEL_DBFS = -50.0
SILENCE_DBFS = -90.0
CLIPPED_AT = 0.999
MAX_CLIPPED_SHARE = 0.01
PEAK_COUNT = 200
PEAKS_PER_SECOND = 400

NOT_AUDIO = "This file cannot be read as audio. Use a WAV, FLAC, OGG or MP3 recording."
DAMAGED = "The recording is truncated or damaged. Export it again, for instance as WAV."


class ClipError(Exception):
    """The recording cannot be used. The message is one sentence for the person who uploaded it."""


@dataclass(frozen=True)
class ClipLimits:
    min_seconds: float
    max_seconds: float
    max_bytes: int


@dataclass(frozen=True)
class ClipFacts:
    """What was measured. `peaks` are at most 200 values, 0..1 of full scale, evenly spread over the recording."""

    sha256: str
    size_bytes: int
    suffix: str
    duration_seconds: float
    sample_rate: int
    channels: int
    peaks: list[float]


@dataclass
class _Levels:
    """Sums over the sound read so far, of the mono mix except for `clipped`; `peaks` are 1/400 s apart."""

    peaks: list[NDArray[np.float32]]
    frames: int = 0
    energy: float = 0.0
    clipped: float = 0.0

    def add(self, block: NDArray[np.float32], hop: int) -> None:
        """`block`: (frames, channels). All blocks but the last hold a multiple of `hop` frames."""
        mono = block.mean(axis=1)
        padded = np.pad(np.abs(mono), (0, -len(mono) % hop))
        self.peaks.append(padded.reshape(-1, hop).max(axis=1))
        self.frames += len(mono)
        self.energy += float(np.square(mono, dtype=np.float64).sum())
        self.clipped += float((np.abs(block) >= CLIPPED_AT).mean()) * len(mono)


def inspect_clip(data: bytes | BinaryIO, limits: ClipLimits) -> ClipFacts:
    """Read a recording to its end and measure it; a file object is left at its start. Raises ClipError."""
    content = data if isinstance(data, bytes) else _content(data, limits)
    _check_size(len(content), limits)
    with _opened(content) as sound:
        _check_header(sound, limits)
        rate, channels, suffix = int(sound.samplerate), int(sound.channels), SUFFIXES[sound.format]
        levels = _read_levels(sound, limits)
    _check_length(levels.frames / rate, limits)
    _check_levels(levels)
    return ClipFacts(
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        suffix=suffix,
        duration_seconds=levels.frames / rate,
        sample_rate=rate,
        channels=channels,
        peaks=_reduced(np.concatenate(levels.peaks)),
    )


def _content(file: BinaryIO, limits: ClipLimits) -> bytes:
    file.seek(0, io.SEEK_END)
    _check_size(file.tell(), limits)
    file.seek(0)
    content = file.read()
    file.seek(0)
    return content


def _check_size(size: int, limits: ClipLimits) -> None:
    if size > limits.max_bytes:
        megabytes, limit = size / 2**20, limits.max_bytes / 2**20
        raise ClipError(f"The file has {megabytes:.1f} MB; the maximum is {limit:g} MB.")


@contextmanager
def _opened(content: bytes) -> Iterator[Any]:
    """Open bytes, never the upload itself: its name would let the uploader choose the decoder."""
    try:
        sound = soundfile.SoundFile(io.BytesIO(content))
    except soundfile.SoundFileError:
        raise ClipError(NOT_AUDIO) from None
    with sound:
        yield sound


def _check_header(sound: Any, limits: ClipLimits) -> None:
    if sound.format not in SUFFIXES:
        raise ClipError(NOT_AUDIO)
    if not MIN_SAMPLE_RATE <= sound.samplerate <= MAX_SAMPLE_RATE:
        raise ClipError(
            f"The sample rate is {sound.samplerate} Hz; it must be between {MIN_SAMPLE_RATE} and {MAX_SAMPLE_RATE} Hz."
        )
    if sound.channels > MAX_CHANNELS:
        raise ClipError(f"The recording has {sound.channels} channels; it must be mono or stereo.")
    if sound.frames < 2**62:  # a FLAC that was written to a pipe does not know its length
        _check_length(sound.frames / sound.samplerate, limits)


def _check_length(seconds: float, limits: ClipLimits) -> None:
    if seconds < limits.min_seconds:
        shown = math.floor(seconds * 10) / 10
        raise ClipError(f"The recording is {shown} s long; at least {limits.min_seconds:g} s are needed.")
    if seconds > limits.max_seconds:
        shown = math.ceil(seconds * 10) / 10
        raise ClipError(f"The recording is {shown} s long; at most {limits.max_seconds:g} s are allowed.")


def _read_levels(sound: Any, limits: ClipLimits) -> _Levels:
    """Decode one second at a time, and stop soon after the limit whatever the header said."""
    hop = max(1, sound.samplerate // PEAKS_PER_SECOND)
    levels = _Levels(peaks=[])
    while levels.frames <= limits.max_seconds * sound.samplerate:
        try:
            block = sound.read(hop * PEAKS_PER_SECOND, dtype="float32", always_2d=True)
        except soundfile.SoundFileError:
            raise ClipError(DAMAGED) from None
        if not len(block):
            break
        if not np.isfinite(block).all():
            raise ClipError(
                "The recording contains values that are not numbers. Export it again as 16-bit or 24-bit WAV."
            )
        levels.add(block, hop)
    return levels


def _check_levels(levels: _Levels) -> None:
    peak = max(float(part.max()) for part in levels.peaks)
    if peak <= 10 ** (SILENCE_DBFS / 20):
        raise ClipError(f"The recording is silent: nothing in it is above {SILENCE_DBFS:g} dBFS.")
    level = 10 * np.log10(levels.energy / levels.frames)
    if level < MIN_LEVEL_DBFS:
        raise ClipError(
            f"The recording is too quiet: its level is {level:.0f} dBFS and must be above {MIN_LEVEL_DBFS:g} dBFS."
        )
    share = levels.clipped / levels.frames
    if share > MAX_CLIPPED_SHARE:
        raise ClipError(f"The recording is clipped: {share:.0%} of it is at full scale. Record it at a lower level.")


def _reduced(peaks: NDArray[np.float32]) -> list[float]:
    parts = np.array_split(peaks, min(PEAK_COUNT, len(peaks)))
    return [round(min(1.0, float(part.max())), 3) for part in parts]
