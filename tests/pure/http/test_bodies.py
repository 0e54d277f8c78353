import json
from base64 import b64decode
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.http.bodies import MOST_PART_BYTES, Base64Stream, raw_audio, timed_lines, timed_object
from streaming.protocol.packet import Alignment, Packet


@given(st.lists(st.binary(max_size=10)))
def test_base64_in_parts_is_base64_of_the_whole(parts: list[bytes]) -> None:
    stream = Base64Stream()
    encoded = b"".join([*map(stream.push, parts), stream.finish()])
    assert b64decode(encoded, validate=True) == b"".join(parts)


class Source:
    """Packets, and whether somebody closed what gives them."""

    def __init__(self, *packets: Packet) -> None:
        self.is_closed = False
        self._given = packets

    async def packets(self) -> AsyncGenerator[Packet, None]:
        try:
            for packet in self._given:
                yield packet
        finally:
            self.is_closed = True


def spoken(payload: bytes, start: float, char: str | None) -> Packet:
    alignment = None if char is None else Alignment([char], [0], [100])
    return Packet(payload, 0.1, start, alignment, alignment)


PACKETS = (spoken(b"12345", 0.0, "ä"), spoken(b"", 0.1, None), spoken(b"67", 0.2, '"'))


async def test_raw_audio_is_the_payloads() -> None:
    assert [part async for part in raw_audio(Source(*PACKETS).packets())] == [b"12345", b"67"]


async def test_a_long_payload_is_sent_in_parts() -> None:
    """FLAC comes all at once, and a client is given only so long to read what is sent to it."""
    whole = bytes(range(256)) * 1000
    parts = [part async for part in raw_audio(Source(spoken(whole, 0.0, None)).packets())]
    assert b"".join(parts) == whole
    assert max(map(len, parts)) <= MOST_PART_BYTES < 65_536


async def test_every_line_is_an_object_and_every_line_ends() -> None:
    body = b"".join([part async for part in timed_lines(Source(*PACKETS).packets())])
    assert body.endswith(b"\n")
    lines = [json.loads(line) for line in body.splitlines()]
    assert b"".join(b64decode(line["audio_base64"]) for line in lines) == b"1234567"
    assert [line["alignment"] and line["alignment"]["characters"] for line in lines] == [["ä"], None, ['"']]
    assert lines[2]["normalized_alignment"] == {
        "characters": ['"'],
        "character_start_times_seconds": [0.2],
        "character_end_times_seconds": [0.3],
    }


async def test_all_of_it_is_one_object() -> None:
    whole = json.loads(b"".join([part async for part in timed_object(Source(*PACKETS).packets())]))
    assert b64decode(whole["audio_base64"]) == b"1234567"
    assert whole["alignment"] == {
        "characters": ["ä", '"'],
        "character_start_times_seconds": [0.0, 0.2],
        "character_end_times_seconds": [0.1, 0.3],
    }
    assert whole["normalized_alignment"] == whole["alignment"]


async def test_nothing_said_is_an_object_without_alignment() -> None:
    whole = json.loads(b"".join([part async for part in timed_object(Source().packets())]))
    assert whole == {"audio_base64": "", "alignment": None, "normalized_alignment": None}


@pytest.mark.parametrize("form", [raw_audio, timed_lines, timed_object])
async def test_a_body_that_is_left_closes_what_it_reads_from(form: object) -> None:
    source = Source(*PACKETS)
    body: AsyncGenerator[bytes, None] = form(source.packets())  # type: ignore[operator]
    await anext(body)
    await anext(body)
    assert not source.is_closed
    await body.aclose()
    assert source.is_closed
