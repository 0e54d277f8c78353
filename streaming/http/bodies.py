"""Response bodies, piece by piece: however long a text is, no more of its audio is in memory than waits to be sent."""

import json
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from streaming.http.narration import Packets
from streaming.http.timeline import Timed, Timeline

Body = AsyncGenerator[bytes, None]


async def raw_audio(packets: Packets) -> Body:
    async with aclosing(packets):
        async for packet in packets:
            if packet.payload:
                yield packet.payload


async def timed_lines(packets: Packets) -> Body:
    """One JSON object per packet on a line of its own, the last line ended too: readers drop one that is not."""
    timeline = Timeline()
    async with aclosing(packets):
        async for packet in packets:
            original, spoken = timeline.place(packet)
            audio = b64encode(packet.payload).decode("ascii")
            fields = {"alignment": _characters(original), "normalized_alignment": _characters(spoken)}
            yield f'{{"audio_base64": "{audio}", {json.dumps(fields)[1:]}\n'.encode()


async def timed_object(packets: Packets) -> Body:
    """All of it as one JSON object; the alignment comes behind the audio, since it is known last."""
    timeline, encoder = Timeline(), Base64Stream()
    original, spoken = _Gathered(), _Gathered()
    yield b'{"audio_base64": "'
    async with aclosing(packets):
        async for packet in packets:
            of_original, of_spoken = timeline.place(packet)
            original.add(of_original)
            spoken.add(of_spoken)
            if encoded := encoder.push(packet.payload):
                yield encoded
    fields = {"alignment": original.as_json(), "normalized_alignment": spoken.as_json()}
    yield encoder.finish() + f'", {json.dumps(fields)[1:]}'.encode()


class Base64Stream:
    """Base64 of a whole, from its parts: three bytes make four characters, so up to two bytes wait for the next part."""

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
    """The characters of many packets."""

    def __init__(self) -> None:
        self._characters: list[str] = []
        self._starts: list[float] = []
        self._ends: list[float] = []

    def add(self, timed: Timed | None) -> None:
        if timed:
            self._characters += timed.characters
            self._starts += timed.starts
            self._ends += timed.ends

    def as_json(self) -> dict[str, Any] | None:
        return _characters(Timed(self._characters, self._starts, self._ends)) if self._characters else None


def _characters(timed: Timed | None) -> dict[str, Any] | None:
    if timed is None:
        return None
    return {
        "characters": list(timed.characters),
        "character_start_times_seconds": list(timed.starts),
        "character_end_times_seconds": list(timed.ends),
    }
