"""Every kind of file that phones, browsers, recorders and editors write, and what may be odd about it: it is read whole, or
refused with a reason."""

import random
import struct
from collections.abc import Callable
from typing import Any

import av
import av.logging
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.pure.voices.muxing import FAST_START, FRAGMENTED, LIVE, muxed
from tests.pure.voices.recordings import LIMITS, RATE, encoded, speech
from voices.clips import DAMAGED, ClipError, inspect_clip
from voices.sound_file import SoundFile

SECONDS = 4.0
SPEECH = speech(SECONDS, rate=44_100)
DATA_SIZE = 40  # where a plain WAV says how long its sound is


def a_wav() -> bytes:
    return encoded(speech(SECONDS))


def an_mp3(**options: Any) -> bytes:
    return muxed("mp3", "libmp3lame", SPEECH, rate=44_100, **options)


def with_size(wav: bytes, size: int) -> bytes:
    assert wav[DATA_SIZE - 4 : DATA_SIZE] == b"data"
    return wav[:DATA_SIZE] + struct.pack("<I", size) + wav[DATA_SIZE + 4 :]


def ape_tag(items: bytes) -> bytes:
    """As MP3Gain and taggers write it: a head, a foot, and the size of the items with the foot in both."""
    head, foot = (
        b"APETAGEX" + struct.pack("<IIII8x", 2000, len(items) + 32, 1, flags) for flags in (0xA << 28, 8 << 28)
    )
    return head + items + foot


def without(content: bytes, count: int = 2_500) -> bytes:
    """A hole in the middle."""
    middle = len(content) // 2
    return content[:middle] + content[middle + count :]


def overwritten(content: bytes, count: int = 2_500) -> bytes:
    middle = len(content) // 2
    return content[:middle] + random.Random(1).randbytes(count) + content[middle + count :]


def refusal(content: bytes) -> str:
    with pytest.raises(ClipError) as raised:
        inspect_clip(content, LIMITS)
    return str(raised.value)


@pytest.mark.parametrize(
    ("container", "codec", "rate", "options", "suffix"),
    [
        pytest.param("ipod", "aac", 44_100, {}, "m4a", id="an iPhone's voice memo"),
        pytest.param("ipod", "aac", 44_100, FAST_START, "m4a", id="m4a for the web"),
        pytest.param("ipod", "alac", 44_100, {}, "m4a", id="a lossless voice memo"),
        pytest.param("mp4", "aac", 44_100, FRAGMENTED | {"seekable": False}, "mp4", id="Safari's MediaRecorder"),
        pytest.param("mp4", "aac", 44_100, {"with_video": True}, "mp4", id="a phone's video"),
        pytest.param("mov", "pcm_s16le", 44_100, {"with_video": True}, "mov", id="a camera's video"),
        pytest.param("webm", "libopus", 48_000, LIVE | {"seekable": False}, "webm", id="Chrome's MediaRecorder"),
        pytest.param("webm", "libopus", 48_000, {"with_video": True}, "webm", id="a video of a browser"),
        pytest.param("ogg", "libopus", 48_000, {"seekable": False}, "ogg", id="Firefox's MediaRecorder, WhatsApp"),
        pytest.param("3gp", "libopencore_amrnb", 8_000, {}, "3gp", id="an old Android phone"),
        pytest.param("amr", "libopencore_amrnb", 8_000, {}, "amr", id="a dictation"),
        pytest.param("adts", "aac", 44_100, {}, "aac", id="aac without a container"),
        pytest.param("caf", "pcm_s16le", 44_100, {}, "caf", id="an iPhone's message"),
        pytest.param("aiff", "pcm_s24be", 44_100, {}, "aiff", id="a Mac's recording"),
        pytest.param("flac", "flac", 44_100, {"seekable": False}, "flac", id="flac through a pipe"),
        pytest.param("wav", "pcm_s16le", 44_100, {"seekable": False}, "wav", id="wav through a pipe"),
        pytest.param("wav", "pcm_s16le", 44_100, {"rf64": "always"}, "wav", id="rf64"),
        pytest.param("w64", "pcm_s16le", 44_100, {}, "w64", id="w64"),
        pytest.param("wav", "pcm_u8", 44_100, {}, "wav", id="8 bits"),
        pytest.param("wav", "pcm_s32le", 44_100, {}, "wav", id="32 bits"),
        pytest.param("wav", "pcm_mulaw", 8_000, {}, "wav", id="a telephone's answering machine"),
        pytest.param("wav", "adpcm_ms", 44_100, {}, "wav", id="a dictaphone"),
        pytest.param("mp3", "libmp3lame", 44_100, {"write_xing": "0"}, "mp3", id="mp3 without a table"),
    ],
)
def test_what_people_record_with_is_read_whole(
    container: str, codec: str, rate: int, options: dict[str, Any], suffix: str
) -> None:
    content = muxed(container, codec, speech(SECONDS, rate=rate), rate=rate, **options)
    facts = inspect_clip(content, LIMITS)
    assert (facts.suffix, facts.sample_rate, facts.channels) == (suffix, rate, 1)
    assert facts.duration_seconds == pytest.approx(SECONDS, abs=0.06)
    assert max(facts.peaks) == pytest.approx(0.5, abs=0.27 if "amr" in codec else 0.03)


def test_amr_wideband_is_read() -> None:
    """Frames of 12.65 kbit/s. FFmpeg has no encoder: what is in them is noise."""
    frames = b"".join(bytes([2 << 3 | 4]) + random.Random(1).randbytes(32) for _ in range(100))
    assert inspect_clip(b"#!AMR-WB\n" + frames, LIMITS).duration_seconds == 2.0


# Odd, but whole


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0xFFFF_FFFF - 36])
def test_a_wav_that_does_not_know_its_size_is_read_to_its_end(size: int) -> None:
    assert inspect_clip(with_size(a_wav(), size), LIMITS).duration_seconds == SECONDS


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"ID3\4\0\0\0\0\0\x76" + bytes(118 + 3_000) + an_mp3(id3v2_version="0"), id="zeros behind a tag"),
        pytest.param(an_mp3() + b"TAG" + b"x" * 125, id="a tag at the end"),
        pytest.param(
            b"ID3\4\0\0\0\x40\0\0APIC\0\x3f\0\0\0\0" + b"\xff\xfb\x90\x64" * 262_000 + an_mp3(id3v2_version="0"),
            id="a tag with a picture that looks like frames",
        ),
        pytest.param(
            b"ID3\4\0\0\0\0\0\x0bTPE1\0\0\0\1\0\0\xff" + an_mp3(id3v2_version="0"), id="a name in no encoding"
        ),
        pytest.param(an_mp3()[700:], id="begun within a frame"),
        pytest.param(an_mp3() + ape_tag(b"\xff\xfb\x90" * 8_000) + b"TAG" + b"x" * 125, id="tags at the end"),
    ],
)
def test_what_stands_around_an_mp3_does_not_matter(content: bytes) -> None:
    assert inspect_clip(content, LIMITS).duration_seconds == pytest.approx(SECONDS, abs=0.1)


def test_joined_files_are_read_to_the_end_of_the_last() -> None:
    slow = muxed("mp3", "libmp3lame", speech(2.0, rate=16_000), rate=16_000)
    assert inspect_clip(an_mp3() + slow, LIMITS).duration_seconds == pytest.approx(SECONDS + 2, abs=0.15)
    ogg = muxed("ogg", "libopus", speech(2.0, rate=48_000), rate=48_000)
    assert inspect_clip(ogg + ogg, LIMITS).duration_seconds == pytest.approx(4.0, abs=0.05)


def test_of_several_tracks_the_first_is_heard() -> None:
    other = SPEECH * 0.1
    content = muxed("mp4", "aac", SPEECH, other, rate=44_100)
    assert max(inspect_clip(content, LIMITS).peaks) == pytest.approx(0.5, abs=0.03)


def test_the_sound_of_a_film_is_the_channel_with_the_voice() -> None:
    channels = np.zeros((len(SPEECH), 6))
    channels[:, 2] = SPEECH[:, 0]
    facts = inspect_clip(muxed("mp4", "aac", channels, rate=44_100), LIMITS)
    assert facts.channels == 6
    assert max(facts.peaks) == pytest.approx(0.5, abs=0.05)


# Damaged, and said so


BOTH, CHANGED = (without, overwritten), (overwritten,)  # bytes that are not there cannot be missed everywhere
DAMAGEABLE: dict[str, tuple[str, str, int, dict[str, Any], Any]] = {
    "mp3": ("mp3", "libmp3lame", 44_100, {}, BOTH),
    "mp3 without a table": ("mp3", "libmp3lame", 44_100, {"write_xing": "0"}, CHANGED),
    "flac": ("flac", "flac", 8_000, {}, BOTH),
    "flac through a pipe": ("flac", "flac", 8_000, {"seekable": False}, BOTH),
    "opus": ("ogg", "libopus", 48_000, {}, BOTH),
    "webm": ("webm", "libopus", 48_000, {}, BOTH),
    "live webm": ("webm", "libopus", 48_000, LIVE | {"seekable": False}, BOTH),
    "mp4": ("mp4", "aac", 44_100, {}, CHANGED),
    "fragmented mp4": ("mp4", "aac", 44_100, FRAGMENTED, BOTH),
    "aac": ("adts", "aac", 44_100, {}, CHANGED),
}


@pytest.mark.parametrize(("kind", "damage"), [(kind, damage) for kind in DAMAGEABLE for damage in DAMAGEABLE[kind][4]])
def test_damage_in_the_middle_is_said(kind: str, damage: Callable[[bytes], bytes]) -> None:
    container, codec, rate, options, _ = DAMAGEABLE[kind]
    content = muxed(container, codec, speech(SECONDS, rate=rate), rate=rate, **options)
    assert inspect_clip(content, LIMITS).duration_seconds == pytest.approx(SECONDS, abs=0.06)
    assert "s cannot be read. Copy it from the device again" in refusal(damage(content))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(a_wav(), id="wav"),
        pytest.param(encoded(speech(SECONDS), container="FLAC"), id="flac"),
        pytest.param(an_mp3(), id="mp3"),
        pytest.param(muxed("webm", "libopus", speech(SECONDS, rate=48_000), rate=48_000), id="webm"),
        pytest.param(muxed("mp4", "aac", SPEECH, rate=44_100, **FAST_START), id="mp4"),
    ],
)
def test_half_a_file_is_not_taken_for_a_whole_one(content: bytes) -> None:
    found = refusal(content[: len(content) // 2])
    assert "damaged or incomplete: " in found
    assert found.partition(": ")[2].startswith(("2.0 of its 4.0 s", "1.9 of its 3.9 s", "2.1 of its 4.0 s"))


def test_a_video_whose_end_is_missing_is_called_incomplete() -> None:
    content = muxed("mp4", "aac", SPEECH, rate=44_100)
    assert refusal(content[: len(content) // 2]) == DAMAGED


# What has no voice in it


def test_a_video_without_sound_is_told_from_a_damaged_one() -> None:
    assert refusal(muxed("mp4", "aac", rate=44_100, with_video=True)).startswith(
        "This file has no sound, only pictures."
    )


def test_a_codec_that_is_not_read_is_named() -> None:
    assert refusal(muxed("mp4", "ac3", SPEECH, rate=44_100)).startswith("The sound in this file is stored as ac3,")


def test_pictures_are_not_decoded() -> None:
    """Neither by us nor by FFmpeg, which would look into some to learn what they are."""
    content = muxed("mp4", "aac", SPEECH, rate=44_100, with_video=True)
    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as logs, SoundFile(content, "mov") as sound:
            assert sum(map(len, sound.blocks(10_000))) >= len(SPEECH)
    finally:
        av.logging.set_level(level)
    assert [message for _, name, message in logs if "not on whitelist" in message and name == "mpeg4"]


# Silence


def with_silence(sound: NDArray[Any], before: float = 0.0, behind: float = 0.0) -> NDArray[Any]:
    shape = sound.shape[1:]
    return np.concatenate((np.zeros((int(before * RATE), *shape)), sound, np.zeros((int(behind * RATE), *shape))))


LONG = type(LIMITS)(min_seconds=1.0, max_seconds=60.0, max_bytes=20_000_000)


def test_silence_does_not_make_a_recording_too_quiet() -> None:
    quiet = speech(2.0) * 0.05
    facts = inspect_clip(encoded(with_silence(quiet, 30.0, 20.0), subtype="PCM_24"), LONG)
    assert facts.duration_seconds == 52.0


def test_what_is_silence_but_for_a_word_is_refused_as_that() -> None:
    with pytest.raises(
        ClipError, match=r"Only 0\.[34] s of the recording are speech, the rest is silence; at least 1 s"
    ):
        inspect_clip(encoded(with_silence(speech(0.4), 20.0, 5.0)), LONG)


def test_clicks_in_silence_are_no_speech() -> None:
    clicks = np.zeros((20 * RATE, 1))
    clicks[:: 2 * RATE] = 0.5
    with pytest.raises(ClipError, match=r"Only 0\.0 s of the recording are speech"):
        inspect_clip(encoded(clicks), LONG)


def test_silence_does_not_hide_that_the_speech_is_clipped() -> None:
    with pytest.raises(ClipError, match=r"clipped: [2-9][0-9]%"):
        inspect_clip(encoded(with_silence(np.clip(speech(2.0) * 10, -1, 1), 50.0)), LONG)
