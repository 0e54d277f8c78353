"""Files that nobody records: cut, wrong, exploding and nested ones, made from good ones by rules and from a seed."""

import gzip
import io
import random
import struct
import zipfile
from collections.abc import Iterator

import numpy as np

from tests.pure.voices.muxing import FRAGMENTED, muxed
from tests.pure.voices.recordings import encoded, speech

SECONDS, RATE = 1.2, 16_000
_SPEECH = speech(SECONDS, rate=RATE)
_NARROW, _WIDE = speech(SECONDS, rate=8_000), speech(SECONDS, rate=48_000)


def good_files() -> dict[str, bytes]:
    return {
        "wav": encoded(_SPEECH, rate=RATE),
        "float wav": encoded(_SPEECH, rate=RATE, subtype="FLOAT"),
        "flac": encoded(_SPEECH, rate=RATE, container="FLAC"),
        "mp3": encoded(_SPEECH, rate=RATE, container="MP3", subtype="MPEG_LAYER_III"),
        "m4a": muxed("ipod", "aac", _SPEECH, rate=RATE),
        "fragmented mp4": muxed("mp4", "aac", _SPEECH, rate=RATE, **FRAGMENTED),
        "aac": muxed("adts", "aac", _SPEECH, rate=RATE),
        "webm": muxed("webm", "libopus", _WIDE, rate=48_000),
        "opus": muxed("ogg", "libopus", _WIDE, rate=48_000),
        "vorbis": encoded(_SPEECH, rate=RATE, container="OGG", subtype="VORBIS"),
        "amr": muxed("amr", "libopencore_amrnb", _NARROW, rate=8_000),
        "3gp": muxed("3gp", "libopencore_amrnb", _NARROW, rate=8_000),
        "aiff": muxed("aiff", "pcm_s16be", _SPEECH, rate=RATE),
        "caf": muxed("caf", "pcm_s16le", _SPEECH, rate=RATE),
        "w64": muxed("w64", "pcm_s16le", _SPEECH, rate=RATE),
    }


def spoiled(content: bytes, seed: int) -> Iterator[bytes]:
    """What a good file becomes."""
    chance = random.Random(seed)
    size = len(content)
    for length in (1, 4, 12, 20, 44, 100, size // 4, size // 2, 3 * size // 4, size - 1):
        yield content[:length]
    for begin in (1, 16, 200, size // 2):
        yield content[begin:]
    for _ in range(6):  # wrong heads
        yield _changed(content, chance, within=200, count=4)
    for filling in (b"\0", b"\xff"):
        yield content[:8] + filling * 64 + content[72:]
    yield _changed(content, chance, within=size, count=200)
    yield content[:100] * 300  # heads in a row
    yield content + content[::-1]
    yield content[: size // 2] + bytes(50_000) + content[size // 2 :]


def _changed(content: bytes, chance: random.Random, *, within: int, count: int) -> bytes:
    changed = bytearray(content)
    for _ in range(count):
        at = chance.randrange(min(within, len(content)))
        changed[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    return bytes(changed)


def wav(
    *, kind: int = 1, channels: int = 1, rate: int = RATE, align: int | None = None, bits: int = 16,
    data: bytes = bytes(40_000), size: int | None = None,
) -> bytes:  # fmt: skip
    """A WAV whose head says what it likes."""
    align = channels * bits // 8 if align is None else align
    sound = struct.pack("<HHIIHH", kind, channels, rate, rate * align & 0xFFFF_FFFF, align & 0xFFFF, bits)
    length = len(data) if size is None else size
    chunks = b"fmt " + struct.pack("<I", len(sound)) + sound + b"data" + struct.pack("<I", length) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks) & 0xFFFF_FFFF) + b"WAVE" + chunks


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _nested_boxes(name: bytes, depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = _box(name, content)
    return _box(b"ftyp", b"isom\0\0\0\0isom") + content


def _nested_riff(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = b"RIFF" + struct.pack("<I", 4 + len(content)) + b"WAVE" + content
    return content


def _zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", content)
    return file.getvalue()


def _floats(value: float) -> bytes:
    samples = _SPEECH[:, 0].astype("<f4")
    samples[500::1000] = value
    return wav(kind=3, bits=32, data=samples.tobytes())


def odd_files() -> dict[str, bytes]:
    silence = encoded(np.zeros(RATE * 120), rate=RATE, container="FLAC")
    mp4 = good_files()["m4a"]
    entries = mp4.index(b"stts") + 8
    return {
        "nothing": b"",
        "zeros": bytes(100_000),
        "ones": b"\xff" * 100_000,
        "text": b"this is a text, not a recording\n" * 1000,
        "html": b"<!DOCTYPE html><script>alert(1)</script>" * 100,
        "random": random.Random(1).randbytes(100_000),
        "a zip": _zipped(bytes(10_000_000)),
        "a gzip": gzip.compress(bytes(10_000_000)),
        "no sound": wav(data=b""),
        "one sample": wav(data=b"\1\0"),
        "half a sample": wav(data=b"\1"),
        "100 channels": wav(channels=100, data=bytes(200_000)),
        "65535 channels": wav(channels=65_535, align=2),
        "no channel": wav(channels=0, align=0),
        "no rate": wav(rate=0),
        "the highest rate": wav(rate=0xFFFF_FFFF),
        "no bits": wav(bits=0, align=0),
        "255 bits": wav(bits=255, align=2),
        "no alignment": wav(align=0),
        "a wrong alignment": wav(align=65_535),
        "an unknown codec": wav(kind=0xFFFE),
        "4 GB announced": wav(size=0xFFFF_FFF0),
        "not a number": _floats(float("nan")),
        "infinite": _floats(float("inf")),
        "very loud": _floats(3e38),
        "hardly anything": _floats(1e-45),
        "two minutes of nothing": silence,
        "that, without its length": silence[:21] + bytes([silence[21] & 0xF0]) + bytes(4) + silence[26:],
        "boxes in boxes": _nested_boxes(b"moov", 1000),
        "tracks in tracks": _nested_boxes(b"trak", 5000),
        "files in files": _nested_riff(1000),
        "millions of times": mp4[:entries] + b"\xff" * 8 + mp4[entries + 8 :],
        "an endless element": b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff" + bytes(1000),
        "elements in elements": b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" * 1000,
        "tags before tags": b"ID3\4\0\0\0\0\0\0" * 10_000,
        "a tag of 256 MB": b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(1000),
        "frames without sound": b"#!AMR\n" + b"\x7c" * 100_000,
        "pages of many streams": b"".join(
            b"OggS\0\2" + bytes(8) + struct.pack("<III", number, 0, 0) + b"\1\1\0" for number in range(3000)
        ),
        "a playlist": b"#EXTM3U\nfile:///etc/passwd\n",
        "other files by reference": _box(b"ftyp", b"qt  \0\0\0\0qt  ")
        + _box(b"moov", _box(b"rmra", _box(b"rmda", b""))),
    }
