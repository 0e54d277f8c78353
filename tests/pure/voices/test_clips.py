"""What is accepted as a reference recording, and the sentence that a refused one gets."""

import hashlib
import io
import random

import numpy as np
import pytest

from tests.pure.voices.recordings import LIMITS, RATE, encoded, recording, speech
from voices.clips import ClipError, ClipLimits, inspect_clip


@pytest.mark.parametrize(
    ("container", "subtype", "suffix"),
    [
        ("WAV", "PCM_16", "wav"),
        ("WAV", "FLOAT", "wav"),
        ("WAVEX", "PCM_24", "wav"),
        ("FLAC", "PCM_16", "flac"),
        ("OGG", "VORBIS", "ogg"),
        ("MP3", "MPEG_LAYER_III", "mp3"),
    ],
)
def test_reads_the_formats_that_people_use(container: str, subtype: str, suffix: str) -> None:
    facts = inspect_clip(encoded(speech(2.0), container=container, subtype=subtype), LIMITS)
    assert (facts.suffix, facts.sample_rate, facts.channels) == (suffix, RATE, 1)
    assert facts.duration_seconds == pytest.approx(2.0, abs=0.01)


def test_reads_ogg_opus() -> None:
    content = encoded(speech(2.0, rate=48_000), rate=48_000, container="OGG", subtype="OPUS")
    assert inspect_clip(content, LIMITS).duration_seconds == pytest.approx(2.0, abs=0.01)


def test_facts_name_the_bytes_of_the_file() -> None:
    content = recording()
    facts = inspect_clip(content, LIMITS)
    assert facts.sha256 == hashlib.sha256(content).hexdigest()
    assert facts.size_bytes == len(content)


def test_a_file_is_read_from_its_start_and_left_there() -> None:
    file = io.BytesIO(recording())
    file.seek(1000)
    assert inspect_clip(file, LIMITS) == inspect_clip(file.getvalue(), LIMITS)
    assert file.tell() == 0


def test_peaks_follow_the_loudness() -> None:
    samples = speech(4.0)
    samples[len(samples) // 2 :] *= 0.1
    peaks = inspect_clip(encoded(samples), LIMITS).peaks
    assert len(peaks) == 200
    assert max(peaks[:100]) == pytest.approx(0.5, abs=0.01)
    assert max(peaks[101:]) == pytest.approx(0.05, abs=0.01)


def test_peaks_stay_below_one_for_samples_beyond_full_scale() -> None:
    samples = speech(2.0)
    samples[100] = 1.7
    assert max(inspect_clip(encoded(samples, subtype="FLOAT"), LIMITS).peaks) == 1.0


@pytest.mark.parametrize(
    "content",
    [b"", b"this is a text\n" * 500, b"RIFF" + bytes(200), b"ID3" + bytes(2000), random.Random(1).randbytes(20_000)],
    ids=["empty", "text", "riff and zeros", "id3 and zeros", "random"],
)
def test_refuses_what_is_no_audio(content: bytes) -> None:
    with pytest.raises(ClipError) as raised:
        inspect_clip(content, LIMITS)
    assert str(raised.value) == (
        "This file cannot be read as audio. Save the recording as WAV, FLAC, MP3, M4A, OGG or WebM, and upload that."
    )


def test_a_file_without_any_sound_is_called_incomplete() -> None:
    with pytest.raises(ClipError, match="damaged or incomplete and cannot be opened"):
        inspect_clip(recording()[:44], LIMITS)


def test_refuses_a_short_recording() -> None:
    with pytest.raises(ClipError, match=r"is 0\.2 s long; at least 1 s are needed"):
        inspect_clip(recording(0.2), LIMITS)


def test_a_length_just_below_the_limit_is_not_shown_as_the_limit() -> None:
    with pytest.raises(ClipError, match=r"is 0\.9 s long; at least 1 s"):
        inspect_clip(recording(0.99), LIMITS)


def test_refuses_a_long_recording() -> None:
    with pytest.raises(ClipError, match=r"is 10\.1 s long; at most 10 s are allowed"):
        inspect_clip(recording(10.01), LIMITS)


def test_refuses_a_long_recording_whose_header_hides_its_length() -> None:
    content = bytearray(encoded(speech(11.0), container="FLAC"))
    # STREAMINFO: the last 4 bits of byte 21 and bytes 22-25 count the samples; 0 says "unknown".
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    with pytest.raises(ClipError, match="at most 10 s"):
        inspect_clip(bytes(content), LIMITS)


def test_refuses_a_large_file() -> None:
    limits = ClipLimits(min_seconds=1, max_seconds=10, max_bytes=2**16)
    with pytest.raises(ClipError, match=r"The file has 0\.1 MB; the maximum is 0\.0625 MB"):
        inspect_clip(io.BytesIO(recording(2.0)), limits)


@pytest.mark.parametrize("rate", [4_000, 384_000])
def test_refuses_strange_sample_rates(rate: int) -> None:
    with pytest.raises(ClipError, match=rf"sample rate is {rate} Hz; it must be between 8000 and 192000 Hz"):
        inspect_clip(encoded(speech(1.0, rate=rate), rate=rate), LIMITS)


def test_refuses_more_channels_than_any_recorder_has() -> None:
    with pytest.raises(ClipError, match=r"has 9 channels; at most 8 are allowed\. Save it as mono"):
        inspect_clip(encoded(speech(channels=9)), LIMITS)


@pytest.mark.parametrize("channels", [2, 6, 8])
def test_accepts_several_channels(channels: int) -> None:
    assert inspect_clip(encoded(speech(channels=channels)), LIMITS).channels == channels


def test_refuses_silence() -> None:
    with pytest.raises(ClipError, match="is silent"):
        inspect_clip(encoded(np.zeros(2 * RATE)), LIMITS)


@pytest.mark.parametrize(
    ("gains", "peak"),
    [
        pytest.param([1, -1], 0.5, id="opposite polarity"),
        pytest.param([0.9, -1], 0.5, id="nearly so"),
        pytest.param([1, 1], 0.5, id="the same twice"),
        pytest.param([1, 0], 0.25, id="one of two"),
        pytest.param([0, 0, 1, 0, 0, 0], 0.5, id="the middle of a film's six"),
    ],
)
def test_channels_that_would_cancel_each_other_are_not_mixed(gains: list[float], peak: float) -> None:
    facts = inspect_clip(encoded(speech(channels=len(gains)) * gains), LIMITS)
    assert max(facts.peaks) == pytest.approx(peak, abs=0.01)


def test_a_constant_is_no_sound() -> None:
    with pytest.raises(ClipError, match="is silent"):
        inspect_clip(encoded(np.full(2 * RATE, 0.25)), LIMITS)
    assert inspect_clip(encoded(speech() * 0.5 + 0.3), LIMITS).duration_seconds == 2.0


def test_refuses_a_quiet_recording_and_says_how_quiet() -> None:
    with pytest.raises(ClipError, match=r"too quiet: its level is -5\d dBFS and must be above -50 dBFS"):
        inspect_clip(encoded(speech() * 0.01, subtype="PCM_24"), LIMITS)


def test_refuses_an_overdriven_recording() -> None:
    with pytest.raises(ClipError, match=r"clipped: \d+% of it is at full scale"):
        inspect_clip(encoded(np.clip(speech() * 10, -1, 1)), LIMITS)


def test_accepts_a_few_samples_at_full_scale() -> None:
    samples = speech()
    samples[1000:1050] = 1.0
    assert inspect_clip(encoded(samples), LIMITS).duration_seconds == 2.0


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_floating_point_recordings_have_headroom(subtype: str) -> None:
    """Recorders of 32-bit float promise it: nothing is lost above full scale."""
    assert max(inspect_clip(encoded(speech() * 10, subtype=subtype), LIMITS).peaks) == 1.0
    with pytest.raises(ClipError, match="clipped"):
        inspect_clip(encoded(np.clip(speech() * 10, -1, 1), subtype=subtype), LIMITS)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_refuses_values_that_are_not_numbers(value: float) -> None:
    samples = speech()
    samples[500] = value
    with pytest.raises(ClipError, match="not numbers"):
        inspect_clip(encoded(samples, subtype="FLOAT"), LIMITS)
