"""Is this file a usable reference recording? Bytes in; facts, or one sentence that a person can act on, out.

Uploads are hostile until read: nothing here trusts a header further than to refuse early, no more sound is decoded than the
limits allow, and not in this process (`decoding`).
"""

import hashlib
import io
import math
from dataclasses import dataclass
from typing import BinaryIO

from voices.decoding import Decoded, DecodeLimits, Unreadable, container, measure

# libsndfile reads two dozen containers more; these are the ones that browsers play as well.
SUFFIXES = {"WAV": "wav", "WAVEX": "wav", "FLAC": "flac", "OGG": "ogg", "MP3": "mp3"}
MEDIA_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg", "mp3": "audio/mpeg"}

MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 8_000, 192_000
MAX_CHANNELS = 2
# Speech is recorded around -20 dBFS; 30 dB below that, room noise and 16-bit steps are as loud as the voice.
MIN_LEVEL_DBFS = -50.0
SILENCE_DBFS = -90.0
MAX_CLIPPED_SHARE = 0.01

NOT_AUDIO = "This file cannot be read as audio. Use a WAV, FLAC, OGG or MP3 recording."
DAMAGED = "The recording is truncated or damaged. Export it again, for instance as WAV."
TOO_MUCH_WORK = (
    "The recording takes more time or memory to read than voices.max_decode_seconds and voices.max_decode_megabytes allow. "
    "Export it again, for instance as WAV."
)
_PROBLEMS = {
    "not_audio": NOT_AUDIO,
    "damaged": DAMAGED,
    "not_finite": "The recording contains values that are not numbers. Export it again as 16-bit or 24-bit WAV.",
    "too_large": TOO_MUCH_WORK,
}


class ClipError(Exception):
    """The recording cannot be used. The message is one sentence for the person who uploaded it."""


@dataclass(frozen=True)
class ClipLimits:
    """`max_decode_seconds` and `max_decode_bytes`: of time and memory, for the process that decodes."""

    min_seconds: float
    max_seconds: float
    max_bytes: int
    max_decode_seconds: float = 30.0
    max_decode_bytes: int = 256 * 2**20


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


def inspect_clip(data: bytes | BinaryIO, limits: ClipLimits) -> ClipFacts:
    """Read a recording to its end and measure it; a file object is left at its start. Raises ClipError, and
    DecoderUnavailable."""
    content = data if isinstance(data, bytes) else _content(data, limits)
    _check_size(len(content), limits)
    if container(content) is None:
        raise ClipError(NOT_AUDIO)
    measured = _measured(content, limits)
    _check_header(measured, limits)
    if problem := _PROBLEMS.get(measured.problem or ""):
        raise ClipError(problem)
    seconds = measured.frames / measured.sample_rate
    _check_length(seconds, limits)
    _check_levels(measured)
    return ClipFacts(
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        suffix=SUFFIXES[measured.format],
        duration_seconds=seconds,
        sample_rate=measured.sample_rate,
        channels=measured.channels,
        peaks=list(measured.peaks),
    )


def _measured(content: bytes, limits: ClipLimits) -> Decoded:
    """Raises ClipError, and DecoderUnavailable."""
    try:
        return measure(
            content,
            DecodeLimits(
                seconds=limits.max_decode_seconds,
                memory=limits.max_decode_bytes,
                rates=(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE),
                channels=MAX_CHANNELS,
                most_sound=limits.max_seconds,
            ),
        )
    except Unreadable as error:
        raise ClipError(TOO_MUCH_WORK if error.is_limit else DAMAGED) from None


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


def _check_header(measured: Decoded, limits: ClipLimits) -> None:
    if measured.format not in SUFFIXES:
        raise ClipError(_PROBLEMS.get(measured.problem or "", NOT_AUDIO))
    rate, channels = measured.sample_rate, measured.channels
    if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
        raise ClipError(f"The sample rate is {rate} Hz; it must be between {MIN_SAMPLE_RATE} and {MAX_SAMPLE_RATE} Hz.")
    if channels > MAX_CHANNELS:
        raise ClipError(f"The recording has {channels} channels; it must be mono or stereo.")
    if measured.declared_seconds is not None:
        _check_length(measured.declared_seconds, limits)


def _check_length(seconds: float, limits: ClipLimits) -> None:
    if seconds < limits.min_seconds:
        shown = math.floor(seconds * 10) / 10
        raise ClipError(f"The recording is {shown} s long; at least {limits.min_seconds:g} s are needed.")
    if seconds > limits.max_seconds:
        shown = math.ceil(seconds * 10) / 10
        raise ClipError(f"The recording is {shown} s long; at most {limits.max_seconds:g} s are allowed.")


def _check_levels(measured: Decoded) -> None:
    if measured.peak <= 10 ** (SILENCE_DBFS / 20):
        raise ClipError(f"The recording is silent: nothing in it is above {SILENCE_DBFS:g} dBFS.")
    level = 10 * math.log10(max(measured.energy, 1e-30) / measured.frames)
    if level < MIN_LEVEL_DBFS:
        raise ClipError(
            f"The recording is too quiet: its level is {level:.0f} dBFS and must be above {MIN_LEVEL_DBFS:g} dBFS."
        )
    share = measured.clipped / measured.frames
    if share > MAX_CLIPPED_SHARE:
        raise ClipError(f"The recording is clipped: {share:.0%} of it is at full scale. Record it at a lower level.")
