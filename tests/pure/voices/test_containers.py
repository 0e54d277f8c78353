"""What a file is by its first bytes."""

import random

import pytest

from tests.pure.voices.muxing import muxed
from tests.pure.voices.recordings import encoded, speech
from voices.containers import MEDIA_TYPES, PLAYED_BY_BROWSERS, Container, container

MP3 = encoded(speech(1.0), container="MP3", subtype="MPEG_LAYER_III")
AAC = muxed("adts", "aac", speech(1.0), rate=22_050)
TAG = b"ID3\3\0\0\0\0\1\0" + bytes(128)


@pytest.mark.parametrize(
    ("kind", "subtype", "demuxer"),
    [
        ("WAV", "PCM_16", "wav"),
        ("RF64", "PCM_16", "wav"),
        ("W64", "PCM_16", "w64"),
        ("FLAC", "PCM_16", "flac"),
        ("OGG", "VORBIS", "ogg"),
        ("AIFF", "PCM_16", "aiff"),
        ("CAF", "PCM_16", "caf"),
        ("MP3", "MPEG_LAYER_III", "mp3"),
    ],
)
def test_a_recording_is_known_by_its_first_bytes(kind: str, subtype: str, demuxer: str) -> None:
    found = container(encoded(speech(1.0), container=kind, subtype=subtype))
    assert found is not None
    assert (found.demuxer, found.start) == (demuxer, 0)


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "m4a"),
        (b"\0\0\0\x20ftypmp42\0\0\0\0", "mp4"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "mp4"),
        (b"\0\0\0\x20ftyp3gp4\0\0\0\0", "3gp"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "mov"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "mov"),
        (b"#!AMR\n", "amr"),
        (b"#!AMR-WB\n", "amr"),
        (b"\x1a\x45\xdf\xa3", "webm"),
    ],
)
def test_what_phones_and_browsers_write_is_known(head: bytes, suffix: str) -> None:
    found = container(head + bytes(100))
    assert found is not None
    assert found.suffix == suffix


@pytest.mark.parametrize("kind", ["AU", "NIST", "IRCAM", "SVX", "VOC", "AVR", "MAT5", "PAF"])
def test_rare_containers_are_nothing(kind: str) -> None:
    assert container(encoded(speech(1.0), container=kind)) is None


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(TAG, id="a tag"),
        pytest.param(TAG + TAG, id="two tags"),
        pytest.param(TAG + bytes(40_000), id="a tag that reserved more than it says"),
        pytest.param(bytes(2_000), id="zeros"),
        pytest.param(random.Random(1).randbytes(700), id="rubbish"),
    ],
)
@pytest.mark.parametrize("content", [MP3, AAC], ids=["mp3", "aac"])
def test_frames_are_found_behind_what_stands_before_them(before: bytes, content: bytes) -> None:
    demuxer = "mp3" if content is MP3 else "aac"
    assert container(content) == Container(demuxer, demuxer, 0, len(content))
    found = container(before + content)
    assert found is not None
    assert (found.demuxer, found.start) == (demuxer, len(before))


@pytest.mark.parametrize("content", [MP3, AAC], ids=["mp3", "aac"])
def test_a_file_that_begins_within_a_frame_is_read_from_the_next(content: bytes) -> None:
    whole, cut = container(content), container(content[10:])
    assert whole is not None
    assert cut is not None
    assert (cut.demuxer, whole.start) == (whole.demuxer, 0)
    assert 0 < cut.start < 1_000


def test_no_number_of_empty_tags_is_work() -> None:
    empty = b"ID3\3\0\0\0\0\0\0"
    assert container(empty * 10 + MP3) == Container("mp3", "mp3", 100, 100 + len(MP3))
    assert container(empty * 1_000_000 + MP3) is None


def test_a_tag_may_stand_before_any_container() -> None:
    assert container(TAG + encoded(speech(1.0), container="FLAC")) == Container("flac", "flac", len(TAG))
    assert container(TAG + b"FORM") is None


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"R", b"RIFF", b"ID3", b"ID3\3\0\0\x7f\x7f\x7f\x7f", b"\xff", b"\xff" * 5_000, bytes(5_000)),
        "A text in UTF-16 begins with FF FE.".encode("utf-16") * 50,
        random.Random(1).randbytes(100_000),
        b"\x89PNG\r\n\x1a\n" + bytes(1_000),
        b"%PDF-1.7" + bytes(1_000),
    ],
)
def test_what_is_no_recording_is_nothing(content: bytes) -> None:
    assert container(content) is None


def test_every_kind_has_a_media_type() -> None:
    assert set(MEDIA_TYPES) > PLAYED_BY_BROWSERS
