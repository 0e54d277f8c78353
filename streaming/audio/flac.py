"""FLAC as files that ordinary readers open (RFC 9639)."""

import hashlib

from streaming.audio.codecs import FLAC, CodecEncoder
from streaming.audio.encoder import Samples
from streaming.audio.pcm import encode_pcm16

# What OpenAI takes at most, 4096 characters, is 4 to 6 MB. What many responses hold back at a time has to fit into memory.
MOST_HELD_BYTES = 8 * 2**20
# Of the only block of metadata, which is STREAMINFO (type 0).
_LAST_BLOCK = 0x80
# Where STREAMINFO has its number of samples, and the MD5 of all samples (section 8.2).
_NUMBER = slice(10, 18)
_MD5 = slice(18, 34)
_BITS_OF_NUMBER = 36


class FlacEncoder(CodecEncoder):
    """FLAC whose header tells its length: libsndfile, and all that read files through it, refuse one that does not.

    The length is known at the end, so nothing comes out before. A stream that grows over `most_held` bytes begins to come
    out with its length untold, as the format allows; players and FFmpeg read it.
    """

    def __init__(self, sample_rate: int, most_held: int = MOST_HELD_BYTES) -> None:
        super().__init__(FLAC, sample_rate)
        self._most_held = most_held
        self._frames: list[bytes] = []
        self._held_bytes = 0
        self._is_held = True
        self._md5 = hashlib.md5(usedforsecurity=False)

    def encode(self, samples: Samples) -> bytes:
        frames = super().encode(samples)
        if not self._is_held:
            return frames
        self._md5.update(encode_pcm16(samples))
        if frames:
            self._frames.append(frames)
            self._held_bytes += len(frames)
        return self._let_go(self._header()) if self._held_bytes > self._most_held else b""

    def tail(self, ahead: int) -> int:
        """Silence brings out nothing."""
        return 0

    def finish(self) -> bytes:
        taken, is_held = self._taken, self._is_held
        rest = super().finish()
        if not (taken and is_held):
            return rest
        self._frames.append(rest)
        return self._let_go(self._header(taken, self._md5.digest()))

    def _let_go(self, header: bytes) -> bytes:
        held, self._frames, self._is_held = b"".join(self._frames), [], False
        return header + held

    def _header(self, samples: int = 0, md5: bytes = bytes(16)) -> bytes:
        """Zeros stand for what is not known."""
        info = bytearray(self._context.extradata or b"")
        info[_NUMBER] = (_without_number(bytes(info[_NUMBER])) | samples).to_bytes(8, "big")
        info[_MD5] = md5
        return b"fLaC" + (_LAST_BLOCK << 24 | len(info)).to_bytes(4, "big") + bytes(info)


def _without_number(field: bytes) -> int:
    """Rate, channels and bits stand in front of the number of samples."""
    return int.from_bytes(field, "big") >> _BITS_OF_NUMBER << _BITS_OF_NUMBER
