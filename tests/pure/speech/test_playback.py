"""From chunks to packets that are sent, without an engine."""

import asyncio

import numpy as np
import pytest

from streaming.audio.formats import FORMATS
from streaming.audio.pcm import encode_pcm16
from streaming.engine.contract import PcmChunk, Samples
from streaming.protocol.context import Utterance
from streaming.protocol.packet import Packet
from streaming.protocol.parameters import Parameters
from streaming.speech.outlet import Outlet, waiting
from streaming.speech.playback import Playback
from streaming.text.rewriting import Rewriting

RATE = 16_000
OUTPUT = FORMATS["pcm_16000"]
SOUND: Samples = np.random.default_rng(1).uniform(-1, 1, RATE // 2).astype(np.float32)


def utterance(index: int = 0, *, turn: int = 0, pause: float = 0.0, frames: tuple[int, ...] = (1,)) -> Utterance:
    return Utterance(turn, index, "Hello.", Parameters(chunk_length_schedule_frames=frames), pause)


def chunk(samples: Samples, *, last: bool = False) -> PcmChunk:
    return PcmChunk("a", samples, last=last)


class Client:
    """Takes the packets of a playback."""

    def __init__(self, name: str = "pcm_16000", *, lead: float | None = None) -> None:
        self.packets: list[Packet] = []
        self.playback = Playback(FORMATS[name], Outlet(waiting(self._take), lead), max_packet_ms=60)

    async def _take(self, packet: Packet) -> None:
        self.packets.append(packet)

    async def hear(self, spoken: Utterance, *chunks: PcmChunk) -> None:
        self.playback.begin(spoken, Rewriting.unchanged(spoken.text), RATE)
        for each in chunks:
            await self.playback.send(self.playback.push(each))
        await self.playback.send(self.playback.finish())

    @property
    def audio(self) -> bytes:
        return b"".join(packet.payload for packet in self.packets)


async def test_what_is_sent_is_what_was_pushed() -> None:
    client = Client()
    await client.hear(utterance(), chunk(SOUND[:100]), chunk(SOUND[100:], last=True))
    assert client.audio == encode_pcm16(SOUND)
    assert max(packet.seconds for packet in client.packets) <= 0.06


async def test_a_source_that_ends_without_a_last_chunk_is_finished() -> None:
    client = Client()
    await client.hear(utterance(), chunk(SOUND))
    assert client.audio == encode_pcm16(SOUND)


async def test_a_pause_needs_no_source() -> None:
    client = Client()
    client.playback.begin(utterance(pause=0.25), Rewriting.unchanged(""))
    await client.playback.send(client.playback.finish())
    assert client.audio == bytes(2 * RATE // 4)


async def test_what_is_not_sent_yet_shrinks_with_each_packet() -> None:
    playback = Client().playback
    playback.begin(utterance(), Rewriting.unchanged("Hello."), RATE)
    packets = playback.push(chunk(SOUND, last=True))
    assert playback.unsent_seconds == 0.5
    first = next(packets)
    await playback.send(iter([first]))
    assert playback.unsent_seconds == pytest.approx(0.5 - first.seconds)
    list(playback.finish())
    assert playback.unsent_seconds == 0.0


async def test_the_schedule_of_frames_goes_through_a_turn_and_begins_anew_with_the_next() -> None:
    client = Client()
    frame = SOUND[: RATE // 50]
    for turn in range(2):
        await client.hear(utterance(0, turn=turn, frames=(2, 1)), chunk(frame), chunk(frame, last=True))
        await client.hear(utterance(1, turn=turn, frames=(2, 1)), chunk(frame), chunk(frame, last=True))
    # The very last sample waits for the last character.
    assert [round(packet.seconds, 2) for packet in client.packets] == [0.04, 0.02, 0.02] * 2


async def test_a_turn_ends_with_what_the_encoder_holds_and_the_next_is_a_stream_of_its_own() -> None:
    client = Client("opus_48000_64")
    for turn in range(2):
        await client.hear(utterance(turn=turn), chunk(SOUND, last=True))
        await client.playback.end_turn()
    assert client.audio.count(b"OpusHead") == 2


async def test_packets_wait_until_they_are_due() -> None:
    client = Client(lead=0.1)
    clock = asyncio.get_running_loop().time
    begun = clock()
    await client.hear(utterance(), chunk(SOUND, last=True))
    # The last packet goes out when what stands before it is, but for the lead, played out.
    assert clock() - begun >= client.packets[-1].start - 0.1 - 0.01
