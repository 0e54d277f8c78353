"""Why a recording cannot be used: one sentence that a person can act on, in the language of whoever uploads it."""

import math
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from voices.containers import Container
from voices.decoding import Decoded, Edit
from voices.findings import highest_gain, level_dbfs
from voices.numerals import numeral

MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 8_000, 192_000
MAX_CHANNELS = 8
# Speech is recorded around -20 dBFS; 30 dB below that, room noise and 16-bit steps are as loud as the voice.
MIN_LEVEL_DBFS = -50.0
SILENCE_DBFS = -90.0
MAX_CLIPPED_SHARE = 0.01
# What is lost at a recording's end without anybody hearing it: less than a few frames of any codec.
MAX_LOST_SECONDS = 0.1
# What rounding may add to a sample.
_ROUNDING_DB = 0.01

NOT_AUDIO = gettext_noop(
    "This file cannot be read as audio. Save the recording as WAV, FLAC, MP3, M4A, OGG or WebM, and upload that."
)
DAMAGED = gettext_noop(
    "The recording is damaged or incomplete and cannot be opened. Copy it from the device again, or open it in an audio "
    "editor and save it as WAV."
)
TOO_MUCH_WORK = gettext_noop(
    "The recording takes more time or memory to read than voices.max_decode_seconds and voices.max_decode_megabytes allow. "
    "Save it as WAV, or upload a shorter part of it."
)
_PROBLEMS = {
    "no_sound": gettext_noop(
        "This file has no sound, only pictures. Upload a recording or a video in which the speaker can be heard."
    ),
    "not_finite": gettext_noop("The recording contains values that are not numbers. Save it as 16-bit or 24-bit WAV."),
    "too_large": TOO_MUCH_WORK,
}


class ClipError(Exception):
    """The recording cannot be used. The message is one sentence for the person who uploaded it; `field`: what has to be
    changed."""

    def __init__(self, message: str, field: str = "file") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class ClipLimits:
    """`max_decode_seconds` and `max_decode_bytes`: of time and memory, for the process that decodes."""

    min_seconds: float
    max_seconds: float
    max_bytes: int
    max_decode_seconds: float = 30.0
    max_decode_bytes: int = 256 * 2**20


def check_size(size: int, limits: ClipLimits) -> None:
    if size > limits.max_bytes:
        sentence = _("The file has %(size)s MB; the maximum is %(most)s MB.")
        raise ClipError(sentence % {"size": numeral(size / 2**20, ".1f"), "most": numeral(limits.max_bytes / 2**20)})


def check_decoded(measured: Decoded, kind: Container, edit: Edit, limits: ClipLimits) -> None:
    """Raises ClipError."""
    _check_problem(measured, kind)
    _check_header(measured)
    seconds = measured.frames / measured.sample_rate
    _check_longest(seconds, measured.declared_seconds, limits)
    _check_lost(measured.lost_seconds, seconds)
    _check_shortest(seconds, limits)
    _check_part(edit, seconds)
    _check_speech(measured, edit, limits)


def _check_problem(measured: Decoded, kind: Container) -> None:
    if measured.problem == "not_audio":
        # What only looks like frames of MP3 or AAC is something else; the other kinds are known for certain.
        raise ClipError(_(NOT_AUDIO if kind.demuxer in ("mp3", "aac") else DAMAGED))
    if measured.problem == "unknown_codec":
        sentence = _(
            "The sound in this file is stored as %(codec)s, which cannot be read here. Save it as WAV, FLAC, MP3 or M4A, "
            "and upload that file."
        )
        raise ClipError(sentence % {"codec": measured.codec or _("something unknown")})
    if problem := _PROBLEMS.get(measured.problem or ""):
        raise ClipError(_(problem))


def _check_header(measured: Decoded) -> None:
    rate, channels = measured.sample_rate, measured.channels
    if not rate or not channels:
        raise ClipError(_(DAMAGED))
    if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
        sentence = _("The sample rate is %(rate)d Hz; it must be between %(least)d and %(most)d Hz.")
        raise ClipError(sentence % {"rate": rate, "least": MIN_SAMPLE_RATE, "most": MAX_SAMPLE_RATE})
    if channels > MAX_CHANNELS:
        sentence = ngettext(
            "The recording has %(count)d channel; at most %(most)d are allowed. Save it as mono.",
            "The recording has %(count)d channels; at most %(most)d are allowed. Save it as mono.",
            channels,
        )
        raise ClipError(sentence % {"count": channels, "most": MAX_CHANNELS})


def _check_longest(seconds: float, declared: float | None, limits: ClipLimits) -> None:
    """Decoding stops soon after the most that is allowed."""
    if seconds <= limits.max_seconds:
        return
    is_known = declared is not None and declared >= seconds
    most = numeral(limits.max_seconds)
    if is_known:
        sentence = _("The recording is %(length)s s long; at most %(most)s s are allowed.")
        raise ClipError(sentence % {"length": numeral(math.ceil((declared or 0) * 10) / 10, ".1f"), "most": most})
    raise ClipError(_("The recording is more than %(most)s s long; at most %(most)s s are allowed.") % {"most": most})


def _check_lost(lost: float, seconds: float) -> None:
    if lost > MAX_LOST_SECONDS:
        sentence = _(
            "The recording is damaged or incomplete: %(lost)s of its %(length)s s cannot be read. Copy it from the device "
            "again, or open it in an audio editor and save the good part as WAV."
        )
        raise ClipError(sentence % {"lost": numeral(lost, ".1f"), "length": numeral(seconds + lost, ".1f")})


def _check_shortest(seconds: float, limits: ClipLimits) -> None:
    if seconds < limits.min_seconds:
        sentence = _("The recording is %(length)s s long; at least %(least)s s are needed.")
        raise ClipError(sentence % {"length": _floored(seconds), "least": numeral(limits.min_seconds)})


def _check_part(edit: Edit, seconds: float) -> None:
    if edit.part.start >= seconds:
        sentence = _("The recording is only %(length)s s long.")
        raise ClipError(sentence % {"length": numeral(math.floor(seconds * 100) / 100)}, "trim_start")
    if edit.part.end is not None and edit.part.end <= edit.part.start:
        raise ClipError(_("The end must be after the start."), "trim_end")


def _check_speech(measured: Decoded, edit: Edit, limits: ClipLimits) -> None:
    if measured.peak <= 10 ** (SILENCE_DBFS / 20):
        sentence = _("The recording is silent: nothing in it is above %(level)s dBFS.")
        raise ClipError(sentence % {"level": numeral(SILENCE_DBFS)})
    seconds = measured.speech_frames / measured.sample_rate
    if seconds < limits.min_seconds:
        sentence = _(
            "Only %(length)s s of the recording are speech, the rest is silence; at least %(least)s s of speech are needed."
        )
        raise ClipError(sentence % {"length": _floored(seconds), "least": numeral(limits.min_seconds)})
    level = level_dbfs(measured.power)
    if level < MIN_LEVEL_DBFS:
        sentence = _(
            "The recording is too quiet: its level is %(level)s dBFS and must be above %(least)s dBFS. Record it closer to "
            "the microphone."
        )
        raise ClipError(sentence % {"level": numeral(level, ".0f"), "least": numeral(MIN_LEVEL_DBFS)})
    if measured.clipped > MAX_CLIPPED_SHARE:
        sentence = _("The recording is clipped: %(share)s%% of it is at full scale. Record it at a lower level.")
        raise ClipError(sentence % {"share": numeral(100 * measured.clipped, ".0f")})
    _check_gain(measured, edit)


def _check_gain(measured: Decoded, edit: Edit) -> None:
    highest = max(0.0, highest_gain(measured.peak))
    if edit.gain > highest + _ROUNDING_DB:
        sentence = _("With this gain the recording would be clipped; at most %(highest)s dB are possible.")
        raise ClipError(sentence % {"highest": numeral(math.floor(highest * 10) / 10)}, "gain")


def _floored(seconds: float) -> str:
    """A length just below a limit is not shown as the limit."""
    return numeral(math.floor(seconds * 10) / 10, ".1f")
