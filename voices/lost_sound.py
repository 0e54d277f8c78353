"""How much of a recording is damaged or missing. A decoder goes over it in silence."""

from typing import Any, Literal

# Ogg counts samples: the next sound begins where the last one ends.
_GAP_SECONDS = 0.05
# In Matroska there may be nothing where nobody spoke. What is damaged has taken up bytes.
_MATROSKA_GAP_SECONDS, _MATROSKA_GAP_BYTES = 0.5, 1000
# Pages that record write the length by the clock, for browsers do not write any.
_MATROSKA_MISSING_SECONDS = 1.0
# Tags between the frames of MP3 files that were joined.
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")
# An MP3 may say in its first frame how many follow: the name of that table -> where the number stands behind it.
_MP3_TABLES = {b"Xing": 8, b"Info": 8, b"VBRI": 14}
_MP3_TABLE_WITHIN = 256
# Sizes in a WAV from these on stand for "not known", like 0.
_WAV_UNKNOWN = 0x7FFF_0000


class LostSound:
    """What is noted of each packet of one file. `track`: the one that is read."""

    def __init__(self, content: bytes, demuxer: str, file: Any, track: Any) -> None:
        self._content, self._demuxer, self._track = content, demuxer, track
        self.declared_seconds = _declared(content, demuxer, file, track)
        self._read_seconds = self._gaps = 0.0
        self._packets = self._bytes = self._read_bytes = self._unreadable_bytes = 0
        self._position = self._skipped = 0
        self._end = self._file_end = 0.0
        self._ended_by_error = False

    def note(self, packet: Any) -> None:
        """Any packet of the file, in its order."""
        if not packet.size:
            return
        if packet.pos is not None:
            self._skipped = max(self._skipped, packet.pos - self._position)
            self._position = packet.pos + packet.size
        begin = None if packet.pts is None else float(packet.pts * packet.time_base)
        end = self._end if begin is None else begin + float((packet.duration or 0) * packet.time_base)
        self._file_end = max(self._file_end, end)
        if packet.stream_index == self._track.index:
            self._note_of_track(packet.size, begin, end)

    def note_read(self, packet: Any, seconds: float) -> None:
        self._read_seconds += seconds
        self._read_bytes += packet.size

    def note_unreadable(self, packet: Any) -> None:
        if not bytes(packet).startswith(_TAGS):
            self._unreadable_bytes += packet.size

    def note_end_by_error(self) -> None:
        self._ended_by_error = True

    def seconds(self) -> float:
        """If everything has been read that there is."""
        unread = len(self._content) - self._position if self._ended_by_error else 0
        missing = self._MISSING[self._demuxer](self) if self._demuxer in self._MISSING else 0.0
        return max(self._seconds_of(self._unreadable_bytes + unread) + self._gaps, missing)

    def _note_of_track(self, size: int, begin: float | None, end: float) -> None:
        gap = begin - self._end if begin is not None and self._packets else 0.0
        is_damage = self._demuxer == "ogg" and gap > _GAP_SECONDS
        if self._demuxer == "matroska":
            is_damage = gap > _MATROSKA_GAP_SECONDS and self._skipped > _MATROSKA_GAP_BYTES
        self._gaps += gap if is_damage else 0.0
        self._packets += 1
        self._bytes += size
        self._end, self._skipped = end, 0

    def _seconds_of(self, size: int) -> float:
        return size * self._read_seconds / self._read_bytes if self._read_bytes else 0.0

    def _missing_samples(self) -> float:
        return (self.declared_seconds or 0.0) - self._read_seconds

    def _missing_in_wav(self) -> float:
        return max(self._missing_samples(), self._read_seconds * _wav_shortage(self._content))

    def _missing_in_flac(self) -> float:
        return (self.declared_seconds or self._end) - self._read_seconds

    def _missing_in_matroska(self) -> float:
        missing = (self.declared_seconds or 0.0) - self._file_end
        return missing if missing > _MATROSKA_MISSING_SECONDS else 0.0

    def _missing_frames(self) -> float:
        declared = len(self._track.index_entries) if self._demuxer == "mov" else _mp3_frames(self._content)
        return self._read_seconds * (declared / self._packets - 1) if self._packets else 0.0

    def _missing_bytes(self) -> float:
        return self._seconds_of(len(self._content) - self._bytes)

    _MISSING = {  # noqa: RUF012
        **dict.fromkeys(("w64", "aiff", "caf"), _missing_samples),
        **dict.fromkeys(("mov", "mp3"), _missing_frames),
        "wav": _missing_in_wav,
        "flac": _missing_in_flac,
        "matroska": _missing_in_matroska,
        "aac": _missing_bytes,
    }


def _declared(content: bytes, demuxer: str, file: Any, track: Any) -> float | None:
    """Seconds. None where FFmpeg has only estimated them."""
    if demuxer == "matroska":
        return float(file.duration / 1_000_000) if file.duration else None
    is_estimated = demuxer in ("ogg", "aac", "amr") or (demuxer == "mp3" and not _mp3_frames(content))
    return None if is_estimated or not track.duration else float(track.duration * track.time_base)


def _mp3_frames(content: bytes) -> int:
    """As the first frame says; 0 if it does not."""
    for name, behind in _MP3_TABLES.items():
        at = content.find(name, 0, _MP3_TABLE_WITHIN)
        if at >= 0:
            return int.from_bytes(content[at + behind : at + behind + 4], "big")
    return 0


def _wav_shortage(content: bytes) -> float:
    """How much of the sound of a WAV is not there, in relation to what is."""
    order: Literal["big", "little"] = "big" if content[:4] == b"RIFX" else "little"
    at = 12
    while at + 8 <= len(content):
        size = int.from_bytes(content[at + 4 : at + 8], order)
        at += 8
        if content[at - 8 : at - 4] == b"data":
            there = len(content) - at
            return max(0, size - there) / there if there and size < _WAV_UNKNOWN else 0.0
        at += size + size % 2
    return 0.0
