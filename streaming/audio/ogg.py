"""Ogg Opus (RFC 3533, RFC 7845), a page for each packet: nothing waits for a page to fill.

A page costs 28 bytes, 11 kbit/s at 50 packets a second. All numbers are little-endian.
"""

import struct
import zlib

# Opus counts time at 48 kHz, whatever it is fed.
OPUS_RATE = 48000
_BEGINS, _ENDS = 0x02, 0x04
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class OggOpusStream:
    """The pages of one stream. `pre_skip`: samples at 48 kHz that the decoder drops at the beginning."""

    # Which stream of a file a page belongs to; ours have one.
    _SERIAL = 1

    def __init__(self, pre_skip: int) -> None:
        self._pre_skip = pre_skip
        self._sequence = 0

    def header(self) -> bytes:
        """The two pages that come first: mono, no gain, no comments."""
        head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, self._pre_skip, OPUS_RATE, 0, 0)
        tags = struct.pack("<8sII", b"OpusTags", 0, 0)
        return self._page(head, position=0, flags=_BEGINS) + self._page(tags, position=0)

    def page(self, packet: bytes, *, position: int, last: bool = False) -> bytes:
        """`position`: samples at 48 kHz that can be decoded up to the end of this packet; on the last page the exact
        length with the pre-skip, so that the decoder drops what was only filled in."""
        return self._page(packet, position=position, flags=_ENDS if last else 0)

    def _page(self, packet: bytes, *, position: int, flags: int = 0) -> bytes:
        # A packet is a row of segments of 255 bytes, ended by a shorter one.
        lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
        fixed = struct.pack("<4sBBqII", b"OggS", 0, flags, position, self._SERIAL, self._sequence)
        self._sequence += 1
        rest = bytes([len(lacing)]) + lacing + packet
        checksum = struct.pack("<I", ogg_checksum(fixed + bytes(4) + rest))
        return fixed + checksum + rest


def ogg_checksum(page: bytes) -> int:
    """CRC-32 with the usual polynomial, but most significant bit first, begun at 0 and not inverted: zlib's, mirrored."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
