"""What the first bytes say that a file is. Only the kinds of files that are named here are given to a decoder, each to its
own: FFmpeg knows some three hundred more.
"""

from collections.abc import Callable
from dataclasses import dataclass

# suffix -> media type. `mka`, `oga` and the like have the same containers, and get the suffix of these.
MEDIA_TYPES = {
    "wav": "audio/wav",
    "w64": "audio/x-w64",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "3gp": "video/3gpp",
    "webm": "audio/webm",
    "amr": "audio/amr",
    "aiff": "audio/aiff",
    "caf": "audio/x-caf",
}
# What browsers play, as a rule. The others are for the voice only.
PLAYED_BY_BROWSERS = frozenset({"wav", "flac", "ogg", "mp3", "aac", "m4a", "mp4", "webm"})

# first bytes -> FFmpeg's name of the container, suffix
_BEGINNINGS = {
    b"fLaC": ("flac", "flac"),
    b"OggS": ("ogg", "ogg"),
    b"caff": ("caf", "caf"),
    b"#!AMR": ("amr", "amr"),
    b"\x1a\x45\xdf\xa3": ("matroska", "webm"),
    bytes.fromhex("726966662e91cf11a5d628db04c10000"): ("w64", "w64"),
}
# MP4 and its relatives begin with a box: its length in four bytes, then its name. Old QuickTime files have no `ftyp`.
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_BRANDS = {b"3g": "3gp", b"qt": "mov", b"M4": "m4a"}
# Taggers that do not know each other leave two. This many empty ones are no work.
_MOST_TAGS = 16
# How far into a file the first frame of MP3 or AAC is looked for, as a cut file begins within a frame. So many frames and
# bytes without a gap are no chance, and no container whose packets hold such frames.
_MOST_BEFORE_FRAMES = 2_048
_FRAMES_IN_A_ROW, _BYTES_IN_A_ROW = 4, 1_000

_BIT_RATES = {  # kbit/s, by MPEG-1 or not, and layer
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)


@dataclass(frozen=True)
class Container:
    """`demuxer`: FFmpeg's name of it. `suffix`: of the file's name. `start`, `end`: where it begins and ends in the file,
    behind and before tags."""

    demuxer: str
    suffix: str
    start: int = 0
    end: int | None = None


def container(content: bytes) -> Container | None:
    """None: nothing that is read."""
    start = _behind_tags(content)
    head = content[start : start + 16]
    for beginning, (demuxer, suffix) in _BEGINNINGS.items():
        if head.startswith(beginning):
            return Container(demuxer, suffix, start)
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return Container("wav", "wav", start)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Container("aiff", "aiff", start)
    if head[4:8] in _BOXES:
        suffix = _BRANDS.get(head[8:10], "mp4") if head[4:8] == b"ftyp" else "mov"
        return Container("mov", suffix, start)
    return _frames(content, start)


def _behind_tags(content: bytes) -> int:
    """Where the sound begins behind the tags that MP3 files may begin with. (ID3v2: a head of 10 bytes, the last four with
    the size of the rest, seven bits in each.)"""
    start = 0
    for _ in range(_MOST_TAGS):
        if content[start : start + 3] != b"ID3" or len(content) < start + 10:
            break
        a, b, c, d = (byte & 0x7F for byte in content[start + 6 : start + 10])
        start += 10 + (a << 21 | b << 14 | c << 7 | d)
    return start


def _frames(content: bytes, start: int) -> Container | None:
    """MP3 or AAC without a container: frames in a row. Zeros may stand before them: what a tag reserves and does not use."""
    start = len(content) - len(content[start:].lstrip(b"\0"))
    end = _before_tags(content)
    at = content.find(b"\xff", start, start + _MOST_BEFORE_FRAMES)
    while at >= 0:
        for demuxer, length in (("mp3", _mpeg_frame_length), ("aac", _adts_frame_length)):
            if _are_frames(content, at, end, length):
                return Container(demuxer, demuxer, at, end)
        at = content.find(b"\xff", at + 1, start + _MOST_BEFORE_FRAMES)
    return None


def _are_frames(content: bytes, at: int, end: int, length: Callable[[bytes], int]) -> bool:
    position, count = at, 0
    while count < _FRAMES_IN_A_ROW or position < at + _BYTES_IN_A_ROW:
        step = length(content[position : position + 7])
        if not step:
            return count > 0 and position == end
        position, count = position + step, count + 1
    return True


def _before_tags(content: bytes) -> int:
    """Where the sound ends before the tags that MP3 files may end with: ID3v1 (128 bytes), and before it APE (a foot of 32
    bytes with the size of all but the head, which is as long as the foot)."""
    end = len(content)
    if content[-128:-125] == b"TAG":
        end -= 128
    foot = content[max(0, end - 32) : end]
    if foot[:8] == b"APETAGEX":
        has_head = foot[23:24] >= b"\x80"
        end -= int.from_bytes(foot[12:16], "little") + (32 if has_head else 0)
    return max(0, end)


def _mpeg_frame_length(head: bytes) -> int:
    """Bytes of a frame of MPEG audio, with its head (ISO/IEC 11172-3, 2.4.2.3). 0: this is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bit_rate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return 0
    is_mpeg1 = version == 3
    bits = 1000 * _BIT_RATES[is_mpeg1, layer][bit_rate]
    hertz = _RATES[rate] // (1 if is_mpeg1 else 2 if version == 2 else 4)
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (144 if is_mpeg1 or layer == 2 else 72) * bits // hertz + padding


def _adts_frame_length(head: bytes) -> int:
    """Bytes of a frame of AAC, with its head (ISO/IEC 13818-7, 6.2). 0: this is none."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return 0
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length > 7 else 0
