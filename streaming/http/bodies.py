"""Response bodies, piece by piece: only the audio that waits to be sent is in memory, however long a text is."""

import json
from base64 import b64encode
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from streaming.http.narration import Packets
from streaming.protocol.packet import Alignment, Packet

Body = AsyncGenerator[bytes, None]
# FLAC comes all at once. A slow client is given as long for each part as for another's whole packet, and readers of events
# may bound the length of a line (aiohttp: 64 KB).
MOST_PART_BYTES = 24_576


async def raw_audio(packets: Packets) -> Body:
    async with aclosing(packets):
        async for packet in packets:
            for part in parts_of(packet.payload):
                yield part


def parts_of(payload: bytes) -> Iterator[bytes]:
    """The payload in parts that are sent one after the other; none of nothing."""
    return (payload[start : start + MOST_PART_BYTES] for start in range(0, len(payload), MOST_PART_BYTES))


async def timed_lines(packets: Packets) -> Body:
    """One JSON object per packet, each on a line. The last line ends, too: readers drop a line that does not."""
    async with aclosing(packets):
        async for packet in packets:
            placed = packet.since_beginning()
            audio = b64encode(packet.payload).decode("ascii")
            fields = _fields(placed.alignment, placed.normalized_alignment)
            yield f'{{"audio_base64": "{audio}", {json.dumps(fields)[1:]}\n'.encode()


async def timed_object(packets: Packets) -> Body:
    """All of it as one JSON object. The alignment follows the audio, because it is complete only when the audio is."""
    encoder, gathered = Base64Stream(), _Gathered()
    yield b'{"audio_base64": "'
    async with aclosing(packets):
        async for packet in packets:
            gathered.add(packet.since_beginning())
            if encoded := encoder.push(packet.payload):
                yield encoded
    fields = _fields(gathered.alignment.whole, gathered.normalized_alignment.whole)
    yield encoder.finish() + f'", {json.dumps(fields)[1:]}'.encode()


class Base64Stream:
    """The Base64 text of a whole, made from its parts: three bytes make four characters, so up to two bytes wait."""

    def __init__(self) -> None:
        self._rest = b""

    def push(self, data: bytes) -> bytes:
        data = self._rest + data
        whole = len(data) - len(data) % 3
        self._rest = data[whole:]
        return b64encode(data[:whole])

    def finish(self) -> bytes:
        return b64encode(self._rest)


class _Gathered:
    """The alignments of a response, from its packets."""

    def __init__(self) -> None:
        self.alignment = _Joined()
        self.normalized_alignment = _Joined()

    def add(self, packet: Packet) -> None:
        self.alignment.add(packet.alignment)
        self.normalized_alignment.add(packet.normalized_alignment)


class _Joined:
    """Alignments on the same clock, one after the other."""

    def __init__(self) -> None:
        self._chars: list[str] = []
        self._starts_ms: list[int] = []
        self._durations_ms: list[int] = []

    def add(self, alignment: Alignment | None) -> None:
        if alignment:
            self._chars += alignment.chars
            self._starts_ms += alignment.starts_ms
            self._durations_ms += alignment.durations_ms

    @property
    def whole(self) -> Alignment | None:
        return Alignment(self._chars, self._starts_ms, self._durations_ms) if self._chars else None


def _fields(alignment: Alignment | None, normalized_alignment: Alignment | None) -> dict[str, Any]:
    return {"alignment": _in_seconds(alignment), "normalized_alignment": _in_seconds(normalized_alignment)}


def _in_seconds(alignment: Alignment | None) -> dict[str, Any] | None:
    """docs/protocol.md, Alignment and its time base: over HTTP, times are seconds."""
    if alignment is None:
        return None
    spans = list(zip(alignment.starts_ms, alignment.durations_ms, strict=True))
    return {
        "characters": list(alignment.chars),
        "character_start_times_seconds": [start / 1000 for start, _ in spans],
        "character_end_times_seconds": [(start + length) / 1000 for start, length in spans],
    }
