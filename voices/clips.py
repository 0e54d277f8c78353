"""Is this file a usable reference recording? Bytes in; facts and a copy for models, or one sentence that a person can act
on, out.

Uploads are hostile until read: nothing here trusts a header further than to refuse early, no more sound is decoded than the
limits allow, and not in this process (`decoding`).
"""

import hashlib
import io
from dataclasses import dataclass
from typing import Any, BinaryIO

from django.utils.translation import gettext

from voices.clip_checks import (
    DAMAGED,
    MAX_CHANNELS,
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    NOT_AUDIO,
    TOO_MUCH_WORK,
    ClipError,
    ClipLimits,
    check_decoded,
    check_size,
)
from voices.containers import Container, container
from voices.decoding import UNEDITED, Decoded, DecodeLimits, Edit, Unreadable, measured_copy
from voices.findings import findings_of, suggested_gain
from voices.plain_wav import plain_wav
from voices.survey import copy_rate

__all__ = ["DAMAGED", "NOT_AUDIO", "TOO_MUCH_WORK", "ClipError", "ClipFacts", "ClipLimits", "inspect_clip", "read_clip"]

# Of the speech in each recording. No engine uses more: XTTS takes the first 30 seconds.
MOST_COPIED_SECONDS = 120.0


@dataclass(frozen=True)
class ClipFacts:
    """What was measured. `peaks` are at most 200 values, 0..1 of full scale, evenly spread over the recording; `findings`
    as `Finding.stored` gives them; `suggested_gain` in dB."""

    sha256: str
    size_bytes: int
    suffix: str
    duration_seconds: float
    sample_rate: int
    channels: int
    peaks: list[float]
    speech_seconds: float
    suggested_gain: float
    findings: list[dict[str, Any]]


def inspect_clip(data: bytes | BinaryIO, limits: ClipLimits, edit: Edit = UNEDITED) -> ClipFacts:
    """As `read_clip`, without the copy."""
    return read_clip(data, limits, edit)[0]


def read_clip(data: bytes | BinaryIO, limits: ClipLimits, edit: Edit = UNEDITED) -> tuple[ClipFacts, bytes]:
    """Read a recording to its end, measure it and make the copy that models read: a WAV of one channel, what is spoken in
    it. The same bytes and the same edit give the same copy. A file object is left at its start. Raises ClipError, and
    DecoderUnavailable."""
    content = data if isinstance(data, bytes) else _content(data, limits)
    check_size(len(content), limits)
    kind = container(content)
    if kind is None:
        raise ClipError(gettext(NOT_AUDIO))
    try:
        measured, sound = measured_copy(content, kind, decode_limits(limits), edit, most_seconds=MOST_COPIED_SECONDS)
    except Unreadable as error:
        raise ClipError(gettext(TOO_MUCH_WORK if error.is_limit else DAMAGED)) from None
    check_decoded(measured, kind, edit, limits)
    return _facts(content, kind, measured, edit), plain_wav(sound, copy_rate(measured.sample_rate))


def decode_limits(limits: ClipLimits, *, most_sound: float | None = None) -> DecodeLimits:
    return DecodeLimits(
        seconds=limits.max_decode_seconds,
        memory=limits.max_decode_bytes,
        rates=(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE),
        channels=MAX_CHANNELS,
        most_sound=most_sound or limits.max_seconds,
    )


def _facts(content: bytes, kind: Container, measured: Decoded, edit: Edit) -> ClipFacts:
    seconds = measured.frames / measured.sample_rate
    end = seconds if edit.part.end is None else min(seconds, edit.part.end)
    return ClipFacts(
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        suffix=kind.suffix,
        duration_seconds=seconds,
        sample_rate=measured.sample_rate,
        channels=measured.channels,
        peaks=list(measured.peaks),
        speech_seconds=measured.speech_frames / measured.sample_rate,
        suggested_gain=suggested_gain(measured),
        findings=[found.stored() for found in findings_of(measured, gain=edit.gain, total=end - edit.part.start)],
    )


def _content(file: BinaryIO, limits: ClipLimits) -> bytes:
    file.seek(0, io.SEEK_END)
    check_size(file.tell(), limits)
    file.seek(0)
    content = file.read()
    file.seek(0)
    return content
