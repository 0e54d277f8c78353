"""When the source of a stream had nothing to send: only then may the pacing clock start anew."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from streaming.audio.formats import FORMATS
from streaming.engine.contract import Finished, PcmChunk, Samples, VoiceRef
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.packet import Packet
from streaming.protocol.parameters import Parameters
from streaming.speech.language import LanguageChooser
from streaming.speech.outlet import Outlet, waiting
from streaming.speech.playback import Playback
from streaming.speech.request_maker import RequestMaker, SpeakerVoice
from streaming.speech.speaker import Speaker
from streaming.speech.speech_queue import SpeechQueue
from tests.pure.speech.engine import RATE, StandIn

SECOND: Samples = np.zeros(RATE, dtype=np.float32)


class NotedOutlet(Outlet):
    """Notes what it is told, without repetitions."""

    def __init__(self) -> None:
        super().__init__(waiting(self._take), None)
        self.notes: list[str] = []
        self.since: float | None = None

    def resume(self, since: float | None = None) -> None:
        self._note("resume")
        self.since = since

    async def _take(self, packet: Packet) -> None:
        self._note("audio")

    def _note(self, note: str) -> None:
        if self.notes[-1:] != [note]:
            self.notes.append(note)


class Turn:
    """One stream whose engine is the test."""

    def __init__(self) -> None:
        self.executor = StandIn()
        self.outlet = NotedOutlet()
        self.spoken: list[Utterance | TurnEnd] = []
        requests = RequestMaker(self.executor, SpeakerVoice(self._ref), LanguageChooser())
        playback = Playback(FORMATS["pcm_16000"], self.outlet, max_packet_ms=60)
        self.speaker = Speaker(SpeechQueue(self.executor, requests, max_ahead=10), playback, self._on_spoken)

    async def _ref(self) -> VoiceRef:
        return VoiceRef()

    async def _on_spoken(self, item: Utterance | TurnEnd) -> None:
        self.spoken.append(item)

    def say(self, index: int) -> None:
        self.speaker.put(Utterance(0, index, "Hello.", Parameters()))

    def generate(self, *, last: bool = False) -> None:
        stream = self.executor.streams[-1]
        stream.put(PcmChunk(stream.request_id, SECOND, last=last))
        if last:
            stream.put(Finished(stream.request_id))


async def rounds(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Nothing outside the event loop takes part, so it is a matter of rounds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came")


@pytest.fixture
async def turn() -> Turn:
    return Turn()


async def test_a_chunk_that_was_there_is_no_pause(turn: Turn) -> None:
    turn.say(0)
    running = asyncio.create_task(turn.speaker.run())
    await until(lambda: bool(turn.executor.streams))
    turn.generate()
    turn.generate()
    turn.generate(last=True)
    await until(lambda: bool(turn.spoken))
    running.cancel()
    # The first chunk was waited for, or the text had just come.
    assert turn.outlet.notes == ["resume", "audio"]


async def test_a_chunk_that_was_waited_for_ends_a_pause(turn: Turn) -> None:
    turn.say(0)
    running = asyncio.create_task(turn.speaker.run())
    await until(lambda: bool(turn.executor.streams))
    turn.generate()
    await until(lambda: turn.outlet.notes == ["resume", "audio"] and turn.executor.streams[0].queued_seconds == 0)
    await rounds(100)  # all of it is sent
    turn.generate(last=True)
    await until(lambda: bool(turn.spoken))
    running.cancel()
    assert turn.outlet.notes == ["resume", "audio", "resume", "audio"]


async def test_text_that_was_waited_for_ends_a_pause(turn: Turn) -> None:
    running = asyncio.create_task(turn.speaker.run())
    await asyncio.sleep(0)
    turn.speaker.put(Utterance(0, 0, "", Parameters(), 0.5))
    await until(lambda: len(turn.spoken) == 1)
    turn.speaker.put(Utterance(0, 1, "", Parameters(), 0.5))
    await until(lambda: len(turn.spoken) == 2)
    running.cancel()
    assert turn.outlet.notes == ["resume", "audio", "resume", "audio"]


async def test_a_pause_ends_when_the_engine_has_spoken_not_when_the_server_comes_to_it(turn: Turn) -> None:
    turn.say(0)
    running = asyncio.create_task(turn.speaker.run())
    await until(lambda: bool(turn.executor.streams))
    stream = turn.executor.streams[0]
    for came_at in (5.0, 6.0):  # both came while the event loop was busy
        stream.put(PcmChunk(stream.request_id, SECOND), came_at)
    await until(lambda: turn.outlet.notes == ["resume", "audio"])
    running.cancel()
    assert turn.outlet.since == 5.0
