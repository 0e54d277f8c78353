"""The speaker's task on the real engine: order, submitting ahead, leaving nothing behind."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import numpy as np
import pytest

from streaming.audio.formats import FORMATS
from streaming.audio.pcm import decode_pcm16
from streaming.delivery import Packet
from streaming.engine.contract import SpeechRequest, VoiceRef
from streaming.engine.process import EngineSpec
from streaming.executor import EngineUnavailable, Executor, Place, SpeechStream
from streaming.forwarding import ForwardedAudio, SourceError, Subscription
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.parameters import Parameters
from streaming.speaker import Forwarder, Outlet, Speaker, SpeakerVoice

OUTPUT = FORMATS["pcm_16000"]
LONG = "The weather is fine today, and the birds are singing in the trees. " * 4


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


class Watched(Executor):
    """Remembers what it was asked to speak."""

    def __init__(self, spec: EngineSpec, *, max_running: int, max_waiting: int) -> None:
        super().__init__(spec, max_running=max_running, max_waiting=max_waiting)
        self.asked: list[SpeechRequest] = []

    def speak(self, request: SpeechRequest, *, continues: bool = False, place: Place | None = None) -> SpeechStream:
        stream = super().speak(request, continues=continues, place=place)
        self.asked.append(request)
        return stream


@pytest.fixture
async def executor() -> AsyncIterator[Watched]:
    executor = Watched(EngineSpec("demo", {"threads": 2}), max_running=2, max_waiting=4)
    executor.start()
    await until(lambda: executor.status.is_ready)
    yield executor
    await asyncio.to_thread(executor.stop)


class Client:
    """Takes packets and reports; may refuse to take more."""

    def __init__(self, seconds_per_packet: float = 0.0) -> None:
        self.seconds_per_packet = seconds_per_packet
        self.heard: list[Packet | Utterance | TurnEnd | bool] = []
        self.reads = asyncio.Event()
        self.reads.set()

    async def take(self, packet: Packet) -> None:
        await self.reads.wait()
        self.heard.append(packet)
        await asyncio.sleep(self.seconds_per_packet)

    async def note(self, item: Utterance | TurnEnd | bool) -> None:
        self.heard.append(item)

    @property
    def notes(self) -> list[Utterance | TurnEnd | bool]:
        return [item for item in self.heard if not isinstance(item, Packet)]

    @property
    def packets(self) -> list[Packet]:
        return [item for item in self.heard if isinstance(item, Packet)]


async def anybody() -> VoiceRef:
    return VoiceRef()


def make_speaker(executor: Executor, client: Client, max_ahead: float = 100) -> Speaker:
    voice = SpeakerVoice(anybody, "en", 1.0)
    outlet = Outlet(client.take, None)
    return Speaker(executor, voice, OUTPUT, outlet, client.note, max_packet_ms=60, max_ahead=max_ahead)


def utterance(index: int, text: str = "Hello there.", turn: int = 0) -> Utterance:
    return Utterance(turn, index, text, Parameters(seed=1))


async def end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_utterances_and_ends_of_turns_are_reported_in_order_behind_their_audio(executor: Executor) -> None:
    client = Client()
    speaker = make_speaker(executor, client)
    items: list[Utterance | TurnEnd] = [utterance(0), utterance(1), TurnEnd(0), utterance(0, turn=1), TurnEnd(1)]
    for item in items:
        speaker.put(item)
    task = asyncio.create_task(speaker.run())
    await until(lambda: len(client.notes) == len(items))
    await end(task)
    assert client.notes == items
    kinds = [type(item).__name__ for item in client.heard]
    assert kinds[0] == "Packet"
    assert kinds[-2:] == ["Utterance", "TurnEnd"]
    assert all(0 < packet.seconds <= 0.06 for packet in client.packets)


async def test_an_utterance_without_a_sound_is_spoken_at_once(executor: Executor) -> None:
    client = Client()
    speaker = make_speaker(executor, client)
    speaker.put(utterance(0, "..."))
    task = asyncio.create_task(speaker.run())
    await until(lambda: bool(client.notes))
    await end(task)
    assert client.packets == []


async def test_the_next_utterance_is_made_before_the_first_is_delivered(executor: Watched) -> None:
    client = Client(seconds_per_packet=0.05)
    speaker = make_speaker(executor, client)
    speaker.put(utterance(0))
    speaker.put(utterance(1, LONG))
    task = asyncio.create_task(speaker.run())
    await until(lambda: len(executor.asked) == 2)
    assert client.notes == []
    await end(task)


async def test_nothing_is_made_for_who_does_not_listen(executor: Watched) -> None:
    client = Client()
    client.reads.clear()
    speaker = make_speaker(executor, client, max_ahead=0.1)
    for index in range(3):
        speaker.put(utterance(index, LONG))
    task = asyncio.create_task(speaker.run())
    await until(lambda: len(executor.asked) > 0 and executor.status.running == 0)
    speaker.put(TurnEnd(0))
    assert len(executor.asked) == 1
    await end(task)


async def test_cancelling_closes_every_stream(executor: Executor) -> None:
    client = Client()
    client.reads.clear()
    speaker = make_speaker(executor, client)
    for index in range(3):
        speaker.put(utterance(index, LONG * 4))
    task = asyncio.create_task(speaker.run())
    await asyncio.sleep(0)
    assert executor.status.running == 1
    await end(task)
    await until(lambda: executor.status.running == executor.status.waiting == 0, 5)


async def test_an_engine_that_is_away_ends_it_with_the_reason() -> None:
    away = Executor(EngineSpec("demo", {"threads": 1}), max_running=1, max_waiting=1)
    speaker = make_speaker(away, Client())
    speaker.put(utterance(0))
    with pytest.raises(EngineUnavailable):
        await speaker.run()


def published(seconds: float, rate: int, *, is_final: bool = False) -> ForwardedAudio:
    time = np.arange(round(seconds * rate)) / rate
    return ForwardedAudio((0.5 * np.sin(2 * np.pi * 200 * time)).astype(np.float32), rate, is_final)


async def forward(*parts: ForwardedAudio, frames: tuple[int, ...] = ()) -> Client:
    client, source = Client(), Subscription(100)
    for part in parts:
        source.put(part)
    source.fail(SourceError("that was all"))
    forwarder = Forwarder(OUTPUT, Outlet(client.take, None), client.note, frames=frames, max_packet_ms=60)
    with pytest.raises(SourceError, match="that was all"):
        await forwarder.run(source)
    return client


def sound(client: Client) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    return decode_pcm16(b"".join(packet.payload for packet in client.packets))


async def test_what_is_published_goes_out_and_every_publication_is_reported() -> None:
    parts = [published(0.2, 16_000), published(0.1, 16_000, is_final=True)]
    client = await forward(*parts)
    assert client.notes == [False, True]
    assert client.heard[-1] is True
    assert np.abs(sound(client) - np.concatenate([part.samples for part in parts])).max() < 1e-4


async def test_publications_are_joined_as_asked() -> None:
    client = await forward(*[published(0.02, 16_000) for _ in range(3)], frames=(3,))
    assert [packet.seconds for packet in client.packets] == [0.06]


async def test_joined_publications_are_not_kept_back_at_the_end() -> None:
    client = await forward(published(0.02, 16_000), published(0.02, 16_000, is_final=True), frames=(5,))
    assert len(sound(client)) == 640


async def test_audio_at_another_rate_loses_nothing_of_either() -> None:
    client = await forward(published(0.2, 48_000), published(0.2, 8000), published(0.1, 16_000, is_final=True))
    assert len(sound(client)) == pytest.approx(0.5 * 16_000, abs=4)
